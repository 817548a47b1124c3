// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package boundary

import (
	"context"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

func (adapter) Desired(in state) (state, error) { return in, nil }

func (adapter) Observe(_ context.Context, in state) (state, error) { return in, nil }

func (adapter) Plan(want, _ state) (external.Plan[state], error) { return nil, want.Problem }

func (adapter) Apply(_ context.Context, _, have state, _ external.Step[state]) (state, error) {
	return have, nil
}

func (adapter) Report(b *v1alpha1.Boundary, have state) { b.Status.Namespaces = have.Pinned }
