// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

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
	f, ok := r.engine.Store.Get(metastore.Securable{Type: metastore.TypeFunction, Name: function})
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
func (r *rewriter) body(f metastore.Object) (node, error) {
	tokens, err := tokenize(f.Body)
	if err != nil {
		return nil, err
	}
	translated, err := supported(tokens, nil)
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
