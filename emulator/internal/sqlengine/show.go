// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

// show runs SHOW and DESCRIBE.
func (r *run) show() (*Result, error) {
	switch {
	case r.c.accept("SHOW", "GRANTS"):
		return r.showGrants()
	case r.c.accept("SHOW", "CATALOGS"):
		return r.showNames("catalog", metastore.TypeCatalog, metastore.Securable{})
	case r.c.accept("SHOW", "SCHEMAS"), r.c.accept("SHOW", "DATABASES"):
		catalog := r.session.Catalog
		if r.c.accept("IN") || r.c.accept("FROM") {
			parts, err := r.c.path("a catalog")
			if err != nil || len(parts) != 1 {
				return nil, syntaxError("expected a catalog")
			}
			catalog = parts[0]
		}
		return r.showNames("databaseName", metastore.TypeSchema, metastore.Securable{Type: metastore.TypeCatalog, Name: catalog})
	case r.c.accept("SHOW", "TABLES"):
		catalog, schema := r.session.Catalog, r.session.Schema
		if r.c.accept("IN") || r.c.accept("FROM") {
			parts, err := r.c.path("a schema")
			if err != nil || len(parts) > 2 {
				return nil, syntaxError("expected a schema")
			}
			schema = parts[len(parts)-1]
			if len(parts) == 2 {
				catalog = parts[0]
			}
		}
		if err := r.engine.mayUse(r.session, catalog, schema); err != nil {
			return nil, err
		}
		return r.showNames("tableName", metastore.TypeTable, metastore.Securable{Type: metastore.TypeSchema, Name: catalog + "." + schema})
	case r.c.accept("DESCRIBE"), r.c.accept("DESC"):
		r.c.accept("TABLE")
		return r.describe()
	}
	return nil, notImplemented("this form of SHOW")
}

// showNames lists what the session may know of: what it owns or holds something on.
func (r *run) showNames(column, kind string, parent metastore.Securable) (*Result, error) {
	if err := r.c.end(); err != nil {
		return nil, err
	}
	var rows [][]string
	for _, o := range r.engine.Store.List(kind, parent) {
		if r.engine.Store.Visible(r.session.Principal, o.Securable()) {
			short := o.Name[strings.LastIndex(o.Name, ".")+1:]
			if kind == metastore.TypeTable {
				rows = append(rows, []string{parent.Name[strings.Index(parent.Name, ".")+1:], short, "false"})
				continue
			}
			rows = append(rows, []string{short})
		}
	}
	columns := []string{column}
	if kind == metastore.TypeTable {
		columns = []string{"database", "tableName", "isTemporary"}
	}
	return listing(columns, rows), nil
}

func (r *run) describe() (*Result, error) {
	extended := r.c.peek().is("EXTENDED") && len(r.c.rest()) > 1
	if extended {
		r.c.i++
	}
	full, err := r.c.full(r.session, "a table")
	if err != nil {
		return nil, err
	}
	if err := r.c.end(); err != nil {
		return nil, err
	}
	if err := r.engine.mayRead(r.session, full); err != nil {
		return nil, err
	}
	o, _ := r.engine.Store.Get(metastore.Securable{Type: metastore.TypeTable, Name: full})
	var rows [][]string
	for _, c := range o.Columns {
		rows = append(rows, []string{c.Name, strings.ToLower(c.Type), c.Comment})
	}
	if extended {
		rows = append(rows, extendedRows(o)...)
	}
	return listing([]string{"col_name", "data_type", "comment"}, rows), nil
}

func (r *run) showGrants() (*Result, error) {
	principal := ""
	if !r.c.peek().is("ON") {
		var err error
		if principal, err = r.principal("expected a principal or ON"); err != nil {
			return nil, err
		}
	}
	if err := r.c.expect("ON"); err != nil {
		return nil, err
	}
	s, err := r.securable()
	if err != nil {
		return nil, err
	}
	if err := r.c.end(); err != nil {
		return nil, err
	}
	if principal != r.session.Principal && !r.engine.Store.MayManage(r.session.Principal, s) {
		return nil, insufficient("MANAGE", s.Type, s.Name)
	}
	var rows [][]string
	for at := s; at.Name != ""; at = at.Parent() { // what is inherited shows with where it was granted
		for _, e := range r.engine.Store.Direct(at, principal) {
			for _, p := range e.Privileges {
				rows = append(rows, []string{e.Principal, strings.ReplaceAll(p, "_", " "), strings.ToUpper(at.Type), at.Name})
			}
		}
	}
	return listing([]string{"Principal", "ActionType", "ObjectType", "ObjectKey"}, slices.Clip(rows)), nil
}
