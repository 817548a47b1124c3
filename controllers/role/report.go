// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/governed"
)

// conditions say whether the Boundary allows what is asked for.
func (adapter) conditions(in input) []metav1.Condition {
	refusal := governed.Denied(in.denial)
	switch {
	case refusal != nil:
	case len(in.violations) > 0:
		refusal = governed.Outside(v1alpha1.ReasonOutsideBoundary, strings.Join(in.violations, "; "))
	case len(in.refused) > 0:
		refusal = governed.Outside(v1alpha1.ReasonOutsideBoundary, strings.Join(in.refused, "; "))
	}
	c := governed.WithinBoundary("The Boundary allows what is asked for", refusal)
	if in.confined {
		c.Message += "; what it had in Databricks is taken away"
	}
	return []metav1.Condition{c}
}

// intend records what a step is about to make ours, and what earlier steps learned,
// so that whatever happens next it is found again.
func (adapter) intend(r *v1alpha1.Role, have state, s external.Step[state]) {
	if have.Principal != nil && !have.Principal.Unmarked {
		r.Status.ServicePrincipal = reportedPrincipal(r.Status.ServicePrincipal, have)
	}
	switch {
	case s.Want.Assigned && s.Verb == external.Grant && have.Principal != nil && have.Principal.Adopted:
		r.Status.ServicePrincipal.Assigned = "True"
	case s.Verb == external.Create && s.Want.Principal != nil:
		r.Status.Intent = s.Want.Principal.DisplayName
	case s.Want.Trust != nil && s.Verb == external.Create:
		r.Status.Trust.PolicyID = s.Want.Trust.ID
	case len(s.Want.Groups) > 0 && (s.Verb == external.Create || s.Verb == external.Grant || s.Want.Groups[0].Adopted):
		r.Status.Groups = intendedGroups(r.Status.Groups, have, s.Want.Groups[0].Name)
	case len(s.Want.Grants) > 0 && s.Verb == external.Grant:
		// All that is needed at once: one write instead of one for each grant.
		all := slices.Clone(s.Want.Grants)
		for _, n := range have.Asked.Needs.Grants {
			if !slices.Contains(have.Grants, n.Grant) { // what an adopted one had is not ours
				all = append(all, n.Grant)
			}
		}
		r.Status.Applied = records(r.Status.Applied, all...)
	}
}

// intendedGroups adds a group to an ownership record, and all others that are asked for: one
// write instead of one for each group.
func intendedGroups(recorded []v1alpha1.RoleGroup, have state, name string) []v1alpha1.RoleGroup {
	names := []string{name}
	for _, asked := range have.Asked.MemberOf {
		if g := have.group(asked); g == nil || !g.Member { // what an adopted one was a member of is not ours
			names = append(names, asked)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(recorded, func(g v1alpha1.RoleGroup) bool { return g.Name == name }) {
			recorded = append(recorded, v1alpha1.RoleGroup{Name: name})
		}
	}
	slices.SortFunc(recorded, func(a, b v1alpha1.RoleGroup) int { return strings.Compare(a.Name, b.Name) })
	return recorded
}

// records adds grants to an ownership record.
func records(list []v1alpha1.RoleGrant, more ...boundary.Grant) []v1alpha1.RoleGrant {
	all := slices.Clone(more)
	for _, g := range list {
		all = append(all, grantOf(g))
	}
	out := []v1alpha1.RoleGrant{}
	for _, g := range sorted(all) {
		out = append(out, recordOf(g))
	}
	return out
}

// Report fills in the status from what was observed.
func (adapter) Report(r *v1alpha1.Role, have state) {
	if have.Principal == nil || have.Principal.Unmarked {
		// Its recorded id stays: reads may lag behind, and a deletion must find it.
		r.Status.Grants = nil
		return
	}
	r.Status.ServicePrincipal = reportedPrincipal(r.Status.ServicePrincipal, have)
	r.Status.Intent = have.Principal.DisplayName
	r.Status.Scopes = have.Asked.Needs.Scopes
	r.Status.Trust = reportedTrust(r.Status.Trust, have)
	r.Status.Groups = reportedGroups(r.Status.Groups, have)
	r.Status.Grants = nil
	for _, n := range have.Asked.Needs.Grants {
		if slices.Contains(have.Grants, n.Grant) {
			one := recordOf(n.Grant)
			one.From = n.From
			r.Status.Grants = append(r.Status.Grants, one)
		}
	}
	r.Status.Applied = reportedGrants(r.Status.Applied, onlyRecorded(have, r.Status.Applied))
}

// reportedGrants is the ownership record after a pass: what is there, and what was
// recorded and is still wanted, because the answer to its grant may have been lost.
func reportedGrants(recorded []v1alpha1.RoleGrant, have state) []v1alpha1.RoleGrant {
	kept := slices.DeleteFunc(slices.Clone(recorded), func(g v1alpha1.RoleGrant) bool {
		return !slices.ContainsFunc(have.Asked.Needs.Grants, func(n access.Grant) bool { return n.Grant == grantOf(g) })
	})
	return records(kept, have.Grants...)
}

// reportedGroups is the same for memberships and groups of ours.
func reportedGroups(recorded []v1alpha1.RoleGroup, have state) []v1alpha1.RoleGroup {
	var out []v1alpha1.RoleGroup
	for _, g := range have.Groups {
		if have.Principal.Adopted && !slices.ContainsFunc(recorded, func(r v1alpha1.RoleGroup) bool { return r.Name == g.Name }) {
			continue // it was a member before
		}
		wanted := slices.Contains(have.Asked.MemberOf, g.Name)
		if g.ID == "" || !g.Member && !wanted && (!g.Ours && !g.Adopted || g.Keep) {
			continue
		}
		created := "False"
		if g.Ours {
			created = "True"
		}
		one := v1alpha1.RoleGroup{Name: g.Name, ID: g.ID, Created: created}
		if g.Adopted {
			one.Adopted = "True"
		}
		out = append(out, one)
	}
	for _, g := range recorded {
		if at := have.group(g.Name); (at == nil || at.ID == "") && slices.Contains(have.Asked.MemberOf, g.Name) {
			out = append(out, v1alpha1.RoleGroup{Name: g.Name})
		}
	}
	slices.SortFunc(out, func(a, b v1alpha1.RoleGroup) int { return strings.Compare(a.Name, b.Name) })
	return out
}
