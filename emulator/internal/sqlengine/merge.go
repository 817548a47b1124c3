// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"strconv"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

// merge runs MERGE INTO t [alias] USING source alias ON condition WHEN ... THEN ... .
// A target with a row filter or masks is refused.
func (r *run) merge() (*Result, error) {
	target, err := r.target()
	if err != nil {
		return nil, err
	}
	if target.Filter != "" {
		return nil, notImplemented("MERGE into a table with a row filter")
	}
	all := r.c.rest()
	alias := target.Name[strings.LastIndex(target.Name, ".")+1:]
	if !r.c.peek().is("USING") {
		r.c.accept("AS")
		if alias, err = r.c.identifier("an alias"); err != nil {
			return nil, err
		}
	}
	if err := r.c.expect("USING"); err != nil {
		return nil, err
	}
	from, err := r.mergeSource()
	if err != nil {
		return nil, err
	}
	if err := r.c.expect("ON"); err != nil {
		return nil, err
	}
	on, err := r.scalar(metastore.Object{}, r.c.until("WHEN"))
	if err != nil {
		return nil, err
	}
	text := "MERGE INTO " + dataName(target.Name) + " AS " + name(alias) + " USING " + from + " ON (" + on + ")"
	for r.c.accept("WHEN") {
		clause, err := r.mergeClause()
		if err != nil {
			return nil, err
		}
		text += clause
	}
	if err := r.c.end(); err != nil {
		return nil, err
	}
	return r.mergeRows(text+" RETURNING merge_action", all)
}

// mergeSource reads a table or a query in parentheses, with its alias.
func (r *run) mergeSource() (string, error) {
	var query []token
	alias := ""
	if r.c.accept("(") {
		query = r.c.until()
		if err := r.c.expect(")"); err != nil {
			return "", err
		}
	} else {
		start := r.c.i
		full, err := r.c.full(r.session, "a table")
		if err != nil {
			return "", err
		}
		alias = full[strings.LastIndex(full, ".")+1:]
		query = append([]token{{tokenWord, "SELECT", false}, {tokenSymbol, "*", true}, {tokenWord, "FROM", true}}, r.c.tokens[start:r.c.i]...)
		query[3].space = true
	}
	if !r.c.peek().is("ON") {
		r.c.accept("AS")
		var err error
		if alias, err = r.c.identifier("an alias"); err != nil {
			return "", err
		}
	}
	text, err := r.secure(query)
	if err != nil {
		return "", err
	}
	return "(" + text + ") AS " + name(alias), nil
}

// mergeClause reads one WHEN, of which the word itself was read.
func (r *run) mergeClause() (string, error) {
	text := ""
	matched := true
	switch {
	case r.c.accept("MATCHED"):
		text = " WHEN MATCHED"
	case r.c.accept("NOT", "MATCHED"):
		if r.c.accept("BY", "SOURCE") {
			return "", notImplemented("WHEN NOT MATCHED BY SOURCE")
		}
		r.c.accept("BY", "TARGET")
		text, matched = " WHEN NOT MATCHED", false
	default:
		return "", syntaxError("expected MATCHED or NOT MATCHED")
	}
	if r.c.accept("AND") {
		condition, err := r.scalar(metastore.Object{}, r.c.until("THEN"))
		if err != nil {
			return "", err
		}
		text += " AND (" + condition + ")"
	}
	if err := r.c.expect("THEN"); err != nil {
		return "", err
	}
	switch {
	case matched && r.c.accept("DELETE"):
		return text + " THEN DELETE", nil
	case matched && r.c.accept("UPDATE", "SET"):
		sets, err := r.mergeSets()
		return text + " THEN UPDATE SET " + sets, err
	case !matched && r.c.accept("INSERT"):
		insert, err := r.mergeInsert()
		return text + " THEN INSERT " + insert, err
	}
	return "", syntaxError("expected UPDATE SET, DELETE or INSERT")
}

func (r *run) mergeSets() (string, error) {
	if r.c.peek().is("*") {
		return "", notImplemented("UPDATE SET *")
	}
	var sets []string
	for {
		column, err := r.c.path("a column")
		if err != nil {
			return "", err
		}
		if err := r.c.expect("="); err != nil {
			return "", err
		}
		value, err := r.scalar(metastore.Object{}, r.c.until(",", "WHEN"))
		if err != nil {
			return "", err
		}
		sets = append(sets, name(column[len(column)-1])+" = "+value)
		if !r.c.accept(",") {
			return strings.Join(sets, ", "), nil
		}
	}
}

func (r *run) mergeInsert() (string, error) {
	if r.c.peek().is("*") {
		return "", notImplemented("INSERT *")
	}
	columns, err := r.c.list("a column")
	if err != nil {
		return "", err
	}
	for i := range columns {
		columns[i] = name(columns[i])
	}
	if err := r.c.expect("VALUES", "("); err != nil {
		return "", err
	}
	var values []string
	for {
		value, err := r.scalar(metastore.Object{}, r.c.until(","))
		if err != nil {
			return "", err
		}
		values = append(values, value)
		if r.c.accept(")") {
			return "(" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(values, ", ") + ")", nil
		}
		if err := r.c.expect(","); err != nil {
			return "", err
		}
	}
}

// mergeRows runs a MERGE and counts what it did.
func (r *run) mergeRows(text string, tokens []token) (*Result, error) {
	rows, err := r.engine.db.QueryContext(r.ctx, text, bound(tokens, r.statement.Params)...)
	if err != nil {
		return nil, engineError(err)
	}
	defer rows.Close() //nolint:errcheck // read to the end
	actions, err := read(rows, 0, 0)
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for _, row := range actions.Rows {
		counts[strings.ToUpper(*row[0])]++
	}
	out := &Result{Rows: [][]*string{nil}}
	for i, n := range []int{len(actions.Rows), counts["UPDATE"], counts["DELETE"], counts["INSERT"]} {
		column := []string{"num_affected_rows", "num_updated_rows", "num_deleted_rows", "num_inserted_rows"}[i]
		cell := strconv.Itoa(n)
		out.Columns = append(out.Columns, ResultColumn{Name: column, TypeName: "BIGINT", TypeText: "BIGINT"})
		out.Rows[0] = append(out.Rows[0], &cell)
	}
	return out, nil
}
