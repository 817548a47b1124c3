// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

// alterTable runs what follows ALTER TABLE: row filters and column masks.
func (r *run) alterTable() (*Result, error) {
	full, err := r.c.full(r.session, "a table")
	if err != nil {
		return nil, err
	}
	s := metastore.Securable{Type: metastore.TypeTable, Name: full}
	switch {
	case r.c.accept("SET", "ROW", "FILTER"):
		return r.setFilter(s)
	case r.c.accept("DROP", "ROW", "FILTER"):
		if err := r.c.end(); err != nil {
			return nil, err
		}
		return r.change(s, func(o *metastore.Object) error { o.Filter, o.FilterOn = "", nil; return nil })
	case r.c.accept("SET", "TAGS"):
		return r.setTags(s, "")
	case r.c.accept("ALTER", "COLUMN"), r.c.accept("ALTER"):
		column, err := r.c.identifier("a column")
		if err != nil {
			return nil, err
		}
		switch {
		case r.c.accept("SET", "MASK"):
			return r.setMask(s, strings.ToLower(column))
		case r.c.accept("SET", "TAGS"):
			return r.setTags(s, strings.ToLower(column))
		case r.c.accept("DROP", "MASK"):
			if err := r.c.end(); err != nil {
				return nil, err
			}
			return r.change(s, func(o *metastore.Object) error {
				c, err := columnOf(o, strings.ToLower(column))
				if err == nil {
					c.Mask, c.MaskWith = "", nil
				}
				return err
			})
		}
	}
	return nil, notImplemented("this form of ALTER TABLE")
}

func columnOf(o *metastore.Object, column string) (*metastore.Column, error) {
	i := slices.IndexFunc(o.Columns, func(c metastore.Column) bool { return c.Name == column })
	if i < 0 {
		return nil, failure("42703", "[UNRESOLVED_COLUMN.WITHOUT_SUGGESTION] The column `%s` of `%s` cannot be resolved.", printable(column), o.Name)
	}
	return &o.Columns[i], nil
}

// policyFunction is the function of a filter or mask, if the session may use it
// and its parameters fit.
func (r *run) policyFunction(full string, parameters int) (metastore.Object, error) {
	s := metastore.Securable{Type: metastore.TypeFunction, Name: full}
	f, ok := r.engine.Store.Get(s)
	if !ok {
		return f, failure("42883", "[UNRESOLVED_ROUTINE] Cannot resolve routine `%s`.", full)
	}
	if err := r.engine.may(r.session, s, "EXECUTE"); err != nil {
		return f, err
	}
	if len(f.Columns) != parameters {
		return f, failure("42605", "[WRONG_NUM_ARGS] The function `%s` takes %d arguments and is given %d.", full, len(f.Columns), parameters)
	}
	return f, nil
}

// mayCarry says whether an object can have a filter or mask that is passed some columns.
func mayCarry(o *metastore.Object, columns []string) error {
	for _, c := range columns {
		if _, err := columnOf(o, c); err != nil {
			return err
		}
	}
	if o.Query != "" {
		return wrongKind(o.Name, "view")
	}
	return nil
}

func (r *run) setFilter(s metastore.Securable) (*Result, error) {
	full, err := r.c.full(r.session, "a function")
	if err != nil {
		return nil, err
	}
	if err := r.c.expect("ON"); err != nil {
		return nil, err
	}
	columns, err := r.c.list("a column")
	if err != nil {
		return nil, err
	}
	if err := r.c.end(); err != nil {
		return nil, err
	}
	return r.change(s, func(o *metastore.Object) error {
		f, err := r.policyFunction(full, len(columns))
		if err != nil {
			return err
		}
		if f.Returns != "BOOLEAN" {
			return failure("42K09", "[DATATYPE_MISMATCH] A row filter must return BOOLEAN.")
		}
		if err := mayCarry(o, columns); err != nil {
			return err
		}
		o.Filter, o.FilterOn = full, columns
		return nil
	})
}

func (r *run) setMask(s metastore.Securable, column string) (*Result, error) {
	full, err := r.c.full(r.session, "a function")
	if err != nil {
		return nil, err
	}
	var with []string
	if r.c.accept("USING", "COLUMNS") {
		if with, err = r.c.list("a column"); err != nil {
			return nil, err
		}
	}
	if err := r.c.end(); err != nil {
		return nil, err
	}
	return r.change(s, func(o *metastore.Object) error {
		f, err := r.policyFunction(full, 1+len(with))
		if err != nil {
			return err
		}
		c, err := columnOf(o, column)
		if err != nil {
			return err
		}
		if f.Returns != c.Type {
			return failure("42K09", "[DATATYPE_MISMATCH] The mask returns %s and the column is %s.", f.Returns, c.Type)
		}
		if err := mayCarry(o, with); err != nil {
			return err
		}
		c.Mask, c.MaskWith = full, with
		return nil
	})
}
