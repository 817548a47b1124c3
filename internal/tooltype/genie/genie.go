// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package genie is the type of tool that asks a Genie space in natural language.
package genie

import (
	"encoding/json"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/schema"
)

// Type is the genie type.
type Type struct{}

var _ access.ToolType = Type{}

// Name returns the name of the type.
func (Type) Name() string { return "genie" }

// Is says whether a spec is of the type.
func (Type) Is(t v1alpha1.ToolSpec) bool { return t.Genie != nil }

// Check refuses an input schema: the type gives the arguments.
func (Type) Check(t v1alpha1.ToolSpec) error { return schema.None(t) }

// Needs returns what asking the space needs. Genie runs its statements as the role, on the
// warehouse of the space, or on that of the server when the tool names none.
func (Type) Needs(t v1alpha1.ToolSpec, warehouse string) (n access.ToolNeeds) {
	if t.Genie.WarehouseID != "" {
		warehouse = string(t.Genie.WarehouseID)
	}
	n.AsksGenie = true
	n.Scope(access.ScopeGenie, access.ScopeGenieDashboards)
	n.GenieSpace(t.Genie.SpaceID)
	n.Warehouse(warehouse)
	return n
}

// InputSchema returns the schema of a question that may go on with a conversation.
func (Type) InputSchema(v1alpha1.ToolSpec, access.Lookups) (json.RawMessage, error) {
	return schema.Object([]string{"question"}, map[string]schema.Property{
		"question":        {"type": "string", "minLength": 1, "maxLength": 4000, "description": "The question, in natural language."},
		"conversation_id": {"type": "string", "minLength": 1, "maxLength": 2048, "description": "The conversation_id of an earlier answer, to go on with that conversation."},
	})
}

// Compile names the space.
func (Type) Compile(t v1alpha1.ToolSpec, _ access.Lookups, into *access.Tool) {
	into.Genie = &access.GenieTool{SpaceID: t.Genie.SpaceID}
}
