// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tool

import (
	"context"
	"fmt"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype"
)

// +kubebuilder:rbac:groups=gatehouse.dev,resources=tools,verbs=get;list;watch
// +kubebuilder:rbac:groups=gatehouse.dev,resources=tools/status,verbs=patch

type (
	state   struct{}
	adapter struct{}
)

func (adapter) Gather(_ context.Context, t *v1alpha1.Tool) (v1alpha1.ToolSpec, error) {
	return t.Spec, nil
}

func (adapter) Desired(spec v1alpha1.ToolSpec) (state, error) {
	if err := tooltype.Check(spec); err != nil {
		return state{}, fault.Invalid(v1alpha1.ReasonInvalidSchema, fmt.Errorf("the tool cannot be served: %w", err))
	}
	return state{}, nil
}
