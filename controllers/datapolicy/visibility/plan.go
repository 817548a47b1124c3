// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package visibility

import (
	"fmt"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

type step = external.Step[State]

// Plan is pure.
func (Adapter) Plan(want, have State) (external.Plan[State], error) { return planned(want, have), nil }

// planned stops a run that may not go on, deletes the policies that no run owns, and then starts
// the probes that are due.
func planned(want, have State) external.Plan[State] {
	if have.Running {
		if want.Running {
			return nil
		}
		return external.Plan[State]{{Verb: external.Delete, Target: "the probes that are running", Want: State{Running: true}}}
	}
	var out external.Plan[State]
	for _, p := range have.Policies {
		out = append(out, step{Verb: external.Delete, Target: text(p), Want: State{Policies: []v1alpha1.ProbePolicy{p}}})
	}
	if len(want.Due) > 0 {
		out = append(out, step{Verb: external.Create, Target: fmt.Sprintf("temporary federation policies for %d probes", len(want.Due)), Want: State{Due: want.Due}})
	}
	return out
}

func text(p v1alpha1.ProbePolicy) string {
	return fmt.Sprintf("the temporary federation policy %s of the service principal %s", p.PolicyID, p.PrincipalID)
}
