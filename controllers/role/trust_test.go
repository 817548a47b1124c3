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
	w.T.Helper()
	err := w.operator()(w.T.Context(), w.Get(name))
	return w.Get(name), err
}

func ready(r *v1alpha1.Role) string {
	c := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionReady)
	return string(c.Status) + " " + c.Reason
}

func TestTokensOfAServiceAccountCountAsTheRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env.Create(t, w.Kube, w.role("west"))
	w.Settle("west")
	w.complete("west", bigGroups, bigTables)
	sp := w.ours("west")[0]
	path := "/api/2.0/accounts/" + env.AccountID + "/servicePrincipals/" + sp.ID + "/federationPolicies"
	id := w.policies("west")[0].ID

	t.Run("by a policy that is kept as it should be", func(t *testing.T) {
		w.T = t
		w.Emulator.Do(t, http.MethodPatch, w.Emulator.AccountURL, path+"/"+id+"?update_mask=oidc_policy.subject,oidc_policy.jwks_json",
			`{"oidc_policy":{"subject":"system:serviceaccount:other:x"}}`, nil)
		w.Settle("west")
		w.complete("west", bigGroups, bigTables)
		w.Emulator.Do(t, http.MethodDelete, w.Emulator.AccountURL, path+"/"+id, "", nil)
		w.Settle("west")
		w.complete("west", bigGroups, bigTables)
	})
	t.Run("with the keys that the cluster has now", func(t *testing.T) {
		w.T = t
		w.issuer.JWKS = `{"keys":[{"kid":"1"},{"kid":"2"}]}`
		w.Settle("west")
		w.complete("west", bigGroups, bigTables)
	})
	t.Run("of another account, when the spec says so, and never of two", func(t *testing.T) {
		w.T = t
		w.Edit("west", func(r *v1alpha1.Role) { r.Spec.ServiceAccountName = "other" })
		w.Settle("west")
		all := w.policies("west")
		if len(all) != 1 || all[0].ID != id || all[0].OIDC.Subject != "system:serviceaccount:tenant:other" {
			t.Errorf("the policies are %+v", all)
		}
		w.Edit("west", func(r *v1alpha1.Role) { r.Spec.ServiceAccountName = "worker" })
		w.Settle("west")
		w.complete("west", bigGroups, bigTables)
	})
	t.Run("without the issuer, grants are given and taken, and the policy stays", func(t *testing.T) {
		w.T = t
		known := w.issuer
		w.issuer.URL = ""
		w.Edit("west", func(r *v1alpha1.Role) { r.Spec.Grants = nil })
		r, err := w.pass("west")
		if got := ready(r); err == nil || !strings.HasSuffix(got, " "+v1alpha1.ReasonIssuerUnknown) {
			t.Errorf("Ready is %s: %v", got, err)
		}
		if got := w.Emulator.Grants(t, "table", "main.sales.extra", sp.ApplicationID); len(got) > 0 {
			t.Errorf("the grant is still there: %v", got)
		}
		if all := w.policies("west"); len(all) != 1 || all[0].ID != id {
			t.Errorf("the policies are %+v", all)
		}
		w.Edit("west", func(r *v1alpha1.Role) { r.Spec.Grants = w.role("west").Spec.Grants })
		if _, err := w.pass("west"); err == nil {
			t.Error("the pass is content")
		}
		if got := w.Emulator.Grants(t, "table", "main.sales.extra", sp.ApplicationID); !slices.Equal(got, []string{"SELECT"}) {
			t.Errorf("the grant is missing: %v", got)
		}
		w.issuer = known
		w.Settle("west")
		w.complete("west", bigGroups, bigTables)
	})
	t.Run("a policy that cannot be read holds up nothing else and is not forgotten", func(t *testing.T) {
		w.T = t
		for _, status := range []int{403, 500} {
			strike := func() {
				w.Emulator.Break(t, env.Fault{Match: env.FaultMatch{PathRegex: "/federationPolicies/", Times: -1}, Stage: "before_commit", Action: "status", Status: status})
			}
			strike()
			w.Edit("west", func(r *v1alpha1.Role) { r.Spec.Grants, r.Spec.ServiceAccountName = nil, "" })
			r, _ := w.pass("west") // the queue repeats what is transient
			if got := ready(r); strings.HasPrefix(got, "True") {
				t.Errorf("Ready is %s", got)
			}
			if got := w.Emulator.Grants(t, "table", "main.sales.extra", sp.ApplicationID); len(got) > 0 {
				t.Errorf("the grant is still there: %v", got)
			}
			if r.Status.Trust.PolicyID != id {
				t.Errorf("the record is %+v", r.Status.Trust)
			}
			w.Emulator.Heal(t)
			w.Settle("west")
			w.trusts("west", false)
			w.Edit("west", func(r *v1alpha1.Role) {
				r.Spec.Grants, r.Spec.ServiceAccountName = w.role("west").Spec.Grants, "worker"
			})
			w.Settle("west")
			w.complete("west", bigGroups, bigTables)
		}
	})
	t.Run("no more, once the spec names none, even when the status was lost", func(t *testing.T) {
		w.T = t
		w.Edit("west", func(r *v1alpha1.Role) { r.Spec.ServiceAccountName = "" })
		r := w.Get("west")
		r.Status = v1alpha1.RoleStatus{}
		if err := w.Kube.Status().Update(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		w.Settle("west")
		w.trusts("west", false)
		since := w.Emulator.Last(t)
		w.Settle("west")
		for _, c := range w.Emulator.Calls(t, since) {
			if strings.Contains(c.Path, "federationPolicies") {
				t.Errorf("a Role without a ServiceAccount asks for policies: %s %s", c.Method, c.Path)
			}
		}
	})
	t.Run("somebody else's policy of that id is left alone, and keeps nothing else back", func(t *testing.T) {
		w.T = t
		w.Emulator.Do(t, http.MethodPost, w.Emulator.AccountURL, path+"?policy_id="+id, `{"description":"theirs","oidc_policy":{"issuer":"https://theirs.example.com","subject":"x"}}`, nil)
		w.Edit("west", func(r *v1alpha1.Role) { r.Spec.ServiceAccountName, r.Spec.Grants = "worker", nil })
		r, err := w.pass("west")
		if got := ready(r); err != nil || got != "False "+v1alpha1.ReasonNotOurs {
			t.Errorf("Ready is %s: %v", got, err)
		}
		if got := w.Emulator.Grants(t, "table", "main.sales.extra", sp.ApplicationID); len(got) > 0 {
			t.Errorf("the grant is still there: %v", got)
		}
		w.Edit("west", func(r *v1alpha1.Role) { r.Spec.ServiceAccountName = "" })
		w.Settle("west")
		if all := w.policies("west"); len(all) != 1 || all[0].Description != "theirs" {
			t.Errorf("the policies are %+v", all)
		}
	})
}

func TestAServiceAccountIsARoleOnlyWhereServersMayRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var b v1alpha1.Boundary
	if err := w.Kube.Get(t.Context(), client.ObjectKey{Name: "tenant"}, &b); err != nil {
		t.Fatal(err)
	}
	b.Spec.Hosting = v1alpha1.HostingDenied
	if err := w.Kube.Update(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	env.Create(t, w.Kube, w.role("west"))
	since := w.Emulator.Last(t)
	r, err := w.pass("west")
	c := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionWithinBoundary)
	if err != nil || c == nil || c.Status != "False" || c.Reason != v1alpha1.ReasonOutsideBoundary || !strings.Contains(c.Message, "`hosting` Allowed") {
		t.Errorf("%v: %+v", err, c)
	}
	if calls := w.Emulator.Calls(t, since); len(calls) > 0 {
		t.Errorf("Databricks was called: %+v", calls)
	}
	w.Edit("west", func(r *v1alpha1.Role) { r.Spec.ServiceAccountName = "" })
	w.Settle("west")
	w.trusts("west", false)
}
