// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package federationpolicy

import (
	"context"
	"slices"

	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/trust"
)

// Apply writes one step.
func (adapter) Apply(ctx context.Context, in input, have state, s external.Step[state]) (state, error) {
	p := s.Want.Policies[0]
	if err := trust.Apply(ctx, in.client, s.Verb, p.Policy); err != nil {
		return have, err
	}
	have.Policies = slices.DeleteFunc(slices.Clone(have.Policies), func(o policy) bool { return o.key() == p.key() })
	if s.Verb != external.Delete {
		have.Policies = append(have.Policies, p)
		have.sort()
	}
	return have, nil
}
