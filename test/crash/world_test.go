// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package crash_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

const (
	installation = "crash"
	issuer       = "https://idp.example.com/"
	// patience is how long something may take at most. No test says how fast it must be.
	patience = 2 * time.Minute
)

// world is a cluster, an emulator with things of others in it, and at most one operator.
type world struct {
	t                   *testing.T
	kube                client.Client
	emulator            *env.Emulator
	program, kubeconfig string
	operator            *exec.Cmd
	log                 safeBuffer
	// others are what does not carry our mark, as it was at first.
	others string
}

// safeBuffer is a buffer that processes may write to at the same time.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	config, c := env.Cluster(t)
	w := &world{t: t, kube: c, emulator: env.NewEmulator(t), program: env.Program(t, "./cmd/operator"), kubeconfig: env.Kubeconfig(t, config)}
	env.Workspace(t, c, w.emulator)
	ns := env.Namespace(t, c, "platform", nil)
	env.Create(t, c, &v1alpha1.Boundary{ObjectMeta: metav1.ObjectMeta{Name: "platform"}, Spec: v1alpha1.BoundarySpec{
		Namespaces: []v1alpha1.BoundaryNamespace{{Name: "platform", UID: string(ns.UID)}}, Workspaces: []v1alpha1.NamePattern{"main"},
		Groups:  v1alpha1.BoundaryGroups{MemberOf: []v1alpha1.NamePattern{"gh_*", "shared"}, Create: []v1alpha1.NamePattern{"gh_*"}},
		Issuers: []v1alpha1.HTTPSURL{issuer},
	}})
	w.surround()
	t.Cleanup(func() {
		if w.operator != nil {
			w.kill()
		}
		if t.Failed() {
			t.Logf("the operators' log:\n%s", w.log.String())
		}
	})
	return w
}

// surround puts things of others next to ours: a service principal of the same
// name with a policy, and a group that a Role asks for.
func (w *world) surround() {
	w.t.Helper()
	account := "/api/2.0/accounts/" + env.AccountID
	var sp struct {
		ID string `json:"id"`
	}
	w.emulator.Do(w.t, http.MethodPost, w.emulator.AccountURL, account+"/scim/v2/ServicePrincipals", `{"displayName":"West","externalId":"somebody","active":true}`, &sp)
	w.emulator.Do(w.t, http.MethodPost, w.emulator.AccountURL, account+"/servicePrincipals/"+sp.ID+"/federationPolicies?policy_id=theirs",
		`{"description":"theirs","oidc_policy":{"issuer":"https://idp.example.com/","subject":"west"}}`, nil)
	w.emulator.Do(w.t, http.MethodPost, w.emulator.AccountURL, account+"/scim/v2/Groups", `{"displayName":"shared"}`, nil)
	w.others = w.unmarked()
}

// unmarked is everything that does not carry our mark, but for members of groups.
func (w *world) unmarked() string {
	w.t.Helper()
	state := w.emulator.State(w.t)
	for id, p := range state.Principals {
		if strings.HasPrefix(p.ExternalID, installation+"/") {
			delete(state.Principals, id)
			delete(state.Assignments, id)
		}
	}
	for id, g := range state.Groups {
		if g.Members = nil; strings.HasPrefix(g.ExternalID, installation+"/") {
			delete(state.Groups, id)
			continue
		}
		state.Groups[id] = g
	}
	raw, err := json.MarshalIndent(state, "", " ")
	if err != nil {
		w.t.Fatal(err)
	}
	return string(raw)
}

// start starts an operator.
func (w *world) start() {
	w.t.Helper()
	w.operator = w.launch("--leader-elect=false")
}

// launch starts an operator with some more flags.
func (w *world) launch(more ...string) *exec.Cmd {
	w.t.Helper()
	cmd := exec.Command(w.program, append(more,
		"--kubeconfig="+w.kubeconfig, "--installation="+installation, "--namespace="+env.OperatorNamespace, "--mcp-server-image=example.com/mcp-server:1",
		"--metrics-bind-address=0", "--health-probe-bind-address=0")...)
	cmd.Stdout, cmd.Stderr = &w.log, &w.log
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	return cmd
}

// kill ends the operator with SIGKILL: nothing of it runs any more when kill returns.
func (w *world) kill() {
	w.t.Helper()
	if err := w.operator.Process.Kill(); err != nil {
		w.t.Fatal(err)
	}
	_ = w.operator.Wait()
	if code := w.operator.ProcessState.ExitCode(); code != -1 {
		w.t.Errorf("the operator had exited with %d before it was killed", code)
	}
	w.operator = nil
}

// eventually waits until something holds.
func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for tick := time.NewTicker(50 * time.Millisecond); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			w.t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// ready waits until an object is Ready for its generation.
func (w *world) ready(objects ...external.Object) {
	w.t.Helper()
	for _, o := range objects {
		var c *metav1.Condition
		w.eventually(o.GetName()+" is Ready", func() bool {
			if err := w.kube.Get(w.t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
				w.t.Fatal(err)
			}
			c = meta.FindStatusCondition(o.GetConditions(), v1alpha1.ConditionReady)
			return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == o.GetGeneration()
		})
	}
}

// gone waits until objects do not exist.
func (w *world) gone(objects ...client.Object) {
	w.t.Helper()
	for _, o := range objects {
		w.eventually(o.GetName()+" is gone", func() bool {
			return apierrors.IsNotFound(w.kube.Get(w.t.Context(), client.ObjectKeyFromObject(o), o))
		})
	}
}

func (w *world) remove(objects ...client.Object) {
	w.t.Helper()
	for _, o := range objects {
		if err := client.IgnoreNotFound(w.kube.Delete(w.t.Context(), o)); err != nil {
			w.t.Fatal(err)
		}
	}
}

// ask asks for a pass over an object.
func (w *world) ask(o client.Object, when string) {
	w.t.Helper()
	patch := `{"metadata":{"annotations":{"` + v1alpha1.AnnotationReconcileRequestedAt + `":"` + when + `"}}}`
	if err := w.kube.Patch(w.t.Context(), o, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		w.t.Fatal(err)
	}
}

// ours counts what carries our mark: service principals, groups and policies.
func (w *world) ours() (principals, groups, policies int) {
	w.t.Helper()
	state := w.emulator.State(w.t)
	for _, p := range state.Principals {
		if strings.HasPrefix(p.ExternalID, installation+"/") {
			principals++
		}
		for _, raw := range p.Policies {
			if strings.Contains(string(raw), "Managed by Gatehouse: "+installation+"/") {
				policies++
			}
		}
	}
	for _, g := range state.Groups {
		if strings.HasPrefix(g.ExternalID, installation+"/") {
			groups++
		}
	}
	return principals, groups, policies
}

// exactly checks that this many of everything of ours are there, and that nothing
// of others was touched.
func (w *world) exactly(want int) {
	w.t.Helper()
	if principals, groups, policies := w.ours(); principals != want || groups != want || policies != want {
		w.t.Errorf("%d service principals, %d groups and %d policies carry our mark, want %d of each", principals, groups, policies, want)
	}
	if now := w.unmarked(); now != w.others {
		w.t.Errorf("what others made was touched; it was\n%s\nand is\n%s", w.others, now)
	}
}
