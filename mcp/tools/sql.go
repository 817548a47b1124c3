// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"encoding/json"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

// sqlExecutor runs the statement of a Tool. Arguments are bound as parameters
// and never become part of its text.
type sqlExecutor struct {
	onStatements
	tool access.SQLTool
}

func (e sqlExecutor) run(ctx Context, args Arguments) (*Output, error) {
	params := make([]wire.Param, 0, len(e.tool.Parameters))
	for _, p := range e.tool.Parameters {
		bound := wire.Param{Name: p.Name, Type: p.Type}
		if text, ok := args.Text(p.Name); ok {
			bound.Value = &text
		}
		params = append(params, bound)
	}
	limit := int64(e.tool.MaxRows)
	result, err := ctx.query(wire.StatementRequest{Statement: e.tool.Statement, Params: params, RowLimit: limit})
	if err != nil {
		return nil, err
	}
	return table(result, int(limit)), nil
}

// table shapes a result as rows by name, capped.
func table(r *wire.StatementResult, limit int) *Output {
	out := &Output{Columns: make([]Column, len(r.Columns)), Rows: make([]map[string]any, 0, len(r.Rows)), Truncated: r.Truncated}
	for i, c := range r.Columns {
		out.Columns[i] = Column{Name: c.Name, Type: c.Type}
	}
	rows := r.Rows
	if len(rows) > limit {
		rows, out.Truncated = rows[:limit], true
	}
	for _, row := range rows {
		named := make(map[string]any, len(row))
		for i, cell := range row {
			if i < len(r.Columns) {
				named[r.Columns[i].Name] = value(r.Columns[i].Type, cell)
			}
		}
		out.Rows = append(out.Rows, named)
	}
	count, total := len(out.Rows), max(r.TotalRows, int64(len(out.Rows)))
	out.RowCount, out.TotalRows = &count, &total
	return out
}

// value types a cell. BIGINT and DECIMAL stay text: a float64 would lose digits.
func value(sqlType string, cell *string) any {
	if cell == nil {
		return nil
	}
	base, _, _ := strings.Cut(strings.ToUpper(sqlType), "(")
	switch base {
	case "INT", "INTEGER", "SMALLINT", "SHORT", "TINYINT", "BYTE", "DOUBLE", "FLOAT":
		if n := json.Number(*cell); json.Valid([]byte(n)) { // NaN and Infinity stay text
			return n
		}
	case "BOOLEAN":
		switch *cell {
		case "true":
			return true
		case "false":
			return false
		}
	}
	return *cell
}
