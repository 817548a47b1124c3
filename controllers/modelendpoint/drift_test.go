// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package modelendpoint_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

func TestDriftIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env.Create(t, w.Kube, declared("model"))
	w.Settle("model")
	w.role("west", w.other.ID)
	if m := w.Settle("model"); m.Status.LastDrift != nil {
		t.Errorf("another service principal of a Role was told as drift: %+v", m.Status.LastDrift)
	}
	w.role("west", w.west.ID)
	w.Settle("model")
	w.set(`{"rate_limits":[` + theirs + `,{"calls":500,"tokens":9000,"key":"endpoint","renewal_period":"minute"},` + w.limit(7) + `],"guardrails":{"output":{"invalid_keywords":["falcon"],"pii":{"behavior":"MASK"}}}}`)
	d := w.Settle("model").Status.LastDrift
	if d == nil || len(d.Steps) != 1 || !strings.Contains(d.Steps[0], w.west.ID) || d.DetectedAt.IsZero() {
		t.Fatalf("the drift is %+v", d)
	}
	w.has(w.first(), ourMark)

	w.Manage(v1alpha1.ManagementObserveOnly)
	w.set(others)
	before, _ := w.seen()
	since := w.Emulator.Last(t)
	if m := w.ends(w.Get("model"), v1alpha1.ConditionReady, v1alpha1.ReasonObserveOnly); !strings.Contains(m, "the Workspace main is ObserveOnly") {
		t.Errorf("Ready says %s", m)
	}
	m := w.Get("model")
	if len(m.Status.Plan) != 1 || !strings.HasPrefix(m.Status.Plan[0], "Update the AI Gateway of the serving endpoint "+name) || m.Status.LastDrift.Steps[0] != m.Status.Plan[0] {
		t.Errorf("the plan is %q, the drift %+v", m.Status.Plan, m.Status.LastDrift)
	}
	if writes := w.Emulator.Writes(t, since); len(writes) > 0 || len(before) == 0 {
		t.Errorf("written: %v over %v", writes, before)
	}
	w.Manage(v1alpha1.ManagementEnforce)
	if m = w.Settle("model"); len(m.Status.Plan) > 0 {
		t.Errorf("the plan stayed: %q", m.Status.Plan)
	}
	w.has(w.first(), ourMark)
}
