// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
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
	crash := func() {
		w.dead.Store(true)
		if end := w.end.Load(); end != nil {
			// The answer that is on its way still arrives; what the dead operator would ask next is cut off anyway.
			time.AfterFunc(20*time.Millisecond, *end)
		}
	}
	w.struck.Store(&crash)
	w.call(http.MethodPost, connections, `{"name":"theirs","connection_type":"HTTP","options":{"host":"https://theirs.example.com","bearer_token":"t","is_mcp_connection":"true"}}`)
	w.call(http.MethodPost, services+"?mcp_service_id=theirs&parent=schemas/main.shared", `{"config":{"source_connection":{"name":"connections/theirs"}}}`)
	// What a run without a fault ends with.
	want := map[string]map[string]string{"nothing": w.found()}
	env.Create(t, w.kube, declared("gh"))
	w.settle("gh")
	want["create"], want["rotate"] = w.found(), w.found()
	fingerprints := map[string]string{"create": w.get("gh").Status.Credential.Fingerprint}
	fingerprints["change"], fingerprints["delete"] = fingerprints["create"], fingerprints["create"]
	w.edit("gh", changed)
	w.rotate(secondToken)
	w.settle("gh")
	want["change"] = w.found()
	fingerprints["rotate"] = w.get("gh").Status.Credential.Fingerprint
	w.remove("gh")
	want["delete"] = want["nothing"]
	w.as(want["nothing"])
	for _, stage := range []string{"before_commit", "after_commit", "after_reply"} {
		for _, act := range []string{"create", "change", "rotate", "delete"} {
			t.Run(act+" "+stage, func(t *testing.T) {
				w.t = t
				for n := 1; ; n++ {
					if !w.crash(act, stage, n) {
						if least := map[string]int{"create": 3, "change": 3, "rotate": 2, "delete": 3}[act]; n < least {
							t.Fatalf("only %d calls were made", n-1)
						}
						return
					}
					w.as(want[act])
					if c := w.get("gh"); c != nil && c.Status.Credential.Fingerprint != fingerprints[act] {
						t.Errorf("the credential is another: %+v", c.Status.Credential)
					}
					if act != "delete" {
						w.remove("gh")
						w.as(want["nothing"])
					}
					if t.Failed() {
						t.Fatalf("at call %d", n)
					}
				}
			})
		}
	}
	w.t = t
	w.quiet()
}

// crash lets the operator crash at the nth call of an act, lets a new one finish, and
// says whether there was an nth call. Without one it takes away what was made.
func (w *world) crash(act, stage string, n int) bool {
	t := w.t
	w.rotate(firstToken)
	env.Create(t, w.kube, declared("gh"))
	if act != "create" {
		w.settle("gh")
	}
	switch act {
	case "change":
		w.edit("gh", changed)
	case "rotate":
		w.rotate(secondToken)
	case "delete":
		if err := w.kube.Delete(t.Context(), w.get("gh")); err != nil {
			t.Fatal(err)
		}
	}
	match := env.FaultMatch{PathRegex: "^/api/2.1/unity-catalog/", Nth: n}
	if stage != "before_commit" {
		match.Method = map[string]string{"create": http.MethodPost, "delete": http.MethodDelete}[act]
		if match.Method == "" {
			match.Method = http.MethodPatch
		}
	}
	w.emulator.Break(t, env.Fault{
		Match: match, Stage: stage, Action: "hook", HookURL: w.hook.URL, Then: map[bool]string{true: "continue", false: "reset"}[stage == "after_reply"],
	})
	ctx, cancel := context.WithCancel(t.Context())
	w.end.Store(&cancel)
	_ = w.pass(ctx, w.get("gh"))
	cancel()
	crashed := w.dead.Swap(false)
	w.emulator.Heal(t)
	w.settle("gh")
	if !crashed && act != "delete" {
		w.remove("gh")
	}
	return crashed
}

// TestTheSecretGoesBackAfterACrash: a credential was written and its answer lost, and the
// Secret has the old one again. Status must not say that the old one is there.
func TestTheSecretGoesBackAfterACrash(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env.Create(t, w.kube, declared("gh"))
	w.settle("gh")
	w.rotate(secondToken)
	w.emulator.Break(t, env.Fault{Match: env.FaultMatch{Method: http.MethodPatch, PathRegex: "/connections/"}, Stage: "after_commit", Action: "reset"})
	if err := w.pass(t.Context(), w.get("gh")); err == nil {
		t.Fatal("the answer was not lost")
	}
	w.emulator.Heal(t)
	w.rotate(firstToken)
	since := w.emulator.Last(t)
	w.settle("gh")
	if writes := w.emulator.Writes(t, since); len(writes) != 1 || writes[0] != "PATCH "+connections+"/gh" {
		t.Errorf("written %v", writes)
	}
}
