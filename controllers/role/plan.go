// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"fmt"
	"slices"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

type (
	step = external.Step[state]
	plan = external.Plan[state]
)

// Plan is pure.
func (adapter) Plan(want, have state) (external.Plan[state], error) { return planned(want, have) }

// planned is the writes that lead from one state to another. What gives access
// comes last when access grows and first when it shrinks.
func planned(want, have state) (plan, error) {
	if have.Observed.Elsewhere != nil && want.Wanted.Confined == nil {
		return nil, have.Observed.Elsewhere
	}
	want = withoutAdministration(want, have)
	for _, g := range want.Groups {
		if at := have.group(g.Name); (at == nil || at.ID == "") && !g.MayCreate {
			return nil, fault.Waiting(v1alpha1.ReasonGroupNotFound, fmt.Errorf(
				"the account group %s does not exist, and the Boundary does not allow creating it under `groups.create`", g.Name))
		}
	}
	var out plan
	out = append(out, revokedTrust(want, have)...)
	revoked, doubtful := revocations(want, have)
	out = append(out, revoked...)
	out = append(out, endedMemberships(want, have)...)
	if want.Wanted.Confined != nil {
		return confinement(out, doubtful, want, have)
	}
	if want.Principal == nil {
		if p := have.Principal; p != nil && p.Adopted {
			out = append(out, doubtful...) // the grants of one that stays do not go with it
		}
		return append(out, removals(have)...), nil
	}
	out = append(out, principals(want, have)...)
	out = append(out, newMemberships(want, have)...)
	given, failing := grants(want, have)
	out = append(out, given...)
	out = append(out, newTrust(want, have)...)
	out = append(append(out, failing...), doubtful...)
	if p := have.Principal; p != nil && p.Unmarked && !want.Wanted.Adopt {
		return nil, refusedAdoption(*p, out)
	}
	switch {
	case len(out) > 0:
	case len(have.Observed.Unread) > 0:
		return nil, have.Observed.Unread[0].Err
	default:
		return nil, unfinished(want, have)
	}
	return out, nil
}

// withoutAdministration leaves out groups that administer the account, whatever they are
// called and whatever a Boundary says: who is a member of one stops being it.
func withoutAdministration(want, have state) state {
	kept := want.Groups[:0:0]
	for _, g := range want.Groups {
		if at := have.group(g.Name); at != nil && at.Administers {
			want.Wanted.Unfinished = fault.Denied(v1alpha1.ReasonOutsideBoundary, fmt.Errorf("the group %s administers the account: no Role may be a member", g.Name))
			continue
		}
		kept = append(kept, g)
	}
	want.Groups = kept
	return want
}

// confinement takes away what a Role has, and leaves its service principal, so that it
// is the same when the Boundary allows the Role again.
func confinement(out, doubtful plan, want, have state) (plan, error) {
	if have.Assigned && !have.Observed.AssignedByOthers {
		out = append(out, step{Verb: external.Revoke, Target: "the assignment to the workspace", Want: about(owned{Assigned: true})})
	}
	out = append(out, doubtful...)
	switch {
	case len(out) > 0:
		return out, nil
	case len(have.Observed.Unread) > 0:
		return nil, have.Observed.Unread[0].Err
	case have.Observed.TrustUnread != nil:
		return nil, have.Observed.TrustUnread
	}
	return nil, want.Wanted.Confined
}

// revocations end grants that are ours and not wanted any more. Those on objects that
// could not be read are doubtful: they come last, and not at all where the service
// principal goes, because its grants go with it.
func revocations(want, have state) (sure, doubtful plan) {
	for _, g := range have.Grants {
		if slices.Contains(want.Grants, g) {
			continue
		}
		s := step{Verb: external.Revoke, Target: grantText(g), Want: about(owned{Grants: []boundary.Grant{g}})}
		if have.isUnread(g) {
			doubtful = append(doubtful, s)
			continue
		}
		sure = append(sure, s)
	}
	return sure, doubtful
}

func grantText(g boundary.Grant) string {
	return fmt.Sprintf("%s on %s %s", g.Privilege, g.Type, g.Name)
}

// endedMemberships end memberships, and remove groups of ours that nobody needs.
func endedMemberships(want, have state) plan {
	var out plan
	for _, g := range have.Groups {
		if g.ID == "" || want.group(g.Name) != nil {
			continue
		}
		if g.Member {
			out = append(out, step{Verb: external.Revoke, Target: "membership of the group " + g.Name, Want: about(owned{Groups: []group{g}})})
		}
		if g.Adopted && !g.Keep {
			out = append(out, step{Verb: external.Update, Target: "the mark of the group " + g.Name, Want: about(owned{Groups: []group{{Name: g.Name, Unmarked: true}}}), Diff: []external.Difference{{Path: "externalId", Have: "ours", Want: ""}}})
		}
		if g.Ours && g.Empty && !g.Keep {
			out = append(out, step{Verb: external.Delete, Target: "the group " + g.Name, Want: about(owned{Groups: []group{g}})})
		}
	}
	return out
}

// removals take the service principal out of the workspace and delete it.
func removals(have state) plan {
	var out plan
	if have.Assigned && !have.Observed.AssignedByOthers {
		out = append(out, step{Verb: external.Revoke, Target: "the assignment to the workspace", Want: about(owned{Assigned: true})})
	}
	all := have.Observed.Duplicates
	if p := have.Principal; p != nil && p.Adopted {
		out = append(out, release(*p)...)
	} else if p != nil {
		all = append(slices.Clone(all), *have.Principal)
	}
	for _, p := range all {
		out = append(out, step{Verb: external.Delete, Target: "the service principal " + p.ID, Want: about(owned{Principal: &p})})
	}
	return out
}

// principals make exactly one service principal, as wanted, and assign it.
func principals(want, have state) plan {
	var out plan
	for _, p := range have.Observed.Duplicates {
		out = append(out, step{Verb: external.Delete, Target: "the duplicate service principal " + p.ID, Want: about(owned{Principal: &p})})
	}
	switch p := have.Principal; {
	case want.Principal.Adopted:
		out = append(out, adoption(want, have)...)
	case p == nil:
		out = append(out, step{Verb: external.Create, Target: "the service principal " + want.Principal.DisplayName, Want: about(owned{Principal: want.Principal})})
	case p.DisplayName != want.Principal.DisplayName || !p.Active:
		var diff []external.Difference
		if p.DisplayName != want.Principal.DisplayName {
			diff = append(diff, external.Difference{Path: "displayName", Have: p.DisplayName, Want: want.Principal.DisplayName})
		}
		if !p.Active {
			diff = append(diff, external.Difference{Path: "active", Have: "false", Want: "true"})
		}
		out = append(out, step{Verb: external.Update, Target: "the service principal " + p.ID, Want: about(owned{Principal: want.Principal}), Diff: diff})
	}
	if !have.Assigned {
		out = append(out, step{Verb: external.Grant, Target: "the assignment to the workspace", Want: about(owned{Assigned: true})})
	}
	return out
}

// newMemberships create groups and begin memberships.
func newMemberships(want, have state) plan {
	var out plan
	for _, g := range want.Groups {
		at := have.group(g.Name)
		if at == nil || at.ID == "" {
			out = append(out, step{Verb: external.Create, Target: "the group " + g.Name, Want: about(owned{Groups: []group{g}})})
		}
		if at != nil && at.ID != "" && at.Unmarked && g.Adopt {
			out = append(out, step{Verb: external.Update, Target: "the mark of the group " + g.Name, Want: about(owned{Groups: []group{{Name: g.Name, Adopted: true}}}), Diff: []external.Difference{{Path: "externalId", Want: "ours"}}})
		}
		if at == nil || !at.Member {
			out = append(out, step{Verb: external.Grant, Target: "membership of the group " + g.Name, Want: about(owned{Groups: []group{g}})})
		}
	}
	return out
}

// grants give what is wanted and not there. What is on objects that do not exist
// or could not be read is apart: it fails, and must not keep anything else back.
func grants(want, have state) (given, failing plan) {
	for _, g := range want.Grants {
		if slices.Contains(have.Grants, g) {
			continue
		}
		s := step{Verb: external.Grant, Target: grantText(g), Want: about(owned{Grants: []boundary.Grant{g}})}
		if have.isUnread(g) || slices.ContainsFunc(have.Observed.Missing, func(m boundary.Grant) bool { return m.Type == g.Type && m.Name == g.Name }) {
			failing = append(failing, s)
			continue
		}
		given = append(given, s)
	}
	return given, failing
}
