// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sql runs tools that are one SQL statement.
package sql

import (
	"context"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
)

// Options are what an Executor is made of.
type Options struct {
	Tool      access.SQLTool
	Warehouse tools.Warehouse
}

// Executor runs the statement of a Tool. Arguments are bound as parameters
// and never become part of its text.
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

// Run runs the statement with the arguments bound.
func (e *Executor) Run(ctx context.Context, c tools.Call, args tools.Arguments) (*tools.Output, error) {
	params := make([]wire.Param, 0, len(e.o.Tool.Parameters))
	for _, p := range e.o.Tool.Parameters {
		bound := wire.Param{Name: p.Name, Type: p.Type}
		if text, ok := args.Text(p.Name); ok {
			bound.Value = &text
		}
		params = append(params, bound)
	}
	limit := int64(e.o.Tool.MaxRows)
	result, err := e.o.Warehouse.Query(ctx, c, wire.StatementRequest{Statement: e.o.Tool.Statement, Params: params, RowLimit: limit})
	if err != nil {
		return nil, err
	}
	return tools.Table(result, int(limit)), nil
}
