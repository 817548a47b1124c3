// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/upstream"
)

const (
	// waitTimeout is how long the service holds a statement's first answer back.
	waitTimeout = "10s"
	pollFirst   = 500 * time.Millisecond
	pollMost    = 5 * time.Second
	// beginTimeout bounds the post of a statement, repetitions included.
	beginTimeout = 35 * time.Second
	// cancelTimeout bounds the attempt to stop a statement nobody waits for.
	cancelTimeout = 5 * time.Second
)

// Param binds a value to the marker `:Name`; a nil Value is NULL.
type Param struct {
	Name  string  `json:"name"`
	Value *string `json:"value,omitempty"`
	Type  string  `json:"type,omitempty"`
}

// StatementRequest is one statement.
type StatementRequest struct {
	WarehouseID string
	Statement   string
	Params      []Param
	// RowLimit truncates the result; 0 is no limit.
	RowLimit int64
	// Repeatable says that running the statement twice does no harm, so that one whose
	// answer was lost may be sent again.
	Repeatable bool
	// RequestID is sent along, to find the statement in the query history.
	RequestID string
}

// ResultColumn is a column of a result, with its SQL type, such as DECIMAL(18,2).
type ResultColumn struct{ Name, Type string }

// StatementResult is a result. A nil cell is NULL, which is not the empty text.
type StatementResult struct {
	Columns   []ResultColumn
	Rows      [][]*string
	Truncated bool
	TotalRows int64
}

// Statements runs SQL in one workspace as the owner of the token given with each
// call. It has no credential of its own, and is safe for concurrent use. The SDK is
// not used because it turns NULL into the empty text.
type Statements struct{ caller }

// NewStatements makes Statements for a workspace host.
func NewStatements(host string, client *http.Client) *Statements {
	return &Statements{newCaller(host, client)}
}

type statementAnswer struct {
	StatementID string `json:"statement_id"`
	Status      struct {
		State string `json:"state"`
		Error *struct {
			Code string `json:"error_code"`
			// Message is read for the class of the error, and not kept.
			Message string `json:"message"`
		} `json:"error"`
		SQLState string `json:"sql_state"`
	} `json:"status"`
	Manifest struct {
		Schema struct {
			Columns []struct {
				Name     string `json:"name"`
				TypeText string `json:"type_text"`
			} `json:"columns"`
		} `json:"schema"`
		TotalRowCount int64 `json:"total_row_count"`
		Truncated     bool  `json:"truncated"`
	} `json:"manifest"`
	Result resultChunk `json:"result"`
}

type resultChunk struct {
	Data      [][]*string `json:"data_array"`
	NextChunk *int64      `json:"next_chunk_index"`
}

// Execute runs a statement and reads all of its result. When ctx ends, the
// statement is cancelled. Errors are *CallError or that of ctx.
func (s *Statements) Execute(ctx context.Context, token Secret, r StatementRequest) (*StatementResult, error) {
	body := map[string]any{
		"warehouse_id": r.WarehouseID, "statement": r.Statement, "wait_timeout": waitTimeout,
		"on_wait_timeout": "CONTINUE", "disposition": "INLINE", "format": "JSON_ARRAY",
	}
	if len(r.Params) > 0 {
		body["parameters"] = r.Params
	}
	if r.RowLimit > 0 {
		body["row_limit"] = r.RowLimit
	}
	c := call{s.caller, token, r.RequestID}
	a, err := c.begin(ctx, body, r.Repeatable)
	if err != nil {
		return nil, err
	}
	return c.collect(ctx, a)
}

// begin posts a statement. The service holds its answer back while the statement
// runs, so that a caller who goes away then would leave it running under an id
// that nobody knows: the answer is waited for behind the caller's back, and the
// statement cancelled.
func (c call) begin(ctx context.Context, body any, repeatable bool) (*statementAnswer, error) {
	detached, end := context.WithTimeout(context.WithoutCancel(ctx), beginTimeout)
	if repeatable {
		detached = upstream.Repeatable(detached)
	}
	var a statementAnswer
	done := make(chan error, 1)
	go func() { done <- c.do(detached, http.MethodPost, "/api/2.0/sql/statements", body, &a) }()
	select {
	case err := <-done:
		end()
		if err != nil && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return &a, err
	case <-ctx.Done():
		go func() {
			defer end()
			if err := <-done; err == nil && a.running() {
				c.cancel(detached, statementPath(a.StatementID))
			}
		}()
		return nil, ctx.Err()
	}
}

// running says whether there is something to wait for. A statement without an id that
// can be part of a request cannot be asked for.
func (a *statementAnswer) running() bool {
	return a.unfinished() && identityPattern.MatchString(a.StatementID)
}

func (a *statementAnswer) unfinished() bool {
	return a.Status.State == "PENDING" || a.Status.State == "RUNNING"
}

func statementPath(id string) string { return "/api/2.0/sql/statements/" + url.PathEscape(id) }

func (c call) collect(ctx context.Context, a *statementAnswer) (*StatementResult, error) {
	path := statementPath(a.StatementID)
	for wait := pollFirst; a.running(); wait = min(wait*2, pollMost) {
		select {
		case <-ctx.Done():
			c.cancel(ctx, path)
			return nil, ctx.Err()
		case <-time.After(wait):
		}
		*a = statementAnswer{StatementID: a.StatementID}
		if err := c.do(ctx, http.MethodGet, path, nil, a); err != nil {
			if ctx.Err() != nil {
				c.cancel(ctx, path)
			}
			return nil, err
		}
	}
	if a.Status.State != "SUCCEEDED" {
		return nil, statementFailure(a)
	}
	out := a.result()
	for next := a.Result.NextChunk; next != nil; {
		var chunk resultChunk
		if err := c.do(ctx, http.MethodGet, fmt.Sprintf("%s/result/chunks/%d", path, *next), nil, &chunk); err != nil {
			return nil, err
		}
		if chunk.NextChunk != nil && *chunk.NextChunk <= *next {
			return nil, &CallError{Kind: CallUnavailable, Code: "BAD_CHUNK"}
		}
		out.Rows, next = append(out.Rows, chunk.Data...), chunk.NextChunk
	}
	return out, nil
}

// result is what the first answer holds.
func (a *statementAnswer) result() *StatementResult {
	out := &StatementResult{Truncated: a.Manifest.Truncated, TotalRows: a.Manifest.TotalRowCount, Rows: a.Result.Data}
	for _, col := range a.Manifest.Schema.Columns {
		out.Columns = append(out.Columns, ResultColumn{Name: col.Name, Type: col.TypeText})
	}
	return out
}

// cancel stops a statement that nobody waits for any more, as well as it can be stopped.
func (c call) cancel(ctx context.Context, path string) {
	ctx, end := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
	defer end()
	_ = c.do(ctx, http.MethodPost, path+"/cancel", nil, nil) // the service may silently not cancel either
}

// statementFailure classifies a statement that ended without a result.
func statementFailure(a *statementAnswer) error {
	e := &CallError{Status: http.StatusOK, SQLState: a.Status.SQLState, Code: a.Status.State}
	if a.Status.Error == nil {
		return e
	}
	e.Code = a.Status.Error.Code
	if e.SQLState == "" {
		e.SQLState = sqlStateIn(a.Status.Error.Message)
	}
	switch {
	case e.SQLState == "42501" || e.Code == "UNAUTHENTICATED" || strings.HasPrefix(a.Status.Error.Message, "[INSUFFICIENT_PERMISSIONS]"):
		e.Kind = CallDenied
	case e.Code == "RESOURCE_EXHAUSTED":
		e.Kind = CallRateLimited
	case e.Code == "TEMPORARILY_UNAVAILABLE" || e.Code == "INTERNAL_ERROR" || e.Code == "IO_ERROR" ||
		e.Code == "SERVICE_UNDER_MAINTENANCE" || e.Code == "WORKSPACE_TEMPORARILY_UNAVAILABLE" || e.Code == "DEADLINE_EXCEEDED":
		e.Kind = CallUnavailable
	}
	return e
}

// sqlStateIn finds the state at the end of a message such as `... SQLSTATE: 42501`.
func sqlStateIn(message string) string {
	_, after, ok := strings.Cut(message, "SQLSTATE: ")
	if !ok || len(after) < 5 {
		return ""
	}
	for _, r := range after[:5] {
		if (r < '0' || r > '9') && (r < 'A' || r > 'Z') {
			return ""
		}
	}
	return after[:5]
}
