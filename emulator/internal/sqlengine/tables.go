// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

// EnsureTable makes a table as the session would with CREATE TABLE, with types that the
// statement does not take, too, and returns what is there then. A table that is there is
// taken if the session owns it and its columns are these; otherwise, and where the session
// may not create one, the error is a *StatementError.
func (e *Engine) EnsureTable(ctx context.Context, s Session, full string, columns []metastore.Column, comment string) (metastore.Object, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := &run{ctx: ctx, engine: e, session: s}
	table := metastore.Securable{Type: metastore.TypeTable, Name: full}
	if err := r.mayCreate(table.Parent(), "CREATE_TABLE"); err != nil {
		return metastore.Object{}, err
	}
	if old, ok := e.Store.Get(table); ok {
		same := slices.EqualFunc(old.Columns, columns, func(a, b metastore.Column) bool { return a.Name == b.Name && a.Type == b.Type })
		if !same || old.Query != "" || old.Index || !e.Store.Owns(s.Principal, table) {
			return old, alreadyExists(table)
		}
		return old, nil
	}
	o := r.object(table, comment)
	o.Columns = columns
	if err := e.makeRows(ctx, "CREATE OR REPLACE TABLE ", o); err != nil {
		return o, err
	}
	return o, e.Store.Put(o)
}

// SystemTable makes a table of the catalog system, for the platform. One that is there
// keeps its rows and the grants on it.
func (e *Engine) SystemTable(ctx context.Context, full string, columns []metastore.Column, comment string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	parts := strings.SplitN(full, ".", 3)
	if _, err := e.db.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS "+dataSchema(parts[0], parts[1])); err != nil {
		return engineError(err)
	}
	o := metastore.Object{Type: metastore.TypeTable, Name: full, Comment: comment, Created: e.now().UTC(), Columns: columns}
	if err := e.makeRows(ctx, "CREATE TABLE IF NOT EXISTS ", o); err != nil {
		return err
	}
	return e.Store.PutSystem(o)
}

// makeRows makes the place for the rows of a table.
func (e *Engine) makeRows(ctx context.Context, verb string, o metastore.Object) error {
	definitions := make([]string, len(o.Columns))
	for i, c := range o.Columns {
		stored, err := storedType(c.Type)
		if err != nil {
			return err
		}
		definitions[i] = name(c.Name) + " " + stored
		if c.NotNull {
			definitions[i] += " NOT NULL"
		}
	}
	if _, err := e.db.ExecContext(ctx, verb+dataName(o.Name)+" ("+strings.Join(definitions, ", ")+")"); err != nil {
		return engineError(err)
	}
	return nil
}

// Append adds a row to a table for the platform, whatever the grants on it are. Columns
// that the row does not have are NULL. Cells are text, numbers, bools, and lists and maps
// of text. With a time, the table must be the one that was created then: somebody else's of
// the same name gets no row. No error repeats a cell.
func (e *Engine) Append(ctx context.Context, full string, created time.Time, row map[string]any) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	o, ok := e.Store.Get(metastore.Securable{Type: metastore.TypeTable, Name: full})
	if !ok {
		return tableNotFound(full)
	}
	if !created.IsZero() && !o.Created.Equal(created) || o.Query != "" || o.Index {
		return failure("42809", "[TABLE_REPLACED] The table `%s` is not the one that was written into before.", full)
	}
	var columns, marks []string
	var cells []any
	for _, c := range o.Columns {
		cell, there := row[c.Name]
		if !there {
			continue
		}
		stored, err := storedType(c.Type)
		if err != nil {
			return err
		}
		mark := fmt.Sprintf("CAST($%d AS %s)", len(cells)+1, stored)
		switch cell.(type) {
		case []string, map[string]string:
			raw, err := json.Marshal(cell)
			if err != nil {
				return fmt.Errorf("write the column %s of %s: %w", c.Name, full, err)
			}
			cell, mark = string(raw), fmt.Sprintf("CAST(CAST($%d AS JSON) AS %s)", len(cells)+1, stored)
		}
		columns, marks, cells = append(columns, name(c.Name)), append(marks, mark), append(cells, cell)
	}
	if len(cells) != len(row) {
		return failure("42703", "[UNRESOLVED_COLUMN.WITHOUT_SUGGESTION] The table `%s` has lost a column.", full)
	}
	if _, err := e.db.ExecContext(ctx, "INSERT INTO "+dataName(full)+" ("+strings.Join(columns, ", ")+") VALUES ("+strings.Join(marks, ", ")+")", cells...); err != nil {
		return engineError(err)
	}
	return nil
}

// storedType is DuckDB's name of the type of a column, such as MAP<STRING,INT>.
func storedType(t string) (string, error) {
	tokens, err := tokenize(spaced(t))
	if err != nil {
		return "", err
	}
	c := &cursor{tokens: tokens}
	out, err := nestedType(c)
	if err == nil {
		err = c.end()
	}
	return out, err
}

func nestedType(c *cursor) (string, error) {
	switch {
	case c.accept("ARRAY", "<"):
		element, err := nestedType(c)
		if err != nil {
			return "", err
		}
		return element + "[]", c.expect(">")
	case c.accept("MAP", "<"):
		key, err := nestedType(c)
		if err == nil {
			err = c.expect(",")
		}
		if err != nil {
			return "", err
		}
		value, err := nestedType(c)
		if err != nil {
			return "", err
		}
		return "MAP(" + key + ", " + value + ")", c.expect(">")
	case c.accept("STRUCT", "<"):
		return structType(c)
	}
	t, err := c.typeName()
	return duckType(t), err
}

func structType(c *cursor) (string, error) {
	var fields []string
	for {
		field, err := c.identifier("a field")
		if err != nil {
			return "", err
		}
		c.accept(":")
		t, err := nestedType(c)
		if err != nil {
			return "", err
		}
		fields = append(fields, name(field)+" "+t)
		if !c.accept(",") {
			return "STRUCT(" + strings.Join(fields, ", ") + ")", c.expect(">")
		}
	}
}
