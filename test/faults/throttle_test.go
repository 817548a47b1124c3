// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package faults_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// refusal is a kind of call that Databricks refuses once, saying when to come back.
type refusal struct {
	what, method, path string
	many               int
	rest               time.Duration
	// leaving refuses while the Roles are deleted, and not while they are made.
	leaving bool
	// edit changes a Role that needs no such call; traces are where it is written to then. Without it there is no such Role.
	edit   func(*v1alpha1.RoleSpec)
	traces []string
}

// renamed is an edit that creates nothing.
func renamed(s *v1alpha1.RoleSpec) { s.DisplayName = "renamed" }

// more is an edit that creates nothing, and gives a privilege.
func more(s *v1alpha1.RoleSpec) {
	renamed(s)
	s.Grants = append(s.Grants, v1alpha1.Grant{Securable: v1alpha1.Securable{Type: "Table", Name: "main.sales.leads"}, Privileges: []v1alpha1.Privilege{"SELECT"}})
}

const (
	permissions = "/unity-catalog/permissions/"
	aPrincipal  = "/scim/v2/ServicePrincipals/[0-9]+$"
	aGroup      = "/scim/v2/Groups/[0-9]+$"
	leads       = permissions + "table/main.sales.leads$"
)

// TestThrottled refuses one call of a kind: nobody asks again before it is due, however
// many Roles wait for it, and a Role that needs no such call goes on meanwhile. The kinds
// are refused beside one another, each by an emulator of its own.
func TestThrottled(t *testing.T) {
	t.Parallel() // most of it is waiting
	kube := start(t)
	var all []*throttled
	for _, kind := range []refusal{ // the one that takes longest first
		{what: "creates", method: http.MethodPost, path: principals, many: 200, rest: time.Minute, edit: more, traces: []string{aPrincipal, leads}},
		{what: "groups", method: http.MethodPost, path: groups, many: 20, rest: 40 * time.Second, edit: more, traces: []string{aPrincipal, leads}},
		{what: "memberships", method: http.MethodPatch, path: aGroup, many: 20, rest: 40 * time.Second, edit: more, traces: []string{aPrincipal, leads}},
		{what: "grants", method: http.MethodPatch, path: permissions, many: 20, rest: 40 * time.Second, edit: renamed, traces: []string{aPrincipal}},
		{what: "reads", method: http.MethodGet, path: "/scim/v2/ServicePrincipals", many: 20, rest: 40 * time.Second},
		{what: "deletes", method: http.MethodDelete, path: aPrincipal, many: 20, rest: 40 * time.Second, leaving: true, edit: more, traces: []string{aPrincipal, leads}},
	} {
		c := &throttled{world: newWorld(t, kube, "throttled-"+kind.what), refusal: kind}
		all = append(all, c)
		c.begin()
	}
	for _, c := range all {
		c.end()
	}
}

// throttled is one kind's case.
type throttled struct {
	*world
	refusal
	other *v1alpha1.Role
	roles []*v1alpha1.Role
	since int64
}

// underWay is how long calls may still arrive that were sent before a refusal was known.
const underWay = 2 * time.Second

// begin has Databricks refuse a call of many Roles: half of them are there when it does,
// and half come when it is known. Then it changes another Role.
func (c *throttled) begin() {
	c.emulator.SQL(c, "CREATE TABLE main.sales.leads (id STRING)")
	c.other = c.role("other")
	env.Create(c, c.Kube, c.other)
	c.Ready(c.other)
	act := c.make
	if c.leaving {
		c.make(0)
		c.make(1)
		c.made()
		act = c.unmake
	}
	c.refuse()
	act(0)
	c.struck(c.since)
	time.Sleep(underWay)
	act(1)
	if c.edit != nil {
		c.change(c.other, func() { c.edit(&c.other.Spec) })
		c.Ready(c.other)
	}
}

// end waits until all is as it should be, and checks what was asked meanwhile.
func (c *throttled) end() {
	if !c.leaving {
		c.made()
		c.spared()
		c.erase(client.HasLabels{"half"})
	}
	for _, r := range c.roles {
		c.Gone(r)
	}
	if c.leaving {
		c.spared()
	}
	c.Remove(c.other)
	c.Gone(c.other)
	c.nothing()
}

func (c *throttled) refuse() {
	c.Helper()
	c.since = c.emulator.Last(c)
	c.emulator.Break(c, env.Fault{
		Match: env.FaultMatch{Method: c.method, PathRegex: c.path, Times: 1}, Stage: "before_commit", Action: "status",
		Status: http.StatusTooManyRequests, RetryAfter: strconv.Itoa(int(c.rest.Seconds())),
	})
}

// make makes one half of the Roles at once, and unmake deletes it.
func (c *throttled) make(half int) {
	c.Helper()
	var all errgroup.Group
	all.SetLimit(16)
	for i := range c.many / 2 {
		r := c.role(fmt.Sprintf("r%d-%d", half, i))
		r.Labels = map[string]string{"half": strconv.Itoa(half)}
		c.roles = append(c.roles, r)
		all.Go(func() error { return c.Kube.Create(c.Context(), r) })
	}
	if err := all.Wait(); err != nil {
		c.Fatal(err)
	}
}

func (c *throttled) unmake(half int) { c.erase(client.MatchingLabels{"half": strconv.Itoa(half)}) }

// erase deletes many Roles by one call.
func (c *throttled) erase(which client.DeleteAllOfOption) {
	c.Helper()
	if err := c.Kube.DeleteAllOf(c.Context(), &v1alpha1.Role{}, client.InNamespace(c.name), which); err != nil {
		c.Fatal(err)
	}
}

// made waits until all Roles have what they ask for, each once.
func (c *throttled) made() {
	c.Helper()
	for _, r := range c.roles {
		c.Ready(r)
	}
	now := c.sight()
	for _, r := range c.roles {
		now.one(r)
	}
}

// spared checks that nobody asked again before it was due, and that the Role that was
// changed meanwhile was worked on before.
func (c *throttled) spared() {
	c.Helper()
	calls, pattern := c.emulator.Calls(c, c.since), regexp.MustCompile(c.path)
	var refused time.Time
	for _, call := range calls {
		if call.Status == http.StatusTooManyRequests {
			refused = call.At
			break
		}
	}
	due, went := refused.Add(c.rest), map[string]bool{}
	for _, call := range calls {
		if call.At.Before(refused) || call.At.After(due) {
			continue
		}
		// Those that were under way when the answer came are not held against it.
		if call.Method == c.method && pattern.MatchString(call.Path) && call.At.After(refused.Add(underWay)) {
			c.Errorf("%s: %s %s was asked again %v after the refusal, want %v", c.what, call.Method, call.Path, call.At.Sub(refused), c.rest)
		}
		for _, path := range c.traces {
			if call.Method == http.MethodPatch && call.Committed && regexp.MustCompile(path).MatchString(call.Path) {
				went[path] = true
			}
		}
	}
	for _, path := range c.traces {
		if !went[path] {
			c.Errorf("%s: nothing was written at %s before the refusal was over, although the Role needs no such call", c.what, path)
		}
	}
}
