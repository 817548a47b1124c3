// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/upstream"
)

// beginTimeout bounds the post of a statement, repetitions included.
const beginTimeout = 35 * time.Second

// Statements runs SQL in one workspace as the owner of the token given with each
// call. It has no credential of its own, and is safe for concurrent use. The SDK is
// not used because it turns NULL into the empty text.
type Statements struct{ workspace }

// NewStatements makes Statements for a workspace host.
func NewStatements(host string, client *http.Client) *Statements {
	return &Statements{newWorkspace(host, client)}
}

// Execute runs a statement and reads all of its result. When ctx ends, the
// statement is cancelled. Errors are *CallError or that of ctx.
func (s *Statements) Execute(ctx context.Context, token wire.Secret, r wire.StatementRequest) (*wire.StatementResult, error) {
	body := map[string]any{
		"warehouse_id": r.WarehouseID, "statement": r.Statement, "wait_timeout": wire.WaitTimeout,
		"on_wait_timeout": "CONTINUE", "disposition": "INLINE", "format": "JSON_ARRAY",
	}
	if len(r.Params) > 0 {
		body["parameters"] = r.Params
	}
	if r.RowLimit > 0 {
		body["row_limit"] = r.RowLimit
	}
	c := call{s.workspace, token, r.RequestID}
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
func (c call) begin(ctx context.Context, body any, repeatable bool) (*wire.StatementAnswer, error) {
	detached, end := context.WithTimeout(context.WithoutCancel(ctx), beginTimeout)
	if repeatable {
		detached = upstream.Repeatable(detached)
	}
	var a wire.StatementAnswer
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
			if err := <-done; err == nil && a.Running() {
				c.cancel(detached, wire.StatementPath(a.StatementID))
			}
		}()
		return nil, ctx.Err()
	}
}

func (c call) collect(ctx context.Context, a *wire.StatementAnswer) (*wire.StatementResult, error) {
	path := wire.StatementPath(a.StatementID)
	for wait := wire.PollFirst; a.Running(); wait = min(wait*2, wire.PollMost) {
		select {
		case <-ctx.Done():
			c.cancel(ctx, path)
			return nil, ctx.Err()
		case <-time.After(wait):
		}
		*a = wire.StatementAnswer{StatementID: a.StatementID}
		if err := c.do(ctx, http.MethodGet, path, nil, a); err != nil {
			if ctx.Err() != nil {
				c.cancel(ctx, path)
			}
			return nil, err
		}
	}
	if a.Status.State != "SUCCEEDED" {
		return nil, wire.StatementFailure(a.Status)
	}
	out := a.Contents()
	for next := a.Result.NextChunk; next != nil; {
		var chunk wire.ResultChunk
		if err := c.do(ctx, http.MethodGet, fmt.Sprintf("%s/result/chunks/%d", path, *next), nil, &chunk); err != nil {
			return nil, err
		}
		if chunk.NextChunk != nil && *chunk.NextChunk <= *next {
			return nil, &wire.CallError{Kind: wire.CallUnavailable, Code: "BAD_CHUNK"}
		}
		out.Rows, next = append(out.Rows, chunk.Data...), chunk.NextChunk
	}
	return out, nil
}

// cancel stops a statement that nobody waits for any more, as well as it can be stopped.
func (c call) cancel(ctx context.Context, path string) {
	ctx, end := context.WithTimeout(context.WithoutCancel(ctx), wire.CancelTimeout)
	defer end()
	_ = c.do(ctx, http.MethodPost, path+"/cancel", nil, nil) // the service may silently not cancel either
}
