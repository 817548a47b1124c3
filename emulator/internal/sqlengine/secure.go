// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"context"
	"slices"
	"strings"
)

// Session is who runs a statement.
type Session struct {
	Principal       string
	Groups          []string
	WorkspaceGroups []string
	// Catalog and Schema complete names of fewer than three parts.
	Catalog, Schema string
}

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
