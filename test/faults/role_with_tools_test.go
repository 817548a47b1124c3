// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package faults_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// whole is a Role and all that is about it: the policy that trusts for it, and a server
// with a tool that is opened to it. The Role reads a table of its own and the tool's.
type whole struct {
	name   string
	role   *v1alpha1.Role
	policy *v1alpha1.FederationPolicy
	tool   *v1alpha1.Tool
	server *v1alpha1.MCPServer
	access *v1alpha1.ToolAccess
	sp     env.Principal
}

// whole makes one and waits until all of it is Ready.
func (w *world) whole(name string) *whole {
	w.Helper()
	w.emulator.SQL(w, "CREATE TABLE main.sales.own_"+name+" (id STRING)", "CREATE TABLE main.sales.tool_"+name+" (id STRING)")
	e := &whole{name: name, role: w.role(name), policy: w.idp(name), tool: w.tool(name, "tool_"+name), server: w.server(name, "idp-"+name, name), access: w.opens(name, name, name, name)}
	e.role.Spec.Grants[0].Name = v1alpha1.SecurableName("main.sales.own_" + name)
	env.Create(w, w.Kube, e.objects()...)
	health := w.health(e.server)
	w.Appears(health)
	w.Ready(e.role, e.policy, e.tool, e.access, health, e.server)
	found := w.sight().principals[w.mark(e.role)]
	if len(found) != 1 || len(found[0].Policies) != 1 {
		w.Fatalf("the service principals of %s are %+v", name, found)
	}
	e.sp = found[0]
	if own, tools := w.selects(e); !own || !tools {
		w.Errorf("%s may read its own table: %v, and that of the tool: %v", name, own, tools)
	}
	return e
}

func (e *whole) objects() []client.Object {
	return []client.Object{e.role, e.policy, e.access, e.tool, e.server}
}

// selects says which of its two tables a Role may read.
func (w *world) selects(e *whole) (own, tools bool) {
	w.Helper()
	return len(w.emulator.Grants(w, "table", "main.sales.own_"+e.name, e.sp.ApplicationID)) > 0,
		len(w.emulator.Grants(w, "table", "main.sales.tool_"+e.name, e.sp.ApplicationID)) > 0
}

// ordersOfFive are such that each of five comes at each place, once with either neighbour before it.
var ordersOfFive = [][]int{
	{0, 1, 2, 3, 4}, {1, 2, 3, 4, 0}, {2, 3, 4, 0, 1}, {3, 4, 0, 1, 2}, {4, 0, 1, 2, 3},
	{4, 3, 2, 1, 0}, {3, 2, 1, 0, 4}, {2, 1, 0, 4, 3}, {1, 0, 4, 3, 2}, {0, 4, 3, 2, 1},
}

// permutations are all orders of the numbers below n.
func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var out [][]int
	for _, shorter := range permutations(n - 1) {
		for at := range n {
			out = append(out, slices.Insert(slices.Clone(shorter), at, n-1))
		}
	}
	return out
}

// orders tries ordersOfFive, or with env.Exhaustive all orders, ten at a time.
func orders(w *world) {
	list := ordersOfFive
	if env.Exhaustive() {
		list = permutations(5)
	}
	batch := 0
	for some := range slices.Chunk(list, len(ordersOfFive)) {
		w.deletedIn(some, fmt.Sprintf("r%d", batch))
		batch++
	}
}

// deletedIn deletes a Role, the policy that trusts for it, the access that names it, the
// tool and the server in many orders, each order beside the others. At each step those
// that are still there keep what they should have, and no more. The names begin with a prefix.
func (w *world) deletedIn(orders [][]int, prefix string) {
	all := make([]*whole, len(orders))
	for i := range all {
		all[i] = w.whole(prefix + string(rune('a'+i)))
	}
	since := w.emulator.Last(w)
	for step := range 5 {
		for i, order := range orders {
			w.Remove(all[i].objects()[order[step]])
		}
		if step%2 == 1 {
			time.Sleep(500 * time.Millisecond) // some are in the middle of it
			continue
		}
		for i, order := range orders {
			went := order[:step+1]
			if slices.Contains(went, 0) {
				w.Gone(all[i].role)
				continue
			}
			opened := !slices.ContainsFunc(went, func(o int) bool { return o >= 2 }) // the access, the tool and the server are there
			w.Eventually(func() string { return all[i].name + " has what is left to it" }, func() bool {
				own, tools := w.selects(all[i])
				return own && tools == opened
			})
		}
	}
	for _, e := range all {
		w.Gone(e.objects()...)
		w.revokedFirst(e, since)
	}
	for _, e := range all {
		w.Remove(w.health(e.server))
		w.Gone(w.health(e.server))
	}
	w.nothing()
}

// revokedFirst checks that a Role lost its grants before its service principal went, and
// that nothing was made or assigned since a call.
func (w *world) revokedFirst(e *whole, since int64) {
	w.Helper()
	var own, tools, deleted int // each table is read by this Role alone
	for _, c := range w.emulator.Calls(w, since) {
		if !c.Committed || !strings.HasPrefix(c.Path, "/api/") {
			continue
		}
		switch {
		case strings.Contains(c.Path, "/permissions/warehouses/") && c.Method == http.MethodPut: // takes one entry away
		case c.Method == http.MethodPost || c.Method == http.MethodPut:
			w.Errorf("on the way out: %s %s", c.Method, c.Path)
		case strings.HasSuffix(c.Path, "/permissions/table/main.sales.own_"+e.name):
			own++
		case strings.HasSuffix(c.Path, "/permissions/table/main.sales.tool_"+e.name):
			tools++
		case c.Method == http.MethodDelete && strings.HasSuffix(c.Path, "/scim/v2/ServicePrincipals/"+e.sp.ID):
			if deleted++; own != 1 || tools != 1 {
				w.Errorf("the service principal of %s went before its grants", e.name)
			}
		}
	}
	if own != 1 || tools != 1 || deleted != 1 {
		w.Errorf("%s: its own grant was revoked %d times, that for the tool %d times, and the service principal deleted %d times; want 1 each", e.name, own, tools, deleted)
	}
}
