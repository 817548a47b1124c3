// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"fmt"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

// createView runs CREATE [OR REPLACE] VIEW v [COMMENT '...'] AS query. A view reads
// with the rights of its owner; filters, masks and the functions that say who is
// asking see the caller.
func (r *run) createView(replace bool) (*Result, error) {
	ifNotExists := r.c.accept("IF", "NOT", "EXISTS")
	full, err := r.c.full(r.session, "a view")
	if err != nil {
		return nil, err
	}
	s := metastore.Securable{Type: metastore.TypeTable, Name: full}
	comment, err := r.commentClause()
	if err != nil {
		return nil, err
	}
	if r.c.peek().is("(") {
		return nil, notImplemented("CREATE VIEW with a list of columns")
	}
	if err := r.c.expect("AS"); err != nil {
		return nil, err
	}
	if !isQuery(r.c.rest()) {
		return nil, syntaxError("expected a query")
	}
	if err := r.mayCreate(s.Parent(), "CREATE_TABLE"); err != nil {
		return nil, err
	}
	o := r.object(s, comment)
	o.Query = source(r.c.rest())
	old, exists := r.engine.Store.Get(s)
	switch {
	case exists && replace && old.Query == "":
		return nil, wrongKind(full, "table")
	case exists && replace && !r.engine.Store.MayManage(r.session.Principal, s):
		return nil, insufficient("MANAGE", s.Type, s.Name)
	case exists && replace:
		o.Owner, o.Tags = old.Owner, old.Tags
	default:
		if fresh, err := r.fresh(s, ifNotExists); !fresh || err != nil {
			return &Result{}, err
		}
	}
	// Whoever makes the view must be able to read what it reads, whoever owns it.
	tried := o
	tried.Owner = r.session.Principal
	if o.Columns, err = r.viewColumns(tried); err != nil {
		return nil, err
	}
	return &Result{}, r.engine.Store.Put(o)
}

func (r *run) viewColumns(o metastore.Object) ([]metastore.Column, error) {
	w := r.rewriter()
	w.params = nil
	from, err := w.view(o)
	if err != nil {
		return nil, err
	}
	tree, err := r.engine.parse(r.ctx, "SELECT * FROM (SELECT 1) AS t LIMIT 0")
	if err != nil {
		return nil, err
	}
	from["alias"] = "t"
	tree["from_table"] = from
	text, err := r.engine.unparse(r.ctx, tree)
	if err != nil {
		return nil, err
	}
	rows, err := r.engine.db.QueryContext(r.ctx, text)
	if err != nil {
		return nil, engineError(err)
	}
	defer rows.Close() //nolint:errcheck // there are none
	result, err := read(rows, 0, 0)
	if err != nil {
		return nil, err
	}
	var out []metastore.Column
	for _, c := range result.Columns {
		out = append(out, metastore.Column{Name: strings.ToLower(c.Name), Type: c.TypeText})
	}
	return out, nil
}

func wrongKind(full, kind string) error {
	return failure("42809", "[WRONG_COMMAND_FOR_OBJECT_TYPE] The operation does not work on `%s`, which is a %s.", full, kind)
}

// view is a view as a subquery.
func (r *rewriter) view(o metastore.Object) (node, error) {
	if r.depth >= deepest {
		return nil, failure("54K00", "[VIEW_EXCEED_MAX_NESTED_DEPTH] The depth of view `%s` exceeds what the emulator resolves.", o.Name)
	}
	parts := strings.SplitN(o.Name, ".", 3)
	inside := &rewriter{ctx: r.ctx, engine: r.engine, session: r.session, http: r.http, depth: r.depth + 1, owner: o.Owner}
	inside.session.Catalog, inside.session.Schema = parts[0], parts[1]
	return inside.queryText(o.Query)
}

// queryText is the text of a query that is stored, secured, as a subquery.
func (r *rewriter) queryText(query string) (node, error) {
	tokens, err := tokenize(query)
	if err != nil {
		return nil, err
	}
	translated, err := supported(tokens, nil)
	if err != nil {
		return nil, err
	}
	tree, err := r.engine.parse(r.ctx, translated)
	if err != nil {
		return nil, err
	}
	secured, err := r.rewrite(tree, nil)
	if err != nil {
		return nil, err
	}
	return r.derived(secured)
}

// derived makes a table expression of a query.
func (r *rewriter) derived(query any) (node, error) {
	tree, err := r.engine.parse(r.ctx, "SELECT * FROM (SELECT 1) AS t")
	if err != nil {
		return nil, err
	}
	from, _ := tree["from_table"].(node)
	inner, _ := from["subquery"].(node)
	if inner == nil {
		return nil, fmt.Errorf("write a subquery: unexpected syntax tree")
	}
	inner["node"] = query
	return from, nil
}
