// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection_test

import (
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	env.Create(t, w.kube, declared("gh"))
	w.settle("gh")
	w.rotate(secondToken)
	if c := w.settle("gh"); c.Status.LastDrift != nil {
		t.Errorf("a new credential was told as drift: %+v", c.Status.LastDrift)
	}
	w.edit("gh", func(s *v1alpha1.ConnectionSpec) { s.Port = 8443 })
	if c := w.settle("gh"); c.Status.LastDrift != nil || c.Status.Agreed == nil {
		t.Errorf("another spec was told as drift: %+v, agreed %+v", c.Status.LastDrift, c.Status.Agreed)
	}
	w.call(http.MethodPatch, connections+"/gh", `{"options":{"host":"https://evil.example.org","port":"8443","bearer_token":"x","is_mcp_connection":"true"}}`)
	c := w.settle("gh")
	d := c.Status.LastDrift
	if d == nil || d.By != env.OperatorID || len(d.What) != 1 || !strings.Contains(d.What[0], `host: "https://evil.example.org" -> "https://api.example.com"`) {
		t.Fatalf("the drift is %+v", d)
	}
	if got := w.found()["gh"]; !strings.Contains(got, "host:https://api.example.com") {
		t.Errorf("there is %s", got)
	}

	w.manage(v1alpha1.ManagementObserveOnly)
	w.call(http.MethodDelete, services+"/"+serviceName, "")
	since := w.emulator.Last(t)
	if m := w.ends(w.get("gh"), v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonObserveOnly); !strings.Contains(m, "the Workspace main is ObserveOnly") {
		t.Errorf("Ready says %s", m)
	}
	c = w.get("gh")
	if len(c.Status.Plan) != 1 || !strings.HasPrefix(c.Status.Plan[0], "Create the MCP service "+serviceName) || c.Status.LastDrift.What[0] != c.Status.Plan[0] {
		t.Errorf("the plan is %q, the drift %+v", c.Status.Plan, c.Status.LastDrift)
	}
	if writes := w.emulator.Writes(t, since); len(writes) > 0 {
		t.Errorf("written: %v", writes)
	}
	w.manage(v1alpha1.ManagementEnforce)
	if c = w.settle("gh"); len(c.Status.Plan) > 0 {
		t.Errorf("the plan stayed: %q", c.Status.Plan)
	}
	w.quiet()
}
