// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/upstream"
)

// maxResultBytes bounds one answer; inline results are at most 25 MiB.
const maxResultBytes = 32 << 20

// CallKind says what an error of a call means for whoever made it.
type CallKind int

// The kinds of CallError.
const (
	// CallFailed: the request is wrong, or cannot be answered as it is.
	CallFailed CallKind = iota
	// CallUnauthenticated: the token is not accepted; nothing has run.
	CallUnauthenticated
	// CallDenied: the identity lacks a privilege, or the token a scope.
	CallDenied
	// CallRateLimited: too many requests.
	CallRateLimited
	// CallUnavailable: the service is failing or cannot be reached.
	CallUnavailable
)

// CallError is a call that gave no result. Its text holds neither what was asked
// nor what the service said about it, which may quote rows.
type CallError struct {
	Kind       CallKind
	Code       string
	SQLState   string
	Status     int
	RetryAfter time.Duration
}

func (e *CallError) Error() string {
	return fmt.Sprintf("call failed: %s (HTTP %d, SQLSTATE %q)", e.Code, e.Status, e.SQLState)
}

// caller calls one workspace as the owner of the token given with each call. It has
// no credential of its own.
type caller struct {
	host   string
	client *http.Client
}

func newCaller(host string, client *http.Client) caller {
	return caller{strings.TrimSuffix(host, "/"), client}
}

// call is what belongs together as one call of a tool.
type call struct {
	caller
	token     Secret
	requestID string
}

// do calls and decodes the answer. Errors are *CallError or that of ctx.
func (c call) do(ctx context.Context, method, path string, body, into any) error {
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return &CallError{Kind: CallFailed, Code: "BAD_REQUEST"}
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.host+path, reader)
	if err != nil {
		return &CallError{Kind: CallFailed, Code: "BAD_REQUEST"}
	}
	req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if c.requestID != "" {
		req.Header.Set("X-Request-Id", c.requestID)
	}
	res, err := c.client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if open, ok := errors.AsType[*upstream.OpenError](err); ok {
			return &CallError{Kind: CallUnavailable, Code: "LEFT_ALONE", RetryAfter: open.RetryAfter()}
		}
		return &CallError{Kind: CallUnavailable, Code: "UNREACHABLE"}
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxResultBytes))
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &CallError{Kind: CallUnavailable, Code: "TRUNCATED", Status: res.StatusCode}
	}
	if res.StatusCode != http.StatusOK && (into != nil || res.StatusCode != http.StatusNoContent) {
		return httpFailure(res)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return &CallError{Kind: CallUnavailable, Code: "NOT_JSON", Status: res.StatusCode}
	}
	return nil
}

func httpFailure(res *http.Response) error {
	e := &CallError{Status: res.StatusCode, Code: fmt.Sprintf("HTTP_%d", res.StatusCode), RetryAfter: upstream.RetryAfter(res.Header, time.Now())}
	switch {
	case res.StatusCode == http.StatusUnauthorized:
		e.Kind = CallUnauthenticated
	case res.StatusCode == http.StatusForbidden:
		e.Kind = CallDenied
	case res.StatusCode == http.StatusTooManyRequests:
		e.Kind = CallRateLimited
	case res.StatusCode >= 500:
		e.Kind = CallUnavailable
	}
	return e
}
