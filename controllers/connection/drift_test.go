// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection_test

import (
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

func TestDriftIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env.Create(t, w.Kube, declared("gh"))
	w.Settle("gh")
	w.rotate(secondToken)
	if c := w.Settle("gh"); c.Status.LastDrift != nil {
		t.Errorf("a new credential was told as drift: %+v", c.Status.LastDrift)
	}
	w.edit("gh", func(s *v1alpha1.ConnectionSpec) { s.Port = 8443 })
	if c := w.Settle("gh"); c.Status.LastDrift != nil || c.Status.LastSync == nil {
		t.Errorf("another spec was told as drift: %+v, agreed %+v", c.Status.LastDrift, c.Status.LastSync)
	}
	w.call(http.MethodPatch, connections+"/gh", `{"options":{"host":"https://evil.example.org","port":"8443","bearer_token":"x","is_mcp_connection":"true"}}`)
	c := w.Settle("gh")
	d := c.Status.LastDrift
	if d == nil || d.By != env.OperatorID || len(d.Steps) != 1 || !strings.Contains(d.Steps[0], `host: "https://evil.example.org" -> "https://api.example.com"`) {
		t.Fatalf("the drift is %+v", d)
	}
	if got := w.found()["gh"]; !strings.Contains(got, "host:https://api.example.com") {
		t.Errorf("there is %s", got)
	}

	w.Manage(v1alpha1.ManagementObserveOnly)
	w.call(http.MethodDelete, services+"/"+serviceName, "")
	since := w.Emulator.Last(t)
	if m := w.Ends(w.Get("gh"), v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonObserveOnly); !strings.Contains(m, "the Workspace main is ObserveOnly") {
		t.Errorf("Ready says %s", m)
	}
	c = w.Get("gh")
	if len(c.Status.Plan) != 1 || !strings.HasPrefix(c.Status.Plan[0], "Create the MCP service "+serviceName) || c.Status.LastDrift.Steps[0] != c.Status.Plan[0] {
		t.Errorf("the plan is %q, the drift %+v", c.Status.Plan, c.Status.LastDrift)
	}
	w.WroteNothing(since)
	w.Manage(v1alpha1.ManagementEnforce)
	if c = w.Settle("gh"); len(c.Status.Plan) > 0 {
		t.Errorf("the plan stayed: %q", c.Status.Plan)
	}
	w.quiet()
}
