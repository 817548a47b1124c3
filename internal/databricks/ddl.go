// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// ddlPatience is how long a statement of the operator's may take; a warehouse may have to start first.
const ddlPatience = 2 * time.Minute

// RunStatement runs one statement as the operator and drops its result. The statement
// must be one that may run twice: an answer can be lost. When ctx ends, or patience
// does, it is cancelled. Errors are faults and hold neither the statement nor what
// the service says about it.
func (c *Client) RunStatement(ctx context.Context, warehouseID, statement string) error {
	if _, err := objectID(warehouseID); err != nil {
		return err
	}
	body := map[string]any{
		"warehouse_id": warehouseID, "statement": statement, "wait_timeout": waitTimeout, "on_wait_timeout": "CONTINUE", "disposition": "INLINE", "format": "JSON_ARRAY",
	}
	var a statementAnswer
	if err := c.workspace.do(ctx, http.MethodPost, "/api/2.0/sql/statements", nil, body, &a); err != nil {
		return unquoted(err)
	}
	path := statementPath(a.StatementID)
	deadline := time.Now().Add(ddlPatience)
	for wait := pollFirst; a.running(); wait = min(wait*2, pollMost) {
		select {
		case <-ctx.Done():
			c.cancelStatement(ctx, path)
			return ctx.Err()
		case <-time.After(wait):
		}
		if time.Now().After(deadline) {
			c.cancelStatement(ctx, path)
			return fault.Transient(ReasonUnavailable, fmt.Errorf("the warehouse %s did not run a statement within %s; it may be starting", warehouseID, ddlPatience))
		}
		a = statementAnswer{StatementID: a.StatementID}
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
	if a.Status.State == "" || a.unfinished() {
		return fault.Transient(ReasonUnexpectedAnswer, errUnexpectedAnswer)
	}
	return statementFault(statementFailure(&a))
}

// cancelStatement stops a statement that nobody waits for any more, as well as it can be stopped.
func (c *Client) cancelStatement(ctx context.Context, path string) {
	ctx, end := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
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
	said := fmt.Errorf("Databricks answered a statement with %d %s", a.StatusCode, tidy(a.ErrorCode, 64)) //nolint:staticcheck // a name
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
	var e *CallError
	if !errors.As(err, &e) {
		return err
	}
	said := fmt.Errorf("the statement ended with %s (SQLSTATE %q)", tidy(e.Code, 64), e.SQLState)
	switch {
	case e.Kind == CallDenied:
		return fault.Denied(ReasonPermissionDenied, fmt.Errorf("the operator lacks a privilege that the statement needs (SQLSTATE %q)", e.SQLState))
	case e.Kind == CallRateLimited:
		return fault.RateLimited(0, said)
	case e.Kind == CallUnavailable:
		return fault.Transient(ReasonUnavailable, said)
	case e.SQLState == "42P01" || e.SQLState == "42703" || e.SQLState == "42704" || e.SQLState == "42883" || e.Code == "NOT_FOUND":
		return fault.Waiting(ReasonSecurableNotFound, said)
	case strings.HasPrefix(e.SQLState, "42"):
		return fault.Invalid(ReasonRejected, said)
	}
	return fault.Transient(ReasonUnavailable, said)
}
