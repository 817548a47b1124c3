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
	var tools map[string]*v1alpha1.Tool // of server: finding them checks every schema
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
		for _, scope := range toolScopes(tool) {
			scopes[scope] = true
		}
		toolGrants(tool, string(server.Spec.WarehouseID), func(kind, name, privilege string) { need(source, kind, name, privilege) })
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

// The OAuth scopes, as the token endpoint knows them.
const (
	scopeSQL             = "sql"
	scopeGenie           = "genie"
	scopeGenieDashboards = "dashboards.genie" // Azure asks for both
	scopeVectorSearch    = "vector-search"
	scopeServing         = "model-serving"
	scopeCatalog         = "unity-catalog"
)

// toolScopes are the OAuth scopes that a tool needs.
func toolScopes(t *v1alpha1.Tool) []string {
	switch {
	case t.Spec.Identity != nil, t.Spec.SQL != nil, t.Spec.HTTP != nil, t.Spec.Function != nil:
		return []string{scopeSQL}
	case t.Spec.Genie != nil:
		return []string{scopeGenie, scopeGenieDashboards}
	case t.Spec.VectorSearch != nil:
		return []string{scopeVectorSearch}
	case t.Spec.Serving == nil:
		return nil
	}
	out := []string{scopeServing}
	if len(t.Spec.Reads) > 0 {
		out = append(out, scopeSQL)
	}
	for _, a := range t.Spec.Serving.Agents {
		switch {
		case a.GenieSpaceID != "":
			out = append(out, scopeGenie, scopeGenieDashboards)
		case a.Index != "":
			out = append(out, scopeVectorSearch)
		case a.Function != "", a.Connection != "":
			out = append(out, scopeSQL)
		}
	}
	return out
}

// toolGrants tells need of each privilege that a tool needs. Warehouse is that of the server.
func toolGrants(t *v1alpha1.Tool, warehouse string, need func(kind, name, privilege string)) {
	below := func(kind v1alpha1.SecurableType, name v1alpha1.SecurableName, privilege string) {
		catalog, rest, _ := strings.Cut(string(name), ".")
		schema, _, _ := strings.Cut(rest, ".")
		need(string(kind), string(name), privilege)
		need(string(v1alpha1.SecurableSchema), catalog+"."+schema, "USE_SCHEMA")
		need(string(v1alpha1.SecurableCatalog), catalog, "USE_CATALOG")
	}
	connection := func(name v1alpha1.ConnectionName) {
		need(string(v1alpha1.SecurableConnection), string(name), "USE_CONNECTION")
	}
	for _, table := range t.Spec.Reads {
		below(v1alpha1.SecurableTable, table, "SELECT")
	}
	statements := true // whether the tool runs statements on the server's warehouse
	switch spec := t.Spec; {
	case spec.Genie != nil:
		need(boundary.GenieSpace, spec.Genie.SpaceID, "CAN_RUN")
		if spec.Genie.WarehouseID != "" {
			need(boundary.Warehouse, string(spec.Genie.WarehouseID), "CAN_USE")
			statements = false
		}
	case spec.VectorSearch != nil:
		below(v1alpha1.SecurableTable, spec.VectorSearch.Index, "SELECT") // an index is granted like a table
		statements = false
	case spec.HTTP != nil:
		connection(spec.HTTP.Connection)
	case spec.Function != nil:
		below(v1alpha1.SecurableFunction, spec.Function.Name, "EXECUTE")
	case spec.Serving != nil:
		need(boundary.ServingEndpoint, string(spec.Serving.Endpoint), "CAN_QUERY")
		statements = len(spec.Reads) > 0
		for _, a := range spec.Serving.Agents {
			switch {
			case a.Endpoint != "":
				need(boundary.ServingEndpoint, string(a.Endpoint), "CAN_QUERY")
			case a.GenieSpaceID != "":
				need(boundary.GenieSpace, a.GenieSpaceID, "CAN_RUN")
				statements = true
			case a.Index != "":
				below(v1alpha1.SecurableTable, a.Index, "SELECT")
			case a.Function != "":
				below(v1alpha1.SecurableFunction, a.Function, "EXECUTE")
				statements = true
			case a.Connection != "":
				connection(a.Connection)
			}
		}
	}
	if statements {
		need(boundary.Warehouse, warehouse, "CAN_USE")
	}
}
