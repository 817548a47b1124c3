// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

// Caller is who calls, as verified. It holds no credential.
type Caller struct {
	Issuer  string
	Subject string
	Email   string
	Name    string
	// Role is `<namespace>/<name>`.
	Role string
}

// Session is what an executor may act with: the token of the caller's role and
// nothing else.
type Session interface {
	// Token returns a Databricks token of the caller's role with the scopes of that
	// role. Refused says that Databricks answered 401 to the last one, so that it is
	// not handed out again.
	Token(ctx context.Context, refused bool) (wire.Secret, error)
}

// Statements runs SQL as the owner of a token.
type Statements interface {
	Execute(ctx context.Context, token wire.Secret, r wire.StatementRequest) (*wire.StatementResult, error)
}

// VectorSearch searches indexes as the owner of a token.
type VectorSearch interface {
	Query(ctx context.Context, token wire.Secret, q caller.VectorQuery) (*caller.VectorResult, error)
}

// Serving asks serving endpoints as the owner of a token.
type Serving interface {
	Ask(ctx context.Context, token wire.Secret, r caller.ServingRequest) (*caller.ServingAnswer, error)
}

// Context is everything that a running tool sees.
type Context struct {
	context.Context //nolint:containedctx // it is one call, and ends with it
	Caller          Caller
	RequestID       string
	WarehouseID     string
	Session         Session
	// Statements is set for identity, sql, http and function tools.
	Statements Statements
	// Genie is set for genie tools.
	Genie GenieContext
	// VectorSearch is set for vectorSearch tools.
	VectorSearch VectorSearch
	// Serving is set for serving tools.
	Serving Serving
	// Progress tells the caller how far the call is. It is never called twice at a time,
	// nor after the call. Optional.
	Progress func(step int, message string)
	// Permit has the last word on whether the caller may call the tool with these
	// arguments, which fit its schema. Optional.
	Permit func(args Arguments) error
	// Admit counts the call, once its arguments are known to fit, or refuses it. Optional.
	Admit func() error
	// repeatable says that the tool changes nothing, so that a call whose answer was lost may be made again.
	repeatable bool
}

// asRole makes a call with the token of the caller's role. A token that Databricks no
// longer accepts is exchanged once more, because nothing has run yet.
func asRole[T any](c Context, call func(token wire.Secret) (T, error)) (T, error) {
	for refused := false; ; refused = true {
		token, err := c.Session.Token(c, refused)
		if err != nil {
			var none T
			return none, err
		}
		out, err := call(token)
		if e, ok := errors.AsType[*wire.CallError](err); ok && e.Kind == wire.CallUnauthenticated && !refused {
			continue
		}
		return out, err
	}
}

// query runs one statement as the caller's role.
func (c Context) query(r wire.StatementRequest) (*wire.StatementResult, error) {
	r.WarehouseID, r.RequestID, r.Repeatable = c.WarehouseID, c.RequestID, c.repeatable
	return asRole(c, func(token wire.Secret) (*wire.StatementResult, error) {
		result, err := c.Statements.Execute(c, token, r)
		if err != nil {
			return nil, upstreamError(c, err)
		}
		return result, nil
	})
}

// upstreamError turns what Databricks answered into what the caller is told.
func upstreamError(ctx context.Context, err error) error {
	return upstreamErrorOf(ctx, err, "the statement of this tool")
}

// upstreamErrorOf is upstreamError for a call of another kind: what is what failed.
func upstreamErrorOf(ctx context.Context, err error, what string) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return Errorf(CodeDeadlineExceeded, "the call took longer than it may; ask for less").Because(err)
	}
	var se *wire.CallError
	if !errors.As(err, &se) {
		return Errorf(CodeUpstreamUnavailable, "Databricks cannot be reached; try again later").Because(err)
	}
	switch se.Kind {
	case wire.CallDenied:
		return Errorf(CodeUpstreamDenied, "Databricks refuses your role what this tool needs%s", sqlState(se)).Because(err)
	case wire.CallUnauthenticated:
		return Errorf(CodeUpstreamDenied, "Databricks no longer accepts the token of your role; sign in again").Because(err)
	case wire.CallRateLimited:
		return Errorf(CodeRateLimited, "Databricks limits the rate of calls").After(max(se.RetryAfter, time.Second)).Because(err)
	case wire.CallUnavailable:
		return Errorf(CodeUpstreamUnavailable, "Databricks is not available at the moment; try again later").After(se.RetryAfter).Because(err)
	default:
		return Errorf(CodeUpstreamError, "%s failed%s; the platform team must look at it", what, sqlState(se)).Because(err)
	}
}

func sqlState(e *wire.CallError) string {
	if e.SQLState == "" {
		return ""
	}
	return " (SQLSTATE " + e.SQLState + ")"
}
