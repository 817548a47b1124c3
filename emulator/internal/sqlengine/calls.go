// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

// inside rewrites the body of a function: tables as its owner, identity as the caller.
func (r *rewriter) inside(f metastore.Object) *rewriter {
	return &rewriter{
		ctx: r.ctx, engine: r.engine, session: r.session, definer: true, arguments: map[string]node{}, depth: r.depth + 1, http: r.http, owner: f.Owner,
	}
}

// callable is a function of Unity Catalog that the session may call by its name:
// USE CATALOG, USE SCHEMA and EXECUTE, each of them.
func (r *rewriter) callable(catalog, schema, function string) (metastore.Object, error) {
	full, err := r.session.complete(catalog, schema, function)
	if err != nil {
		return metastore.Object{}, failure("42883", "[UNRESOLVED_ROUTINE] Cannot resolve routine `%s`.", printable(function))
	}
	s := metastore.Securable{Type: metastore.TypeFunction, Name: full}
	f, ok := r.engine.Store.Get(s)
	if !ok {
		return f, failure("42883", "[UNRESOLVED_ROUTINE] Cannot resolve routine `%s`.", full)
	}
	if r.definer {
		return f, nil
	}
	parts := strings.SplitN(full, ".", 3)
	if err := r.engine.mayUse(r.rights(), parts[0], parts[1]); err != nil {
		return f, err
	}
	return f, r.engine.may(r.rights(), s, "EXECUTE")
}

// positional puts named arguments in the order of the parameters.
func positional(f metastore.Object, children []any) ([]node, error) {
	out := make([]node, len(f.Columns))
	for i, c := range children {
		child, ok := c.(node)
		at := i
		if key := strings.ToLower(text(child, "alias")); key != "" {
			at = slices.IndexFunc(f.Columns, func(p metastore.Column) bool { return p.Name == key })
			child["alias"] = ""
		}
		if !ok || at < 0 || at >= len(out) || out[at] != nil {
			return nil, wrongArguments(f.Name)
		}
		out[at] = child
	}
	if slices.ContainsFunc(out, func(n node) bool { return n == nil }) {
		return nil, wrongArguments(f.Name)
	}
	return out, nil
}

func wrongArguments(function string) error {
	return failure("42605", "[WRONG_NUM_ARGS] The function `%s` is called with a number of arguments that it does not take.", function)
}

// userFunction calls a scalar function of Unity Catalog by its name.
func (r *rewriter) userFunction(n node, catalog, schema, function string, children []any) (any, error) {
	f, err := r.callable(catalog, schema, function)
	if err != nil {
		return nil, err
	}
	if f.Returns == tableType {
		return nil, failure("42K0F", "[INVALID_TABLE_FUNCTION] `%s` returns a table and must be called in FROM.", f.Name)
	}
	arguments, err := positional(f, children)
	if err != nil {
		return nil, err
	}
	out, err := r.call(f.Name, arguments)
	if err != nil {
		return nil, err
	}
	return keepAlias(n, out), nil
}

// tableType is what a function that returns a table has as its Returns.
const tableType = "TABLE"

// tableFunction calls a table function of Unity Catalog. Its arguments must not
// depend on a row, because a table in its body could capture a column.
func (r *rewriter) tableFunction(n node, ctes []string) (any, error) {
	call, _ := n["function"].(node)
	schema := text(call, "schema")
	if schema == "" {
		return nil, notImplemented("the table function " + printable(text(call, "function_name")))
	}
	f, err := r.callable(strings.ToLower(text(call, "catalog")), strings.ToLower(schema), strings.ToLower(text(call, "function_name")))
	if err != nil {
		return nil, err
	}
	if f.Returns != tableType {
		return nil, failure("42887", "[NOT_A_TABLE_FUNCTION] `%s` does not return a table.", f.Name)
	}
	rewritten, err := r.rewrite(call["children"], ctes)
	if err != nil {
		return nil, err
	}
	children, _ := rewritten.([]any)
	arguments, err := positional(f, children)
	if err != nil {
		return nil, err
	}
	inside := r.inside(f)
	parts := strings.SplitN(f.Name, ".", 3)
	inside.session.Catalog, inside.session.Schema = parts[0], parts[1]
	for i, p := range f.Columns {
		if has(arguments[i], func(n node) bool { return n["class"] == "COLUMN_REF" || n["class"] == "SUBQUERY" }) {
			return nil, notImplemented("a column or subquery as the argument of a table function")
		}
		if inside.arguments[p.Name], err = r.cast(arguments[i], p.Type); err != nil {
			return nil, err
		}
	}
	query, err := inside.tableBody(f)
	if err != nil {
		return nil, err
	}
	alias := f.Name[strings.LastIndex(f.Name, ".")+1:]
	if text(n, "alias") == "" {
		n["alias"] = alias
	}
	return named(n, query), nil
}

// tableBody is the body of a table function with the columns that it declares.
func (r *rewriter) tableBody(f metastore.Object) (node, error) {
	if r.depth > deepest {
		return nil, wrongArguments(f.Name)
	}
	body, err := r.queryText(f.Body)
	if err != nil {
		return nil, err
	}
	columns, names := make([]string, len(f.Table)), make([]any, len(f.Table))
	for i, c := range f.Table {
		columns[i] = fmt.Sprintf("CAST(%s.%s AS %s) AS %s", base, name(c.Name), duckType(c.Type), name(c.Name))
		names[i] = c.Name
	}
	tree, err := r.engine.parse(r.ctx, "SELECT "+strings.Join(columns, ", ")+" FROM (SELECT 1) AS t")
	if err != nil {
		return nil, err
	}
	body["alias"], body["column_name_alias"] = base, names
	tree["from_table"] = body
	return r.derived(tree)
}

// aggregates are functions whose meaning changes when they are moved into a subquery.
var aggregates = map[string]bool{}

func init() { //nolint:gochecknoinits // a table built from words
	for _, f := range strings.Fields(`avg bool_and bool_or count count_star count_if max min max_by min_by sum stddev stddev_pop stddev_samp var_pop var_samp
		variance median mode corr covar_pop covar_samp any_value first last list approx_count_distinct approx_quantile quantile_disc`) {
		aggregates[f] = true
	}
}

// hygienic keeps a table in the body of a function from capturing a column that is
// passed to it: such arguments are computed in a subquery of their own, and the
// body sees them under names that nobody can write.
func (r *rewriter) hygienic(f metastore.Object, arguments []node) ([]node, node, error) {
	tokens, err := tokenize(f.Body)
	if err != nil {
		return nil, nil, err
	}
	queries := slices.ContainsFunc(tokens, func(t token) bool { return t.is("SELECT") })
	free := func(n node) bool {
		names, _ := n["column_names"].([]any)
		return n["class"] == "SUBQUERY" || n["class"] == "COLUMN_REF" && (len(names) != 2 || names[0] != base)
	}
	if !queries || !slices.ContainsFunc(arguments, func(a node) bool { return has(a, free) }) {
		return arguments, nil, nil
	}
	out, list := make([]node, len(arguments)), make([]any, len(arguments))
	alias := fmt.Sprintf("%s_a%d", base, r.depth)
	for i, a := range arguments {
		if has(a, func(n node) bool {
			return n["class"] == "SUBQUERY" || n["class"] == "WINDOW" || n["class"] == "FUNCTION" && aggregates[text(n, "function_name")]
		}) {
			return nil, nil, notImplemented("an aggregate or subquery as the argument of a function with a subquery")
		}
		parameter := fmt.Sprintf("%s_p%d", base, i)
		out[i] = node{"class": "COLUMN_REF", "type": "COLUMN_REF", "alias": "", "query_location": uint64(0), "column_names": []any{alias, parameter}}
		a = clone(a)
		a["alias"] = parameter
		list[i] = a
	}
	tree, err := r.engine.parse(r.ctx, "SELECT 1")
	if err != nil {
		return nil, nil, err
	}
	tree["select_list"] = list
	from, err := r.derived(tree)
	if err != nil {
		return nil, nil, err
	}
	from["alias"] = alias
	return out, from, nil
}

// selectOver is (SELECT body FROM from) as an expression.
func (r *rewriter) selectOver(body, from node) (node, error) {
	out, err := r.expression("(SELECT 1 FROM (SELECT 1) AS t)")
	if err != nil {
		return nil, err
	}
	inner, _ := out["subquery"].(node)
	query, _ := inner["node"].(node)
	if query == nil {
		return nil, fmt.Errorf("call a function: unexpected syntax tree")
	}
	query["select_list"], query["from_table"] = []any{body}, from
	return out, nil
}

// has says whether a tree has a node.
func has(v any, is func(node) bool) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, func(c any) bool { return has(c, is) })
	case node:
		if is(v) {
			return true
		}
		for _, c := range v {
			if has(c, is) {
				return true
			}
		}
	}
	return false
}

// lambda secures x -> expression. Its parameters must not hide those of the
// function that it is written in.
func (r *rewriter) lambda(n node, ctes []string) (any, error) {
	var err error
	hides := has(n["lhs"], func(p node) bool {
		names, _ := p["column_names"].([]any)
		if len(names) == 0 {
			return false
		}
		s, _ := names[0].(string)
		_, taken := r.arguments[strings.ToLower(s)]
		return taken || reserved(s)
	})
	if hides {
		return nil, notImplemented("a lambda whose parameter has the name of another")
	}
	n["expr"], err = r.rewrite(n["expr"], ctes)
	return n, err
}

// shorten leaves the names of catalog and schema out of catalog.schema.table.column;
// what follows a column are fields of a struct.
func (r *rewriter) shorten(names []any) []any {
	part := func(i int) string {
		s, _ := names[i].(string)
		return strings.ToLower(s)
	}
	known := func(catalog, schema, table string) bool {
		full, err := r.session.complete(catalog, schema, table)
		if err != nil {
			return false
		}
		_, ok := r.engine.Store.Get(metastore.Securable{Type: metastore.TypeTable, Name: full})
		return ok
	}
	if len(names) > 3 && known(part(0), part(1), part(2)) {
		return names[2:]
	}
	if len(names) > 2 && known("", part(0), part(1)) {
		return names[1:]
	}
	return names
}
