// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
)

// ToolType is everything that the operator knows of one type of tool. All methods are pure.
// Each is called only for specs of the type.
type ToolType interface {
	// Name is the JSON name of the type's member, both in the spec of a Tool and in the access Document.
	Name() string
	// Is says whether the type's member is set.
	Is(spec v1alpha1.ToolSpec) bool
	// Check returns why a tool cannot be served, naming the field; nil means it can.
	Check(spec v1alpha1.ToolSpec) error
	// Needs returns what a role needs to call the tool on a server with this warehouse. The
	// tables in `reads` are added to it by the caller.
	Needs(spec v1alpha1.ToolSpec, warehouse string) ToolNeeds
	// InputSchema returns the JSON Schema of the tool's arguments. Found has every object
	// that Needs wants looked up. It fails when a parameter cannot be an argument, or the
	// whole is too large.
	InputSchema(spec v1alpha1.ToolSpec, found Lookups) (json.RawMessage, error)
	// Compile sets the type's member of a tool of the access Document. Found is as for InputSchema.
	Compile(spec v1alpha1.ToolSpec, found Lookups, into *Tool)
}

// ToolTypes are the types of tools that are known; internal/tooltype has all of them.
type ToolTypes interface {
	// Of returns the type of a tool. It fails unless exactly one known type is set.
	Of(spec v1alpha1.ToolSpec) (ToolType, error)
}

// The OAuth scopes, as the token endpoint knows them.
const (
	ScopeSQL   = "sql"
	ScopeGenie = "genie"
	// ScopeGenieDashboards is needed beside ScopeGenie: Azure asks for both.
	ScopeGenieDashboards = "dashboards.genie"
	ScopeVectorSearch    = "vector-search"
	ScopeServing         = "model-serving"
	ScopeCatalog         = "unity-catalog"
)

// ToolNeeds are what a role must have in Databricks to call one tool, and what else the
// tool depends on. The methods add to it, in order: messages name the first things first.
type ToolNeeds struct {
	// Grants are privileges on securables and permissions on workspace objects, each once.
	Grants []boundary.Grant
	// Scopes are OAuth scopes. A scope may be in it twice.
	Scopes []string
	// Dependencies are the objects whose health the pods report, each once. Tables are not
	// among them: whether a caller may read one is a matter of grants.
	Dependencies []Dependency
	// Lookups are the functions and connections that the operator must ask Databricks about
	// before the tool can be served.
	Lookups []v1alpha1.Securable
	// AsksGenie says that a call takes one of the questions to Genie that a workspace allows in a minute.
	AsksGenie bool
}

func (n *ToolNeeds) grant(kind, name, privilege string) {
	if g := (boundary.Grant{Type: kind, Name: name, Privilege: privilege}); !slices.Contains(n.Grants, g) {
		n.Grants = append(n.Grants, g)
	}
}

// below adds a privilege on something in a schema, with those on the schema and its catalog.
func (n *ToolNeeds) below(kind v1alpha1.SecurableType, name v1alpha1.SecurableName, privilege string) {
	catalog, rest, _ := strings.Cut(string(name), ".")
	schema, _, _ := strings.Cut(rest, ".")
	n.grant(string(kind), string(name), privilege)
	n.grant(string(v1alpha1.SecurableSchema), catalog+"."+schema, "USE_SCHEMA")
	n.grant(string(v1alpha1.SecurableCatalog), catalog, "USE_CATALOG")
}

func (n *ToolNeeds) depend(kind DependencyKind, name string) {
	if d := (Dependency{kind, name}); !slices.Contains(n.Dependencies, d) {
		n.Dependencies = append(n.Dependencies, d)
	}
}

// Scope adds OAuth scopes.
func (n *ToolNeeds) Scope(scopes ...string) { n.Scopes = append(n.Scopes, scopes...) }

// Table adds reading a table.
func (n *ToolNeeds) Table(name v1alpha1.SecurableName) {
	n.below(v1alpha1.SecurableTable, name, "SELECT")
}

// Index adds searching an index, which is granted like a table.
func (n *ToolNeeds) Index(name v1alpha1.SecurableName) {
	n.below(v1alpha1.SecurableTable, name, "SELECT")
	n.depend(DependencyIndex, string(name))
}

// Function adds calling a function.
func (n *ToolNeeds) Function(name v1alpha1.SecurableName) {
	n.below(v1alpha1.SecurableFunction, name, "EXECUTE")
	n.depend(DependencyFunction, string(name))
}

// Connection adds calling an external API through a connection.
func (n *ToolNeeds) Connection(name v1alpha1.ConnectionName) {
	n.grant(string(v1alpha1.SecurableConnection), string(name), "USE_CONNECTION")
	n.depend(DependencyConnection, string(name))
}

// GenieSpace adds asking a Genie space.
func (n *ToolNeeds) GenieSpace(id string) {
	n.grant(boundary.GenieSpace, id, "CAN_RUN")
	n.depend(DependencyGenieSpace, id)
}

// ServingEndpoint adds asking a serving endpoint.
func (n *ToolNeeds) ServingEndpoint(name string) {
	n.grant(boundary.ServingEndpoint, name, "CAN_QUERY")
	n.depend(DependencyServingEndpoint, name)
}

// Warehouse adds running statements on a SQL warehouse.
func (n *ToolNeeds) Warehouse(id string) {
	n.grant(boundary.Warehouse, id, "CAN_USE")
	n.depend(DependencyWarehouse, id)
}

// LookUp adds an object that Databricks must be asked about: a function or a connection.
func (n *ToolNeeds) LookUp(kind v1alpha1.SecurableType, name string) {
	n.Lookups = append(n.Lookups, v1alpha1.Securable{Type: kind, Name: v1alpha1.SecurableName(name)})
}

// servedTool is a Tool that can be served, with its type.
type servedTool struct {
	*v1alpha1.Tool
	kind ToolType
}

// typed returns the type of a tool, or why the tool cannot be served. Without types
// nothing can be served.
func (e Estate) typed(t *v1alpha1.Tool) (ToolType, error) {
	found := remembered(e.Memo, soundKey{Key(t)}, func() (out checked) {
		if e.Types == nil {
			return checked{nil, errors.New("no types of tools are registered")}
		}
		if out.kind, out.err = e.Types.Of(t.Spec); out.err == nil {
			out.err = out.kind.Check(t.Spec)
		}
		return out
	})
	return found.kind, found.err
}

// toolNeeds is what a role must be given to call a tool on a server with this warehouse.
// The lists are shared and must not be changed.
func (e Estate) toolNeeds(t servedTool, warehouse string) ToolNeeds {
	return remembered(e.Memo, needsKey{Key(t.Tool), warehouse}, func() ToolNeeds {
		own := t.kind.Needs(t.Spec, warehouse)
		if len(t.Spec.Reads) == 0 {
			return own
		}
		out := own
		out.Grants = nil
		for _, table := range t.Spec.Reads {
			out.Table(table)
		}
		for _, g := range own.Grants {
			out.grant(g.Type, g.Name, g.Privilege)
		}
		return out
	})
}
