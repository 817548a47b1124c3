// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package crash_test

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
	"github.com/gatehouse-dev/gatehouse/test/externaltest"
)

const (
	installation = "crash"
	issuer       = "https://idp.example.com/"
	// patience is how long something may take at most. No test says how fast it must be.
	patience = 2 * time.Minute
)

// world is a cluster, an emulator with things of others in it, and at most one operator.
type world struct {
	externaltest.Running
	emulator            *env.Emulator
	program, kubeconfig string
	operator            *exec.Cmd
	log                 externaltest.Log
	// others are what does not carry our mark, as it was at first.
	others string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	config, c := env.Cluster(t)
	w := &world{Running: externaltest.Running{T: t, Kube: c, Patience: patience}, emulator: env.NewEmulator(t), program: env.Program(t, "./cmd/operator"), kubeconfig: env.Kubeconfig(t, config)}
	env.Workspace(t, c, w.emulator)
	ns := env.Namespace(t, c, "platform", nil)
	env.Create(t, c, env.BoundaryOf(ns, "main", func(b *v1alpha1.BoundarySpec) {
		b.Groups = v1alpha1.BoundaryGroups{MemberOf: []v1alpha1.NamePattern{"gh_*", "shared"}, Create: []v1alpha1.NamePattern{"gh_*"}}
		b.Issuers = []v1alpha1.HTTPSURL{issuer}
	}))
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
	w.T.Helper()
	var sp struct {
		ID string `json:"id"`
	}
	w.emulator.Do(w.T, http.MethodPost, w.emulator.AccountURL, env.AccountPath+"/scim/v2/ServicePrincipals", `{"displayName":"West","externalId":"somebody","active":true}`, &sp)
	w.emulator.Do(w.T, http.MethodPost, w.emulator.AccountURL, env.AccountPath+"/servicePrincipals/"+sp.ID+"/federationPolicies?policy_id=theirs",
		`{"description":"theirs","oidc_policy":{"issuer":"https://idp.example.com/","subject":"west"}}`, nil)
	w.emulator.Do(w.T, http.MethodPost, w.emulator.AccountURL, env.AccountPath+"/scim/v2/Groups", `{"displayName":"shared"}`, nil)
	w.others = w.unmarked()
}

// unmarked is everything that does not carry our mark, but for members of groups.
func (w *world) unmarked() string {
	w.T.Helper()
	state := w.emulator.State(w.T)
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
		w.T.Fatal(err)
	}
	return string(raw)
}

// start starts an operator.
func (w *world) start() {
	w.T.Helper()
	w.operator = w.launch("--leader-elect=false")
}

// launch starts an operator with some more flags.
func (w *world) launch(more ...string) *exec.Cmd {
	w.T.Helper()
	cmd := exec.Command(w.program, append(more,
		"--kubeconfig="+w.kubeconfig, "--installation="+installation, "--namespace="+env.OperatorNamespace, "--mcp-server-image=example.com/mcp-server:1",
		"--metrics-bind-address=0", "--health-probe-bind-address=0")...)
	cmd.Stdout, cmd.Stderr = &w.log, &w.log
	if err := cmd.Start(); err != nil {
		w.T.Fatal(err)
	}
	return cmd
}

// kill ends the operator with SIGKILL: nothing of it runs any more when kill returns.
func (w *world) kill() {
	w.T.Helper()
	if err := w.operator.Process.Kill(); err != nil {
		w.T.Fatal(err)
	}
	_ = w.operator.Wait()
	if code := w.operator.ProcessState.ExitCode(); code != -1 {
		w.T.Errorf("the operator had exited with %d before it was killed", code)
	}
	w.operator = nil
}

func (w *world) eventually(what string, holds func() bool) {
	w.T.Helper()
	w.Eventually(func() string { return what }, holds)
}

// ours counts what carries our mark: service principals, groups and policies.
func (w *world) ours() (principals, groups, policies int) {
	w.T.Helper()
	state := w.emulator.State(w.T)
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
	w.T.Helper()
	if principals, groups, policies := w.ours(); principals != want || groups != want || policies != want {
		w.T.Errorf("%d service principals, %d groups and %d policies carry our mark, want %d of each", principals, groups, policies, want)
	}
	if now := w.unmarked(); now != w.others {
		w.T.Errorf("what others made was touched; it was\n%s\nand is\n%s", w.others, now)
	}
}

// oneIsLeft checks that passes over both end with one of everything, and that deleting both
// leaves nothing.
func (w *world) oneIsLeft(role *v1alpha1.Role, policy *v1alpha1.FederationPolicy) {
	w.T.Helper()
	w.again(role, policy)
	w.eventually("one service principal is left", func() bool { principals, _, _ := w.ours(); return principals == 1 })
	w.Ready(role, policy)
	w.exactly(1)
	w.Remove(role, policy)
	w.Gone(role, policy)
	w.exactly(0)
}
