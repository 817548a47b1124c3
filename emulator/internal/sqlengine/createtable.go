// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

func (r *run) createTable() (*Result, error) {
	ifNotExists := r.c.accept("IF", "NOT", "EXISTS")
	full, err := r.c.full(r.session, "a table")
	if err != nil {
		return nil, err
	}
	s := metastore.Securable{Type: metastore.TypeTable, Name: full}
	if !r.c.peek().is("(") {
		return nil, notImplemented("CREATE TABLE without a list of columns")
	}
	columns, err := r.columns(true)
	if err != nil {
		return nil, err
	}
	comment, err := r.tableClauses()
	if err != nil {
		return nil, err
	}
	if err := r.mayCreate(s.Parent(), "CREATE_TABLE"); err != nil {
		return nil, err
	}
	if fresh, err := r.fresh(s, ifNotExists); !fresh || err != nil {
		return &Result{}, err
	}
	o := r.object(s, comment)
	o.Columns = columns
	if err := r.engine.makeRows(r.ctx, "CREATE OR REPLACE TABLE ", o); err != nil {
		return nil, err
	}
	return &Result{}, r.engine.Store.Put(o)
}

// tableClauses reads what may follow the columns of a table.
func (r *run) tableClauses() (comment string, err error) {
	for r.c.peek() != (token{kind: tokenSymbol}) {
		switch {
		case r.c.accept("USING", "DELTA"):
		case r.c.peek().is("COMMENT"):
			if comment, err = r.commentClause(); err != nil {
				return "", err
			}
		case r.c.accept("TBLPROPERTIES", "("):
			r.c.until()
			if err := r.c.expect(")"); err != nil {
				return "", err
			}
		default:
			return "", notImplemented("the table clause " + strings.ToUpper(printable(r.c.peek().text)))
		}
	}
	return comment, nil
}

// columns reads columns of a table, or parameters of a function, in parentheses.
func (r *run) columns(ofTable bool) ([]metastore.Column, error) {
	if err := r.c.expect("("); err != nil {
		return nil, err
	}
	var out []metastore.Column
	if !ofTable && r.c.accept(")") {
		return nil, nil
	}
	err := r.c.elements(func() error {
		c, err := r.column(ofTable)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(out, func(other metastore.Column) bool { return other.Name == c.Name }) {
			return failure("42711", "[COLUMN_ALREADY_EXISTS] The column `%s` already exists.", c.Name)
		}
		out = append(out, c)
		return nil
	})
	return out, err
}

// column reads one column or parameter.
func (r *run) column(ofTable bool) (metastore.Column, error) {
	column, err := r.c.identifier("a column")
	if err != nil {
		return metastore.Column{}, err
	}
	c := metastore.Column{Name: strings.ToLower(column)}
	if c.Type, err = r.c.typeName(); err != nil {
		return c, err
	}
	c.NotNull = ofTable && r.c.accept("NOT", "NULL")
	c.Comment, err = r.commentClause()
	return c, err
}
