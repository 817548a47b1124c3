// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
)

// Audience is the host that serves a route: tokens are issued for one of them.
type Audience int

// The audiences.
const (
	// Both hosts serve the route, without a token.
	Both Audience = iota
	// Account is the account console.
	Account
	// Workspace is the workspace.
	Workspace
)

// Name is the audience as faults and the call log name it.
func (a Audience) Name() string {
	switch a {
	case Account:
		return "account"
	case Workspace:
		return "workspace"
	}
	return ""
}

// Caller is who calls, from a verified token.
type Caller struct {
	// ID is the numeric SCIM id.
	ID string
	// ApplicationID is the UUID of a service principal; empty for users.
	ApplicationID string
	UserName      string
	Scopes        []string
	// Admin says that the caller administers what the token was issued for.
	Admin bool
}

// Principal is how grants and SQL name the caller.
func (c Caller) Principal() string {
	if c.ApplicationID != "" {
		return c.ApplicationID
	}
	return c.UserName
}

// HasScope says whether the token has one of the scopes, or all of them.
func (c Caller) HasScope(any ...string) bool {
	for _, have := range c.Scopes {
		if have == "all-apis" {
			return true
		}
		for _, want := range any {
			if have == want {
				return true
			}
		}
	}
	return false
}

// Request is a call whose token, audience and scope were checked.
type Request struct {
	*http.Request
	Caller Caller
	Body   []byte
	// Audience is the host that was called.
	Audience Audience
}

// Decode reads the JSON body strictly: a field that the emulator does not know
// is refused rather than ignored.
func (r *Request) Decode(into any) error {
	dec := json.NewDecoder(bytes.NewReader(r.Body))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, err := dec.Token(); !errors.Is(err, io.EOF) {
			return Invalid("MALFORMED_REQUEST", "Could not parse request object: something follows it")
		}
		return nil
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return &Error{Status: http.StatusNotImplemented, Code: "NOT_IMPLEMENTED", Message: "the emulator does not implement the field " + field + " of " + r.Method + " " + r.URL.Path}
	}
	return Invalid("MALFORMED_REQUEST", "Could not parse request object")
}

// Route is one endpoint.
type Route struct {
	Method string
	// Pattern is as in net/http's ServeMux, without the method.
	Pattern  string
	Audience Audience
	// Scopes are those of which a token must have one; none means no token is needed.
	Scopes []string
	// Form says that errors are OAuth's, and SCIM that they are SCIM's.
	Form, SCIM bool
	Handle     Handle
}

// Handle serves a request: what it returns is encoded as JSON.
type Handle = func(ctx context.Context, r *Request) (any, error)

// Group is what the routes of one API of the workspace share.
type Group struct {
	// Prefix begins each pattern.
	Prefix string
	// Scopes are those of which a token must have one.
	Scopes []string
}

// Route is one endpoint of the group.
func (g Group) Route(method, pattern string, h Handle) Route {
	return Route{Method: method, Pattern: g.Prefix + pattern, Audience: Workspace, Scopes: g.Scopes, Handle: h}
}

// Reply is an answer that is not a plain 200 with JSON.
type Reply struct {
	Status int
	Header http.Header
	// Body is encoded as JSON; nil sends none.
	Body any
}

// Error is an error as Databricks answers it.
type Error struct {
	Status  int
	Code    string
	Message string
	Header  http.Header
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Body is what is answered in JSON, by what is neither OAuth nor SCIM.
func (e *Error) Body() any {
	return map[string]any{"error_code": e.Code, "message": e.Message, "details": []any{}}
}

// Answered is an error as it is answered. What is no Error is not known, and answered
// as an internal one that says nothing more.
func Answered(err error) (answer *Error, known bool) {
	if e, ok := errors.AsType[*Error](err); ok {
		return e, true
	}
	return &Error{Status: http.StatusInternalServerError, Code: "INTERNAL_ERROR", Message: "the emulator failed"}, false
}

// Invalid is a request that cannot be served as it is.
func Invalid(code, message string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: code, Message: message}
}

// BadParameter is the commonest Invalid.
func BadParameter(message string) *Error { return Invalid("INVALID_PARAMETER_VALUE", message) }

// NotFound is something that does not exist.
func NotFound(message string) *Error {
	return &Error{Status: http.StatusNotFound, Code: "RESOURCE_DOES_NOT_EXIST", Message: message}
}

// Denied is a caller who may not.
func Denied(message string) *Error {
	return &Error{Status: http.StatusForbidden, Code: "PERMISSION_DENIED", Message: message}
}

// Exists is something that exists already.
func Exists(message string) *Error {
	return &Error{Status: http.StatusConflict, Code: "RESOURCE_ALREADY_EXISTS", Message: message}
}

// Unauthenticated is a token that is missing or not valid.
func Unauthenticated(message string) *Error {
	return &Error{Status: http.StatusUnauthorized, Code: "UNAUTHENTICATED", Message: message}
}

// OAuth is an error of a token endpoint.
func OAuth(status int, code, description string) *Error {
	return &Error{Status: status, Code: code, Message: description}
}
