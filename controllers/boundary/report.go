// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package boundary

import (
	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

func (adapter) Plan(want, _ state) (external.Plan[state], error) { return nil, want.Problem }

func (adapter) Report(b *v1alpha1.Boundary, have state) { b.Status.Namespaces = have.Pinned }
