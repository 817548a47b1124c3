// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package vectorsearch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/session"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/sqlengine"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// mostRows bounds the rows of a source table: every query reads and embeds all of
// them. A larger table makes its index not ready.
const mostRows = 50_000

// Question is what a caller wants of an index.
type Question struct {
	Text string
	// Columns are returned in this order.
	Columns []string
	// Limit is how many rows are returned at most.
	Limit int
	// Filters is filters_json; empty is none.
	Filters string
	// Threshold is the least score that is returned.
	Threshold float64
}

// Answer is the nearest rows, nearest first.
type Answer struct {
	Columns []sqlengine.ResultColumn
	// Rows hold values as they are in JSON, Scores what each row scored.
	Rows   [][]any
	Scores []float64
}

// Search asks an index as a principal, which must hold SELECT on it.
func (s *Service) Search(ctx context.Context, principal, index string, q Question) (Answer, error) {
	ix, err := s.find(index)
	if err != nil {
		return Answer{}, err
	}
	if err := s.mayRead(principal, ix); err != nil {
		return Answer{}, err
	}
	return s.search(ctx, ix, q)
}

// CheckAccess says why a principal cannot query an index, if it cannot.
func (s *Service) CheckAccess(principal, index string) error {
	ix, err := s.find(index)
	if err != nil {
		return err
	}
	return s.mayRead(principal, ix)
}

func (s *Service) search(ctx context.Context, ix Index, q Question) (Answer, error) {
	rows, err := s.rows(ctx, ix)
	if err != nil {
		return Answer{}, err
	}
	var at []int
	var out Answer
	for _, name := range q.Columns {
		i := position(rows.Columns, name)
		if i < 0 {
			return Answer{}, wire.BadParameter(fmt.Sprintf("Requested column %q is not present in the index %s.", name, ix.Name))
		}
		at, out.Columns = append(at, i), append(out.Columns, rows.Columns[i])
	}
	passes, err := parseFilter(q.Filters, rows.Columns)
	if err != nil {
		return Answer{}, err
	}
	for _, h := range nearest(rows, ix, Embed(q.Text), passes, q) {
		cells := make([]any, len(at))
		for i, c := range at {
			cells[i] = native(h.row[c], rows.Columns[c].TypeName)
		}
		out.Rows, out.Scores = append(out.Rows, cells), append(out.Scores, h.score)
	}
	return out, nil
}

type hit struct {
	row   []*string
	score float64
}

// nearest ranks the rows that pass; rows of equal score are in the order of their primary keys.
func nearest(rows *sqlengine.Result, ix Index, want Vector, passes filter, q Question) []hit {
	text, key := position(rows.Columns, ix.Text), position(rows.Columns, ix.PrimaryKey)
	var hits []hit
	for _, row := range rows.Rows {
		if row[text] == nil || row[key] == nil || !passes.matches(row) {
			continue // a row without a text has no embedding
		}
		if h := (hit{row, score(want, Embed(*row[text]))}); h.score >= q.Threshold {
			hits = append(hits, h)
		}
	}
	slices.SortFunc(hits, func(a, b hit) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return strings.Compare(*a.row[key], *b.row[key])
	})
	return hits[:min(len(hits), q.Limit)]
}

func position(columns []sqlengine.ResultColumn, name string) int {
	return slices.IndexFunc(columns, func(c sqlengine.ResultColumn) bool { return strings.EqualFold(c.Name, name) })
}

func notReady(ix Index, why string) error {
	return wire.BadParameter("Vector search index " + ix.Name + " is not ready: " + why)
}

// rows are what an index holds now.
func (s *Service) rows(ctx context.Context, ix Index) (*sqlengine.Result, error) {
	source, err := s.source(ix)
	if err != nil {
		return nil, err
	}
	var columns []string
	for _, c := range ix.columns(source) {
		columns = append(columns, quote(c.Name))
	}
	reader := ix.Owner
	if reader == "" {
		reader = source.Owner
	}
	result, err := s.opts.Executor.Execute(ctx, session.Of(s.opts.Directory, reader), sqlengine.Statement{SQL: "SELECT " + strings.Join(columns, ", ") + " FROM " + quote(strings.Split(ix.Source, ".")...), RowLimit: mostRows})
	if failed, ok := errors.AsType[*sqlengine.StatementError](err); ok {
		return nil, notReady(ix, "its source table cannot be read: "+failed.Message)
	}
	if err != nil {
		return nil, fmt.Errorf("read the source of the index %s: %w", ix.Name, err)
	}
	if result.Truncated {
		return nil, notReady(ix, fmt.Sprintf("its source table has more than the %d rows that the emulator indexes", mostRows))
	}
	return result, nil
}

// source is the source table, if it can be indexed.
func (s *Service) source(ix Index) (metastore.Object, error) {
	o, ok := s.opts.Metastore.Get(metastore.Securable{Type: metastore.TypeTable, Name: ix.Source})
	if !ok {
		return o, notReady(ix, "the source table "+ix.Source+" does not exist")
	}
	if o.Index || o.Query != "" {
		return o, notReady(ix, "its source "+ix.Source+" is no table")
	}
	if o.Filter != "" || slices.ContainsFunc(o.Columns, func(c metastore.Column) bool { return c.Mask != "" }) {
		return o, notReady(ix, "its source table has a row filter or column masks, which indexes do not support")
	}
	have := ix.columns(o)
	for _, name := range append([]string{ix.PrimaryKey, ix.Text}, ix.Columns...) {
		if !slices.ContainsFunc(have, func(c metastore.Column) bool { return c.Name == name }) {
			return o, notReady(ix, "the source table has no column "+name)
		}
	}
	for _, c := range have {
		if c.Name == ix.Text && c.Type != "STRING" {
			return o, notReady(ix, "the column "+c.Name+" is no STRING")
		}
	}
	return o, nil
}

// columns are those of the source that the index keeps, in the source's order.
func (ix Index) columns(source metastore.Object) []metastore.Column {
	var out []metastore.Column
	for _, c := range source.Columns {
		if len(ix.Columns) == 0 || c.Name == ix.PrimaryKey || c.Name == ix.Text || slices.Contains(ix.Columns, c.Name) {
			out = append(out, c)
		}
	}
	return out
}

func quote(parts ...string) string {
	for i, p := range parts {
		parts[i] = "`" + strings.ReplaceAll(p, "`", "``") + "`"
	}
	return strings.Join(parts, ".")
}

// native is a cell as a JSON value of its own type.
func native(cell *string, typeName string) any {
	if cell == nil {
		return nil
	}
	switch kindOf(typeName) {
	case "number":
		if json.Valid([]byte(*cell)) {
			return json.Number(*cell)
		}
	case "truth":
		return *cell == "true"
	}
	if typeName == "ARRAY" && json.Valid([]byte(*cell)) {
		return json.RawMessage(*cell)
	}
	return *cell // text and times, and the numbers that JSON has not
}
