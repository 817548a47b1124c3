// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
)

// Query is an answer in SQL.
type Query struct {
	SQL string
	// Title is the question in short, Description what the SQL does.
	Title, Description string
	// answer is what the SQL returns, for questions about it. Its name is that of the
	// common table expression that they put it into.
	answer Table
	// made is the last request over a real table, for questions that change it.
	made request
}

// Answer is a query, or a question back.
type Answer struct {
	Query *Query
	// Clarification is set when Query is nil.
	Clarification string
}

// Lookup finds a value in one of a table's columns, ignoring case, among the rows that
// the caller sees: the column and the value as it is written there. "" is not found.
type Lookup func(ctx context.Context, table string, columns []string, value string) (column, spelled string, err error)

// session answers one question.
type session struct {
	ctx      context.Context
	question string
	tokens   []token
	lookup   Lookup
	seen     map[string][2]string
	// unclear is what the attempt that knew the most words did not understand, and
	// strange how many it did not know; -1 before the first attempt.
	unclear string
	strange int
}

// Ask answers a question over tables; previous is the query that the conversation
// came to before, or nil. An error is the lookup's.
func Ask(ctx context.Context, question string, tables []Table, previous *Query, lookup Lookup) (Answer, error) {
	s := &session{ctx: ctx, question: question, tokens: split(question), lookup: lookup, seen: map[string][2]string{}, strange: -1}
	var attempts []func() (*Query, error)
	for _, t := range tables {
		attempts = append(attempts, func() (*Query, error) { return s.fresh(t) })
	}
	if previous != nil {
		over := func() (*Query, error) { return s.over(previous) }
		changed := func() (*Query, error) { return s.changed(previous) }
		switch {
		case s.begins("what about"), s.begins("how about"), s.begins("and for"), s.begins("and in"):
			attempts = append([]func() (*Query, error){changed, over}, attempts...)
		case len(s.tokens) > 0 && marks[s.tokens[0].low]:
			attempts = append([]func() (*Query, error){over, changed}, attempts...)
		default:
			attempts = append(attempts, over, changed)
		}
	}
	for _, attempt := range attempts {
		q, err := attempt()
		if err != nil {
			return Answer{}, err
		}
		if q != nil {
			return Answer{Query: q}, nil
		}
	}
	what := cmp.Or(s.unclear, strings.TrimRight(strings.TrimSpace(question), "?.! "))
	return Answer{Clarification: "Please specify what you mean by '" + what + "'."}, nil
}

func (s *session) begins(with string) bool {
	words := strings.Fields(with)
	if len(s.tokens) < len(words) {
		return false
	}
	for i, w := range words {
		if s.tokens[i].low != w {
			return false
		}
	}
	return true
}

// parse reads the question against a table; values are looked up in another if the
// table is an answer. It is false if something in the question means nothing there.
func (s *session) parse(t Table, rows string) (request, bool, error) {
	r := &reader{ctx: s.ctx, tokens: s.tokens, out: request{table: t}}
	r.find = func(_ context.Context, columns []Column, value string) (Column, string, bool, error) {
		return s.find(rows, columns, value)
	}
	r.read()
	if r.err != nil {
		return request{}, false, r.err
	}
	if len(r.unknown) > 0 {
		u := r.unknown[0]
		if u.from > 0 && articles[s.tokens[u.from-1].low] {
			u.from--
		}
		s.blame(r.text(u), r.strange)
		return request{}, false, nil
	}
	return r.out, true, nil
}

// blame keeps what was not understood by the attempt that knew the most words.
func (s *session) blame(what string, strange int) {
	if s.strange < 0 || strange < s.strange {
		s.unclear, s.strange = what, strange
	}
}

func (s *session) find(table string, columns []Column, value string) (Column, string, bool, error) {
	var names []string
	for _, c := range columns {
		if from := cmp.Or(c.source, c.Name); !slices.Contains(names, from) {
			names = append(names, from)
		}
	}
	if len(names) == 0 {
		return Column{}, "", false, nil
	}
	key := table + "\x00" + strings.Join(names, ",") + "\x00" + strings.ToLower(value)
	hit, known := s.seen[key]
	if !known {
		column, spelled, err := s.lookup(s.ctx, table, names, value)
		if err != nil {
			return Column{}, "", false, err
		}
		hit = [2]string{column, spelled}
		s.seen[key] = hit
	}
	for _, c := range columns {
		if hit[0] != "" && cmp.Or(c.source, c.Name) == hit[0] {
			return c, hit[1], true, nil
		}
	}
	return Column{}, "", false, nil
}

// fresh answers from a table alone.
func (s *session) fresh(t Table) (*Query, error) {
	q, ok, err := s.parse(t, t.Name)
	if err != nil || !ok {
		return nil, err
	}
	if !q.settle() {
		s.blame("", 0)
		return nil, nil //nolint:nilnil // this table does not answer it
	}
	return s.query(q, q.sql(), q), nil
}

// over answers from the answer before, as a common table expression.
func (s *session) over(p *Query) (*Query, error) {
	q, ok, err := s.parse(p.answer, p.made.table.Name)
	if err != nil || !ok {
		return nil, err
	}
	if !q.settle() {
		return nil, nil //nolint:nilnil // the answer before does not answer it
	}
	made := p.made
	made.filters = slices.Clone(made.filters)
	for _, f := range q.filters {
		if f.column.source != "" { // it holds for the rows too
			f.column.Name = f.column.source
			made.filters = append(made.filters, f)
		}
	}
	return s.query(q, "WITH "+name(p.answer.Name)+" AS ("+p.SQL+") "+q.sql(), made), nil
}

// changed answers by the request before with what the question changes in it.
func (s *session) changed(p *Query) (*Query, error) {
	q, ok, err := s.parse(p.made.table, p.made.table.Name)
	if err != nil || !ok {
		return nil, err
	}
	if len(q.dims)+len(q.filters)+len(q.measures)+len(q.picks) == 0 && q.pending == "" && !q.ranked && q.order == nil {
		return nil, nil //nolint:nilnil // it changes nothing
	}
	for _, f := range p.made.filters {
		if !slices.ContainsFunc(q.filters, func(n filter) bool { return n.column.Name == f.column.Name }) {
			q.filters = append(q.filters, f)
		}
	}
	if len(q.measures)+len(q.picks) == 0 && q.pending == "" {
		q.measures = p.made.measures
		if len(q.measures) == 0 {
			q.picks, q.named = p.made.picks, p.made.named
		}
		if len(q.dims) == 0 {
			q.dims = p.made.dims
		}
	}
	if !q.settle() {
		return nil, nil //nolint:nilnil // it is not complete either
	}
	return s.query(q, q.sql(), q), nil
}

// query is a request as an answer; made is what later questions may change.
func (s *session) query(q request, sql string, made request) *Query {
	title := strings.TrimRight(strings.TrimSpace(s.question), "?.! ")
	if runes := []rune(title); len(runes) > 80 {
		title = string(runes[:80])
	}
	return &Query{
		SQL: sql, Title: title, Description: q.describe(),
		answer: Table{Name: unused(q.label(), sql), Columns: q.columns(), answer: true}, made: made,
	}
}

// label is what an answer is called: revenue_by_region.
func (q request) label() string {
	var words []string
	switch {
	case len(q.measures) > 0:
		words = append(words, strings.ReplaceAll(q.measures[0].word, " ", "_"))
	case q.table.answer:
		words = append(words, "previous")
	default:
		words = append(words, q.table.short())
	}
	for i, d := range q.dims {
		words = append(words, []string{"by", "and"}[min(i, 1)], d.alias())
	}
	if len(q.dims) == 0 {
		words = append(words, "rows")
	}
	label := strings.Join(words, "_")
	if !plain.MatchString(label) {
		return "previous_rows"
	}
	return label
}

// unused numbers a name until no expression of the SQL has it.
func unused(label, sql string) string {
	out := label
	for n := 2; strings.Contains(sql, "WITH "+out+" AS ("); n++ {
		out = label + "_" + strconv.Itoa(n)
	}
	return out
}

// describe says in words what the request does.
func (q request) describe() string {
	var what []string
	for _, m := range q.measures {
		what = append(what, strings.ReplaceAll(m.alias(), "_", " "))
	}
	for _, c := range q.picks {
		what = append(what, c.Name)
	}
	if len(what) == 0 {
		what = []string{"all columns"}
	}
	out := "This query returns " + strings.Join(what, ", ")
	for i, d := range q.dims {
		out += []string{" by ", " and "}[min(i, 1)] + d.alias()
	}
	out += " of " + q.table.Name
	if len(q.filters) > 0 {
		out += ", filtered on " + q.filters[0].column.Name
		for _, f := range q.filters[1:] {
			out += " and " + f.column.Name
		}
	}
	if q.limit > 0 {
		out += ", the first " + strconv.Itoa(q.limit)
	}
	return out + "."
}
