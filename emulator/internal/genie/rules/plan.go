// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// settle decides what a request means where the question left it open. It says
// whether the request is complete.
func (q *request) settle() bool {
	if !q.settlePending() || q.ranked && q.order == nil && len(q.measures) == 0 {
		return false
	}
	q.settlePicks()
	if q.order != nil && len(q.dims) > 0 && !q.returns(q.order.Name) {
		if !q.order.numeric() {
			return false
		}
		q.measures = append(q.measures, measure{"SUM", *q.order, cmp.Or(q.orderWord, q.order.Name)})
	}
	if len(q.dims) > 0 && len(q.measures) == 0 {
		if !q.named {
			return false
		}
		q.measures = []measure{{fn: "COUNT", word: q.table.short()}}
	}
	return len(q.measures)+len(q.dims)+len(q.picks) > 0 || q.named || q.order != nil || q.table.answer && len(q.filters) > 0
}

// returns says whether grouped rows can be put in the order of a column.
func (q *request) returns(column string) bool {
	return slices.ContainsFunc(q.dims, func(d dimension) bool { return d.column.Name == column }) ||
		slices.ContainsFunc(q.measures, func(m measure) bool { return m.column.Name == column })
}

// settlePending finds what an aggregate without a column is over, if anything.
func (q *request) settlePending() bool {
	fn := q.pending
	q.pending = ""
	switch {
	case fn == "":
	case fn == "COUNT", fn == "SUM" && q.named:
		q.measures = append(q.measures, measure{fn: "COUNT", word: q.table.short()})
	case q.table.answer && len(q.table.numbers()) == 1: // now the average
		only := q.table.numbers()[0]
		q.measures = append(q.measures, measure{fn, only, only.Name})
	case q.order != nil && q.order.numeric():
		q.measures = append(q.measures, measure{fn, *q.order, cmp.Or(q.orderWord, q.order.Name)})
		q.order = nil
	default:
		return false
	}
	return true
}

// settlePicks makes measures and dimensions of columns that were only named, when
// the question is not a list of rows.
func (q *request) settlePicks() {
	numbers := func(want bool) (out []Column) {
		for _, c := range q.picks {
			if c.numeric() == want {
				out = append(out, c)
			}
		}
		return out
	}
	grouped := len(q.dims) > 0 || len(q.measures) > 0
	alone := len(q.picks) > 0 && len(numbers(false)) == 0 && !q.named && !q.ranked && q.order == nil && !q.table.answer
	entities := q.ranked && !q.named && q.order != nil && len(numbers(false)) > 0 && !q.table.answer
	if !grouped && !alone && !entities {
		return
	}
	for _, c := range numbers(true) {
		q.measures = append(q.measures, measure{"SUM", c, c.Name})
	}
	for _, c := range numbers(false) {
		if !slices.ContainsFunc(q.dims, func(d dimension) bool { return d.column.Name == c.Name }) {
			q.dims = append(q.dims, dimension{column: c})
		}
	}
	q.picks = nil
}

func (t Table) numbers() []Column {
	var out []Column
	for _, c := range t.Columns {
		if c.numeric() {
			out = append(out, c)
		}
	}
	return out
}

var plain = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// name writes an identifier.
func name(s string) string {
	if plain.MatchString(s) {
		return s
	}
	return "`" + strings.ReplaceAll(s, "`", "``") + "`"
}

// quote writes a string.
func quote(s string) string {
	return "'" + strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), "'", `\'`) + "'"
}

func (t Table) from() string {
	list := strings.Split(t.Name, ".")
	for i := range list {
		list[i] = name(list[i])
	}
	return strings.Join(list, ".")
}

func (m measure) alias() string {
	word := strings.ReplaceAll(m.word, " ", "_")
	switch m.fn {
	case "COUNT":
		return cmp.Or(strings.Join(parts(word), "_"), "row") + "_count"
	case "SUM":
		return strings.TrimPrefix("total_"+word, "total_total_")
	case "AVG":
		return "average_" + word
	}
	return strings.ToLower(m.fn) + "_" + word
}

func (m measure) sql() string {
	switch {
	case m.column.Name == "":
		return "COUNT(*)"
	case m.fn == "COUNT" && !m.column.numeric():
		return "COUNT(DISTINCT " + name(m.column.Name) + ")"
	}
	return m.fn + "(" + name(m.column.Name) + ")"
}

func (d dimension) alias() string { return cmp.Or(d.unit, d.column.Name) }

func (d dimension) sql() string {
	switch d.unit {
	case "":
		return name(d.column.Name)
	case "year":
		return "YEAR(" + name(d.column.Name) + ")"
	}
	return "DATE_TRUNC('" + strings.ToUpper(d.unit) + "', " + name(d.column.Name) + ")"
}

func (f filter) sql() string {
	left := name(f.column.Name)
	if f.year {
		left = "YEAR(" + left + ")"
	}
	if len(f.values) == 1 {
		return left + " " + f.op + " " + f.values[0]
	}
	in := " IN ("
	if f.op == "<>" {
		in = " NOT IN ("
	}
	return left + in + strings.Join(f.values, ", ") + ")"
}

// sql writes the request.
func (q request) sql() string {
	var list, groups []string
	for _, d := range q.dims {
		groups = append(groups, d.sql())
		if d.unit != "" {
			list = append(list, d.sql()+" AS "+d.unit)
			continue
		}
		list = append(list, d.sql())
	}
	for _, m := range q.measures {
		list = append(list, m.sql()+" AS "+name(m.alias()))
	}
	for _, c := range q.picks {
		list = append(list, name(c.Name))
	}
	if len(list) == 0 {
		list = []string{"*"}
	}
	out := "SELECT " + strings.Join(list, ", ") + " FROM " + q.table.from()
	if len(q.filters) > 0 {
		var all []string
		for _, f := range q.filters {
			all = append(all, f.sql())
		}
		out += " WHERE " + strings.Join(all, " AND ")
	}
	if len(groups) > 0 {
		out += " GROUP BY " + strings.Join(groups, ", ")
	}
	if order := q.orderBy(); len(order) > 0 {
		out += " ORDER BY " + strings.Join(order, ", ")
	}
	if q.limit > 0 {
		out += " LIMIT " + strconv.Itoa(q.limit)
	}
	return out
}

// orderBy gives grouped rows one order, so that the same question has the same answer.
func (q request) orderBy() []string {
	direction := " DESC"
	if q.ascending {
		direction = ""
	}
	var out []string
	switch {
	case q.order != nil && len(q.dims) > 0:
		by := name(q.order.Name)
		for _, m := range q.measures {
			if m.column.Name == q.order.Name {
				by = name(m.alias())
			}
		}
		out = []string{by + direction}
	case q.order != nil:
		return []string{name(q.order.Name) + direction}
	case len(q.dims) > 0 && q.dims[0].unit == "" && !q.dims[0].column.temporal() || q.ranked && len(q.measures) > 0:
		out = []string{name(q.measures[0].alias()) + direction}
	}
	for _, d := range q.dims {
		if key := d.sql(); !slices.Contains(out, key+direction) {
			out = append(out, key)
		}
	}
	return out
}

// columns are what the request returns, as a further question may name them.
func (q request) columns() []Column {
	if len(q.dims)+len(q.measures)+len(q.picks) == 0 {
		out := slices.Clone(q.table.Columns)
		for i := range out {
			out[i].source = cmp.Or(out[i].source, out[i].Name)
		}
		return out
	}
	var out []Column
	for _, d := range q.dims {
		c := d.column
		c.source = cmp.Or(c.source, c.Name)
		if d.unit != "" {
			c = Column{Name: d.unit, Type: "TIMESTAMP"}
			if d.unit == "year" {
				c.Type = "BIGINT"
			}
		}
		out = append(out, c)
	}
	for _, m := range q.measures {
		t := "DOUBLE"
		if m.fn == "COUNT" {
			t = "BIGINT"
		} else if m.fn != "AVG" {
			t = m.column.Type
		}
		out = append(out, Column{Name: m.alias(), Type: t, also: append([]string{m.word, m.column.Name}, m.column.also...)})
	}
	for _, c := range q.picks {
		c.source = cmp.Or(c.source, c.Name)
		out = append(out, c)
	}
	return out
}
