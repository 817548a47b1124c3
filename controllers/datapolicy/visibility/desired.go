// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package visibility

import (
	"cmp"
	"slices"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/roleprobe"
)

// State is the temporary federation policies of one DataPolicy's probes.
type State struct {
	// Policies are, of an observed state, those that are recorded and may exist.
	Policies []v1alpha1.ProbePolicy
	// Running says, of an observed state, that a run of this process owns them, and of a desired
	// state that a run may go on.
	Running bool
	// Due are, of a desired state, the probes to start.
	Due []roleprobe.Probe
	// lookups are, of an observed state, what the account says of groups.
	lookups map[string]lookup
}

// Desired is pure.
func (Adapter) Desired(in Input) (State, error) {
	if in.Dormant || in.ObserveOnly {
		return State{}, nil
	}
	return State{Running: true, Due: in.assessment.due}, nil
}

// records are the policies of probes as status has them.
func records(probes []roleprobe.Probe, policyID string) []v1alpha1.ProbePolicy {
	var out []v1alpha1.ProbePolicy
	for _, p := range probes {
		out = append(out, v1alpha1.ProbePolicy{PrincipalID: p.PrincipalID, PolicyID: policyID})
	}
	slices.SortFunc(out, func(a, b v1alpha1.ProbePolicy) int { return cmp.Compare(a.PrincipalID, b.PrincipalID) })
	return slices.Compact(out)
}
