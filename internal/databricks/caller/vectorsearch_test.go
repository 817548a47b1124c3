// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package caller_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire/wiretest"
	"github.com/gatehouse-dev/gatehouse/internal/upstream"
)

const found = `{"manifest":{"column_count":3,"columns":[{"name":"id","type_text":"bigint"},{"name":"text","type_text":"string"},{"name":"score"}]},
	"result":{"row_count":2,"data_array":[[9007199254740993,"b",0.8300000000000001],[1,null,0.1]]},"next_page_token":""}`

func TestASearchKeepsTheOrderAndTheDigits(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var got any
		raw, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(raw, &got)
		want := map[string]any{"columns": []any{"id", "text"}, "query_text": "dose?", "query_type": "ANN", "num_results": 2.0, "filters_json": `{"region":"WEST"}`}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if r.Method+" "+r.RequestURI != "POST /api/2.0/vector-search/indexes/main.kb.docs_index/query" || r.Header.Get("Authorization") != "Bearer dose-token" || r.Header.Get("X-Request-Id") != "r1" {
			t.Errorf("called %s %s with %v", r.Method, r.RequestURI, r.Header)
		}
		wiretest.Answers(200, found)(w, r)
	}))
	defer s.Close()
	got, err := caller.NewVectorSearch(s.URL, s.Client()).Query(t.Context(), "dose-token", caller.VectorQuery{
		Index: "main.kb.docs_index", Columns: []string{"id", "text"}, Text: "dose?", Type: "ANN", Results: 2, Filters: `{"region":"WEST"}`, RequestID: "r1",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &caller.VectorResult{
		Columns: []wire.ResultColumn{{Name: "id", Type: "bigint"}, {Name: "text", Type: "string"}, {Name: "score"}},
		Rows:    [][]any{{json.Number("9007199254740993"), "b", json.Number("0.8300000000000001")}, {json.Number("1"), nil, json.Number("0.1")}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestErrorsOfSearches(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   wire.CallKind
		after  time.Duration
	}{
		"400":                    {wiretest.Answers(400, `{"message":"dose"}`), wire.CallFailed, 0},
		"401":                    {wiretest.Answers(401, "dose"), wire.CallUnauthenticated, 0},
		"403":                    {wiretest.Answers(403, "dose"), wire.CallDenied, 0},
		"404":                    {wiretest.Answers(404, "dose"), wire.CallFailed, 0},
		"429":                    {wiretest.Answers(429, "dose", "Retry-After", "4"), wire.CallRateLimited, 4 * time.Second},
		"503":                    {wiretest.Answers(503, "dose"), wire.CallUnavailable, 0},
		"a page":                 {wiretest.Answers(200, "<html>dose"), wire.CallUnavailable, 0},
		"half an answer":         {wiretest.CutShort(`{"manifest":{"columns":[{"name":"dose"}]}`), wire.CallUnavailable, 0},
		"nothing":                {wiretest.Answers(200, "{}"), wire.CallUnavailable, 0},
		"a row of another width": {wiretest.Answers(200, strings.Replace(found, `"b",`, "", 1)), wire.CallUnavailable, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(c.answer)
			defer s.Close()
			got, err := caller.NewVectorSearch(s.URL, s.Client()).Query(t.Context(), "dose-token", caller.VectorQuery{Index: "a.b.c", Text: "dose"})
			var e *wire.CallError
			if got != nil || !errors.As(err, &e) || e.Kind != c.kind || e.RetryAfter != c.after {
				t.Fatalf("got %v, %+v", got, err)
			}
			if strings.Contains(err.Error(), "dose") {
				t.Errorf("the error says too much: %v", err)
			}
		})
	}
}

func TestNamesThatCannotBePartOfAPathAreNotCalled(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("called %s", r.RequestURI) }))
	defer s.Close()
	for _, name := range []string{"", "..", "a/b", "a.b.c/../d", "a%2fb", "a?b", "a b"} {
		if _, err := caller.NewVectorSearch(s.URL, s.Client()).Query(t.Context(), "t", caller.VectorQuery{Index: name}); err == nil {
			t.Errorf("the index %q was searched", name)
		}
		if _, err := caller.NewServing(s.URL, s.Client()).Ask(t.Context(), "t", caller.ServingRequest{Endpoint: name}); err == nil {
			t.Errorf("the endpoint %q was asked", name)
		}
	}
}

// lost counts calls, and loses the first answer.
func lost(n *atomic.Int32, then string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 1 {
			panic(http.ErrAbortHandler)
		}
		wiretest.Answers(200, then)(w, r)
	}
}

func TestALostSearchIsMadeAgainAndALostQuestionIsNot(t *testing.T) {
	client := func(s *httptest.Server) *http.Client {
		return &http.Client{Transport: upstream.New(s.Client().Transport, upstream.Options{Sleep: func(context.Context, time.Duration) error { return nil }})}
	}
	var searches, questions atomic.Int32
	a := httptest.NewServer(lost(&searches, found))
	defer a.Close()
	if _, err := caller.NewVectorSearch(a.URL, client(a)).Query(t.Context(), "t", caller.VectorQuery{Index: "a.b.c"}); err != nil || searches.Load() != 2 {
		t.Errorf("%d searches, %v", searches.Load(), err)
	}
	b := httptest.NewServer(lost(&questions, `{"choices":[{"message":{"content":"a"}}]}`))
	defer b.Close()
	var e *wire.CallError
	if _, err := caller.NewServing(b.URL, client(b)).Ask(t.Context(), "t", caller.ServingRequest{Endpoint: "e"}); !errors.As(err, &e) || e.Kind != wire.CallUnavailable || questions.Load() != 1 {
		t.Errorf("%d questions, %v", questions.Load(), err)
	}
}
