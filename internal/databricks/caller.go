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

// do calls and decodes the answer. Errors are *StatementError or that of ctx.
func (c call) do(ctx context.Context, method, path string, body, into any) error {
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return &StatementError{Kind: StatementFailed, Code: "BAD_REQUEST"}
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.host+path, reader)
	if err != nil {
		return &StatementError{Kind: StatementFailed, Code: "BAD_REQUEST"}
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
			return &StatementError{Kind: StatementUnavailable, Code: "LEFT_ALONE", RetryAfter: open.RetryAfter()}
		}
		return &StatementError{Kind: StatementUnavailable, Code: "UNREACHABLE"}
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxResultBytes))
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &StatementError{Kind: StatementUnavailable, Code: "TRUNCATED", Status: res.StatusCode}
	}
	if res.StatusCode != http.StatusOK && (into != nil || res.StatusCode != http.StatusNoContent) {
		return httpFailure(res)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return &StatementError{Kind: StatementUnavailable, Code: "NOT_JSON", Status: res.StatusCode}
	}
	return nil
}

func httpFailure(res *http.Response) error {
	e := &StatementError{Status: res.StatusCode, Code: fmt.Sprintf("HTTP_%d", res.StatusCode), RetryAfter: upstream.RetryAfter(res.Header, time.Now())}
	switch {
	case res.StatusCode == http.StatusUnauthorized:
		e.Kind = StatementUnauthenticated
	case res.StatusCode == http.StatusForbidden:
		e.Kind = StatementDenied
	case res.StatusCode == http.StatusTooManyRequests:
		e.Kind = StatementRateLimited
	case res.StatusCode >= 500:
		e.Kind = StatementUnavailable
	}
	return e
}
