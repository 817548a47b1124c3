// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package federationpolicy

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

// NewKind gives the suite the kind that NewReconciler uses, as it is in an operator that has
// just started: it reads nothing by the cache.
func NewKind(c client.Client, o Options) external.Kind[*v1alpha1.FederationPolicy, input, state] {
	a := newAdapter(c, o)
	k := a.kind()
	k.Adapter = justStarted{a}
	return k
}

// justStarted forgets before each observation what was observed before.
type justStarted struct{ adapter }

func (j justStarted) Observe(ctx context.Context, in input) (state, error) {
	j.observed.forget(in.policy)
	return j.adapter.Observe(ctx, in)
}
