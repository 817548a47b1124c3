// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

// Statements runs SQL as the owner of a token.
type Statements interface {
	Execute(ctx context.Context, token wire.Secret, r wire.StatementRequest) (*wire.StatementResult, error)
}

// Warehouse runs statements on one SQL warehouse. It holds no credential.
type Warehouse struct {
	Statements Statements
	// ID is the id of the warehouse.
	ID string
}

// Validate fails when the warehouse cannot run statements.
func (w Warehouse) Validate() error {
	if w.Statements == nil {
		return errors.New("a client for statements is required")
	}
	return nil
}

// Query runs one statement as the caller's role. Statement, parameters and row limit are
// those of r; the rest is filled in.
func (w Warehouse) Query(ctx context.Context, c Call, r wire.StatementRequest) (*wire.StatementResult, error) {
	r.WarehouseID, r.RequestID, r.Repeatable = w.ID, c.RequestID, c.Repeatable
	return AsRole(ctx, c, func(token wire.Secret) (*wire.StatementResult, error) {
		result, err := w.Statements.Execute(ctx, token, r)
		if err != nil {
			return nil, UpstreamError(ctx, err, "the statement of this tool")
		}
		return result, nil
	})
}

// Table shapes a result as rows by name, at most limit of them.
func Table(r *wire.StatementResult, limit int) *Output {
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
