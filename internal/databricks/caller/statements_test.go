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
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire/wiretest"
)

func execute(t *testing.T, r wire.StatementRequest, answer http.HandlerFunc) (*wire.StatementResult, error) {
	t.Helper()
	s := httptest.NewServer(answer)
	defer s.Close()
	return caller.NewStatements(s.URL, s.Client()).Execute(t.Context(), "dose-token", r)
}

func TestParametersAreSentAsParameters(t *testing.T) {
	value := "x' OR '1'='1"
	_, err := execute(t, wire.StatementRequest{
		WarehouseID: "w", Statement: "SELECT :a, :b", RowLimit: 5, RequestID: "r1",
		Params: []wire.Param{{Name: "a", Value: &value, Type: "STRING"}, {Name: "b", Type: "INT"}},
	}, func(w http.ResponseWriter, r *http.Request) {
		var got any
		raw, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(raw, &got)
		want := map[string]any{
			"warehouse_id": "w", "statement": "SELECT :a, :b", "row_limit": 5.0, "wait_timeout": "10s", "on_wait_timeout": "CONTINUE",
			"disposition": "INLINE", "format": "JSON_ARRAY",
			"parameters": []any{map[string]any{"name": "a", "value": value, "type": "STRING"}, map[string]any{"name": "b", "type": "INT"}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if r.Header.Get("Authorization") != "Bearer dose-token" || r.Header.Get("X-Request-Id") != "r1" {
			t.Errorf("headers %v", r.Header)
		}
		wiretest.Answers(200, `{"statement_id":"s","status":{"state":"SUCCEEDED"}}`)(w, r)
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAResultKeepsNullApartFromEmptyOverAllChunks(t *testing.T) {
	text := func(s string) *string { return &s }
	got, err := execute(t, wire.StatementRequest{}, func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.URL.Path {
		case "POST /api/2.0/sql/statements":
			_, _ = io.WriteString(w, `{"statement_id":"s","status":{"state":"PENDING"}}`)
		case "GET /api/2.0/sql/statements/s":
			_, _ = io.WriteString(w, `{"statement_id":"s","status":{"state":"SUCCEEDED"},"manifest":{"schema":{"columns":[{"name":"c","type_text":"DECIMAL(18,2)"}]},
				"total_row_count":3,"truncated":true},"result":{"data_array":[[null],[""]],"next_chunk_index":1}}`)
		case "GET /api/2.0/sql/statements/s/result/chunks/1":
			_, _ = io.WriteString(w, `{"data_array":[["x"]]}`)
		default:
			t.Errorf("called %s %s", r.Method, r.URL)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &wire.StatementResult{
		Columns: []wire.ResultColumn{{Name: "c", Type: "DECIMAL(18,2)"}}, Rows: [][]*string{{nil}, {text("")}, {text("x")}}, Truncated: true, TotalRows: 3,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAStatementIsCancelledWhenItsContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancelled := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/s/cancel"):
			close(cancelled)
		case r.Method == http.MethodGet:
			cancel()
			fallthrough
		default:
			_, _ = io.WriteString(w, `{"statement_id":"s","status":{"state":"RUNNING"}}`)
		}
	}))
	defer s.Close()
	_, err := caller.NewStatements(s.URL, s.Client()).Execute(ctx, "dose-token", wire.StatementRequest{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	select {
	case <-cancelled:
	case <-time.After(10 * time.Second):
		t.Error("it was not cancelled")
	}
}

func TestErrorsOfStatements(t *testing.T) {
	failed := func(code, message string) http.HandlerFunc {
		return wiretest.Answers(200, `{"statement_id":"s","status":{"state":"FAILED","error":{"error_code":"`+code+`","message":"`+message+`"}}}`)
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   wire.CallKind
		after  time.Duration
	}{
		"a wrong statement":                {failed("BAD_REQUEST", "row dose SQLSTATE: 42703"), wire.CallFailed, 0},
		"a privilege is missing, by state": {failed("BAD_REQUEST", "row dose SQLSTATE: 42501"), wire.CallDenied, 0},
		"a privilege is missing, by name":  {failed("BAD_REQUEST", "[INSUFFICIENT_PERMISSIONS] dose"), wire.CallDenied, 0},
		"a failing engine":                 {failed("INTERNAL_ERROR", "dose"), wire.CallUnavailable, 0},
		"a statement that was closed":      {wiretest.Answers(200, `{"statement_id":"s","status":{"state":"CLOSED"}}`), wire.CallFailed, 0},
		"401":                              {wiretest.Answers(401, "dose"), wire.CallUnauthenticated, 0},
		"403":                              {wiretest.Answers(403, "dose"), wire.CallDenied, 0},
		"429":                              {wiretest.Answers(429, "dose", "Retry-After", "4"), wire.CallRateLimited, 4 * time.Second},
		"503":                              {wiretest.Answers(503, "dose"), wire.CallUnavailable, 0},
		"a page":                           {wiretest.Answers(200, "<html>dose"), wire.CallUnavailable, 0},
		"half an answer":                   {wiretest.CutShort(`{"statement_id":"s","status":{"state":"SUCCEEDED"}`), wire.CallUnavailable, 0},
		"nothing":                          {wiretest.Answers(200, "{}"), wire.CallFailed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := execute(t, wire.StatementRequest{Statement: "SELECT 'dose'"}, c.answer)
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

func TestChunksThatGoBackwardsEnd(t *testing.T) {
	_, err := execute(t, wire.StatementRequest{}, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = io.WriteString(w, `{"statement_id":"s","status":{"state":"SUCCEEDED"},"result":{"next_chunk_index":1}}`)
			return
		}
		_, _ = io.WriteString(w, `{"data_array":[],"next_chunk_index":1}`)
	})
	var e *wire.CallError
	if !errors.As(err, &e) || e.Code != "BAD_CHUNK" {
		t.Errorf("got %v", err)
	}
}
