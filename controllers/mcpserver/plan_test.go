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

func TestPlan(t *testing.T) {
	is := wanted(t, testDocument(t, "check_identity"))
	was := wanted(t, testDocument(t, "check_identity", "query_audit_log"))
	// revoked is what is there when a tool was taken away, and nothing is done yet.
	revoked := func(edits ...func(*state)) state { return changed(running(was), edits...) }
	as := func(edits ...func(*state)) state { return changed(running(is), edits...) }
	foreign := func(kind string) func(*state) { return func(s *state) { s.object(kind).Foreign = true } }
	differs := func(kind string) func(*state) { return func(s *state) { s.object(kind).Differs = true } }
	gone := func(kind string) func(*state) {
		return func(s *state) {
			s.Objects = slices.DeleteFunc(s.Objects, func(o object) bool { return o.Kind == kind })
		}
	}
	uncompared := func(s *state) { s.object(kindDeployment).Uncompared = errors.New("no answer") }
	noBudget := changed(is, gone(kindBudget))
	unfinished := changed(is, func(s *state) { s.Unfinished = fault.Waiting(v1alpha1.ReasonToolNotFound, errors.New("no such Tool")) })
	document := []string{"Update the ConfigMap tools", "Update the annotation of the Pod a", "Update the annotation of the Pod b"}
	for name, c := range map[string]struct {
		want, have state
		plan       []string
		class      fault.Class
	}{
		"everything is as declared": {want: is, have: as()},
		"nothing is there": {want: is, have: state{}, plan: []string{
			"Create the ConfigMap tools", "Create the Secret tools-sealing-keys", "Create the ServiceAccount tools", "Create the ClusterRoleBinding gatehouse:mcp-server:sales:tools",
			"Create the Service tools", "Create the Deployment tools", "Create the PodDisruptionBudget tools", "Create the Role tools-health",
		}},
		"a revocation writes the ConfigMap and touches the pods before all else": {want: is, have: revoked(differs(kindDeployment)), plan: append(slices.Clone(document), "Update the Deployment tools")},
		"drift of a Service":           {want: is, have: as(differs(kindService)), plan: []string{"Update the Service tools"}},
		"other keys":                   {want: is, have: as(func(s *state) { s.object(kindSecret).Value = keysSecret(testServer(), sealing{}) }), plan: []string{"Update the Secret tools-sealing-keys"}},
		"no budget is wanted any more": {want: noBudget, have: as(), plan: []string{"Delete the PodDisruptionBudget tools"}},
		"somebody else's budget stays": {want: noBudget, have: as(foreign(kindBudget))},

		"the ConfigMap is somebody else's":                           {want: is, have: as(foreign(kindConfigMap)), class: fault.ClassConflict},
		"an object of somebody else holds up no revocation":          {want: is, have: revoked(foreign(kindServiceAccount), gone(kindDeployment)), plan: document},
		"with the document in place, no pods are made over it":       {want: is, have: as(foreign(kindServiceAccount), gone(kindDeployment)), class: fault.ClassConflict},
		"somebody else's Role takes nothing but the server's health": {want: is, have: as(foreign(kindRole)), class: fault.ClassConflict},
		"and keeps nothing back":                                     {want: is, have: as(foreign(kindRole), differs(kindService)), plan: []string{"Update the Service tools"}},

		"what cannot be compared is said":            {want: is, have: as(uncompared), class: fault.ClassTransient},
		"what cannot be compared keeps nothing back": {want: is, have: as(uncompared, differs(kindService)), plan: []string{"Update the Service tools"}},
		"what the document leaves out is said":       {want: unfinished, have: as(), class: fault.ClassWaiting},

		"deletion removes what garbage collection does not": {have: as(), plan: []string{"Delete the ClusterRoleBinding gatehouse:mcp-server:sales:tools"}},
		"deletion leaves what is somebody else's":           {have: as(foreign(kindReviewer))},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := planned(c.want, c.have)
			if !slices.Equal(targets(got), c.plan) {
				t.Errorf("plan %q, want %q", targets(got), c.plan)
			}
			if (err != nil) != (c.class != "") || err != nil && !fault.Is(err, c.class) {
				t.Errorf("ended with %v, want %q", err, c.class)
			}
		})
	}
}

// changed returns a state with changes, and leaves the old one as it was.
func changed(s state, edits ...func(*state)) state {
	s.Objects = slices.Clone(s.Objects)
	for _, e := range edits {
		e(&s)
	}
	return s
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
