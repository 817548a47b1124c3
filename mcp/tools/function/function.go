// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package function runs tools that call a Unity Catalog function.
package function

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
)

// Options are what an Executor is made of.
type Options struct {
	Tool      access.FunctionTool
	Warehouse tools.Warehouse
}

// Executor calls a function. Its name and those of its parameters are the
// tool's; arguments are bound, and never become part of the statement's text.
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

var (
	functionPattern  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]*([.][A-Za-z0-9_][A-Za-z0-9_-]*){2}$`)
	parameterPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,254}$`)
)

// Run calls the function with the arguments bound.
func (e *Executor) Run(ctx context.Context, c tools.Call, args tools.Arguments) (*tools.Output, error) {
	if !functionPattern.MatchString(e.o.Tool.Name) {
		return nil, tools.BadTool("a function whose name cannot be used")
	}
	var given []string
	var params []wire.Param
	for _, p := range e.o.Tool.Parameters {
		if !parameterPattern.MatchString(p.Name) {
			return nil, tools.BadTool("a parameter whose name cannot be used")
		}
		text, ok := args.Text(p.Name)
		if !ok {
			continue // the function's default
		}
		marker := fmt.Sprintf("p%d", len(params))
		given = append(given, fmt.Sprintf("`%s` => :%s", p.Name, marker))
		params = append(params, wire.Param{Name: marker, Value: &text, Type: p.Type})
	}
	call := fmt.Sprintf("`%s`(%s)", strings.ReplaceAll(e.o.Tool.Name, ".", "`.`"), strings.Join(given, ", "))
	statement, limit := "SELECT "+call+" AS result", 1
	if e.o.Tool.Table {
		statement, limit = "SELECT * FROM "+call, int(e.o.Tool.MaxRows)
	}
	result, err := e.o.Warehouse.Query(ctx, c, wire.StatementRequest{Statement: statement, Params: params, RowLimit: int64(limit)})
	if err != nil {
		return nil, err
	}
	out := tools.Table(result, limit)
	for _, row := range out.Rows {
		for name, cell := range row {
			row[name] = tools.CleanValue(cell, tools.MaxForeignText) // what a function makes up is as foreign as what it fetches
		}
	}
	return out, nil
}
