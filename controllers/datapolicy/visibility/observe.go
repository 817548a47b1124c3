// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package visibility

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/trust"
)

// lookup is what the account says of a group.
type lookup struct {
	missing, assigned bool
	err               error
}

// Observe looks up the groups that no check has shown to be visible, and reads the recorded policies
// of which this process knows nothing.
func (a Adapter) Observe(ctx context.Context, in Input) (State, error) {
	out := State{Running: in.run.Running}
	if in.Client == nil {
		return out, nil
	}
	out.lookups = lookups(ctx, in)
	if in.run.Running {
		out.Policies = in.policy.Status.Probes
		return out, nil
	}
	_, description := a.prober.PolicyOf(in.policy)
	var failures []error
	for _, r := range in.policy.Status.Probes {
		if in.run.Removed(r.PrincipalID) {
			continue
		}
		found, err := trust.Observe(ctx, in.Client, r.PrincipalID, r.PolicyID, description)
		switch {
		case err != nil:
			failures = append(failures, fmt.Errorf("%s: %w", text(r), err))
		case found != nil && !found.Foreign:
			out.Policies = append(out.Policies, r)
		}
	}
	return out, errors.Join(failures...)
}

// lookups looks up account groups. Groups of a workspace cannot be looked up.
func lookups(ctx context.Context, in Input) map[string]lookup {
	out := map[string]lookup{}
	if in.Dormant || in.policy.Spec.Groups == v1alpha1.GroupsWorkspace {
		return out
	}
	var assigned map[string]bool
	var err error
	for _, g := range in.groups {
		if in.assessment.groups[g].status == visible {
			continue
		}
		if assigned == nil && err == nil {
			assigned, err = in.Client.AssignedPrincipals(ctx)
		}
		if err != nil { // the next call would fail as well
			out[g] = lookup{err: err}
			continue
		}
		var id string
		if id, err = in.Client.GroupID(ctx, g); err != nil {
			out[g] = lookup{err: err}
			continue
		}
		out[g] = lookup{missing: id == "", assigned: assigned[id]}
	}
	return out
}
