// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package crash_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// writes are the calls that the operator is killed at: each creates, and with
// another method and one more part of the path deletes.
var writes = map[string]string{
	"service principal": "/scim/v2/ServicePrincipals",
	"group":             "/scim/v2/Groups",
	"federation policy": "/federationPolicies",
}

var stages = []string{"before_commit", "after_commit", "after_reply"}

// west is a Role and a FederationPolicy that trusts an identity provider for it.
func west() (*v1alpha1.Role, *v1alpha1.FederationPolicy) {
	ws := v1alpha1.LocalReference{Name: "main"}
	return &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "platform", Name: "west"}, Spec: v1alpha1.RoleSpec{
			WorkspaceRef: ws, DisplayName: "West", MemberOf: []v1alpha1.AccountGroupName{"gh_west", "shared"},
		}}, &v1alpha1.FederationPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "platform", Name: "idp"}, Spec: v1alpha1.FederationPolicySpec{
			WorkspaceRef: ws, Issuer: issuer, Audiences: []string{"https://tools.example.com/mcp"}, Claims: v1alpha1.FederationClaims{Role: "role"},
			Roles: []v1alpha1.FederatedRole{{Name: "west", Subject: "west"}},
		}}
}

func TestKilledAtAnyWriteTheOperatorEndsWithExactlyOneOfEverything(t *testing.T) {
	w := newWorld(t)
	w.start()
	for i, name := range []string{"service principal", "group", "federation policy"} {
		for j, stage := range stages {
			if i != j && !env.Exhaustive() {
				continue // each object and each stage once; `make test-e2e` tries all of them
			}
			t.Run(name+" "+stage, func(t *testing.T) {
				w.T = t
				role, policy := west()

				w.hold(stage, http.MethodPost, writes[name]+"$")
				env.Create(t, w.Kube, role, policy)
				w.killHeld(stage)
				w.start()
				w.Ready(role, policy)
				w.exactly(1)
				w.again(role, policy)
				w.exactly(1)

				w.hold(stage, http.MethodDelete, writes[name]+"/[^/]+$")
				if name == "federation policy" {
					w.Remove(policy) // with its service principal it would go by itself
				} else {
					w.Remove(role)
				}
				w.killHeld(stage)
				w.start()
				w.Remove(role, policy)
				w.Gone(role, policy)
				w.exactly(0)
			})
		}
	}
}

// TestAWriteThatArrivesLate lets the write of a killed operator take effect when the
// next one has long made its own.
func TestAWriteThatArrivesLate(t *testing.T) {
	w := newWorld(t)
	w.start()
	for _, name := range []string{"service principal", "group", "federation policy"} {
		t.Run(name, func(t *testing.T) {
			w.T = t
			role, policy := west()
			w.hold("before_commit", http.MethodPost, writes[name]+"$")
			env.Create(t, w.Kube, role, policy)
			if !w.emulator.Held(t, 60) {
				t.Fatal("the call did not come")
			}
			w.kill()
			w.start()
			w.Ready(role, policy)
			w.exactly(1)

			since := w.emulator.Last(t)
			w.emulator.Heal(t)
			w.eventually("the late call arrives", func() bool {
				return slices.ContainsFunc(w.emulator.Calls(t, since), func(c env.Call) bool { return c.Method == http.MethodPost })
			})
			w.oneIsLeft(role, policy)
		})
	}
}

// hold has the emulator hold the next call of a kind.
func (w *world) hold(stage, method, path string) {
	w.T.Helper()
	w.emulator.Break(w.T, env.Fault{Match: env.FaultMatch{Method: method, PathRegex: path}, Stage: stage, Action: "hold"})
}

// killHeld kills the operator while a call of it is held, and lets the call go. After
// the reply, the call is let go first: its answer arrives, and whatever the operator
// asks next is refused, until it is dead.
func (w *world) killHeld(stage string) {
	w.T.Helper()
	if !w.emulator.Held(w.T, 60) {
		w.T.Fatal("the call did not come")
	}
	since := w.emulator.Last(w.T)
	if stage == "after_reply" {
		w.emulator.Heal(w.T)
		w.eventually("the next call is refused", func() bool {
			return slices.ContainsFunc(w.emulator.Calls(w.T, since), func(c env.Call) bool { return c.Status == 0 })
		})
	}
	w.kill()
	w.emulator.Heal(w.T)
	w.eventually("the call has ended", func() bool {
		return slices.ContainsFunc(w.emulator.Calls(w.T, since), func(c env.Call) bool { return c.Method != http.MethodGet && strings.HasPrefix(c.Path, "/api/") })
	})
}

// again has the operator look at everything again.
func (w *world) again(role *v1alpha1.Role, policy *v1alpha1.FederationPolicy) {
	w.T.Helper()
	since := w.emulator.Last(w.T)
	w.Ask(role)
	w.Ask(policy)
	w.eventually("both were looked at", func() bool {
		var looked [2]bool
		for _, c := range w.emulator.Calls(w.T, since) {
			looked[0] = looked[0] || c.Path == "/api/2.0/accounts/"+env.AccountID+"/scim/v2/Groups/"+role.Status.Groups[1].ID
			looked[1] = looked[1] || c.Path == "/api/2.0/accounts/"+env.AccountID+"/servicePrincipals/"+role.Status.ServicePrincipal.ID+"/federationPolicies/"+policy.Status.Roles[0].PolicyID
		}
		return looked[0] && looked[1]
	})
}
