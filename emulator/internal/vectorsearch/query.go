// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package vectorsearch

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

const (
	// defaultResults is num_results when it is not sent, mostResults its largest value.
	defaultResults, mostResults = 10, 10_000
	// pageRows is how many rows an answer has at most; the others are fetched with a token.
	pageRows = 1000
	// mostPages bounds the answers that wait for their next page.
	mostPages = 100
)

// page is the rest of an answer, for whoever asked.
type page struct {
	owner, index string
	answer       Answer
}

// query is the body of a query. What is raw is refused by name.
type query struct {
	Columns         []string        `json:"columns"`
	QueryText       string          `json:"query_text"`
	NumResults      *int            `json:"num_results"`
	FiltersJSON     string          `json:"filters_json"`
	QueryType       string          `json:"query_type"`
	ScoreThreshold  float64         `json:"score_threshold"`
	QueryVector     json.RawMessage `json:"query_vector"`
	ColumnsToRerank json.RawMessage `json:"columns_to_rerank"`
	Reranker        json.RawMessage `json:"reranker"`
	QueryColumns    json.RawMessage `json:"query_columns"`
	Facets          json.RawMessage `json:"facets"`
	SortColumns     json.RawMessage `json:"sort_columns"`
}

func notImplemented(what string) error {
	return &wire.Error{Status: http.StatusNotImplemented, Code: "NOT_IMPLEMENTED", Message: "the emulator does not implement " + what + " of vector search"}
}

// question says what is wrong with a query, or what it asks.
func (in query) question() (Question, error) {
	q := Question{Text: in.QueryText, Columns: in.Columns, Limit: defaultResults, Filters: in.FiltersJSON, Threshold: in.ScoreThreshold}
	for _, f := range []struct {
		name string
		raw  json.RawMessage
	}{
		{"query_vector", in.QueryVector}, {"columns_to_rerank", in.ColumnsToRerank}, {"reranker", in.Reranker},
		{"query_columns", in.QueryColumns}, {"facets", in.Facets}, {"sort_columns", in.SortColumns},
	} {
		if text := string(f.raw); text != "" && text != "null" && text != "[]" {
			return q, notImplemented("the field " + f.name)
		}
	}
	switch {
	case in.QueryType == "HYBRID" || in.QueryType == "FULL_TEXT":
		return q, notImplemented("the query_type " + in.QueryType)
	case in.QueryType != "" && in.QueryType != "ANN":
		return q, wire.BadParameter("query_type must be ANN, HYBRID or FULL_TEXT")
	case in.QueryText == "":
		return q, wire.BadParameter("query_text must be set")
	case len(in.Columns) == 0:
		return q, wire.BadParameter("columns must name at least one column")
	case in.NumResults != nil && (*in.NumResults < 1 || *in.NumResults > mostResults):
		return q, wire.BadParameter("num_results must be between 1 and 10000")
	}
	if in.NumResults != nil {
		q.Limit = *in.NumResults
	}
	return q, nil
}

// readable is the index of a request, which the caller must be able to query.
func (s *Service) readable(r *wire.Request) (Index, error) {
	ix, err := s.find(r.PathValue("name"))
	if err != nil {
		return ix, err
	}
	return ix, s.mayRead(r.Caller.Principal(), ix)
}

// query serves a query: existence, then the grant, then the request itself.
func (s *Service) query(ctx context.Context, r *wire.Request) (any, error) {
	ix, err := s.readable(r)
	if err != nil {
		return nil, err
	}
	me := r.Caller.Principal()
	var in query
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	q, err := in.question()
	if err != nil {
		return nil, err
	}
	answer, err := s.search(ctx, ix, q)
	if err != nil {
		return nil, err
	}
	return s.reply(page{me, ix.Name, answer}), nil
}

// nextPage serves what is left of an answer, once, to whoever asked.
func (s *Service) nextPage(_ context.Context, r *wire.Request) (any, error) {
	ix, err := s.readable(r)
	if err != nil {
		return nil, err
	}
	me := r.Caller.Principal()
	var in struct {
		Endpoint string `json:"endpoint_name"`
		Token    string `json:"page_token"`
	}
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	p, ok := s.pages[in.Token]
	if ok = ok && p.owner == me && p.index == ix.Name && (in.Endpoint == "" || in.Endpoint == ix.Endpoint); ok {
		delete(s.pages, in.Token)
	}
	s.mu.Unlock()
	if !ok {
		return nil, wire.BadParameter("page_token is not valid")
	}
	return s.reply(p), nil
}

// reply is the first page of an answer; the rest is kept under a token.
func (s *Service) reply(p page) any {
	token, a := "", p.answer
	if len(a.Rows) > pageRows {
		token = uuid.NewString()
		rest := p
		rest.answer.Rows, rest.answer.Scores = a.Rows[pageRows:], a.Scores[pageRows:]
		s.mu.Lock()
		for old := range s.pages {
			if len(s.pages) < mostPages {
				break
			}
			delete(s.pages, old)
		}
		s.pages[token] = rest
		s.mu.Unlock()
		a.Rows = a.Rows[:pageRows]
	}
	columns := []any{}
	for _, c := range a.Columns {
		columns = append(columns, map[string]string{"name": c.Name, "type_text": strings.ToLower(c.TypeText)})
	}
	columns = append(columns, map[string]string{"name": "score"})
	data := make([][]any, 0, len(a.Rows))
	for i, row := range a.Rows {
		data = append(data, append(slices.Clone(row), a.Scores[i]))
	}
	return map[string]any{
		"manifest":        map[string]any{"column_count": len(columns), "columns": columns},
		"result":          map[string]any{"row_count": len(data), "data_array": data},
		"next_page_token": token,
	}
}
