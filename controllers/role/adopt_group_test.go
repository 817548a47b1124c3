// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
	"github.com/gatehouse-dev/gatehouse/test/externaltest"
)

// TestAGroupIsTakenOverAndGivenBack: its members stay, the plan is shown first, and the
// group is as it was when the last Role that asks for it is gone.
func TestAGroupIsTakenOverAndGivenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.Emulator.User(t, "other", "gh_west") // makes the group
	w.Emulator.Do(t, http.MethodPost, w.Emulator.AccountURL, w.scim("Groups"), `{"displayName":"gh_synced","externalId":"idp-7"}`, nil)
	asks := func(name string, adoption v1alpha1.AdoptionPolicy) *v1alpha1.Role {
		r := w.role(name)
		r.Spec.ServiceAccountName, r.Spec.Adoption = "", adoption
		r.Spec.MemberOf = []v1alpha1.AccountGroupName{"gh_west", "gh_synced", "shared"}
		return r
	}
	is := func(mark string, roles ...string) {
		t.Helper()
		g := w.group("gh_west")
		if g == nil || g.ExternalID != mark || len(g.Members) != 1+len(roles) {
			t.Fatalf("the group is %+v, want the mark %q and the members of before with %v", g, mark, roles)
		}
		if !slices.Contains(g.Members, w.principalOf(other.ID)) {
			t.Errorf("who was a member before is none: %v", g.Members)
		}
		for _, r := range roles {
			if !w.member(r, "gh_west") {
				t.Errorf("%s is no member", r)
			}
		}
		// One that carries another's mark, and one that may not be created, are joined and no more.
		if a, b := w.group("gh_synced"), w.group("shared"); a.ExternalID != "idp-7" || b.ExternalID != "" {
			t.Errorf("groups of others are %+v and %+v", a, b)
		}
	}
	const mark = installation + "/adopted-group/gh_west"

	env.Create(t, w.Kube, asks("west", v1alpha1.AdoptionNever))
	r := w.Settle("west")
	is("", "west")
	if g := groupIn(r, "gh_west"); g.Created != "False" || g.Adopted != "" {
		t.Errorf("recorded as %+v", g)
	}
	w.Change(r, "tenant", "west", func() {
		r.Spec.Adoption, r.Spec.ManagementPolicy = v1alpha1.AdoptionAdopt, v1alpha1.ManagementObserveOnly
	})
	_ = w.operator()(t.Context(), w.Get("west"))
	if r = w.Get("west"); len(r.Status.Plan) != 1 || !strings.HasPrefix(r.Status.Plan[0], "Update the mark of the group gh_west") {
		t.Errorf("the plan is %q", r.Status.Plan)
	}
	is("", "west")
	w.Change(r, "tenant", "west", func() { r.Spec.ManagementPolicy = v1alpha1.ManagementEnforce })
	r = w.Settle("west")
	is(mark, "west")
	if g := groupIn(r, "gh_west"); g.Created != "False" || g.Adopted != "True" {
		t.Errorf("recorded as %+v", g)
	}

	env.Create(t, w.Kube, asks("east", v1alpha1.AdoptionNever))
	w.Settle("east")
	is(mark, "west", "east")
	w.Remove("west")
	is(mark, "east")
	t.Run("a mark that somebody else put there meanwhile stays", func(*testing.T) {
		id := w.group("gh_west").ID
		set := func(value string) {
			w.Emulator.Do(t, http.MethodPatch, w.Emulator.AccountURL, w.scim("Groups")+"/"+id, fmt.Sprintf(
				`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"externalId","value":%q}]}`, value), nil)
		}
		set("theirs")
		w.Change(r, "tenant", "east", func() { r.Spec.Adoption = v1alpha1.AdoptionAdopt })
		w.Settle("east")
		is("theirs", "east")
		set(mark)
	})
	w.Change(r, "tenant", "east", func() { r.Spec.MemberOf = []v1alpha1.AccountGroupName{"gh_synced", "shared"} })
	w.Settle("east")
	is("")
	w.Remove("east")
	is("")
}

// TestACrashWhileTakingOverAGroup lets the operator crash at each external call of taking
// over a group and of giving it back: a new one ends where one that never crashed does.
func TestACrashWhileTakingOverAGroup(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{"before_commit", "after_commit", "after_reply"} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			other := w.principalOf(w.Emulator.User(t, "other", "gh_west").ID)
			is := func(mark string, members int) {
				t.Helper()
				if g := w.group("gh_west"); g == nil || g.ExternalID != mark || len(g.Members) != members || !slices.Contains(g.Members, other) {
					t.Fatalf("the group is %+v, want the mark %q and %d members", g, mark, members)
				}
			}
			for _, act := range []string{"create", "delete"} {
				externaltest.EachCall(t, 4, func(n int) bool {
					r := w.role("west")
					r.Spec.ServiceAccountName, r.Spec.Adoption, r.Spec.MemberOf = "", v1alpha1.AdoptionAdopt, []v1alpha1.AccountGroupName{"gh_west"}
					r.Spec.Grants = nil
					env.Create(t, w.Kube, r)
					if act == "delete" {
						w.Settle("west")
						is(installation+"/adopted-group/gh_west", 2)
						w.Delete(w.Get("west"))
					}
					crashed := w.crashAt("west", stage, n)
					if act == "create" {
						is(installation+"/adopted-group/gh_west", 2)
						w.Remove("west")
					}
					is("", 1)
					return crashed
				})
			}
		})
	}
}

// groupIn is a Role's record of a group.
func groupIn(r *v1alpha1.Role, name string) v1alpha1.RoleGroup {
	for _, g := range r.Status.Groups {
		if g.Name == name {
			return g
		}
	}
	return v1alpha1.RoleGroup{}
}

// principalOf is the numeric id of a service principal.
func (w *world) principalOf(applicationID string) string {
	w.T.Helper()
	for _, p := range w.Emulator.State(w.T).Principals {
		if p.ApplicationID == applicationID {
			return p.ID
		}
	}
	w.T.Fatalf("there is no service principal %s", applicationID)
	return ""
}
