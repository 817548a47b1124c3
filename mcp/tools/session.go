// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"errors"
	"time"

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

// Call is one call, as its executor sees it.
type Call struct {
	Caller    Caller
	RequestID string
	// Session is what the executor acts with.
	Session Session
	// Expires is when the caller's token ends, and with it the tokens of Session.
	Expires time.Time
	// Repeatable says that the tool changes nothing, so that a call whose answer was lost may be made again.
	Repeatable bool
	// Progress reports to the caller how far the call is. It is never called twice at a time,
	// nor after the call. Optional.
	Progress func(step int, message string)
}

// AsRole makes a call with the token of the caller's role. A token that Databricks no
// longer accepts is exchanged once more, because nothing has run yet.
func AsRole[T any](ctx context.Context, c Call, call func(token wire.Secret) (T, error)) (T, error) {
	for refused := false; ; refused = true {
		token, err := c.Session.Token(ctx, refused)
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

// UpstreamError turns an error of Databricks into the one that the caller is shown; what names
// the part of the tool that failed.
func UpstreamError(ctx context.Context, err error, what string) error {
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
