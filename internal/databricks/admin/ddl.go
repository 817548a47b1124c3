// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// ddlPatience is how long a statement of the operator's may take; a warehouse may have to start first.
const ddlPatience = 2 * time.Minute

// RunStatement runs one statement as the operator and drops its result. The statement
// must be one that may run twice: an answer can be lost. When ctx ends, or patience
// does, it is cancelled. Errors are faults and hold neither the statement nor what
// the service says about it.
func (c *Client) RunStatement(ctx context.Context, warehouseID, statement string) error {
	if _, err := wire.ObjectID(warehouseID); err != nil {
		return err
	}
	body := map[string]any{
		"warehouse_id": warehouseID, "statement": statement, "wait_timeout": wire.WaitTimeout, "on_wait_timeout": "CONTINUE", "disposition": "INLINE", "format": "JSON_ARRAY",
	}
	var a wire.StatementAnswer
	if err := c.workspace.do(ctx, http.MethodPost, "/api/2.0/sql/statements", nil, body, &a); err != nil {
		return unquoted(err)
	}
	path := wire.StatementPath(a.StatementID)
	deadline := time.Now().Add(ddlPatience)
	for wait := wire.PollFirst; a.Running(); wait = min(wait*2, wire.PollMost) {
		select {
		case <-ctx.Done():
			c.cancelStatement(ctx, path)
			return ctx.Err()
		case <-time.After(wait):
		}
		if time.Now().After(deadline) {
			c.cancelStatement(ctx, path)
			return fault.Transient(wire.ReasonUnavailable, fmt.Errorf("the warehouse %s did not run a statement within %s; it may be starting", warehouseID, ddlPatience))
		}
		a = wire.StatementAnswer{StatementID: a.StatementID}
		if err := c.workspace.do(ctx, http.MethodGet, path, nil, nil, &a); err != nil {
			if ctx.Err() != nil {
				c.cancelStatement(ctx, path)
			}
			return unquoted(err)
		}
	}
	if a.Status.State == "SUCCEEDED" {
		return nil
	}
	if a.Status.State == "" || a.Unfinished() {
		return fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	return statementFault(wire.StatementFailure(&a))
}

// cancelStatement stops a statement that nobody waits for any more, as well as it can be stopped.
func (c *Client) cancelStatement(ctx context.Context, path string) {
	ctx, end := context.WithTimeout(context.WithoutCancel(ctx), wire.CancelTimeout)
	defer end()
	_ = c.workspace.do(ctx, http.MethodPost, path+"/cancel", nil, nil, nil) // the service may silently not cancel either
}

// unquoted takes out of a fault what the service said: it may quote the statement.
func unquoted(err error) error {
	var a *answer
	f := fault.Of(err)
	if !errors.As(err, &a) || f == nil {
		return err
	}
	said := fmt.Errorf("Databricks answered a statement with %d %s", a.StatusCode, wire.Tidy(a.ErrorCode, 64)) //nolint:staticcheck // a name
	if f.Class == fault.ClassRateLimited {
		return fault.RateLimited(f.After, said)
	}
	return classed(f.Class, f.Reason, said)
}

func classed(class fault.Class, reason string, err error) error {
	switch class {
	case fault.ClassDenied:
		return fault.Denied(reason, err)
	case fault.ClassWaiting:
		return fault.Waiting(reason, err)
	case fault.ClassConflict:
		return fault.Conflict(reason, err)
	case fault.ClassInvalid:
		return fault.Invalid(reason, err)
	default:
		return fault.Transient(reason, err)
	}
}

// statementFault classes a statement that ended without success.
func statementFault(err error) error {
	var e *wire.CallError
	if !errors.As(err, &e) {
		return err
	}
	said := fmt.Errorf("the statement ended with %s (SQLSTATE %q)", wire.Tidy(e.Code, 64), e.SQLState)
	switch {
	case e.Kind == wire.CallDenied:
		return fault.Denied(wire.ReasonPermissionDenied, fmt.Errorf("the operator lacks a privilege that the statement needs (SQLSTATE %q)", e.SQLState))
	case e.Kind == wire.CallRateLimited:
		return fault.RateLimited(0, said)
	case e.Kind == wire.CallUnavailable:
		return fault.Transient(wire.ReasonUnavailable, said)
	case e.SQLState == "42P01" || e.SQLState == "42703" || e.SQLState == "42704" || e.SQLState == "42883" || e.Code == "NOT_FOUND":
		return fault.Waiting(wire.ReasonSecurableNotFound, said)
	case strings.HasPrefix(e.SQLState, "42"):
		return fault.Invalid(wire.ReasonRejected, said)
	}
	return fault.Transient(wire.ReasonUnavailable, said)
}
