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

	"github.com/gatehouse-dev/gatehouse/test/env"
)

func TestFaults(t *testing.T) {
	kube := start(t)
	t.Run("cases", func(t *testing.T) { // ends when all of them have
		for name, run := range map[string]func(*world){
			"lost-answers": lostAnswers, "long-outage": longOutage, "slow-answers": slowAnswers,
			"lag": lag, "other-answers": otherAnswers,
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
	w.breaks(http.MethodPost, "^/api/", env.Fault{Stage: "after_commit", Action: "reset"})
	r := w.role("west")
	p := w.idp("west")
	d := w.mask("deals")
	env.Create(w, w.Kube, r, p, d)
	w.Ready(r, p, d)
	for _, path := range []string{principals, groups, policies} {
		if n := w.committed(http.MethodPost, path); n != 1 {
			w.Errorf("%d creates at %s, want 1", n, path)
		}
	}
	if sp := w.one(r); len(sp.Policies) != 1 {
		w.Errorf("%d policies", len(sp.Policies))
	}
	w.emulator.Heal(w) // the test's own call below is to arrive
	if made := w.functions(); len(made) != 1 {
		w.Errorf("functions %v, want one", made)
	}
	w.Remove(p, d, r)
	w.Gone(p, d, r)
	w.nothing()
}

// slowAnswers answers creates when the operator has long given up.
func slowAnswers(w *world) {
	w.breaks(http.MethodPost, principals, env.Fault{Stage: "after_commit", Action: "delay", DelayMS: int((2 * callTimeout).Milliseconds())})
	r := w.role("west")
	env.Create(w, w.Kube, r)
	w.Ready(r)
	w.one(r)
	if n := w.committed(http.MethodPost, principals); n != 1 {
		w.Errorf("%d creates, want 1", n)
	}
}

// lag has reads see a new service principal and a new group late.
func lag(w *world) {
	w.emulator.Lag(w, 4000)
	r := w.role("west")
	env.Create(w, w.Kube, r)
	w.Ready(r)
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
	env.Create(w, w.Kube, r)
	w.Ready(r)
	w.one(r)
	const one, all = "/scim/v2/(ServicePrincipals|Groups)/[0-9]+$", "^/api/"
	for _, c := range []struct {
		name, path string
		fault      env.Fault
	}{
		{"cut short", all, env.Fault{Stage: "after_commit", Action: "truncate"}},
		{"a sign-in page", all, env.Fault{Stage: "after_commit", Action: "html"}},
		{"nothing", all, env.Fault{Stage: "after_commit", Action: "body"}},
		{"a list", all, env.Fault{Stage: "after_commit", Action: "body", Body: "[]"}},
		{"null", all, env.Fault{Stage: "after_commit", Action: "body", Body: "null"}},
		{"an empty object", "/scim/v2/", env.Fault{Stage: "after_commit", Action: "body", Body: "{}"}},
		{"an empty object for one", one, env.Fault{Stage: "after_commit", Action: "body", Body: "{}"}},
		{"another one", one, env.Fault{Stage: "after_commit", Action: "body", Body: `{"id":"1","displayName":"dosewanted"}`}},
		{"an empty page of a full list", "/scim/v2/(ServicePrincipals|Groups)$", env.Fault{Stage: "after_commit", Action: "body", Body: `{"totalResults":1}`}},
	} {
		since := w.emulator.Last(w)
		w.breaks(http.MethodGet, c.path, c.fault)
		w.Ask(r)
		w.struck(since)
		ready := w.Says(r, metav1.ConditionUnknown)
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
		w.Ready(r)
	}
	since := w.emulator.Last(w)
	w.breaks(http.MethodGet, "/scim/v2/", env.Fault{Stage: "after_commit", Action: "body", Body: "{}"})
	w.Remove(r)
	w.struck(since)
	time.Sleep(time.Second)
	if err := w.Fetch(r); err != nil {
		w.Errorf("deleted although nobody could look: %v", err)
	}
	w.emulator.Heal(w)
	w.Gone(r)
	w.nothing()
}
