// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package identity is the type of tool that shows who the caller is to the SQL engine.
package identity

import (
	"encoding/json"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/schema"
)

// Type is the identity type.
type Type struct{}

var _ access.ToolType = Type{}

// Name returns the name of the type.
func (Type) Name() string { return "identity" }

// Is says whether a spec is of the type.
func (Type) Is(t v1alpha1.ToolSpec) bool { return t.Identity != nil }

// Check refuses an input schema: the type gives the arguments.
func (Type) Check(t v1alpha1.ToolSpec) error { return schema.None(t) }

// Needs returns what a statement on the server's warehouse needs.
func (Type) Needs(_ v1alpha1.ToolSpec, warehouse string) (n access.ToolNeeds) {
	n.Scope(access.ScopeSQL)
	n.Warehouse(warehouse)
	return n
}

// InputSchema returns the schema of no arguments.
func (Type) InputSchema(v1alpha1.ToolSpec, access.Lookups) (json.RawMessage, error) {
	return schema.Empty()
}

// Compile names the groups whose membership is shown.
func (Type) Compile(t v1alpha1.ToolSpec, _ access.Lookups, into *access.Tool) {
	into.Identity = &access.IdentityTool{}
	for _, g := range t.Identity.Groups {
		into.Identity.Groups = append(into.Identity.Groups, string(g))
	}
}
