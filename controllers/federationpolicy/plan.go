// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package federationpolicy

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/trust"
)

// state is the policies of one FederationPolicy in Databricks, sorted.
type state struct {
	Policies []policy
	// Wanted are those that the spec asks for, for the records.
	Wanted []v1alpha1.BoundRole
	// Unfinished says, of a wanted state, what is still missing from it when all of it is there.
	Unfinished error
}

// policy is a federation policy with the Role that it speaks for.
type policy struct {
	trust.Policy
	Role, Subject string
}

// key names a policy in Databricks.
type key struct{ principal, id string }

func (p policy) key() key { return key{p.PrincipalID, p.ID} }

func (p policy) record() v1alpha1.BoundRole {
	return v1alpha1.BoundRole{Role: p.Role, Subject: p.Subject, ServicePrincipalID: p.PrincipalID, PolicyID: p.ID}
}

func (s *state) sort() {
	slices.SortFunc(s.Policies, func(a, b policy) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.PrincipalID, b.PrincipalID), cmp.Compare(a.ID, b.ID))
	})
}

func (s state) find(k key) *policy {
	if i := slices.IndexFunc(s.Policies, func(p policy) bool { return p.key() == k }); i >= 0 {
		return &s.Policies[i]
	}
	return nil
}

// byKey finds policies where there are many to be found.
func (s state) byKey() map[key]*policy {
	out := make(map[key]*policy, len(s.Policies))
	for i := range s.Policies {
		out[s.Policies[i].key()] = &s.Policies[i]
	}
	return out
}

func keyOf(b v1alpha1.BoundRole) key { return key{b.ServicePrincipalID, b.PolicyID} }

type step = external.Step[state]

// Plan is pure.
func (adapter) Plan(want, have state) (external.Plan[state], error) { return planned(want, have) }

// planned is the writes that lead from one state to another: what ends trust first.
func planned(want, have state) (external.Plan[state], error) {
	var out external.Plan[state]
	wanted, held := want.byKey(), have.byKey()
	for _, h := range have.Policies {
		if wanted[h.key()] == nil && !h.Foreign {
			out = append(out, step{Verb: external.Delete, Target: text(h), Want: state{Policies: []policy{h}}})
		}
	}
	for _, w := range want.Policies {
		h := held[w.key()]
		switch {
		case h == nil:
			out = append(out, step{Verb: external.Create, Target: text(w), Want: state{Policies: []policy{w}}})
		case h.Foreign:
			return nil, fault.Conflict(v1alpha1.ReasonNotOurs, fmt.Errorf("the service principal of %s has a policy %s that does not carry our mark", w.Role, w.ID))
		case h.Rules != w.Rules:
			out = append(out, step{Verb: external.Update, Target: text(w), Want: state{Policies: []policy{w}}, Diff: h.Rules.Differences(w.Rules)})
		}
	}
	if len(out) == 0 && want.Unfinished != nil {
		return nil, want.Unfinished
	}
	return out, nil
}

func text(p policy) string { return fmt.Sprintf("the federation policy %s of %s", p.ID, p.Role) }
