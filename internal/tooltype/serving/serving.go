// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package serving is the type of tool that asks a serving endpoint: a model, an agent or a
// supervisor of agents.
package serving

import (
	"cmp"
	"encoding/json"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/schema"
)

// Type is the serving type.
type Type struct{}

var _ access.ToolType = Type{}

// Name returns the name of the type.
func (Type) Name() string { return "serving" }

// Is says whether a spec is of the type.
func (Type) Is(t v1alpha1.ToolSpec) bool { return t.Serving != nil }

// Check refuses an input schema: the type gives the arguments.
func (Type) Check(t v1alpha1.ToolSpec) error { return schema.None(t) }

// Needs returns what asking the endpoint needs, and what the agents behind it need: a
// supervisor calls them as the caller's role.
func (Type) Needs(t v1alpha1.ToolSpec, warehouse string) (n access.ToolNeeds) {
	n.Scope(access.ScopeServing)
	n.ServingEndpoint(string(t.Serving.Endpoint))
	statements := len(t.Reads) > 0 // whether an agent runs statements on the server's warehouse
	if statements {
		n.Scope(access.ScopeSQL)
	}
	for _, a := range t.Serving.Agents {
		switch {
		case a.Endpoint != "":
			n.ServingEndpoint(string(a.Endpoint))
		case a.GenieSpaceID != "":
			n.Scope(access.ScopeGenie, access.ScopeGenieDashboards)
			n.GenieSpace(a.GenieSpaceID)
			statements = true
		case a.Index != "":
			n.Scope(access.ScopeVectorSearch)
			n.Index(a.Index)
		case a.Function != "":
			n.Scope(access.ScopeSQL)
			n.Function(a.Function)
			statements = true
		case a.Connection != "":
			n.Scope(access.ScopeSQL)
			n.Connection(a.Connection)
		}
	}
	if statements {
		n.Warehouse(warehouse)
	}
	return n
}

// InputSchema returns the schema of a question.
func (Type) InputSchema(v1alpha1.ToolSpec, access.Lookups) (json.RawMessage, error) {
	return schema.Object([]string{"question"}, map[string]schema.Property{
		"question": {"type": "string", "minLength": 1, "maxLength": 16000, "description": "What to ask, in natural language."},
	})
}

// Compile names the endpoint and the API that it speaks.
func (Type) Compile(t v1alpha1.ToolSpec, _ access.Lookups, into *access.Tool) {
	into.Serving = &access.ServingTool{Endpoint: string(t.Serving.Endpoint), API: cmp.Or(string(t.Serving.API), "Responses")}
}
