// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package modelendpoint_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// payloads has the payloads logged in a schema of the catalog main.
func payloads(schema v1alpha1.CatalogPart) func(*v1alpha1.ModelEndpointSpec) {
	return func(s *v1alpha1.ModelEndpointSpec) {
		s.PayloadLogging = &v1alpha1.PayloadLogging{Catalog: "main", Schema: schema, TablePrefix: "agent"}
	}
}

// logging is the first configuration with payloads logged in a schema.
func (w *world) logging(schema string) string {
	return strings.TrimSuffix(w.first(), "}") + `,"inference_table_config":{"enabled":true,"catalog_name":"main","schema_name":"` + schema + `","table_name_prefix":"agent"}}`
}

// tracked is a configuration with usage tracking.
func tracked(gateway string) string {
	return strings.TrimSuffix(gateway, "}") + `,"usage_tracking_config":{"enabled":true}}`
}

// logged waits until a table has the rows of some invocations: who asked and what came of it.
func (w *world) logged(table string, want ...string) {
	w.T.Helper()
	var got []string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if got = w.other.Rows(w.T, "SELECT requester, status_code FROM "+table+" ORDER BY request_time"); len(got) >= len(want) {
			break
		}
	}
	if !slices.Equal(got, want) {
		w.T.Errorf("%s has the rows %q, want %q", table, got, want)
	}
}

func TestInvocationsAreLoggedAsDeclared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Emulator.SQL(t, "GRANT USE CATALOG, USE SCHEMA, SELECT ON CATALOG system TO `"+w.other.ID+"`")
	const usage = "system.serving.endpoint_usage"
	m := declared("model")
	m.Spec.UsageTracking = v1alpha1.UsageTrackingEnabled
	payloads("logs")(&m.Spec)
	env.Create(t, w.Kube, m)
	ask := func(who *env.User, want ...int) {
		t.Helper()
		for i, status := range want {
			if got := who.Ask(t, name, "What is there?"); got != status {
				t.Errorf("call %d of %s: %d, want %d", i+1, who.ID, got, status)
			}
		}
	}

	if says := w.ends(m, v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonSecurableNotFound); !strings.Contains(says, "main.logs") {
		t.Errorf("the message does not name the schema that is missing: %s", says)
	}
	w.has(tracked(w.first()), ourMark) // the rest does not wait for the table
	w.Emulator.SQL(t, "CREATE SCHEMA main.logs")
	w.Settle("model")
	w.has(tracked(w.logging("logs")), ourMark)
	ask(w.west, 200, 200, 429)
	rows := []string{w.west.ID + "|200", w.west.ID + "|200", w.west.ID + "|429"}
	w.logged("main.logs.agent_payload", rows...)
	w.logged(usage, rows...)
	since := w.Emulator.Last(t)
	w.Settle("model")
	w.WroteNothing(since)

	w.edit("model", payloads("audit"))
	if says := w.ends(w.Get("model"), v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonSecurableNotFound); !strings.Contains(says, "main.audit") {
		t.Errorf("the message does not name the schema that is missing: %s", says)
	}
	w.has(tracked(w.logging("logs")), ourMark)
	w.Emulator.SQL(t, "CREATE SCHEMA main.audit")
	w.moves()
	w.has(tracked(w.logging("audit")), ourMark)
	ask(w.other, 200)
	w.logged("main.audit.agent_payload", w.other.ID+"|200")
	w.logged("main.logs.agent_payload", rows...)
	rows = append(rows, w.other.ID+"|200")
	w.logged(usage, rows...)

	w.edit("model", func(s *v1alpha1.ModelEndpointSpec) { s.PayloadLogging, s.UsageTracking = nil, "" })
	w.Settle("model")
	w.has(w.first(), ourMark)
	ask(w.other, 200) // leaves no row
	w.edit("model", func(s *v1alpha1.ModelEndpointSpec) {
		s.UsageTracking = v1alpha1.UsageTrackingEnabled
		payloads("audit")(s)
	})
	w.Settle("model")
	ask(w.other, 200)
	w.logged("main.audit.agent_payload", w.other.ID+"|200", w.other.ID+"|200")
	w.logged(usage, append(rows, w.other.ID+"|200")...)
	w.Remove("model")
	w.has(others, "")
}

// moves checks that to move where payloads go takes two writes: one that turns
// logging off and leaves all else as it is, and one that turns it on again.
func (w *world) moves() {
	w.T.Helper()
	before, _ := w.seen()
	var between map[string]any
	look := func() { between, _ = w.seen() }
	w.OnCall("after_commit", env.FaultMatch{Method: "PUT", PathRegex: "/ai-gateway$", Nth: 1}, look)
	since := w.Emulator.Last(w.T)
	w.Settle("model")
	w.Emulator.Heal(w.T)
	delete(before, "inference_table_config")
	if text(between) != text(before) {
		w.T.Errorf("turned off, the configuration is %s, want %s", text(between), text(before))
	}
	var puts []int
	for _, c := range w.Emulator.Calls(w.T, since) {
		if c.Method == "PUT" {
			puts = append(puts, c.Status)
		}
	}
	if !slices.Equal(puts, []int{200, 200}) {
		w.T.Errorf("the writes were answered with %v", puts)
	}
}
