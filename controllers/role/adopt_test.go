// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// legacy is a service principal that existed before: it reads a table, is a member of
// a group, and trusts somebody.
func (w *world) legacy() env.Principal {
	w.T.Helper()
	var made struct{ ID, ApplicationID string }
	w.Emulator.Do(w.T, http.MethodPost, w.Emulator.AccountURL, w.scim("ServicePrincipals"), `{"displayName":"Legacy","active":true}`, &made)
	w.Emulator.Do(w.T, http.MethodPatch, w.Emulator.WorkspaceURL, "/api/2.1/unity-catalog/permissions/table/main.sales.extra",
		fmt.Sprintf(`{"changes":[{"principal":%q,"add":["SELECT"]}]}`, made.ApplicationID), nil)
	w.Emulator.Do(w.T, http.MethodPatch, w.Emulator.AccountURL, w.scim("Groups")+"/"+w.group("shared").ID,
		fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":[{"value":%q}]}]}`, made.ID), nil)
	w.Emulator.Do(w.T, http.MethodPost, w.Emulator.AccountURL, "/api/2.0/accounts/"+env.AccountID+"/servicePrincipals/"+made.ID+"/federationPolicies?policy_id=theirs",
		`{"oidc_policy":{"issuer":"https://theirs.example.com/","subject":"x"}}`, nil)
	return w.principal(made.ApplicationID)
}

func (w *world) principal(applicationID string) env.Principal {
	w.T.Helper()
	for _, p := range w.Emulator.State(w.T).Principals {
		if p.ApplicationID == applicationID {
			return p
		}
	}
	w.T.Fatalf("there is no service principal %s", applicationID)
	return env.Principal{}
}

// adopting is a Role that names a service principal.
func (w *world) adopting(name, applicationID string, adoption v1alpha1.AdoptionPolicy) *v1alpha1.Role {
	r := w.role(name)
	r.Spec.DisplayName, r.Spec.Adoption = "", adoption
	r.Spec.ServicePrincipal = &v1alpha1.RoleIdentity{ApplicationID: applicationID}
	return r
}

// ends runs a pass and returns the Ready condition that it ends with.
func (w *world) ends(name, reason string, words ...string) {
	w.T.Helper()
	_ = w.operator()(w.T.Context(), w.Get(name))
	c := meta.FindStatusCondition(w.Get(name).Status.Conditions, v1alpha1.ConditionReady)
	if c.Reason != reason {
		w.T.Errorf("%s is %s: %s; want %s", name, c.Reason, c.Message, reason)
	}
	for _, word := range words {
		if !strings.Contains(c.Message, word) {
			w.T.Errorf("%s does not say %q: %s", name, word, c.Message)
		}
	}
}

func TestAdoption(t *testing.T) {
	w := newWorld(t)
	before := w.legacy()
	id := before.ApplicationID
	env.Create(t, w.Kube, w.adopting("legacy", id, v1alpha1.AdoptionNever))
	since := w.Emulator.Last(t)
	w.ends("legacy", v1alpha1.ReasonOutsideBoundary, "the service principal "+id)
	var b v1alpha1.Boundary
	w.Change(&b, "", "tenant", func() { b.Spec.ServicePrincipals = []v1alpha1.NamePattern{v1alpha1.NamePattern(id)} })

	w.ends("legacy", v1alpha1.ReasonNotOurs, "set `adoption` to Adopt", "which would: Update the service principal "+before.ID, "Grant SELECT on Table main.sales.deals")
	if writes := w.Emulator.Writes(t, since); len(writes) > 0 || w.Get("legacy").Status.ServicePrincipal.ID != "" {
		t.Errorf("it is touched before it is taken over: %v, %+v", writes, w.Get("legacy").Status.ServicePrincipal)
	}

	var r v1alpha1.Role
	w.Change(&r, "tenant", "legacy", func() { r.Spec.Adoption = v1alpha1.AdoptionAdopt })
	got := w.Settle("legacy")
	p := w.principal(id)
	if p.ExternalID != installation+"/adopted-role/tenant/legacy" || p.DisplayName != "Legacy" || got.Status.ServicePrincipal.Adopted != "True" {
		t.Errorf("got %+v, recorded as %+v", p, got.Status.ServicePrincipal)
	}
	if !slices.Contains(w.Emulator.Grants(t, "table", "main.sales.deals", id), "SELECT") {
		t.Error("the Role's grant is missing")
	}
	if slices.ContainsFunc(got.Status.Applied, func(g v1alpha1.RoleGrant) bool { return g.Name == "main.sales.extra" }) {
		t.Errorf("what it had before is recorded as the Role's: %v", got.Status.Applied)
	}
	since = w.Emulator.Last(t)
	w.Settle("legacy")
	w.WroteNothing(since)

	env.Create(t, w.Kube, w.adopting("second", id, v1alpha1.AdoptionAdopt))
	w.ends("second", v1alpha1.ReasonNotOurs, "belongs to the Role tenant/legacy")
	w.Remove("second")
	if w.principal(id).ExternalID != p.ExternalID {
		t.Error("the second Role took the mark off")
	}

	w.Remove("legacy")
	after := w.principal(id)
	if after.ExternalID != "" || after.DisplayName != "Legacy" || len(after.Policies) != 1 {
		t.Errorf("left as %+v", after)
	}
	if g := w.Emulator.Grants(t, "table", "main.sales.extra", id); !slices.Equal(g, []string{"SELECT"}) {
		t.Errorf("of what it had before there is left: %v", g)
	}
	if g := w.Emulator.Grants(t, "table", "main.sales.deals", id); len(g) > 0 {
		t.Errorf("the Role's grants are left: %v", g)
	}
	if !slices.Contains(w.group("shared").Members, before.ID) || w.group("gh_west") != nil || len(w.Emulator.State(t).Assignments[before.ID]) > 0 {
		t.Error("memberships or the assignment are not as they were")
	}
}

func TestWhatIsNotAdopted(t *testing.T) {
	w := newWorld(t)
	var b v1alpha1.Boundary
	w.Change(&b, "", "tenant", func() { b.Spec.ServicePrincipals = []v1alpha1.NamePattern{"*"} })
	var ws v1alpha1.Workspace
	w.Change(&ws, "", "main", func() {})
	var theirs string
	for _, p := range w.Emulator.State(t).Principals {
		if p.ExternalID == "somebody" {
			theirs = p.ApplicationID
		}
	}
	since := w.Emulator.Last(t)
	for name, c := range map[string]struct{ id, reason, words string }{
		"operator": {ws.Spec.Authentication.ClientID, v1alpha1.ReasonPrincipalNotUsable, "the operator's own"},
		"foreign":  {theirs, v1alpha1.ReasonNotOurs, "the external id of somebody else"},
		"missing":  {"00000000-0000-4000-8000-00000000dead", v1alpha1.ReasonPrincipalNotFound, "does not exist"},
	} {
		env.Create(t, w.Kube, w.adopting(name, c.id, v1alpha1.AdoptionAdopt))
		w.ends(name, c.reason, c.words)
		w.Remove(name)
	}
	w.WroteNothing(since)
}
