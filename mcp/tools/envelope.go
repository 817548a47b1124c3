// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"errors"
	"fmt"
	"time"
)

// Code says what went wrong with a call, for programs.
type Code string

// The codes of errors that a caller can meet. They are part of the API.
const (
	// CodeAccessDenied: the caller's role may not call the tool.
	CodeAccessDenied Code = "ACCESS_DENIED"
	// CodeInvalidArgument: an argument does not fit the tool's input schema.
	CodeInvalidArgument Code = "INVALID_ARGUMENT"
	// CodeExchangeDenied: Databricks does not accept the caller's token for the role.
	CodeExchangeDenied Code = "EXCHANGE_DENIED"
	// CodeTokenExpires: the caller's token would end before the call.
	CodeTokenExpires Code = "TOKEN_EXPIRES"
	// CodeUpstreamDenied: Databricks refuses the role what the tool needs.
	CodeUpstreamDenied Code = "UPSTREAM_DENIED"
	// CodeUpstreamError: Databricks reports an error that a retry does not mend.
	CodeUpstreamError Code = "UPSTREAM_ERROR"
	// CodeUpstreamUnavailable: Databricks cannot be reached or is failing.
	CodeUpstreamUnavailable Code = "UPSTREAM_UNAVAILABLE"
	// CodeRateLimited: too many calls; retry_after_ms says when to come back.
	CodeRateLimited Code = "RATE_LIMITED"
	// CodeDeadlineExceeded: the call took longer than it may.
	CodeDeadlineExceeded Code = "DEADLINE_EXCEEDED"
	// CodeInternal: a fault of the server; the request id finds it in the logs.
	CodeInternal Code = "INTERNAL"
)

// Error is a failure that may be shown to a caller. Its message holds no token,
// no value of an argument and no row.
type Error struct {
	Code       Code
	Message    string
	RetryAfter time.Duration
	cause      error
}

// Errorf makes an Error with a message for the caller.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// BadTool returns the error of a tool of the access document that cannot be run as it is.
func BadTool(what string) error {
	return Errorf(CodeInternal, "the tool has %s; the platform team must look at it", what).Because(errors.New("the tool has " + what))
}

// Because keeps the cause for errors.Is; it is never shown to a caller.
func (e *Error) Because(cause error) *Error {
	e.cause = cause
	return e
}

// After says when a retry makes sense.
func (e *Error) After(d time.Duration) *Error {
	e.RetryAfter = d
	return e
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// AsError returns err as an Error; what is not one becomes CodeInternal with a
// constant message, so that nothing leaks through an unforeseen error.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return Errorf(CodeInternal, "the server failed; quote the request id when you report it").Because(err)
}

// Status says how a call ended.
type Status string

// The ways a call can end.
const (
	StatusOK    Status = "ok"
	StatusError Status = "error"
	// StatusClarification: the tool asks back; message says what, and the answer goes with conversation_id.
	StatusClarification Status = "clarification_needed"
)

// Envelope is the structured content of every answer, success or not.
type Envelope struct {
	Status    Status         `json:"status"`
	RequestID string         `json:"request_id"`
	Error     *EnvelopeError `json:"error,omitempty"`
	*Output
}

// EnvelopeError is the error of an Envelope.
type EnvelopeError struct {
	Code         Code   `json:"code"`
	Message      string `json:"message"`
	RetryAfterMS int64  `json:"retry_after_ms,omitempty"`
}

// Output is what a tool answers. Numbers that do not fit a float64 exactly
// (BIGINT, DECIMAL) are strings.
type Output struct {
	// Identity is set by identity tools.
	Identity *Identity `json:"identity,omitempty"`
	// Message is what Genie or an agent says in words. It comes from outside: it is data.
	Message string `json:"message,omitempty"`
	// ConversationID goes on with a conversation. It is bound to the caller.
	ConversationID string `json:"conversation_id,omitempty"`
	// Query is the statement that Genie ran.
	Query string `json:"query,omitempty"`
	// Agents are those that answered an endpoint's question, in order.
	Agents []string `json:"agents,omitempty"`
	// Response is what an external API answered, where the tool does not make rows of it.
	Response *Response `json:"response,omitempty"`
	// Columns and Rows are set by tools that answer a table. NULL is null.
	Columns []Column         `json:"columns,omitempty"`
	Rows    []map[string]any `json:"rows,omitempty"`
	// RowCount is how many rows are in Rows.
	RowCount *int `json:"row_count,omitempty"`
	// Truncated says that there were more rows, or more text, than the tool may answer.
	Truncated bool `json:"truncated,omitempty"`
	// TotalRows is how many rows there were, as far as Databricks counted.
	TotalRows *int64 `json:"total_rows,omitempty"`

	// clarification says that Message is a question to the caller.
	clarification bool
}

// Identity is what an identity tool answers: who called, and who the SQL engine
// says is asking.
type Identity struct {
	Email       string          `json:"email,omitempty"`
	Name        string          `json:"name,omitempty"`
	Issuer      string          `json:"issuer"`
	Role        string          `json:"role"`
	CurrentUser string          `json:"current_user"`
	Groups      map[string]bool `json:"groups,omitempty"`
}

// Response is the answer of an external API. Its body comes from outside: it is data.
type Response struct {
	Status int `json:"status"`
	// Body is JSON where the answer is JSON that is not too long, otherwise text.
	Body any `json:"body,omitempty"`
	// Truncated says that the body was too long, and is cut text.
	Truncated bool `json:"truncated,omitempty"`
}

// Clarify marks the message of the output as a question to the caller.
func (o *Output) Clarify() { o.clarification = true }

// Clarifies says that the tool asks back.
func (o *Output) Clarifies() bool { return o != nil && o.clarification }

// Unclarified is the output when nobody answered what a tool asked back.
func Unclarified(conversationID string) *Output {
	return &Output{clarification: true, Message: "The user did not say more precisely what is meant.", ConversationID: conversationID}
}

// Column is a column of a table.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Success wraps the output of a call.
func Success(requestID string, out *Output) Envelope {
	status := StatusOK
	if out != nil && out.clarification {
		status = StatusClarification
	}
	return Envelope{Status: status, RequestID: requestID, Output: out}
}

// Failure wraps the error of a call.
func Failure(requestID string, err error) Envelope {
	e := AsError(err)
	return Envelope{Status: StatusError, RequestID: requestID, Error: &EnvelopeError{
		Code: e.Code, Message: e.Message, RetryAfterMS: e.RetryAfter.Milliseconds(),
	}}
}
