// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

func (r *run) createFunction(replace bool) (*Result, error) {
	ifNotExists := r.c.accept("IF", "NOT", "EXISTS")
	full, err := r.c.full(r.session, "a function")
	if err != nil {
		return nil, err
	}
	s := metastore.Securable{Type: metastore.TypeFunction, Name: full}
	o := r.object(s, "")
	if o.Columns, err = r.columns(false); err != nil {
		return nil, err
	}
	if err := r.functionClauses(&o); err != nil {
		return nil, err
	}
	if err := r.mayCreate(s.Parent(), "CREATE_FUNCTION"); err != nil {
		return nil, err
	}
	if !replace {
		if fresh, err := r.fresh(s, ifNotExists); !fresh || err != nil {
			return &Result{}, err
		}
	} else if old, ok := r.engine.Store.Get(s); ok {
		if old.Owner != r.session.Principal && !r.engine.Store.MayManage(r.session.Principal, s) {
			return nil, insufficient("MANAGE", s.Type, s.Name)
		}
		o.Owner = old.Owner
	}
	if err := r.tryBody(o); err != nil {
		return nil, err
	}
	return &Result{}, r.engine.Store.Put(o)
}

// functionClauses reads what stands between the parameters and the end.
func (r *run) functionClauses(o *metastore.Object) (err error) {
	for {
		switch {
		case r.c.accept("RETURNS"):
			err = r.returns(o)
		case r.c.accept("LANGUAGE", "SQL"), r.c.accept("DETERMINISTIC"), r.c.accept("READS", "SQL", "DATA"), r.c.accept("CONTAINS", "SQL"):
		case r.c.peek().is("COMMENT"):
			o.Comment, err = r.commentClause()
		case r.c.accept("RETURN"):
			return r.returned(o)
		default:
			return notImplemented("the function clause " + strings.ToUpper(printable(r.c.peek().text)))
		}
		if err != nil {
			return err
		}
	}
}

// returns reads what follows RETURNS: a type, or TABLE with its columns.
func (r *run) returns(o *metastore.Object) (err error) {
	if !r.c.accept("TABLE") {
		o.Returns, err = r.c.typeName()
		return err
	}
	o.Returns = tableType
	if o.Table, err = r.columns(false); err == nil && len(o.Table) == 0 {
		return notImplemented("RETURNS TABLE without columns")
	}
	return err
}

// returned reads what follows RETURN, the body.
func (r *run) returned(o *metastore.Object) error {
	if o.Body = source(r.c.rest()); o.Body == "" {
		return syntaxError("expected an expression after RETURN")
	}
	if o.Returns == "" {
		return notImplemented("a function without RETURNS")
	}
	return nil
}

// tryBody refuses a function that could never run, or that reads what its maker may not.
func (r *run) tryBody(o metastore.Object) error {
	w := r.rewriter()
	w.params, w.arguments = nil, map[string]node{}
	parts := strings.SplitN(o.Name, ".", 3)
	w.session.Catalog, w.session.Schema = parts[0], parts[1]
	for _, p := range o.Columns {
		null, err := w.expression("CAST(NULL AS " + duckType(p.Type) + ")")
		if err != nil {
			return err
		}
		w.arguments[p.Name] = null
	}
	if o.Returns == tableType {
		return r.tryTable(w, o)
	}
	body, err := w.body(o)
	if err != nil {
		return err
	}
	text, err := r.engine.scalarText(r.ctx, body)
	if err != nil {
		return err
	}
	return r.try("SELECT " + text + " WHERE false")
}

// try runs a query that returns no rows.
func (r *run) try(query string) error {
	rows, err := r.engine.db.QueryContext(r.ctx, query)
	if err != nil {
		return engineError(err)
	}
	defer rows.Close() //nolint:errcheck // there are none
	return rows.Err()
}

// tryTable is tryBody for a function that returns a table.
func (r *run) tryTable(w *rewriter, o metastore.Object) error {
	from, err := w.tableBody(o)
	if err != nil {
		return err
	}
	tree, err := r.engine.parse(r.ctx, "SELECT * FROM (SELECT 1) AS t WHERE false")
	if err != nil {
		return err
	}
	from["alias"] = "t"
	tree["from_table"] = from
	text, err := r.engine.unparse(r.ctx, tree)
	if err != nil {
		return err
	}
	return r.try(text)
}
