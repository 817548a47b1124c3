// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

// functionExecutor calls a function. Its name and those of its parameters are the
// tool's; arguments are bound, and never become part of the statement's text.
type functionExecutor struct {
	onStatements
	tool access.FunctionTool
}

var (
	functionPattern  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]*([.][A-Za-z0-9_][A-Za-z0-9_-]*){2}$`)
	parameterPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,254}$`)
)

func (e functionExecutor) run(ctx Context, args Arguments) (*Output, error) {
	if !functionPattern.MatchString(e.tool.Name) {
		return nil, badTool("a function whose name cannot be used")
	}
	var given []string
	var params []wire.Param
	for _, p := range e.tool.Parameters {
		if !parameterPattern.MatchString(p.Name) {
			return nil, badTool("a parameter whose name cannot be used")
		}
		text, ok := args.Text(p.Name)
		if !ok {
			continue // the function's default
		}
		marker := fmt.Sprintf("p%d", len(params))
		given = append(given, fmt.Sprintf("`%s` => :%s", p.Name, marker))
		params = append(params, wire.Param{Name: marker, Value: &text, Type: p.Type})
	}
	call := fmt.Sprintf("`%s`(%s)", strings.ReplaceAll(e.tool.Name, ".", "`.`"), strings.Join(given, ", "))
	statement, limit := "SELECT "+call+" AS result", 1
	if e.tool.Table {
		statement, limit = "SELECT * FROM "+call, int(e.tool.MaxRows)
	}
	result, err := ctx.query(wire.StatementRequest{Statement: statement, Params: params, RowLimit: int64(limit)})
	if err != nil {
		return nil, err
	}
	out := table(result, limit)
	for _, row := range out.Rows {
		for name, cell := range row {
			row[name] = cleanValue(cell, maxForeignText) // what a function makes up is as foreign as what it fetches
		}
	}
	return out, nil
}
