// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection_test

import (
	"net/http"
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
	"github.com/gatehouse-dev/gatehouse/test/externaltest"
)

// changed is another spec: another host, and another list of tools.
func changed(s *v1alpha1.ConnectionSpec) {
	s.Host, s.MCPService.Tools = "https://new.example.com", []v1alpha1.ToolSelector{"get_issue"}
}

// TestACrashAtAnyCallEndsTheSame lets the operator crash at each call of creating,
// changing, rotating and deleting a Connection, before it takes effect, after that with
// the answer lost, and after its answer; a new operator then finishes.
func TestACrashAtAnyCallEndsTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(http.MethodPost, connections, `{"name":"theirs","connection_type":"HTTP","options":{"host":"https://theirs.example.com","bearer_token":"t","is_mcp_connection":"true"}}`)
	w.call(http.MethodPost, services+"?mcp_service_id=theirs&parent=schemas/main.shared", `{"config":{"source_connection":{"name":"connections/theirs"}}}`)
	// What a run without a fault ends with.
	want := map[string]map[string]string{"nothing": w.found()}
	env.Create(t, w.Kube, declared("gh"))
	w.Settle("gh")
	want["create"], want["rotate"] = w.found(), w.found()
	fingerprints := map[string]string{"create": w.Get("gh").Status.Credential.Fingerprint}
	fingerprints["change"], fingerprints["delete"] = fingerprints["create"], fingerprints["create"]
	w.edit("gh", changed)
	w.rotate(secondToken)
	w.Settle("gh")
	want["change"] = w.found()
	fingerprints["rotate"] = w.Get("gh").Status.Credential.Fingerprint
	w.Remove("gh")
	want["delete"] = want["nothing"]
	w.as(want["nothing"])
	for _, stage := range externaltest.Stages {
		for _, act := range []string{"create", "change", "rotate", "delete"} {
			t.Run(act+" "+stage, func(t *testing.T) {
				w.T = t
				externaltest.EachCall(t, map[string]int{"create": 2, "change": 2, "rotate": 1, "delete": 2}[act], func(n int) bool {
					if !w.crash(act, stage, n) {
						return false
					}
					w.as(want[act])
					if c := w.Get("gh"); c != nil && c.Status.Credential.Fingerprint != fingerprints[act] {
						t.Errorf("the credential is another: %+v", c.Status.Credential)
					}
					if act != "delete" {
						w.Remove("gh")
						w.as(want["nothing"])
					}
					return true
				})
			})
		}
	}
	w.T = t
	w.quiet()
}

// crash lets the operator crash at the nth call of an act, lets a new one finish, and
// says whether there was an nth call. Without one it takes away what was made.
func (w *world) crash(act, stage string, n int) bool {
	t := w.T
	w.rotate(firstToken)
	env.Create(t, w.Kube, declared("gh"))
	if act != "create" {
		w.Settle("gh")
	}
	switch act {
	case "change":
		w.edit("gh", changed)
	case "rotate":
		w.rotate(secondToken)
	case "delete":
		w.Delete(w.Get("gh"))
	}
	match := env.FaultMatch{PathRegex: "^/api/2.1/unity-catalog/", Nth: n}
	if stage != "before_commit" {
		match.Method = map[string]string{"create": http.MethodPost, "delete": http.MethodDelete}[act]
		if match.Method == "" {
			match.Method = http.MethodPatch
		}
	}
	crashed, _ := w.CrashAt(w.Get("gh"), stage, match)
	w.Settle("gh")
	if !crashed && act != "delete" {
		w.Remove("gh")
	}
	return crashed
}

// TestTheSecretGoesBackAfterACrash: a credential was written and its answer lost, and the
// Secret has the old one again. Status must not say that the old one is there.
func TestTheSecretGoesBackAfterACrash(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env.Create(t, w.Kube, declared("gh"))
	w.Settle("gh")
	w.rotate(secondToken)
	w.Emulator.Break(t, env.Fault{Match: env.FaultMatch{Method: http.MethodPatch, PathRegex: "/connections/"}, Stage: "after_commit", Action: "reset"})
	if err := w.Pass(t.Context(), w.Get("gh")); err == nil {
		t.Fatal("the answer was not lost")
	}
	w.Emulator.Heal(t)
	w.rotate(firstToken)
	since := w.Emulator.Last(t)
	w.Settle("gh")
	if writes := w.Emulator.Writes(t, since); len(writes) != 1 || writes[0] != "PATCH "+connections+"/gh" {
		t.Errorf("written %v", writes)
	}
}
