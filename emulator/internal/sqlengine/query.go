// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/uc"
)

// secure is the text that DuckDB runs for a query of the session's.
func (r *run) secure(tokens []token) (string, error) {
	if form := unsupported(tokens); form != "" {
		return "", notImplemented(form)
	}
	translated, err := translate(tokens, r.statement.Params)
	if err != nil {
		return "", err
	}
	tree, err := r.engine.parse(r.ctx, translated)
	if err != nil {
		return "", err
	}
	out, err := r.rewriter().rewrite(tree, nil)
	if err != nil {
		return "", err
	}
	secured, _ := out.(node)
	return r.engine.unparse(r.ctx, secured)
}

func (r *run) query() (*Result, error) {
	text, err := r.secure(r.c.tokens)
	if err != nil {
		return nil, err
	}
	rows, err := r.engine.db.QueryContext(r.ctx, text, bound(r.c.tokens, r.statement.Params)...)
	if err != nil {
		return nil, engineError(err)
	}
	defer rows.Close() //nolint:errcheck // read to the end, or cut short on purpose
	return read(rows, r.statement.RowLimit, r.statement.ByteLimit)
}

// exec runs a statement that returns nothing but how many rows it touched.
func (r *run) exec(statement string, tokens []token) (*Result, error) {
	done, err := r.engine.db.ExecContext(r.ctx, statement, bound(tokens, r.statement.Params)...)
	if err != nil {
		return nil, engineError(err)
	}
	n, err := done.RowsAffected()
	if err != nil {
		return nil, engineError(err)
	}
	text := strconv.FormatInt(n, 10)
	return &Result{
		Columns: []ResultColumn{{Name: "num_affected_rows", TypeName: "BIGINT", TypeText: "BIGINT"}},
		Rows:    [][]*string{{&text}},
	}, nil
}

// insert runs INSERT INTO t [(columns)] query.
func (r *run) insert() (*Result, error) {
	r.c.accept("TABLE")
	full, err := r.c.full(r.session, "a table")
	if err != nil {
		return nil, err
	}
	if err := r.engine.mayTouch(r.session, full, "MODIFY"); err != nil {
		return nil, err
	}
	columns := ""
	if r.c.peek().is("(") && !isQuery(r.c.rest()) {
		names, err := r.c.list("a column")
		if err != nil {
			return nil, err
		}
		for i := range names {
			names[i] = name(names[i])
		}
		columns = " (" + strings.Join(names, ", ") + ")"
	}
	if !isQuery(r.c.rest()) {
		return nil, syntaxError("expected VALUES or SELECT")
	}
	tokens := r.c.rest()
	text, err := r.secure(tokens)
	if err != nil {
		return nil, err
	}
	return r.exec("INSERT INTO "+dataName(full)+columns+" "+text, tokens)
}

func isQuery(tokens []token) bool {
	for _, t := range tokens {
		if !t.is("(") {
			return t.is("SELECT") || t.is("VALUES") || t.is("WITH")
		}
	}
	return false
}

// update runs UPDATE t SET column = expression, ... [WHERE condition].
func (r *run) update() (*Result, error) {
	target, err := r.target()
	if err != nil {
		return nil, err
	}
	if err := r.c.expect("SET"); err != nil {
		return nil, err
	}
	tokens := r.c.rest()
	var sets []string
	for {
		column, err := r.c.identifier("a column")
		if err != nil {
			return nil, err
		}
		if err := r.c.expect("="); err != nil {
			return nil, err
		}
		value, err := r.scalar(target, r.c.until(",", "WHERE"))
		if err != nil {
			return nil, err
		}
		sets = append(sets, name(column)+" = "+value)
		if !r.c.accept(",") {
			break
		}
	}
	where, err := r.where(target)
	if err != nil {
		return nil, err
	}
	return r.exec("UPDATE "+dataName(target.Name)+" AS "+base+" SET "+strings.Join(sets, ", ")+where, tokens)
}

// remove runs DELETE FROM t [WHERE condition].
func (r *run) remove() (*Result, error) {
	target, err := r.target()
	if err != nil {
		return nil, err
	}
	tokens := r.c.rest()
	where, err := r.where(target)
	if err != nil {
		return nil, err
	}
	return r.exec("DELETE FROM "+dataName(target.Name)+" AS "+base+where, tokens)
}

// target reads the table of an UPDATE or DELETE, which reads what it changes.
func (r *run) target() (uc.Object, error) {
	full, err := r.c.full(r.session, "a table")
	if err != nil {
		return uc.Object{}, err
	}
	for _, privilege := range []string{"MODIFY", "SELECT"} {
		if err := r.engine.mayTouch(r.session, full, privilege); err != nil {
			return uc.Object{}, err
		}
	}
	o, _ := r.engine.Store.Get(uc.Securable{Type: uc.TypeTable, Name: full})
	for _, c := range o.Columns {
		if c.Mask != "" {
			return o, notImplemented("UPDATE and DELETE on a table with column masks")
		}
	}
	return o, nil
}

// where is the condition of an UPDATE or DELETE together with the row filter: what
// cannot be seen cannot be changed.
func (r *run) where(target uc.Object) (string, error) {
	var conditions []string
	if r.c.accept("WHERE") {
		condition, err := r.scalar(target, r.c.until())
		if err != nil {
			return "", err
		}
		conditions = append(conditions, "("+condition+")")
	}
	if err := r.c.end(); err != nil {
		return "", err
	}
	if target.Filter != "" {
		filter, err := r.rewriter().call(target.Filter, baseColumns(target.FilterOn))
		if err != nil {
			return "", err
		}
		text, err := r.engine.scalarText(r.ctx, filter)
		if err != nil {
			return "", err
		}
		conditions = append(conditions, "("+text+")")
	}
	if len(conditions) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(conditions, " AND "), nil
}

// scalar secures an expression over the columns of one table.
func (r *run) scalar(target uc.Object, tokens []token) (string, error) {
	if len(tokens) == 0 {
		return "", syntaxError("expected an expression")
	}
	if form := unsupported(tokens); form != "" {
		return "", notImplemented(form)
	}
	translated, err := translate(tokens, r.statement.Params)
	if err != nil {
		return "", err
	}
	w := r.rewriter()
	w.target = target.Name[strings.LastIndex(target.Name, ".")+1:]
	tree, err := w.expression("(" + translated + ")")
	if err != nil {
		return "", err
	}
	out, err := w.rewrite(tree, nil)
	if err != nil {
		return "", err
	}
	secured, _ := out.(node)
	return r.engine.scalarText(r.ctx, secured)
}

// scalarText writes an expression as text.
func (e *Engine) scalarText(ctx context.Context, expression node) (string, error) {
	tree, err := e.parse(ctx, "SELECT 1")
	if err != nil {
		return "", err
	}
	tree["select_list"] = []any{expression}
	text, err := e.unparse(ctx, tree)
	return strings.TrimPrefix(text, "SELECT "), err
}

// show runs SHOW and DESCRIBE.
func (r *run) show() (*Result, error) {
	switch {
	case r.c.accept("SHOW", "GRANTS"):
		return r.showGrants()
	case r.c.accept("SHOW", "CATALOGS"):
		return r.showNames("catalog", uc.TypeCatalog, uc.Securable{})
	case r.c.accept("SHOW", "SCHEMAS"), r.c.accept("SHOW", "DATABASES"):
		catalog := r.session.Catalog
		if r.c.accept("IN") || r.c.accept("FROM") {
			parts, err := r.c.path("a catalog")
			if err != nil || len(parts) != 1 {
				return nil, syntaxError("expected a catalog")
			}
			catalog = parts[0]
		}
		return r.showNames("databaseName", uc.TypeSchema, uc.Securable{Type: uc.TypeCatalog, Name: catalog})
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
		return r.showNames("tableName", uc.TypeTable, uc.Securable{Type: uc.TypeSchema, Name: catalog + "." + schema})
	case r.c.accept("DESCRIBE"), r.c.accept("DESC"):
		r.c.accept("TABLE")
		return r.describe()
	}
	return nil, notImplemented("this form of SHOW")
}

// showNames lists what the session may know of: what it owns or holds something on.
func (r *run) showNames(column, kind string, parent uc.Securable) (*Result, error) {
	if err := r.c.end(); err != nil {
		return nil, err
	}
	var rows [][]string
	for _, o := range r.engine.Store.List(kind, parent) {
		if r.engine.Store.Visible(r.session.Principal, o.Securable()) {
			short := o.Name[strings.LastIndex(o.Name, ".")+1:]
			if kind == uc.TypeTable {
				rows = append(rows, []string{parent.Name[strings.Index(parent.Name, ".")+1:], short, "false"})
				continue
			}
			rows = append(rows, []string{short})
		}
	}
	columns := []string{column}
	if kind == uc.TypeTable {
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
	o, _ := r.engine.Store.Get(uc.Securable{Type: uc.TypeTable, Name: full})
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
		t := r.c.peek()
		if t.kind != tokenWord && t.kind != tokenQuoted {
			return nil, syntaxError("expected a principal or ON")
		}
		principal = t.text
		r.c.i++
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
