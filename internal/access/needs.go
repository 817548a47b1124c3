// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
)

// FromSpec is where a Role's explicit grants come from.
const FromSpec = "spec"

// Grant is a privilege that a role needs, with what needs it.
type Grant struct {
	boundary.Grant
	// From are `<namespace>/<server>:<tool>`, or FromSpec; sorted.
	From []string
}

// Needs are what a role must have in Databricks for its cells to work.
type Needs struct {
	// Grants are sorted by type, name and privilege.
	Grants []Grant
	// Scopes are sorted.
	Scopes []string
}

// Needs derives what one role needs from its allowed cells, and adds its explicit grants.
// Grants go to the role's own service principal and never to a group: a cell of one role
// cannot become access of another.
func (e Inventory) Needs(role *v1alpha1.Role, cells []Cell) Needs {
	sum := needsSum{from: map[boundary.Grant]map[string]bool{}, scopes: map[string]bool{}}
	for _, g := range role.Spec.Grants {
		for _, p := range g.Privileges {
			sum.grant(FromSpec, string(g.Type), string(g.Name), string(p))
		}
	}
	if server := e.watched(role); server != nil {
		e.needsOfHealth(server, &sum)
	}
	var server *v1alpha1.MCPServer
	var tools map[string]servedTool // of server: finding them checks every schema
	key := Key(role)
	for _, c := range cells {
		if c.Role != key {
			continue
		}
		if server == nil || Key(server) != c.Server {
			namespace, name, _ := strings.Cut(c.Server, "/")
			server = e.server(namespace, name)
			tools = e.toolsOf(server)
		}
		tool := tools[c.Tool]
		needs := e.toolNeeds(tool, string(server.Spec.WarehouseID))
		sum.scope(needs.Scopes...)
		for _, g := range needs.Grants {
			sum.grant(c.Server+":"+c.Tool, g.Type, g.Name, g.Privilege)
		}
	}
	return sum.needs()
}

// needsOfHealth adds what the health Role of a server needs to see the dependencies of its tools.
func (e Inventory) needsOfHealth(server *v1alpha1.MCPServer, sum *needsSum) {
	for d, tools := range e.dependencies(server) {
		sum.scope(d.scopes()...)
		kind, name, privilege := d.sight()
		for _, tool := range tools {
			sum.grant(Key(server)+":"+tool, kind, name, privilege)
		}
	}
}

// needsSum collects needs: each grant with the tools that need it, and the scopes.
type needsSum struct {
	from   map[boundary.Grant]map[string]bool
	scopes map[string]bool
}

func (n *needsSum) grant(source, kind, name, privilege string) {
	g := boundary.Grant{Type: kind, Name: name, Privilege: privilege}
	if n.from[g] == nil {
		n.from[g] = map[string]bool{}
	}
	n.from[g][source] = true
}

func (n *needsSum) scope(names ...string) {
	for _, name := range names {
		n.scopes[name] = true
	}
}

// needs are what was collected, sorted.
func (n *needsSum) needs() Needs {
	out := Needs{Scopes: slices.Sorted(maps.Keys(n.scopes))}
	for g, sources := range n.from {
		out.Grants = append(out.Grants, Grant{Grant: g, From: slices.Sorted(maps.Keys(sources))})
	}
	slices.SortFunc(out.Grants, func(a, b Grant) int { return CompareGrants(a.Grant, b.Grant) })
	return out
}

// CompareGrants orders grants by type, name and privilege.
func CompareGrants(a, b boundary.Grant) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Privilege, b.Privilege))
}
