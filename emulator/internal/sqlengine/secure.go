// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/uc"
)

// Session is who runs a statement.
type Session struct {
	Principal       string
	Groups          []string
	WorkspaceGroups []string
	// Catalog and Schema complete names of fewer than three parts.
	Catalog, Schema string
}

// base is the alias of a table inside its secured subquery; callers cannot write it.
const base = "__gh"

// dataCatalog holds the rows, in one schema for each schema of Unity Catalog.
const dataCatalog = "gh_data"

// node is a piece of DuckDB's syntax tree.
type node = map[string]any

// rewriter secures one tree.
type rewriter struct {
	ctx     context.Context
	engine  *Engine
	session Session
	// definer says that tables are read with the rights of whoever made the function.
	definer bool
	// target is the table of an UPDATE or DELETE, whose name qualifies its columns.
	target string
	// arguments replace the parameters of the function whose body is rewritten.
	arguments map[string]node
	depth     int
	// params are the markers of the statement; a function's body has none.
	params []Param
	// http are the HTTP calls of the statement.
	http *httpCalls
	// owner is whose rights count inside a view or function; empty is the session's.
	owner string
}

// rights is the session with the principal whose rights count. Who is asking, and
// in which groups, stays the session's.
func (r *rewriter) rights() Session {
	s := r.session
	if r.owner != "" {
		s.Principal = r.owner
	}
	return s
}

// deepest bounds how functions may call one another.
const deepest = 8

// rewrite secures a value of the tree. Common table expressions in scope are not tables.
func (r *rewriter) rewrite(v any, ctes []string) (any, error) {
	switch v := v.(type) {
	case []any:
		for i := range v {
			out, err := r.rewrite(v[i], ctes)
			if err != nil {
				return nil, err
			}
			v[i] = out
		}
		return v, nil
	case node:
		return r.rewriteNode(v, ctes)
	}
	return v, nil
}

func (r *rewriter) rewriteNode(n node, ctes []string) (any, error) {
	ctes = append(slices.Clip(ctes), cteNames(n)...)
	switch n["type"] {
	case "BASE_TABLE":
		return r.table(n, ctes)
	case "TABLE_FUNCTION":
		return r.tableFunction(n, ctes)
	case "LAMBDA":
		return r.lambda(n, ctes)
	case "COLUMN_REF":
		return r.column(n)
	}
	if t, ok := n["type"].(string); ok && n["class"] == nil && !parts[t] {
		return nil, notImplemented("a query with " + printable(t))
	}
	if n["class"] == "FUNCTION" || n["class"] == "WINDOW" {
		return r.function(n, ctes)
	}
	for k, child := range n {
		out, err := r.rewrite(child, ctes)
		if err != nil {
			return nil, err
		}
		n[k] = out
	}
	return n, nil
}

// parts are the pieces of a query, other than expressions, that are known to be
// secured by securing what is in them.
var parts = map[string]bool{
	"SELECT_NODE": true, "SET_OPERATION_NODE": true, "CTE_NODE": true, "SUBQUERY": true, "JOIN": true, "EMPTY": true, "EXPRESSION_LIST": true,
	"ORDER_MODIFIER": true, "LIMIT_MODIFIER": true, "DISTINCT_MODIFIER": true, "ASCENDING": true, "DESCENDING": true, "ORDER_DEFAULT": true,
	"DECIMAL_TYPE_INFO": true, "LIST_TYPE_INFO": true, "STRING_TYPE_INFO": true, "INTEGER_LITERAL_TYPE_INFO": true,
}

func cteNames(n node) []string {
	m, _ := n["cte_map"].(node)
	list, _ := m["map"].([]any)
	var out []string
	for _, e := range list {
		entry, _ := e.(node)
		if key, ok := entry["key"].(string); ok {
			out = append(out, strings.ToLower(key))
		}
	}
	return out
}

func text(n node, key string) string {
	s, _ := n[key].(string)
	return s
}

// table replaces a table by what the caller may see of it.
func (r *rewriter) table(n node, ctes []string) (any, error) {
	catalog, schema, table := strings.ToLower(text(n, "catalog_name")), strings.ToLower(text(n, "schema_name")), strings.ToLower(text(n, "table_name"))
	if catalog == "" && schema == "" && slices.Contains(ctes, table) {
		return n, nil
	}
	full, err := r.session.complete(catalog, schema, table)
	if err != nil {
		return nil, err
	}
	if query, err := r.informationSchema(full); query != nil || err != nil {
		return named(n, query), err
	}
	if !r.definer {
		if err := r.engine.mayRead(r.rights(), full); err != nil {
			return nil, err
		}
	}
	object, ok := r.engine.Store.Get(uc.Securable{Type: uc.TypeTable, Name: full})
	if !ok {
		return nil, tableNotFound(full)
	}
	var query node
	if object.Query != "" {
		query, err = r.view(object)
	} else {
		query, err = r.secured(object)
	}
	if err != nil {
		return nil, err
	}
	return named(n, query), nil
}

// named gives what replaces a table the name that the statement calls it by.
func named(n, query node) any {
	if query == nil {
		return nil
	}
	alias := text(n, "alias")
	if alias == "" {
		alias = text(n, "table_name")
	}
	query["alias"] = alias
	for _, key := range []string{"column_name_alias", "sample"} {
		if v, ok := n[key]; ok {
			query[key] = v
		}
	}
	return query
}

// complete fills in the session's catalog and schema. A name that only has the
// form of a file is a table that does not exist.
func (s Session) complete(catalog, schema, table string) (string, error) {
	if schema == "" {
		schema = s.Schema
	}
	if catalog == "" {
		catalog = s.Catalog
	}
	if schema == "" || catalog == "" || !plainName(catalog) || !plainName(schema) || !plainName(table) {
		return "", tableNotFound(strings.Trim(strings.Join([]string{catalog, schema, table}, "."), "."))
	}
	return strings.ToLower(catalog + "." + schema + "." + table), nil
}

func plainName(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// secured is a table as a subquery, with masks and filter for the session.
func (r *rewriter) secured(o uc.Object) (node, error) {
	columns := make([]string, len(o.Columns))
	for i, c := range o.Columns {
		columns[i] = fmt.Sprintf("%s.%s AS %s", base, name(c.Name), name(c.Name))
	}
	statement := "SELECT * FROM (SELECT " + strings.Join(columns, ", ") + " FROM " + dataName(o.Name) + " AS " + base + " WHERE true) AS t"
	tree, err := r.engine.parse(r.ctx, statement)
	if err != nil {
		return nil, err
	}
	from, _ := tree["from_table"].(node)
	inner, _ := from["subquery"].(node)
	body, _ := inner["node"].(node)
	if body == nil {
		return nil, fmt.Errorf("secure %s: unexpected syntax tree", o.Name)
	}
	list, _ := body["select_list"].([]any)
	if len(list) != len(o.Columns) {
		return nil, fmt.Errorf("secure %s: unexpected syntax tree", o.Name)
	}
	if r.definer {
		return from, nil // a function reads the rows as they are
	}
	for i, c := range o.Columns {
		if c.Mask == "" {
			continue
		}
		masked, err := r.call(c.Mask, append([]node{baseColumn(c.Name)}, baseColumns(c.MaskWith)...))
		if err != nil {
			return nil, err
		}
		cast, err := r.cast(masked, c.Type)
		if err != nil {
			return nil, err
		}
		cast["alias"] = c.Name
		list[i] = cast
	}
	if o.Filter != "" {
		where, err := r.call(o.Filter, baseColumns(o.FilterOn))
		if err != nil {
			return nil, err
		}
		body["where_clause"] = where
	}
	return from, nil
}

func baseColumn(column string) node {
	return node{"class": "COLUMN_REF", "type": "COLUMN_REF", "alias": "", "query_location": uint64(0), "column_names": []any{base, column}}
}

func baseColumns(columns []string) []node {
	out := make([]node, len(columns))
	for i, c := range columns {
		out[i] = baseColumn(c)
	}
	return out
}

// cast wraps an expression in a cast to a Databricks type.
func (r *rewriter) cast(expression node, t string) (node, error) {
	stored, err := storedType(t)
	if err != nil {
		return nil, err
	}
	tree, err := r.engine.parse(r.ctx, "SELECT CAST(NULL AS "+stored+")")
	if err != nil {
		return nil, err
	}
	list, _ := tree["select_list"].([]any)
	out, ok := list[0].(node)
	if !ok || out["child"] == nil {
		return nil, fmt.Errorf("cast to %s: unexpected syntax tree", t)
	}
	out["child"] = expression
	return out, nil
}

// call is the body of a function with the arguments in the place of its parameters.
func (r *rewriter) call(function string, arguments []node) (node, error) {
	f, ok := r.engine.Store.Get(uc.Securable{Type: uc.TypeFunction, Name: function})
	if !ok {
		return nil, failure("42883", "[UNRESOLVED_ROUTINE] Cannot resolve routine `%s`.", function)
	}
	if len(arguments) != len(f.Columns) || r.depth >= deepest {
		return nil, failure("42605", "[WRONG_NUM_ARGS] The function `%s` is called with a number of arguments that it does not take.", function)
	}
	inside := r.inside(f)
	parts := strings.SplitN(function, ".", 3)
	inside.session.Catalog, inside.session.Schema = parts[0], parts[1]
	arguments, from, err := r.hygienic(f, arguments)
	if err != nil {
		return nil, err
	}
	for i, p := range f.Columns {
		typed, err := r.cast(arguments[i], p.Type)
		if err != nil {
			return nil, err
		}
		inside.arguments[strings.ToLower(p.Name)] = typed
	}
	body, err := inside.body(f)
	if err != nil || from == nil {
		return body, err
	}
	return r.selectOver(body, from)
}

// body is a function's body, secured, as a value of the type that the function returns.
func (r *rewriter) body(f uc.Object) (node, error) {
	tokens, err := tokenize(f.Body)
	if err != nil {
		return nil, err
	}
	if form := unsupported(tokens); form != "" {
		return nil, notImplemented(form)
	}
	translated, err := translate(tokens, nil)
	if err != nil {
		return nil, err
	}
	tree, err := r.expression("(" + translated + ")")
	if err != nil {
		return nil, err
	}
	out, err := r.rewrite(tree, nil)
	if err != nil {
		return nil, err
	}
	body, ok := out.(node)
	if !ok {
		return nil, fmt.Errorf("read the body of %s: unexpected syntax tree", f.Name)
	}
	return r.cast(body, f.Returns)
}

// column replaces a parameter inside a function's body, and shortens names that begin with those of a table.
func (r *rewriter) column(n node) (any, error) {
	names, _ := n["column_names"].([]any)
	last, _ := names[len(names)-1].(string)
	if len(names) == 1 {
		if argument, ok := r.arguments[strings.ToLower(last)]; ok {
			return keepAlias(n, clone(argument)), nil
		}
		if out, err := r.ambient(strings.ToLower(last)); out != nil || err != nil {
			return keepAlias(n, out), err
		}
	}
	if len(names) > 1 && r.target != "" {
		if qualifier, _ := names[len(names)-2].(string); strings.EqualFold(qualifier, r.target) {
			names[len(names)-2] = base
			n["column_names"] = names[len(names)-2:]
			return n, nil
		}
	}
	for _, part := range names {
		if s, _ := part.(string); reserved(s) {
			return nil, syntaxError("names that begin with __gh are reserved")
		}
	}
	n["column_names"] = r.shorten(names)
	return n, nil
}

// constant is a string as an expression.
func (r *rewriter) constant(value string) (node, error) {
	return r.expression(literal(value))
}

// expression parses an expression that the engine wrote itself.
func (r *rewriter) expression(sql string) (node, error) {
	tree, err := r.engine.parse(r.ctx, "SELECT "+sql)
	if err != nil {
		return nil, err
	}
	list, _ := tree["select_list"].([]any)
	out, ok := list[0].(node)
	if !ok {
		return nil, fmt.Errorf("parse an expression: unexpected syntax tree")
	}
	return out, nil
}

func clone(n node) node {
	raw, err := json.Marshal(n)
	if err != nil {
		return n
	}
	out, err := decodeTree(raw)
	if err != nil {
		return n
	}
	return out
}
