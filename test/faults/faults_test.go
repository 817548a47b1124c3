// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package faults_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

func TestFaults(t *testing.T) {
	kube := start(t)
	t.Run("cases", func(t *testing.T) { // ends when all of them have
		for name, run := range map[string]func(*world){
			"lost-answers": lostAnswers, "long-outage": longOutage, "slow-answers": slowAnswers,
			"lag": lag, "other-answers": otherAnswers, "throttled": throttled,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				run(newWorld(t, kube, name))
			})
		}
	})
}

// lostAnswers loses the answer of every POST after it took effect.
func lostAnswers(w *world) {
	w.breaks(http.MethodPost, "^/api/", testenv.Fault{Stage: "after_commit", Action: "reset"})
	ref := v1alpha1.LocalReference{Name: w.name}
	r := w.role("west")
	p := &v1alpha1.FederationPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: w.name, Name: "idp"}, Spec: v1alpha1.FederationPolicySpec{
		WorkspaceRef: ref, Issuer: issuer, Audiences: []string{"https://tools.example.com/mcp"}, Claims: v1alpha1.FederationClaims{Role: "role"},
		Roles: []v1alpha1.FederatedRole{{Name: "west", Subject: "west"}},
	}}
	d := &v1alpha1.DataPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: w.name, Name: "deals"}, Spec: v1alpha1.DataPolicySpec{
		WorkspaceRef: ref, WarehouseID: testenv.WarehouseID, Table: "main.sales.deals", DeletionPolicy: v1alpha1.DeletionDelete,
		ColumnMasks: []v1alpha1.ColumnMask{{Column: "region", VisibleTo: &v1alpha1.Audience{Groups: []v1alpha1.AccountGroupName{"gh_west"}}}},
	}}
	testenv.Create(w, w.kube, r, p, d)
	w.ready(r, p, d)
	for _, path := range []string{principals, groups, policies} {
		if n := w.committed(http.MethodPost, path); n != 1 {
			w.Errorf("%d creates at %s, want 1", n, path)
		}
	}
	if sp := w.one(r); len(sp.Policies) != 1 {
		w.Errorf("%d policies", len(sp.Policies))
	}
	var made struct {
		Functions []struct {
			Name string `json:"full_name"`
		} `json:"functions"`
	}
	w.emulator.Heal(w) // the test's own statement below is to arrive
	w.emulator.Do(w, http.MethodGet, w.emulator.WorkspaceURL, "/api/2.1/unity-catalog/functions?catalog_name=main&schema_name=sales", "", &made)
	if len(made.Functions) != 1 {
		w.Errorf("functions %v, want one", made.Functions)
	}
	w.remove(p, d, r)
	w.gone(p, d, r)
	w.nothing()
}

// longOutage answers 503 to everything for longer than several attempts.
func longOutage(w *world) {
	r := w.role("west")
	testenv.Create(w, w.kube, r)
	w.ready(r)
	before := w.one(r)
	since := w.emulator.Last(w)
	w.breaks("", "^/api/", testenv.Fault{Stage: "before_commit", Action: "status", Status: http.StatusServiceUnavailable})
	w.ask(r)
	if c := w.says(r, metav1.ConditionUnknown); c.Reason != "DatabricksUnavailable" {
		w.Errorf("Ready is %+v", c)
	}
	time.Sleep(3 * time.Second) // many attempts
	w.emulator.Heal(w)
	w.ready(r) // by itself
	if after := w.one(r); after.ID != before.ID {
		w.Errorf("the service principal was %s and is %s", before.ID, after.ID)
	}
	if writes := w.emulator.Writes(w, since); len(writes) > 0 {
		w.Errorf("writes: %v", writes)
	}
}

// slowAnswers answers creates when the operator has long given up.
func slowAnswers(w *world) {
	w.breaks(http.MethodPost, principals, testenv.Fault{Stage: "after_commit", Action: "delay", DelayMS: int((2 * callTimeout).Milliseconds())})
	r := w.role("west")
	testenv.Create(w, w.kube, r)
	w.ready(r)
	w.one(r)
	if n := w.committed(http.MethodPost, principals); n != 1 {
		w.Errorf("%d creates, want 1", n)
	}
}

// lag has reads see a new service principal and a new group late.
func lag(w *world) {
	w.emulator.Lag(w, 4000)
	r := w.role("west")
	testenv.Create(w, w.kube, r)
	w.ready(r)
	w.one(r)
	for _, path := range []string{principals, groups} {
		if n := w.committed(http.MethodPost, path); n != 1 {
			w.Errorf("%d creates at %s, want 1", n, path)
		}
	}
}

// otherAnswers answers reads with what is not the answer: it must never read as
// "nothing exists".
func otherAnswers(w *world) {
	r := w.role("west")
	testenv.Create(w, w.kube, r)
	w.ready(r)
	w.one(r)
	const one, all = "/scim/v2/(ServicePrincipals|Groups)/[0-9]+$", "^/api/"
	for _, c := range []struct {
		name, path string
		fault      testenv.Fault
	}{
		{"cut short", all, testenv.Fault{Stage: "after_commit", Action: "truncate"}},
		{"a sign-in page", all, testenv.Fault{Stage: "after_commit", Action: "html"}},
		{"nothing", all, testenv.Fault{Stage: "after_commit", Action: "body"}},
		{"a list", all, testenv.Fault{Stage: "after_commit", Action: "body", Body: "[]"}},
		{"null", all, testenv.Fault{Stage: "after_commit", Action: "body", Body: "null"}},
		{"an empty object", "/scim/v2/", testenv.Fault{Stage: "after_commit", Action: "body", Body: "{}"}},
		{"an empty object for one", one, testenv.Fault{Stage: "after_commit", Action: "body", Body: "{}"}},
		{"another one", one, testenv.Fault{Stage: "after_commit", Action: "body", Body: `{"id":"1","displayName":"dosewanted"}`}},
		{"an empty page of a full list", "/scim/v2/(ServicePrincipals|Groups)$", testenv.Fault{Stage: "after_commit", Action: "body", Body: `{"totalResults":1}`}},
	} {
		since := w.emulator.Last(w)
		w.breaks(http.MethodGet, c.path, c.fault)
		w.ask(r)
		w.struck(since)
		ready := w.says(r, metav1.ConditionUnknown)
		if ready.Reason != "UnexpectedAnswer" && ready.Reason != "DatabricksUnavailable" {
			w.Errorf("%s: Ready is %+v", c.name, ready)
		}
		if raw, err := json.Marshal(r.Status); err != nil || strings.Contains(string(raw), "Sign in") || strings.Contains(string(raw), "dosewanted") {
			w.Errorf("%s: the status shows the answer: %s %v", c.name, raw, err)
		}
		if writes := w.emulator.Writes(w, since); len(writes) > 0 {
			w.Errorf("%s: writes: %v", c.name, writes)
		}
		w.emulator.Heal(w)
		w.ready(r)
	}
	since := w.emulator.Last(w)
	w.breaks(http.MethodGet, "/scim/v2/", testenv.Fault{Stage: "after_commit", Action: "body", Body: "{}"})
	w.remove(r)
	w.struck(since)
	time.Sleep(time.Second)
	if err := w.fetch(r); err != nil {
		w.Errorf("deleted although nobody could look: %v", err)
	}
	w.emulator.Heal(w)
	w.gone(r)
	w.nothing()
}

// throttled refuses creates for a while: nobody asks again before it is due, and a Role
// that creates nothing goes on.
func throttled(w *world) {
	const many, rest = 60, 20 * time.Second
	other := w.role("other")
	testenv.Create(w, w.kube, other)
	w.ready(other)
	since := w.emulator.Last(w)
	w.emulator.Break(w, testenv.Fault{
		Match: testenv.FaultMatch{Method: http.MethodPost, PathRegex: principals, Times: 1}, Stage: "before_commit", Action: "status",
		Status: http.StatusTooManyRequests, RetryAfter: "20",
	})
	var roles []*v1alpha1.Role
	for i := range many {
		r := w.role("r" + string(rune('a'+i/10)) + string(rune('a'+i%10)))
		roles = append(roles, r)
		testenv.Create(w, w.kube, r)
	}
	w.struck(since)

	if err := w.fetch(other); err != nil {
		w.Fatal(err)
	}
	other.Spec.MemberOf = append(other.Spec.MemberOf, "gh_more")
	if err := w.kube.Update(w.Context(), other); err != nil {
		w.Fatal(err)
	}
	w.ready(other)
	var refused time.Time
	for _, c := range w.emulator.Calls(w, since) {
		if c.Status == http.StatusTooManyRequests {
			refused = c.At
		}
	}
	if late := time.Since(refused); late > rest {
		w.Logf("the machine is slow: the other Role was ready %v after the refusal", late)
	}
	for _, r := range roles {
		w.ready(r)
		w.one(r)
	}
	for _, c := range w.emulator.Calls(w, since) {
		// Those that were under way when the answer came are not held against it.
		if c.Method == http.MethodPost && strings.HasSuffix(c.Path, "/ServicePrincipals") && c.At.After(refused.Add(2*time.Second)) && c.At.Before(refused.Add(rest)) {
			w.Errorf("asked again %v after the refusal, want %v", c.At.Sub(refused), rest)
		}
	}
	for _, r := range roles { // all at once
		w.remove(r)
	}
	for _, r := range roles {
		w.gone(r)
	}
	w.remove(other)
	w.gone(other)
	w.nothing()
}
