// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package modelendpoint_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// manage sets the management policy of the Workspace.
func (w *world) manage(policy v1alpha1.ManagementPolicy) {
	w.t.Helper()
	var ws v1alpha1.Workspace
	if err := w.kube.Get(w.t.Context(), client.ObjectKey{Name: "main"}, &ws); err != nil {
		w.t.Fatal(err)
	}
	ws.Spec.ManagementPolicy = policy
	if err := w.kube.Update(w.t.Context(), &ws); err != nil {
		w.t.Fatal(err)
	}
}

func TestDriftIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env.Create(t, w.kube, declared("model"))
	w.settle("model")
	w.role("west", w.other.ID)
	if m := w.settle("model"); m.Status.LastDrift != nil {
		t.Errorf("another service principal of a Role was told as drift: %+v", m.Status.LastDrift)
	}
	w.role("west", w.west.ID)
	w.settle("model")
	w.set(`{"rate_limits":[` + theirs + `,{"calls":500,"tokens":9000,"key":"endpoint","renewal_period":"minute"},` + w.limit(7) + `],"guardrails":{"output":{"invalid_keywords":["falcon"],"pii":{"behavior":"MASK"}}}}`)
	d := w.settle("model").Status.LastDrift
	if d == nil || len(d.What) != 1 || !strings.Contains(d.What[0], w.west.ID) || d.DetectedAt.IsZero() {
		t.Fatalf("the drift is %+v", d)
	}
	w.has(w.first(), ourMark)

	w.manage(v1alpha1.ManagementObserveOnly)
	w.set(others)
	before, _ := w.seen()
	since := w.emulator.Last(t)
	if m := w.ends(w.get("model"), v1alpha1.ConditionReady, v1alpha1.ReasonObserveOnly); !strings.Contains(m, "the Workspace main is ObserveOnly") {
		t.Errorf("Ready says %s", m)
	}
	m := w.get("model")
	if len(m.Status.Plan) != 1 || !strings.HasPrefix(m.Status.Plan[0], "Update the AI Gateway of the serving endpoint "+name) || m.Status.LastDrift.What[0] != m.Status.Plan[0] {
		t.Errorf("the plan is %q, the drift %+v", m.Status.Plan, m.Status.LastDrift)
	}
	if writes := w.emulator.Writes(t, since); len(writes) > 0 || len(before) == 0 {
		t.Errorf("written: %v over %v", writes, before)
	}
	w.manage(v1alpha1.ManagementEnforce)
	if m = w.settle("model"); len(m.Status.Plan) > 0 {
		t.Errorf("the plan stayed: %q", m.Status.Plan)
	}
	w.has(w.first(), ourMark)
}
