// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package identity runs tools that show who the caller is to the SQL engine.
package identity

import (
	"context"
	"fmt"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
)

// Options are what an Executor is made of.
type Options struct {
	Tool      access.IdentityTool
	Warehouse tools.Warehouse
}

// Executor asks the SQL engine who is asking.
type Executor struct {
	tools.StandardTimeout
	o Options
}

// New makes an Executor.
func New(o Options) (*Executor, error) {
	if err := o.Warehouse.Validate(); err != nil {
		return nil, err
	}
	return &Executor{o: o}, nil
}

// Run asks who the caller is, as the SQL engine sees it.
func (e *Executor) Run(ctx context.Context, c tools.Call, _ tools.Arguments) (*tools.Output, error) {
	columns := []string{"current_user() AS who"}
	params := make([]wire.Param, 0, len(e.o.Tool.Groups))
	for i, g := range e.o.Tool.Groups {
		columns = append(columns, fmt.Sprintf("is_account_group_member(:g%d) AS g%d", i, i))
		params = append(params, wire.Param{Name: fmt.Sprintf("g%d", i), Value: &g, Type: "STRING"})
	}
	result, err := e.o.Warehouse.Query(ctx, c, wire.StatementRequest{
		Statement: "SELECT " + strings.Join(columns, ", "), Params: params, RowLimit: 1,
	})
	if err != nil {
		return nil, err
	}
	if len(result.Rows) != 1 || len(result.Rows[0]) != len(columns) || result.Rows[0][0] == nil {
		return nil, tools.Errorf(tools.CodeUpstreamError, "Databricks did not say who is asking")
	}
	row := result.Rows[0]
	id := &tools.Identity{
		Email: c.Caller.Email, Name: c.Caller.Name, Issuer: c.Caller.Issuer,
		Role: c.Caller.Role, CurrentUser: *row[0], Groups: make(map[string]bool, len(e.o.Tool.Groups)),
	}
	for i, g := range e.o.Tool.Groups {
		id.Groups[g] = row[i+1] != nil && *row[i+1] == "true"
	}
	return &tools.Output{Identity: id}, nil
}
