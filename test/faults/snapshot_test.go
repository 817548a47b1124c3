// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package faults_test

import (
	"slices"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// sight is what Databricks holds at one moment, read once for many Roles.
type sight struct {
	*world
	// principals are by external id, groups by name, and deals are the grants on the table by application id.
	principals map[string][]env.Principal
	groups     map[string][]env.Group
	deals      map[string][]string
}

func (w *world) sight() sight {
	w.Helper()
	out := sight{world: w, principals: map[string][]env.Principal{}, groups: map[string][]env.Group{}, deals: w.emulator.AllGrants(w, "table", "main.sales.deals")}
	state := w.emulator.State(w)
	for _, p := range state.Principals {
		out.principals[p.ExternalID] = append(out.principals[p.ExternalID], p)
	}
	for _, g := range state.Groups {
		out.groups[g.DisplayName] = append(out.groups[g.DisplayName], g)
	}
	return out
}

// mark is the external id of the service principal of a Role.
func (w *world) mark(r *v1alpha1.Role) string {
	return installation + "/role/" + w.name + "/" + r.Name
}

// one checks that a Role has one service principal with its grant and its group, and returns it.
func (s sight) one(r *v1alpha1.Role) env.Principal {
	s.Helper()
	found := s.principals[s.mark(r)]
	if len(found) != 1 {
		s.Fatalf("%d service principals carry the mark of %s, want 1", len(found), r.Name)
	}
	if got := s.deals[found[0].ApplicationID]; !slices.Equal(got, []string{"SELECT"}) {
		s.Errorf("%s holds %v", r.Name, got)
	}
	if all := s.groups["gh_"+r.Name]; len(all) != 1 || !slices.Equal(all[0].Members, []string{found[0].ID}) {
		s.Errorf("the groups of %s are %+v, want one of which it is the only member", r.Name, all)
	}
	return found[0]
}

// one checks one Role by a sight of its own.
func (w *world) one(r *v1alpha1.Role) env.Principal {
	w.Helper()
	return w.sight().one(r)
}
