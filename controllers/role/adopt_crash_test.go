// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
	"github.com/gatehouse-dev/gatehouse/test/externaltest"
)

// TestACrashWhileAdoptingLeavesWhatWasThere lets the operator crash at each external call
// of taking over a service principal, of changing the Role and of giving it back; a new
// operator ends where one that never crashed does, and at no call does the service
// principal lose what it had before.
func TestACrashWhileAdoptingLeavesWhatWasThere(t *testing.T) {
	t.Parallel()
	for _, stage := range externaltest.Stages {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			a := newAdoption(t)
			for _, act := range []string{"create", "change", "delete"} {
				t.Run(act, func(t *testing.T) {
					a.T = t
					externaltest.EachCall(t, 4, func(n int) bool { return a.crash(act, stage, n) })
				})
			}
		})
	}
}

// adoption is a world with a service principal that is taken over and given back, time and again.
type adoption struct {
	*world
	legacy env.Principal
	// free, big and small are what is there without the Role, with it, and when it asks for less.
	free, big, small adopted
}

// adopted is what is in Databricks of a service principal that existed before, and what
// the Role records of it.
type adopted struct {
	ExternalID, DisplayName string
	Policies                []held
	Groups                  []string
	Assigned                []string
	Grants                  map[string][]string
	Warehouse               string
	// Made are the groups that carry a mark.
	Made   []string
	Status v1alpha1.RoleStatus
}

// newAdoption learns from a run without faults what is there in the end.
func newAdoption(t *testing.T) *adoption {
	a := &adoption{world: newWorld(t)}
	a.legacy = a.world.legacy()
	a.Bound("tenant", func(b *v1alpha1.BoundarySpec) {
		b.ServicePrincipals = []v1alpha1.NamePattern{v1alpha1.NamePattern(a.legacy.ApplicationID)}
	})
	a.free = a.now()
	a.create()
	a.Settle("legacy")
	a.big = a.now()
	a.shrink("legacy")
	a.Settle("legacy")
	a.small = a.now()
	a.Remove("legacy")
	a.same("a run without faults", a.free)
	for _, s := range []adopted{a.big, a.small} {
		if s.ExternalID != installation+"/adopted-role/tenant/legacy" || len(s.Grants["table/main.sales.extra"]) != 1 || !slices.Contains(s.Groups, "shared") {
			t.Fatalf("without faults there is %+v", s)
		}
	}
	return a
}

func (a *adoption) create() {
	env.Create(a.T, a.Kube, a.adopting("legacy", a.legacy.ApplicationID, v1alpha1.AdoptionAdopt))
}

// now is what is there.
func (a *adoption) now() adopted {
	a.T.Helper()
	p := a.principal(a.legacy.ApplicationID)
	out := adopted{
		ExternalID: p.ExternalID, DisplayName: p.DisplayName, Policies: policiesOf(a.T, p), Grants: map[string][]string{},
		Warehouse: a.Emulator.Permissions(a.T, env.KindWarehouse, env.WarehouseID)[p.ApplicationID],
	}
	state := a.Emulator.State(a.T)
	out.Assigned = state.Assignments[p.ID]
	for _, g := range state.Groups {
		if slices.Contains(g.Members, p.ID) {
			out.Groups = append(out.Groups, g.DisplayName)
		}
		if g.ExternalID != "" {
			out.Made = append(out.Made, g.ExternalID)
		}
	}
	slices.Sort(out.Groups)
	slices.Sort(out.Made)
	for _, object := range []string{"table/main.sales.deals", "table/main.sales.extra", "schema/main.sales", "catalog/main"} {
		kind, name, _ := strings.Cut(object, "/")
		out.Grants[object] = a.Emulator.Grants(a.T, kind, name, p.ApplicationID)
	}
	if r := a.Get("legacy"); r != nil {
		out.Status = v1alpha1.RoleStatus{
			ServicePrincipal: r.Status.ServicePrincipal, Applied: r.Status.Applied, Grants: r.Status.Grants, Scopes: r.Status.Scopes, Trust: r.Status.Trust,
		}
		for _, g := range r.Status.Groups {
			out.Status.Groups = append(out.Status.Groups, v1alpha1.RoleGroup{Name: g.Name, Created: g.Created}) // one that is made anew has another id
		}
	}
	return out
}

func (a *adoption) same(when string, want adopted) {
	a.T.Helper()
	if diff := cmp.Diff(want, a.now()); diff != "" {
		a.T.Errorf("%s: other than without faults (-want +got):\n%s", when, diff)
	}
}

// crash lets the operator crash at the nth call of an act, and says whether there was one.
func (a *adoption) crash(act, stage string, n int) bool {
	since := a.Emulator.Last(a.T)
	a.create()
	if act != "create" {
		a.Settle("legacy")
	}
	want := a.big
	switch act {
	case "change":
		a.shrink("legacy")
		want = a.small
	case "delete":
		a.Delete(a.Get("legacy"))
		want = a.free
	}
	crashed := a.crashAt("legacy", stage, n)
	a.same("after a crash at "+act, want)
	a.Remove("legacy")
	a.same("after it was deleted", a.free)
	a.others()
	a.kept(since)
	return crashed
}

// kept checks that no call touched what the service principal had before, or anything of
// others: then it had it all the time.
func (a *adoption) kept(since int64) {
	a.T.Helper()
	shared := a.group("shared")
	for _, c := range a.Emulator.Calls(a.T, since) {
		switch {
		case !c.Committed || !strings.HasPrefix(c.Path, "/api/"):
		case strings.HasSuffix(c.Path, "/permissions/table/main.sales.extra"), strings.HasSuffix(c.Path, "/scim/v2/Groups/"+shared.ID), strings.HasSuffix(c.Path, "/federationPolicies/theirs"),
			strings.Contains(c.Path, "/scim/v2/ServicePrincipals") && (c.Method != http.MethodPatch || !strings.HasSuffix(c.Path, "/"+a.legacy.ID)):
			a.T.Errorf("what was there before was touched: %s", fmt.Sprint(c.Method, " ", c.Path))
		}
	}
}
