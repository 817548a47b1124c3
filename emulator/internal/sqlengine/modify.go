// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"strconv"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

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
func (r *run) target() (metastore.Object, error) {
	full, err := r.c.full(r.session, "a table")
	if err != nil {
		return metastore.Object{}, err
	}
	for _, privilege := range []string{"MODIFY", "SELECT"} {
		if err := r.engine.mayTouch(r.session, full, privilege); err != nil {
			return metastore.Object{}, err
		}
	}
	o, _ := r.engine.Store.Get(metastore.Securable{Type: metastore.TypeTable, Name: full})
	for _, c := range o.Columns {
		if c.Mask != "" {
			return o, notImplemented("UPDATE and DELETE on a table with column masks")
		}
	}
	return o, nil
}

// where is the condition of an UPDATE or DELETE together with the row filter: what
// cannot be seen cannot be changed.
func (r *run) where(target metastore.Object) (string, error) {
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
