// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tool

import (
	"context"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

func (adapter) Observe(context.Context, v1alpha1.ToolSpec) (state, error) { return state{}, nil }

func (adapter) Plan(state, state) (external.Plan[state], error) { return nil, nil }

func (adapter) Apply(_ context.Context, _ v1alpha1.ToolSpec, have state, _ external.Step[state]) (state, error) {
	return have, nil
}

func (adapter) Report(*v1alpha1.Tool, state) {}
