// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// pass runs one pass and returns what it left and its error.
func (w *world) pass(name string) (*v1alpha1.Role, error) {
	w.t.Helper()
	err := w.operator()(w.t.Context(), w.get(name))
	return w.get(name), err
}

func (w *world) edit(name string, change func(*v1alpha1.Role)) {
	w.t.Helper()
	r := w.get(name)
	change(r)
	if err := w.kube.Update(w.t.Context(), r); err != nil {
		w.t.Fatal(err)
	}
}

func ready(r *v1alpha1.Role) string {
	c := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionReady)
	return string(c.Status) + " " + c.Reason
}

func TestTokensOfAServiceAccountCountAsTheRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env.Create(t, w.kube, w.role("west"))
	w.settle("west")
	w.complete("west", bigGroups, bigTables)
	sp := w.ours("west")[0]
	path := "/api/2.0/accounts/" + env.AccountID + "/servicePrincipals/" + sp.ID + "/federationPolicies"
	id := w.policies("west")[0].ID

	t.Run("by a policy that is kept as it should be", func(t *testing.T) {
		w.t = t
		w.emulator.Do(t, http.MethodPatch, w.emulator.AccountURL, path+"/"+id+"?update_mask=oidc_policy.subject,oidc_policy.jwks_json",
			`{"oidc_policy":{"subject":"system:serviceaccount:other:x"}}`, nil)
		w.settle("west")
		w.complete("west", bigGroups, bigTables)
		w.emulator.Do(t, http.MethodDelete, w.emulator.AccountURL, path+"/"+id, "", nil)
		w.settle("west")
		w.complete("west", bigGroups, bigTables)
	})
	t.Run("with the keys that the cluster has now", func(t *testing.T) {
		w.t = t
		w.issuer.JWKS = `{"keys":[{"kid":"1"},{"kid":"2"}]}`
		w.settle("west")
		w.complete("west", bigGroups, bigTables)
	})
	t.Run("of another account, when the spec says so, and never of two", func(t *testing.T) {
		w.t = t
		w.edit("west", func(r *v1alpha1.Role) { r.Spec.ServiceAccountName = "other" })
		w.settle("west")
		all := w.policies("west")
		if len(all) != 1 || all[0].ID != id || all[0].OIDC.Subject != "system:serviceaccount:tenant:other" {
			t.Errorf("the policies are %+v", all)
		}
		w.edit("west", func(r *v1alpha1.Role) { r.Spec.ServiceAccountName = "worker" })
		w.settle("west")
		w.complete("west", bigGroups, bigTables)
	})
	t.Run("without the issuer, grants are given and taken, and the policy stays", func(t *testing.T) {
		w.t = t
		known := w.issuer
		w.issuer.URL = ""
		w.edit("west", func(r *v1alpha1.Role) { r.Spec.Grants = nil })
		r, err := w.pass("west")
		if got := ready(r); err == nil || !strings.HasSuffix(got, " "+v1alpha1.ReasonIssuerUnknown) {
			t.Errorf("Ready is %s: %v", got, err)
		}
		if got := w.emulator.Grants(t, "table", "main.sales.extra", sp.ApplicationID); len(got) > 0 {
			t.Errorf("the grant is still there: %v", got)
		}
		if all := w.policies("west"); len(all) != 1 || all[0].ID != id {
			t.Errorf("the policies are %+v", all)
		}
		w.edit("west", func(r *v1alpha1.Role) { r.Spec.Grants = w.role("west").Spec.Grants })
		if _, err := w.pass("west"); err == nil {
			t.Error("the pass is content")
		}
		if got := w.emulator.Grants(t, "table", "main.sales.extra", sp.ApplicationID); !slices.Equal(got, []string{"SELECT"}) {
			t.Errorf("the grant is missing: %v", got)
		}
		w.issuer = known
		w.settle("west")
		w.complete("west", bigGroups, bigTables)
	})
	t.Run("a policy that cannot be read holds up nothing else and is not forgotten", func(t *testing.T) {
		w.t = t
		for _, status := range []int{403, 500} {
			strike := func() {
				w.emulator.Break(t, env.Fault{Match: env.FaultMatch{PathRegex: "/federationPolicies/", Times: -1}, Stage: "before_commit", Action: "status", Status: status})
			}
			strike()
			w.edit("west", func(r *v1alpha1.Role) { r.Spec.Grants, r.Spec.ServiceAccountName = nil, "" })
			r, _ := w.pass("west") // the queue repeats what is transient
			if got := ready(r); strings.HasPrefix(got, "True") {
				t.Errorf("Ready is %s", got)
			}
			if got := w.emulator.Grants(t, "table", "main.sales.extra", sp.ApplicationID); len(got) > 0 {
				t.Errorf("the grant is still there: %v", got)
			}
			if r.Status.Trust.PolicyID != id {
				t.Errorf("the record is %+v", r.Status.Trust)
			}
			w.emulator.Heal(t)
			w.settle("west")
			w.trusts("west", false)
			w.edit("west", func(r *v1alpha1.Role) {
				r.Spec.Grants, r.Spec.ServiceAccountName = w.role("west").Spec.Grants, "worker"
			})
			w.settle("west")
			w.complete("west", bigGroups, bigTables)
		}
	})
	t.Run("no more, once the spec names none, even when the status was lost", func(t *testing.T) {
		w.t = t
		w.edit("west", func(r *v1alpha1.Role) { r.Spec.ServiceAccountName = "" })
		r := w.get("west")
		r.Status = v1alpha1.RoleStatus{}
		if err := w.kube.Status().Update(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		w.settle("west")
		w.trusts("west", false)
		since := w.emulator.Last(t)
		w.settle("west")
		for _, c := range w.emulator.Calls(t, since) {
			if strings.Contains(c.Path, "federationPolicies") {
				t.Errorf("a Role without a ServiceAccount asks for policies: %s %s", c.Method, c.Path)
			}
		}
	})
	t.Run("somebody else's policy of that id is left alone, and keeps nothing else back", func(t *testing.T) {
		w.t = t
		w.emulator.Do(t, http.MethodPost, w.emulator.AccountURL, path+"?policy_id="+id, `{"description":"theirs","oidc_policy":{"issuer":"https://theirs.example.com","subject":"x"}}`, nil)
		w.edit("west", func(r *v1alpha1.Role) { r.Spec.ServiceAccountName, r.Spec.Grants = "worker", nil })
		r, err := w.pass("west")
		if got := ready(r); err != nil || got != "False "+v1alpha1.ReasonNotOurs {
			t.Errorf("Ready is %s: %v", got, err)
		}
		if got := w.emulator.Grants(t, "table", "main.sales.extra", sp.ApplicationID); len(got) > 0 {
			t.Errorf("the grant is still there: %v", got)
		}
		w.edit("west", func(r *v1alpha1.Role) { r.Spec.ServiceAccountName = "" })
		w.settle("west")
		if all := w.policies("west"); len(all) != 1 || all[0].Description != "theirs" {
			t.Errorf("the policies are %+v", all)
		}
	})
}

func TestAServiceAccountIsARoleOnlyWhereServersMayRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var b v1alpha1.Boundary
	if err := w.kube.Get(t.Context(), client.ObjectKey{Name: "tenant"}, &b); err != nil {
		t.Fatal(err)
	}
	b.Spec.Hosting = v1alpha1.HostingDenied
	if err := w.kube.Update(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	env.Create(t, w.kube, w.role("west"))
	since := w.emulator.Last(t)
	r, err := w.pass("west")
	c := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionWithinBoundary)
	if err != nil || c == nil || c.Status != "False" || c.Reason != v1alpha1.ReasonOutsideBoundary || !strings.Contains(c.Message, "`hosting` Allowed") {
		t.Errorf("%v: %+v", err, c)
	}
	if calls := w.emulator.Calls(t, since); len(calls) > 0 {
		t.Errorf("Databricks was called: %+v", calls)
	}
	w.edit("west", func(r *v1alpha1.Role) { r.Spec.ServiceAccountName = "" })
	w.settle("west")
	w.trusts("west", false)
}
