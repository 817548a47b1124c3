// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package federationpolicy

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/governed"
)

// conditions say whether Boundaries allow what the policy means.
func (adapter) conditions(in input) []metav1.Condition {
	refusal := in.refused
	if refusal == nil && len(in.excluded) > 0 {
		refusal = governed.Outside(in.excluded[0].Reason, messages(in.excluded))
	}
	return []metav1.Condition{governed.WithinBoundary("The Boundaries allow what is asked for", refusal)}
}

// changedBy says when a policy was changed last: Databricks does not tell by whom.
func (adapter) changedBy(have state, s external.Step[state]) (who string, at time.Time) {
	if h := have.find(s.Want.Policies[0].key()); h != nil {
		at = h.UpdatedAt
	}
	return "", at
}

// intend records a policy before it is created, and with it all others that are wanted:
// one write instead of one for each Role.
func (adapter) intend(p *v1alpha1.FederationPolicy, have state, s external.Step[state]) {
	if s.Verb != external.Create || slices.Contains(p.Status.Applied, s.Want.Policies[0].record()) {
		return
	}
	p.Status.Applied = merged(p.Status.Applied, append(slices.Clone(have.Wanted), s.Want.Policies[0].record())...)
}

// Report fills in the status from what was observed.
func (adapter) Report(p *v1alpha1.FederationPolicy, have state) {
	p.Status.Roles = nil
	recorded := p.Status.Applied
	p.Status.Applied = nil
	for _, o := range have.Policies {
		if !o.Foreign {
			p.Status.Roles = append(p.Status.Roles, o.record())
			p.Status.Applied = append(p.Status.Applied, o.record())
		}
	}
	// A record of what is still wanted stays: the answer to its create may have been lost.
	wanted := map[key]bool{}
	for _, w := range have.Wanted {
		wanted[keyOf(w)] = true
	}
	recorded = slices.DeleteFunc(slices.Clone(recorded), func(r v1alpha1.BoundRole) bool { return !wanted[keyOf(r)] })
	p.Status.Applied = merged(p.Status.Applied, recorded...)
	slices.SortFunc(p.Status.Roles, func(a, b v1alpha1.BoundRole) int { return strings.Compare(a.Role, b.Role) })
}

// merged adds records; each replaces the one of the same policy.
func merged(list []v1alpha1.BoundRole, more ...v1alpha1.BoundRole) []v1alpha1.BoundRole {
	of := map[key]v1alpha1.BoundRole{}
	for _, r := range slices.Concat(list, more) {
		of[keyOf(r)] = r
	}
	return slices.SortedFunc(maps.Values(of), func(a, b v1alpha1.BoundRole) int {
		return cmp.Or(strings.Compare(a.Role, b.Role), strings.Compare(a.ServicePrincipalID, b.ServicePrincipalID), strings.Compare(a.PolicyID, b.PolicyID))
	})
}
