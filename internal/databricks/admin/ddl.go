// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/databricks/databricks-sdk-go/service/sql"

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
	a, err := c.workspace.statements.ExecuteStatement(ctx, sql.ExecuteStatementRequest{
		WarehouseId: warehouseID, Statement: statement, WaitTimeout: wire.WaitTimeout, OnWaitTimeout: sql.ExecuteStatementRequestOnWaitTimeoutContinue,
		Disposition: sql.DispositionInline, Format: sql.FormatJsonArray,
	})
	if err != nil {
		return unquoted(classify(err))
	}
	id, status := a.StatementId, statusOf(a)
	deadline := time.Now().Add(ddlPatience)
	for wait := wire.PollFirst; running(id, status); wait = min(wait*2, wire.PollMost) {
		select {
		case <-ctx.Done():
			c.cancelStatement(ctx, id)
			return ctx.Err()
		case <-time.After(wait):
		}
		if time.Now().After(deadline) {
			c.cancelStatement(ctx, id)
			return fault.Transient(wire.ReasonUnavailable, fmt.Errorf("the warehouse %s did not run a statement within %s; it may be starting", warehouseID, ddlPatience))
		}
		a, err := c.workspace.statements.GetStatement(ctx, sql.GetStatementRequest{StatementId: id})
		if err != nil {
			if ctx.Err() != nil {
				c.cancelStatement(ctx, id)
			}
			return unquoted(classify(err))
		}
		status = statusOf(a)
	}
	if status.State == string(sql.StatementStateSucceeded) {
		return nil
	}
	if status.State == "" || status.Unfinished() {
		return fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	return statementFault(wire.StatementFailure(status))
}

func statusOf(a *sql.StatementResponse) wire.StatementStatus {
	if a.Status == nil {
		return wire.StatementStatus{}
	}
	out := wire.StatementStatus{State: string(a.Status.State), SQLState: a.Status.SqlState}
	if e := a.Status.Error; e != nil {
		out.Error = &wire.StatementError{Code: string(e.ErrorCode), Message: e.Message}
	}
	return out
}

// running says whether there is something to wait for. A statement without an id that
// can be part of a request cannot be asked for.
func running(id string, status wire.StatementStatus) bool {
	_, err := wire.ObjectID(id)
	return err == nil && status.Unfinished()
}

// cancelStatement stops a statement that nobody waits for any more, as well as it can be stopped.
func (c *Client) cancelStatement(ctx context.Context, id string) {
	ctx, end := context.WithTimeout(context.WithoutCancel(ctx), wire.CancelTimeout)
	defer end()
	_ = c.workspace.statements.CancelExecution(ctx, sql.CancelExecutionRequest{StatementId: id}) // the service may silently not cancel either
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
