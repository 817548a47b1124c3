// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"net/http"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
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
	n, err := wire.SecurableName(name)
	if err != nil {
		return nil, err
	}
	var out struct {
		FullName string `json:"full_name"`
		DataType string `json:"data_type"`
		Returns  string `json:"full_data_type"`
		Body     string `json:"routine_definition"`
		Comment  string `json:"comment"`
		Input    struct {
			Parameters []struct {
				Name     string  `json:"name"`
				TypeText string  `json:"type_text"`
				Default  *string `json:"parameter_default"`
				Comment  string  `json:"comment"`
			} `json:"parameters"`
		} `json:"input_params"`
		changeBody
	}
	if err := c.workspace.do(ctx, http.MethodGet, "/api/2.1/unity-catalog/functions/"+string(n), nil, nil, &out); err != nil {
		if isMissing(err) {
			return nil, nil //nolint:nilnil // none is not an error
		}
		return nil, err
	}
	if !strings.EqualFold(out.FullName, name) {
		return nil, fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	f := &Function{
		FullName: out.FullName, Table: out.DataType == "TABLE_TYPE", Returns: strings.ReplaceAll(strings.ToUpper(out.Returns), " ", ""),
		Definition: out.Body, Comment: out.Comment, Changed: out.change(),
	}
	for _, p := range out.Input.Parameters {
		f.Parameters = append(f.Parameters, FunctionParameter{
			Name: p.Name, Type: strings.ReplaceAll(strings.ToUpper(p.TypeText), " ", ""), Default: p.Default != nil, Comment: wire.Tidy(p.Comment, 512),
		})
	}
	return f, nil
}

// ConnectionHost returns the `host` of an HTTP connection, or "" when there is none
// that the operator may see.
func (c *Client) ConnectionHost(ctx context.Context, name string) (string, error) {
	n, err := wire.SecurableName(name)
	if err != nil {
		return "", err
	}
	var out struct {
		Name    string            `json:"name"`
		Options map[string]string `json:"options"`
	}
	if err := c.workspace.do(ctx, http.MethodGet, "/api/2.1/unity-catalog/connections/"+string(n), nil, nil, &out); err != nil {
		if isMissing(err) {
			return "", nil
		}
		return "", err
	}
	if !strings.EqualFold(out.Name, name) {
		return "", fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	return out.Options["host"], nil
}

// SchemaExists says whether there is a schema of a full name that the operator may see.
func (c *Client) SchemaExists(ctx context.Context, name string) (bool, error) {
	n, err := wire.SecurableName(name)
	if err != nil {
		return false, err
	}
	var out struct {
		FullName string `json:"full_name"`
	}
	if err := c.workspace.do(ctx, http.MethodGet, "/api/2.1/unity-catalog/schemas/"+string(n), nil, nil, &out); err != nil {
		if isMissing(err) {
			return false, nil
		}
		return false, err
	}
	if !strings.EqualFold(out.FullName, name) {
		return false, fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	return true, nil
}
