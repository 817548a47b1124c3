// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpserver

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

var testPods = pods{Image: "example.com/mcp-server:1", OperatorName: "system:serviceaccount:gatehouse-system:gatehouse-operator", ProbeAudience: "gatehouse-probe"}

func testServer() *v1alpha1.MCPServer {
	return &v1alpha1.MCPServer{ObjectMeta: metav1.ObjectMeta{Namespace: "sales", Name: "tools", UID: "11111111-0000-4000-8000-000000000000"}}
}

func testDocument(t *testing.T, tools ...string) access.Document {
	t.Helper()
	d := access.Document{Version: access.DocumentVersion, Server: "sales/tools", Roles: map[string]access.Role{}, Matrix: map[string][]string{}}
	for _, name := range tools {
		d.Tools = append(d.Tools, access.Tool{Name: name, InputSchema: json.RawMessage(`{"type":"object"}`)})
	}
	sealed, err := d.Seal()
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func wanted(t *testing.T, d access.Document) state {
	t.Helper()
	k := sealing{keys: map[string][]byte{"20260101T000000Z": make([]byte, 32)}, present: new(true)}
	objects, err := testPods.objects(testServer(), d, k)
	if err != nil {
		t.Fatal(err)
	}
	return state{Document: d, Objects: objects, Replicas: 2}
}

// running is what the cluster has when all is well.
func running(want state) state {
	have := state{Document: want.Document, Replicas: 2, Objects: append([]object(nil), want.Objects...)}
	for _, name := range []string{"a", "b"} {
		have.Pods = append(have.Pods, pod{Name: name, IP: "10.0.0.1", Touched: want.Document.Hash, Ready: true, Hash: want.Document.Hash, Tools: toolNames(want.Document)})
	}
	return have
}

func targets(p external.Plan[state]) []string {
	var out []string
	for _, s := range p {
		out = append(out, string(s.Verb)+" "+s.Target)
	}
	return out
}

func TestAServerThatIsAsDeclaredNeedsNothing(t *testing.T) {
	want := wanted(t, testDocument(t, "check_identity"))
	got, err := planned(want, running(want))
	if err != nil || len(got) != 0 {
		t.Errorf("plan %v, %v", targets(got), err)
	}
}

func TestARevocationWritesTheConfigMapAndTouchesThePodsBeforeAllElse(t *testing.T) {
	want := wanted(t, testDocument(t, "check_identity"))
	have := running(wanted(t, testDocument(t, "check_identity", "query_audit_log")))
	have.object(kindDeployment).Differs = true
	got, err := planned(want, have)
	if err != nil {
		t.Fatal(err)
	}
	text := targets(got)
	order := []string{"Update the ConfigMap tools", "Update the annotation of the Pod a", "Update the annotation of the Pod b", "Update the Deployment tools"}
	if len(text) != len(order) {
		t.Fatalf("plan %q, want %q", text, order)
	}
	for i := range order {
		if text[i] != order[i] {
			t.Errorf("step %d is %q, want %q", i, text[i], order[i])
		}
	}
}

func TestWhatThePodsStillLackIsSaid(t *testing.T) {
	want := wanted(t, testDocument(t, "check_identity"))
	for name, c := range map[string]struct {
		change func(*state)
		reason string
	}{
		"a pod is missing":                {func(s *state) { s.Pods = s.Pods[:1] }, v1alpha1.ReasonPodsNotReady},
		"a pod is not ready":              {func(s *state) { s.Pods[0].Ready = false }, v1alpha1.ReasonPodsNotReady},
		"a pod enforces an older matrix":  {func(s *state) { s.Pods[1].Hash = "old" }, v1alpha1.ReasonPodsNotCurrent},
		"a pod lists other tools":         {func(s *state) { s.Pods[1].Tools = nil }, v1alpha1.ReasonHandshakeFailed},
		"a pod does not answer":           {func(s *state) { s.Pods[0].Problem = "the second port cannot be reached" }, v1alpha1.ReasonHandshakeFailed},
		"a pod has a document it refuses": {func(s *state) { s.Pods[0].Problem = "the hash does not fit" }, v1alpha1.ReasonHandshakeFailed},
	} {
		have := running(want)
		c.change(&have)
		got, err := planned(want, have)
		f := fault.Of(err)
		if len(got) > 0 || f == nil || f.Class != fault.ClassProgressing || f.Reason != c.reason || f.After <= 0 {
			t.Errorf("%s: plan %v, %+v", name, targets(got), f)
		}
	}
}

func TestAnObjectOfSomebodyElseIsNotTouched(t *testing.T) {
	want := wanted(t, testDocument(t))
	have := running(want)
	have.Objects[0].Foreign = true
	got, err := planned(want, have)
	if len(got) > 0 || !fault.Is(err, fault.ClassConflict) {
		t.Errorf("plan %v, %v", targets(got), err)
	}
}

func TestAnObjectOfSomebodyElseHoldsUpNoRevocation(t *testing.T) {
	want := wanted(t, testDocument(t, "check_identity"))
	have := running(wanted(t, testDocument(t, "check_identity", "query_audit_log")))
	have.object(kindServiceAccount).Foreign = true
	have.Objects = slices.DeleteFunc(have.Objects, func(o object) bool { return o.Kind == kindDeployment })
	got, err := planned(want, have)
	order := []string{"Update the ConfigMap tools", "Update the annotation of the Pod a", "Update the annotation of the Pod b"}
	if err != nil || !slices.Equal(targets(got), order) {
		t.Errorf("plan %q, %v; want %q", targets(got), err, order)
	}
	have = running(want)
	have.object(kindServiceAccount).Foreign = true
	have.Objects = slices.DeleteFunc(have.Objects, func(o object) bool { return o.Kind == kindDeployment })
	if got, err := planned(want, have); len(got) > 0 || !fault.Is(err, fault.ClassConflict) {
		t.Errorf("with the document in place: plan %q, %v", targets(got), err)
	}
}

func TestDeletionRemovesWhatGarbageCollectionDoesNot(t *testing.T) {
	have := running(wanted(t, testDocument(t)))
	got, err := planned(state{}, have)
	if err != nil || len(got) != 1 || got[0].Verb != external.Delete || got[0].Want.Objects[0].Kind != kindReviewer {
		t.Errorf("plan %v, %v", targets(got), err)
	}
}

func TestWhatCannotBeComparedKeepsNothingBack(t *testing.T) {
	want := wanted(t, testDocument(t, "check_identity"))
	have := running(want)
	have.object(kindDeployment).Uncompared = errors.New("no answer")
	if got, err := planned(want, have); len(got) > 0 || !fault.Is(err, fault.ClassTransient) {
		t.Errorf("plan %v, %v", targets(got), err)
	}
	have.object(kindService).Differs = true
	if got, err := planned(want, have); err != nil || !slices.Equal(targets(got), []string{"Update the Service tools"}) {
		t.Errorf("plan %v, %v", targets(got), err)
	}
}
