// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package http is the type of tool that calls an external API through a Unity Catalog
// connection: by operations that are declared, or within routes that are allowed.
package http

import (
	"cmp"
	"encoding/json"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/schema"
)

// Type is the http type.
type Type struct{}

var _ access.ToolType = Type{}

// Name returns the name of the type.
func (Type) Name() string { return "http" }

// Is says whether a spec is of the type.
func (Type) Is(t v1alpha1.ToolSpec) bool { return t.HTTP != nil }

// Check wants operations and arguments that belong together, or each route once. Only
// operations have declared arguments.
func (Type) Check(t v1alpha1.ToolSpec) error {
	if len(t.HTTP.Operations) == 0 {
		if err := schema.None(t); err != nil {
			return err
		}
	}
	declared, err := schema.Declared(t)
	if err != nil {
		return err
	}
	if err := checkRoutes(t.HTTP.Allow); err != nil {
		return err
	}
	return checkOperations(*t.HTTP, declared)
}

// Needs returns what a request needs, which the SQL engine makes on the server's warehouse.
// The operator asks whether the connection uses HTTPS.
func (Type) Needs(t v1alpha1.ToolSpec, warehouse string) (n access.ToolNeeds) {
	n.Scope(access.ScopeSQL)
	n.Connection(t.HTTP.Connection)
	n.Warehouse(warehouse)
	n.LookUp(v1alpha1.SecurableConnection, string(t.HTTP.Connection))
	return n
}

// InputSchema returns the schema that the tool declares, or that of its routes.
func (Type) InputSchema(t v1alpha1.ToolSpec, _ access.Lookups) (json.RawMessage, error) {
	switch {
	case t.InputSchema != nil:
		return json.RawMessage(t.InputSchema.Raw), nil
	case len(t.HTTP.Allow) > 0:
		return routesSchema(*t.HTTP)
	}
	return schema.Empty()
}

// mostRequestBytes is how long the body of a request may be.
func mostRequestBytes(t v1alpha1.HTTPTool) int32 { return cmp.Or(max(t.MaxRequestBytes, 0), 16384) }

// Compile takes over the connection, the operations and the routes.
func (Type) Compile(t v1alpha1.ToolSpec, _ access.Lookups, into *access.Tool) {
	h := t.HTTP
	out := &access.HTTPTool{
		Connection: string(h.Connection), MaxRequestBytes: mostRequestBytes(*h), MaxResponseBytes: cmp.Or(max(h.MaxResponseBytes, 0), 65536),
	}
	for _, r := range h.Allow {
		out.Allow = append(out.Allow, access.HTTPRoute{Method: cmp.Or(string(r.Method), "GET"), Path: r.Path})
	}
	if len(h.Operations) > 1 {
		out.OperationArgument = operationArgument(*h)
	}
	for _, o := range h.Operations {
		out.Operations = append(out.Operations, compileOperation(o))
	}
	into.HTTP = out
}

func compileOperation(o v1alpha1.HTTPOperation) access.HTTPOperation {
	out := access.HTTPOperation{Name: string(o.Name), Method: cmp.Or(string(o.Method), "GET"), Path: o.Path, BodyArgument: string(o.BodyArgument)}
	for _, q := range o.Query {
		out.Query = append(out.Query, access.QueryParameter{Name: q.Name, Argument: string(q.Argument), Value: q.Value})
	}
	if r := o.Rows; r != nil {
		out.Rows = &access.HTTPRows{At: string(r.At), TotalAt: string(r.TotalAt)}
		for _, f := range r.Fields {
			out.Rows.Fields = append(out.Rows.Fields, access.HTTPField{Name: string(f.Name), At: string(f.At)})
		}
	}
	return out
}

// operationArgument is the argument that chooses among several operations.
func operationArgument(t v1alpha1.HTTPTool) string {
	return cmp.Or(string(t.OperationArgument), "operation")
}
