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
	for _, c := range cells {
		if c.Role != Key(role) {
			continue
		}
		namespace, name, _ := strings.Cut(c.Server, "/")
		server := e.server(namespace, name)
		tool := e.toolsOf(server)[c.Tool]
		source := c.Server + ":" + c.Tool
		for _, scope := range toolScopes(tool) {
			scopes[scope] = true
		}
		if usesWarehouse(tool) {
			need(source, boundary.Warehouse, string(server.Spec.WarehouseID), "CAN_USE")
		}
		for _, table := range tool.Spec.Reads {
			catalog, rest, _ := strings.Cut(string(table), ".")
			schema, _, _ := strings.Cut(rest, ".")
			need(source, string(v1alpha1.SecurableTable), string(table), "SELECT")
			need(source, string(v1alpha1.SecurableSchema), catalog+"."+schema, "USE_SCHEMA")
			need(source, string(v1alpha1.SecurableCatalog), catalog, "USE_CATALOG")
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

// toolScopes are the OAuth scopes that a type of tool needs.
func toolScopes(t *v1alpha1.Tool) []string {
	if t.Spec.Identity != nil || t.Spec.SQL != nil {
		return []string{"sql"}
	}
	return nil
}

// usesWarehouse says whether a type of tool runs statements.
func usesWarehouse(t *v1alpha1.Tool) bool { return t.Spec.Identity != nil || t.Spec.SQL != nil }
