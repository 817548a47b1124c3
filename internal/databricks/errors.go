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
	"unicode"

	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/common"
	"github.com/databricks/databricks-sdk-go/httpclient"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/upstream"
)

// Reasons of the faults that this package makes. They stand in conditions.
const (
	ReasonCredentialRefused   = "CredentialRefused"
	ReasonPermissionDenied    = "PermissionDenied"
	ReasonLimitReached        = "LimitReached"
	ReasonPrincipalNotVisible = "PrincipalNotVisible"
	ReasonSecurableNotFound   = "SecurableNotFound"
	ReasonRejected            = "Rejected"
	ReasonUnavailable         = "DatabricksUnavailable"
	ReasonUnexpectedAnswer    = "UnexpectedAnswer"
	ReasonAlreadyExists       = "AlreadyExists"
	ReasonNotFound            = "NotFound"
	// ReasonChanged: what was to be written has changed since it was read.
	ReasonChanged = "ChangedMeanwhile"
	// ReasonMCPServicesUnavailable: the workspace has no API for MCP services.
	ReasonMCPServicesUnavailable = "MCPServicesUnavailable"
	ReasonNotLeader              = "NotLeader"
)

// errUnexpectedAnswer is an answer that is not the JSON that was asked for.
var errUnexpectedAnswer = errors.New("Databricks answered with something that is not the JSON asked for") //nolint:staticcheck // a name

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
	return fmt.Sprintf("Databricks answered %d %s: %s", a.StatusCode, tidy(a.ErrorCode, 64), tidy(a.Message, 256))
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
		out.retryAfter = min(upstream.RetryAfter(resp.Response.Header, time.Now()), mostPatience)
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
	case fault.Is(err, fault.ClassRateLimited): // by a gate: nothing was sent
		return err
	case errors.Is(err, errFenced):
		return fault.Transient(ReasonNotLeader, err)
	case !errors.As(err, &a):
		if errors.Is(err, httpclient.ErrHTMLContent) || errors.Is(err, errUnexpectedAnswer) {
			return fault.Transient(ReasonUnexpectedAnswer, errUnexpectedAnswer)
		}
		if errors.Is(err, errAnswerLost) {
			return fault.Transient(ReasonUnavailable, errAnswerLost)
		}
		// The text may hold a whole request or answer: it is not kept.
		return fault.Transient(ReasonUnavailable, errors.New("Databricks cannot be reached")) //nolint:staticcheck // a name
	case unknownPrincipal(a):
		return fault.Waiting(ReasonPrincipalNotVisible, a)
	case alreadyExists(a):
		return fault.Conflict(ReasonAlreadyExists, a)
	case missing(a):
		return fault.Waiting(ReasonNotFound, a)
	}
	switch {
	case a.StatusCode == http.StatusTooManyRequests:
		return fault.RateLimited(a.retryAfter, a)
	case a.StatusCode == http.StatusUnauthorized:
		return fault.Denied(ReasonCredentialRefused, a)
	case a.StatusCode == http.StatusForbidden:
		return fault.Denied(ReasonPermissionDenied, a)
	case a.ErrorCode == "RESOURCE_LIMIT_EXCEEDED" || a.ErrorCode == "RESOURCE_EXHAUSTED":
		return fault.Denied(ReasonLimitReached, a)
	case a.StatusCode == http.StatusServiceUnavailable && a.retryAfter > 0:
		return fault.RateLimited(a.retryAfter, a)
	case a.StatusCode >= 500:
		return fault.Transient(ReasonUnavailable, a)
	case a.StatusCode == http.StatusNotFound && unfamiliar(a):
		return fault.Transient(ReasonUnexpectedAnswer, a)
	case errors.Is(a.APIError, apierr.ErrInvalidState):
		return fault.Waiting(ReasonUnavailable, a)
	case a.StatusCode >= 400:
		return fault.Invalid(ReasonRejected, a)
	}
	return fault.Transient(ReasonUnexpectedAnswer, errUnexpectedAnswer)
}

// signInFault classes an error of the operator's own sign-in.
func signInFault(err error) error {
	var e *ExchangeError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case !errors.As(err, &e):
		return fault.Transient(ReasonUnavailable, fmt.Errorf("sign in: %w", err))
	case e.Status == http.StatusTooManyRequests:
		return fault.RateLimited(e.RetryAfter, fmt.Errorf("sign in: %w", err))
	case e.Status >= 500:
		return fault.Transient(ReasonUnavailable, fmt.Errorf("sign in: %w", err))
	}
	return fault.Denied(ReasonCredentialRefused, fmt.Errorf("sign in as the operator: %w", err))
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

// tidy cuts a text short and takes control characters out of it.
func tidy(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return s
}
