// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package faults_test

import (
	"fmt"
	"net/http"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// mask is a DataPolicy that masks the region of a table, and goes with all that it made.
func (w *world) mask(table string) *v1alpha1.DataPolicy {
	return &v1alpha1.DataPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: w.name, Name: table}, Spec: v1alpha1.DataPolicySpec{
		WorkspaceRef: v1alpha1.LocalReference{Name: w.name}, WarehouseID: env.WarehouseID, Table: v1alpha1.SecurableName("main.sales." + table), DeletionPolicy: v1alpha1.DeletionDelete,
		ColumnMasks: []v1alpha1.ColumnMask{{Column: "region", VisibleTo: &v1alpha1.Audience{Groups: []v1alpha1.AccountGroupName{"gh_west"}}}},
	}}
}

// functions are the names of the functions of the schema.
func (w *world) functions() []string {
	w.Helper()
	var made struct {
		Functions []struct {
			Name string `json:"full_name"`
		} `json:"functions"`
	}
	w.emulator.Do(w, http.MethodGet, w.emulator.WorkspaceURL, "/api/2.1/unity-catalog/functions?catalog_name=main&schema_name=sales", "", &made)
	var out []string
	for _, f := range made.Functions {
		out = append(out, f.Name)
	}
	return out
}

// manyAttempts is when an outage counts as long: an object waits ten seconds for its next
// attempt by then, and twice as long each time.
const manyAttempts = 12

// longOutage answers 503 to everything until each of several objects was tried many
// times: some were there before, some are made during it, and some are deleted.
func longOutage(w *world) {
	w.emulator.SQL(w, "CREATE TABLE main.sales.leads (id STRING, region STRING)")
	west, doomed, fresh := w.role("west"), w.role("doomed"), w.role("fresh")
	idp, old, young := w.idp("west"), w.mask("deals"), w.mask("leads")
	env.Create(w, w.Kube, west, doomed, idp, old)
	w.Ready(west, doomed, idp, old)
	before := w.sight()
	ours, theirs := before.one(west), before.one(doomed)
	if made := w.functions(); len(made) != 1 {
		w.Fatalf("functions %v, want one", made)
	}

	since := w.emulator.Last(w)
	w.breaks("", "^/api/", env.Fault{Stage: "before_commit", Action: "status", Status: http.StatusServiceUnavailable})
	env.Create(w, w.Kube, fresh, young)
	w.Remove(doomed, old)
	w.Ask(west)
	w.Ask(idp)
	tables := "/unity-catalog/tables/main.sales."
	w.tried(since, map[string]func(env.Call) bool{
		"a Role":         func(c env.Call) bool { return strings.HasSuffix(c.Path, "/scim/v2/ServicePrincipals/"+ours.ID) },
		"a deleted Role": func(c env.Call) bool { return strings.HasSuffix(c.Path, "/scim/v2/ServicePrincipals/"+theirs.ID) },
		"a new Role": func(c env.Call) bool {
			return strings.HasSuffix(c.Path, "/ServicePrincipals") && strings.Contains(c.Query, "fresh")
		},
		"a policy": func(c env.Call) bool {
			return strings.Contains(c.Path, "/servicePrincipals/"+ours.ID+"/federationPolicies")
		},
		"a deleted DataPolicy": func(c env.Call) bool { return strings.HasSuffix(c.Path, tables+"deals") },
		"a new DataPolicy":     func(c env.Call) bool { return strings.HasSuffix(c.Path, tables+"leads") },
	})
	for _, o := range []external.Object{west, doomed, fresh, idp, old, young} {
		if c := w.Says(o, metav1.ConditionUnknown); c.Reason != "DatabricksUnavailable" {
			w.Errorf("Ready of %T %s is %+v", o, o.GetName(), c)
		}
	}
	if writes := w.emulator.Writes(w, since); len(writes) > 0 {
		w.Errorf("writes during the outage: %v", writes)
	}

	w.emulator.Heal(w)
	w.Gone(doomed, old) // all of it by itself
	w.Ready(west, fresh, idp, young)
	after := w.sight()
	if now := after.one(west); now.ID != ours.ID || len(now.Policies) != 1 {
		w.Errorf("the service principal was %+v and is %+v", ours, now)
	}
	after.one(fresh)
	if left := after.principals[w.mark(doomed)]; len(left)+len(after.groups["gh_doomed"])+len(after.deals[theirs.ApplicationID]) > 0 {
		w.Errorf("of the Role that was deleted there is left: %v", left)
	}
	if made := w.functions(); len(made) != 1 || len(young.Status.Attached) != 1 || made[0] != young.Status.Attached[0].Function {
		w.Errorf("functions %v, want that of %s alone", made, young.Name)
	}
	w.wrote(since, map[string]int{
		"POST " + principals: 1, "POST " + groups: 1, "DELETE " + aPrincipal: 1, "DELETE " + aGroup: 1, "PATCH " + aGroup: 2, "PATCH " + aPrincipal: 0,
		"PATCH " + permissions: 2, "POST " + policies: 0, "DELETE /federationPolicies/": 0, "POST /permissionassignments": 0,
	})
	w.Remove(young, idp, west, fresh)
	w.Gone(young, idp, west, fresh)
	w.nothing()
	if made := w.functions(); len(made) > 0 {
		w.Errorf("left: the functions %v", made)
	}
}

// tried waits until each of several objects was tried many times, as the calls show that
// an attempt begins with.
func (w *world) tried(since int64, objects map[string]func(env.Call) bool) {
	w.Helper()
	counts := map[string]int{}
	w.Eventually(func() string { return fmt.Sprintf("%d attempts of each: %v", manyAttempts, counts) }, func() bool {
		clear(counts)
		for _, c := range w.emulator.Calls(w, since) {
			for name, is := range objects {
				if c.Status == http.StatusServiceUnavailable && is(c) {
					counts[name]++
				}
			}
		}
		for name := range objects {
			if counts[name] < manyAttempts {
				return false
			}
		}
		return true
	})
}

// wrote checks how many writes of each kind, a method and a path, took effect.
func (w *world) wrote(since int64, kinds map[string]int) {
	w.Helper()
	for kind, want := range kinds {
		method, path, _ := strings.Cut(kind, " ")
		if got := w.committedSince(since, method, path); got != want {
			w.Errorf("%s: %d writes, want %d", kind, got, want)
		}
	}
}
