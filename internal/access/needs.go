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

// Needs derives what one role needs from the cells that say yes, and adds its
// explicit grants. Grants go to the role's own service principal and never to a
// group, so that one role's yes cannot become another's.
func (e Estate) Needs(role *v1alpha1.Role, cells []Cell) Needs {
	from, scopes := map[boundary.Grant]map[string]bool{}, map[string]bool{}
	need := func(source, kind, name, privilege string) {
		g := boundary.Grant{Type: kind, Name: name, Privilege: privilege}
		if from[g] == nil {
			from[g] = map[string]bool{}
		}
		from[g][source] = true
	}
	for _, g := range role.Spec.Grants {
		for _, p := range g.Privileges {
			need(FromSpec, string(g.Type), string(g.Name), string(p))
		}
	}
	if server := e.watched(role); server != nil {
		for d, tools := range e.dependencies(server) {
			for _, scope := range d.scopes() {
				scopes[scope] = true
			}
			kind, name, privilege := d.sight()
			for _, tool := range tools {
				need(Key(server)+":"+tool, kind, name, privilege)
			}
		}
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
		source := c.Server + ":" + c.Tool
		needs := e.toolNeeds(tool, string(server.Spec.WarehouseID))
		for _, scope := range needs.Scopes {
			scopes[scope] = true
		}
		for _, g := range needs.Grants {
			need(source, g.Type, g.Name, g.Privilege)
		}
	}
	out := Needs{Scopes: slices.Sorted(maps.Keys(scopes))}
	for g, sources := range from {
		out.Grants = append(out.Grants, Grant{Grant: g, From: slices.Sorted(maps.Keys(sources))})
	}
	slices.SortFunc(out.Grants, func(a, b Grant) int { return CompareGrants(a.Grant, b.Grant) })
	return out
}

// CompareGrants orders grants by type, name and privilege.
func CompareGrants(a, b boundary.Grant) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Privilege, b.Privilege))
}
