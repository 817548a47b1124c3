// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"strings"

	"github.com/databricks/databricks-sdk-go/service/catalog"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

// Function is what Unity Catalog says of a function.
type Function struct {
	FullName   string
	Parameters []FunctionParameter
	// Table says that it returns a table.
	Table bool
	// Returns is the SQL type that it returns, in upper case.
	Returns string
	// Definition is its body, and Comment what was said of it.
	Definition, Comment string
	Changed             Change
}

// FunctionParameter is a parameter of a function.
type FunctionParameter struct {
	Name string
	// Type is the SQL type in upper case, such as BIGINT or DECIMAL(18,2).
	Type string
	// Default says that the function has a default for it.
	Default bool
	Comment string
}

// Function returns a function by its full name, or nil when there is none that the
// operator may see.
func (c *Client) Function(ctx context.Context, name string) (*Function, error) {
	if _, err := wire.SecurableName(name); err != nil {
		return nil, err
	}
	f, err := c.workspace.functions.Get(ctx, catalog.GetFunctionRequest{Name: name})
	return found(f, err, functionOf, func(f Function) bool { return strings.EqualFold(f.FullName, name) })
}

func functionOf(in catalog.FunctionInfo) Function {
	f := Function{
		FullName: in.FullName, Table: in.DataType == catalog.ColumnTypeNameTableType, Returns: sqlType(in.FullDataType),
		Definition: in.RoutineDefinition, Comment: in.Comment, Changed: changeOf(in.UpdatedBy, in.UpdatedAt),
	}
	if in.InputParams == nil {
		return f
	}
	for _, p := range in.InputParams.Parameters {
		f.Parameters = append(f.Parameters, FunctionParameter{
			Name: p.Name, Type: sqlType(p.TypeText), Default: p.ParameterDefault != "", Comment: wire.Tidy(p.Comment, 512),
		})
	}
	return f
}

// sqlType is a SQL type in upper case and without spaces.
func sqlType(text string) string { return strings.ReplaceAll(strings.ToUpper(text), " ", "") }

// ConnectionHost returns the `host` of an HTTP connection, or "" when there is none
// that the operator may see.
func (c *Client) ConnectionHost(ctx context.Context, name string) (string, error) {
	if _, err := wire.SecurableName(name); err != nil {
		return "", err
	}
	got, err := c.workspace.connections.Get(ctx, catalog.GetConnectionRequest{Name: name})
	info, err := found(got, err, itself, func(i catalog.ConnectionInfo) bool { return strings.EqualFold(i.Name, name) })
	if err != nil || info == nil {
		return "", err
	}
	return info.Options[OptionHost], nil
}

// SchemaExists says whether there is a schema of a full name that the operator may see.
func (c *Client) SchemaExists(ctx context.Context, name string) (bool, error) {
	if _, err := wire.SecurableName(name); err != nil {
		return false, err
	}
	got, err := c.workspace.schemas.Get(ctx, catalog.GetSchemaRequest{FullName: name})
	info, err := found(got, err, itself, func(i catalog.SchemaInfo) bool { return strings.EqualFold(i.FullName, name) })
	return info != nil, err
}
