// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package federationpolicy_test

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/controllers/federationpolicy"
	"github.com/gatehouse-dev/gatehouse/test/env"
	"github.com/gatehouse-dev/gatehouse/test/externaltest"
)

func TestTheAdapterKeepsTheContract(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.declared("suite")
	env.Create(t, w.Kube, p)
	w.foreign("platform/west", "theirs")
	w.foreign("platform/east", "theirs")
	start := w.Emulator.Last(t)
	externaltest.Run(t, federationpolicy.NewKind(w.Kube, w.options()), externaltest.Case[*v1alpha1.FederationPolicy]{
		Object: p, Faults: w.ReadFaults("/federationPolicies/"),
		Writes: func() int { return len(w.Emulator.Writes(t, start)) },
		Others: func() any {
			var out []trust
			for _, role := range []string{"platform/west", "platform/east", "tenant/partner"} {
				for _, one := range w.trusts(role) {
					if one.ID == "theirs" {
						out = append(out, one)
					}
				}
			}
			return out
		},
	})
}
