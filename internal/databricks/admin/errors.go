// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/common"
	"github.com/databricks/databricks-sdk-go/httpclient"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/upstream"
)

// answer is an error that Databricks answered, with when to come back.
type answer struct {
	*apierr.APIError
	retryAfter time.Duration
}

func (a *answer) Unwrap() error { return a.APIError }

// Error is short and without control characters: it stands in conditions.
func (a *answer) Error() string {
	if unfamiliar(a) { // the message is the answer itself, which may be anybody's page
		return fmt.Sprintf("Databricks answered %d with something that is not one of its errors", a.StatusCode)
	}
	return fmt.Sprintf("Databricks answered %d %s: %s", a.StatusCode, wire.Tidy(a.ErrorCode, 64), wire.Tidy(a.Message, 256))
}

func answerError(ctx context.Context, resp common.ResponseWrapper) error {
	err := apierr.GetAPIError(ctx, resp)
	if err == nil {
		return nil
	}
	out := &answer{}
	if !errors.As(err, &out.APIError) {
		return err
	}
	if resp.Response != nil {
		out.retryAfter = min(upstream.RetryAfter(resp.Response.Header, time.Now()), wire.MaxRetryAfter)
	}
	return out
}

// classify turns what a call ended with into a fault. It names the specific
// before the general: a missing principal is also answered with 404.
func classify(err error) error {
	var a *answer
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case !errors.As(err, &a):
		return unanswered(err)
	case unknownPrincipal(a):
		return fault.Waiting(wire.ReasonPrincipalNotVisible, a)
	case alreadyExists(a):
		return fault.Conflict(wire.ReasonAlreadyExists, a)
	case missing(a):
		return fault.Waiting(wire.ReasonNotFound, a)
	}
	switch {
	case a.StatusCode == http.StatusTooManyRequests:
		return fault.RateLimited(a.retryAfter, a)
	case a.StatusCode == http.StatusUnauthorized:
		return fault.Denied(wire.ReasonCredentialRefused, a)
	case a.StatusCode == http.StatusForbidden:
		return fault.Denied(wire.ReasonPermissionDenied, a)
	case a.ErrorCode == "RESOURCE_LIMIT_EXCEEDED" || a.ErrorCode == "RESOURCE_EXHAUSTED":
		return fault.Denied(wire.ReasonLimitReached, a)
	case a.StatusCode == http.StatusServiceUnavailable && a.retryAfter > 0:
		return fault.RateLimited(a.retryAfter, a)
	case a.StatusCode >= 500:
		return fault.Transient(wire.ReasonUnavailable, a)
	case a.StatusCode == http.StatusNotFound && unfamiliar(a):
		return fault.Transient(wire.ReasonUnexpectedAnswer, a)
	case errors.Is(a.APIError, apierr.ErrInvalidState):
		return fault.Waiting(wire.ReasonUnavailable, a)
	case a.StatusCode >= 400:
		return fault.Invalid(wire.ReasonRejected, a)
	}
	return fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
}

// unanswered classes an error that Databricks did not answer. The text of such an error
// may hold a whole request or answer, so that it is not kept.
func unanswered(err error) error {
	if unsent, ok := errors.AsType[*wire.NotSentError](err); ok {
		return notSent(unsent.Err)
	}
	if errors.Is(err, wire.ErrAnswerLost) {
		return fault.Transient(wire.ReasonUnavailable, wire.ErrAnswerLost)
	}
	_, syntax := errors.AsType[*json.SyntaxError](err)
	_, unfit := errors.AsType[*json.UnmarshalTypeError](err)
	if syntax || unfit || errors.Is(err, httpclient.ErrHTMLContent) || errors.Is(err, wire.ErrUnexpectedAnswer) {
		return fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	return fault.Transient(wire.ReasonUnavailable, errors.New("Databricks cannot be reached")) //nolint:staticcheck // a name
}

// notSent classes why a request was not sent.
func notSent(err error) error {
	if e, ok := errors.AsType[*wire.SignInError](err); ok {
		return signInFault(e.Err)
	}
	switch {
	case fault.Is(err, fault.ClassRateLimited): // Databricks asked for a pause
		return err
	case errors.Is(err, wire.ErrFenced):
		return fault.Transient(wire.ReasonNotLeader, err)
	}
	return fault.Transient(wire.ReasonUnavailable, errors.New("the client-side limit of requests leaves no time for the call"))
}

// signInFault classes an error of the operator's own sign-in.
func signInFault(err error) error {
	var e *caller.ExchangeError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case !errors.As(err, &e):
		return fault.Transient(wire.ReasonUnavailable, fmt.Errorf("sign in: %w", err))
	case e.Status == http.StatusTooManyRequests:
		return fault.RateLimited(e.RetryAfter, fmt.Errorf("sign in: %w", err))
	case e.Status >= 500:
		return fault.Transient(wire.ReasonUnavailable, fmt.Errorf("sign in: %w", err))
	}
	return fault.Denied(wire.ReasonCredentialRefused, fmt.Errorf("sign in as the operator: %w", err))
}

func alreadyExists(a *answer) bool {
	return a.StatusCode == http.StatusConflict && a.ErrorCode != "RESOURCE_CONFLICT" || strings.HasSuffix(a.ErrorCode, "_ALREADY_EXISTS") ||
		a.StatusCode == http.StatusBadRequest && strings.Contains(a.Message, "already exists")
}

func missing(a *answer) bool {
	return !unfamiliar(a) && !unknownPrincipal(a) && a.ErrorCode != "ENDPOINT_NOT_FOUND" &&
		(a.StatusCode == http.StatusNotFound || strings.HasSuffix(a.ErrorCode, "_DOES_NOT_EXIST"))
}

// unknownPrincipal says that it is a principal that does not exist, or not yet. The
// permissions API has no code of its own for that.
func unknownPrincipal(a *answer) bool {
	return a.ErrorCode == "PRINCIPAL_DOES_NOT_EXIST" ||
		strings.HasPrefix(a.Message, "Principal: ") && strings.HasSuffix(strings.TrimSuffix(a.Message, "."), " does not exist")
}

// unfamiliar says that an answer is not in the form of Databricks' errors, so that
// something in between may have given it. Its 404 is not the absence of anything.
func unfamiliar(a *answer) bool { return a.ErrorCode == "" || a.ErrorCode == "UNKNOWN" }

// isMissing says that the thing asked for does not exist.
func isMissing(err error) bool {
	var a *answer
	return errors.As(err, &a) && missing(a)
}

// IsAlreadyExists says that a create met something with the same name or id.
func IsAlreadyExists(err error) bool {
	var a *answer
	return errors.As(err, &a) && alreadyExists(a)
}
