// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package faults_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// TestNeighbours holds objects against what is next to them: related objects that go in
// any order, and things of others.
func TestNeighbours(t *testing.T) {
	kube := start(t)
	t.Run("cases", func(t *testing.T) { // ends when all of them have
		for name, run := range map[string]func(*world){
			"orders": orders, "workspace-first": workspaceFirst, "secret-first": secretFirst, "museum": museum,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				run(newWorld(t, kube, name))
			})
		}
	})
}

// workspaceFirst deletes the Workspace, and then a Role and a policy that are still in it.
func workspaceFirst(w *world) {
	w.stranded(&v1alpha1.Workspace{ObjectMeta: metav1.ObjectMeta{Name: w.name}}, v1alpha1.ReasonWorkspaceNotFound)
}

// secretFirst deletes the credentials, the Workspace, and then what is still in it; the Workspace comes last.
func secretFirst(w *world) {
	w.stranded(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: env.OperatorNamespace, Name: w.name}}, v1alpha1.ReasonCredentialNotFound)
	w.Remove(&v1alpha1.Workspace{ObjectMeta: metav1.ObjectMeta{Name: w.name}})
	w.Gone(&v1alpha1.Workspace{ObjectMeta: metav1.ObjectMeta{Name: w.name}})
}

// stranded takes away what objects reach Databricks by and deletes them: they stay, and
// say what to do, until they are let go.
func (w *world) stranded(way client.Object, reason string) {
	w.Helper()
	r, p := w.role("west"), w.idp("west")
	env.Create(w, w.Kube, r, p)
	w.Ready(r, p)
	sp := w.one(r)
	w.Remove(way)
	w.Gone(way)
	w.Remove(r, p)
	since := w.emulator.Last(w)
	for _, o := range []external.Object{p, r} {
		var said string
		w.Eventually(func() string { return o.GetName() + " says " + said }, func() bool {
			if err := w.Fetch(o); err != nil {
				w.Fatalf("%s is gone although what it made is not: %v", o.GetName(), err)
			}
			for _, c := range o.GetConditions() {
				if c.Type == v1alpha1.ConditionReady {
					said = c.Reason + ": " + c.Message
				}
			}
			return strings.HasPrefix(said, reason+": ") && strings.Contains(said, "deletionPolicy") && strings.Contains(said, "Orphan")
		})
	}
	if !slices.Contains(r.Finalizers, external.Finalizer) || !slices.Contains(p.Finalizers, external.Finalizer) {
		w.Error("a finalizer was let go")
	}
	for _, o := range []external.Object{p, r} {
		if err := w.Kube.Patch(w.Context(), o, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"deletionPolicy":"Orphan"}}`))); err != nil {
			w.Fatal(err)
		}
		w.Gone(o)
	}
	if writes := w.emulator.Writes(w, since); len(writes) > 0 {
		w.Errorf("writes: %v", writes)
	}
	if left, ok := w.emulator.State(w).Principals[sp.ID]; !ok || len(left.Policies) != 1 {
		w.Errorf("what was to be left is %+v", left)
	}
}

// museum keeps what once went wrong elsewhere: two Roles that hold the same grant, a
// service principal of others with the name of a Role, and edits of all that can be edited.
func museum(w *world) {
	account := "/api/2.0/accounts/" + env.AccountID + "/scim/v2/ServicePrincipals"
	var theirs struct {
		ID string `json:"id"`
	}
	w.emulator.Do(w, http.MethodPost, w.emulator.AccountURL, account, `{"displayName":"west","externalId":"somebody","active":true}`, &theirs)
	before := w.emulator.State(w).Principals[theirs.ID]
	unharmed := func(when string) {
		w.Helper()
		after := w.emulator.State(w).Principals[theirs.ID]
		if after.ID == "" || after.DisplayName != before.DisplayName || after.ExternalID != before.ExternalID || after.ApplicationID != before.ApplicationID {
			w.Errorf("%s, the service principal of others was %+v and is %+v", when, before, after)
		}
		if have := w.emulator.Grants(w, "table", "main.sales.deals", before.ApplicationID); len(have) > 0 {
			w.Errorf("%s, the service principal of others holds %v", when, have)
		}
	}

	west, east := w.role("west"), w.role("east")
	env.Create(w, w.Kube, west, east)
	w.Ready(west, east)
	ours := w.one(west)
	w.one(east)
	unharmed("after a Role was made")

	w.emulator.SQL(w, "CREATE TABLE main.sales.leads (id STRING)")
	for _, edit := range []struct {
		name  string
		spec  func(*v1alpha1.RoleSpec)
		there func() bool
	}{
		{"another display name", func(s *v1alpha1.RoleSpec) { s.DisplayName = "East" },
			func() bool { return w.emulator.State(w).Principals[ours.ID].DisplayName == "East" }},
		{"the display name of others", func(s *v1alpha1.RoleSpec) { s.DisplayName = "west" },
			func() bool { return w.emulator.State(w).Principals[ours.ID].DisplayName == "west" }},
		{"one more group", func(s *v1alpha1.RoleSpec) { s.MemberOf = append(s.MemberOf, "gh_more") },
			func() bool { return w.members("gh_more", ours.ID) && w.members("gh_west", ours.ID) }},
		{"one group less", func(s *v1alpha1.RoleSpec) { s.MemberOf = []v1alpha1.AccountGroupName{"gh_more"} },
			func() bool { return w.members("gh_more", ours.ID) && !w.members("gh_west", ours.ID) }},
		{"one more grant", func(s *v1alpha1.RoleSpec) {
			s.Grants = append(s.Grants, v1alpha1.Grant{Securable: v1alpha1.Securable{Type: "Table", Name: "main.sales.leads"}, Privileges: []v1alpha1.Privilege{"SELECT"}})
		}, func() bool { return w.holds("deals", ours) && w.holds("leads", ours) }},
		{"one grant less", func(s *v1alpha1.RoleSpec) { s.Grants = s.Grants[1:] },
			func() bool { return !w.holds("deals", ours) && w.holds("leads", ours) }},
		{"the first grant again", func(s *v1alpha1.RoleSpec) { s.Grants[0].Name = "main.sales.deals" },
			func() bool { return w.holds("deals", ours) && !w.holds("leads", ours) }},
	} {
		if err := w.Fetch(west); err != nil {
			w.Fatal(err)
		}
		edit.spec(&west.Spec)
		if err := w.Kube.Update(w.Context(), west); err != nil {
			w.Fatalf("%s: %v", edit.name, err)
		}
		w.Ready(west)
		if !edit.there() {
			w.Errorf("%s is not there although the Role is Ready", edit.name)
		}
		unharmed("after " + edit.name)
		w.one(east)
	}
	if west.Status.ServicePrincipal.ID != ours.ID {
		w.Errorf("the service principal was %s and is %+v", ours.ID, west.Status.ServicePrincipal)
	}

	w.Remove(west)
	w.Gone(west)
	unharmed("after the Role was deleted")
	w.one(east) // with the grant that both held
	w.Remove(east)
	w.Gone(east)
	w.nothing()
	unharmed("after all Roles were deleted")
}

// members says whether a principal is a member of a group.
func (w *world) members(group, id string) bool {
	w.Helper()
	for _, g := range w.emulator.State(w).Groups {
		if g.DisplayName == group {
			return slices.Contains(g.Members, id)
		}
	}
	return false
}

// holds says whether a service principal may select from a table.
func (w *world) holds(table string, p env.Principal) bool {
	w.Helper()
	return slices.Equal(w.emulator.Grants(w, "table", "main.sales."+table, p.ApplicationID), []string{"SELECT"})
}
