// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package caller

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

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/upstream"
)

// workspace calls one workspace as the owner of the token given with each call. It has
// no credential of its own.
type workspace struct {
	host   string
	client *http.Client
}

func newWorkspace(host string, client *http.Client) workspace {
	return workspace{strings.TrimSuffix(host, "/"), client}
}

// call is what belongs together as one call of a tool.
type call struct {
	workspace
	token     wire.Secret
	requestID string
}

// do calls and decodes the answer. Errors are *CallError or that of ctx.
func (c call) do(ctx context.Context, method, path string, body, into any) error {
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return &wire.CallError{Kind: wire.CallFailed, Code: "BAD_REQUEST"}
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.host+path, reader)
	if err != nil {
		return &wire.CallError{Kind: wire.CallFailed, Code: "BAD_REQUEST"}
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
			return &wire.CallError{Kind: wire.CallUnavailable, Code: "LEFT_ALONE", RetryAfter: open.RetryAfter()}
		}
		return &wire.CallError{Kind: wire.CallUnavailable, Code: "UNREACHABLE"}
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, wire.MaxBodyBytes))
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &wire.CallError{Kind: wire.CallUnavailable, Code: "TRUNCATED", Status: res.StatusCode}
	}
	if res.StatusCode != http.StatusOK && (into != nil || res.StatusCode != http.StatusNoContent) {
		return httpFailure(res)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return &wire.CallError{Kind: wire.CallUnavailable, Code: "NOT_JSON", Status: res.StatusCode}
	}
	return nil
}

func httpFailure(res *http.Response) error {
	e := &wire.CallError{Status: res.StatusCode, Code: fmt.Sprintf("HTTP_%d", res.StatusCode), RetryAfter: upstream.RetryAfter(res.Header, time.Now())}
	switch {
	case res.StatusCode == http.StatusUnauthorized:
		e.Kind = wire.CallUnauthenticated
	case res.StatusCode == http.StatusForbidden:
		e.Kind = wire.CallDenied
	case res.StatusCode == http.StatusTooManyRequests:
		e.Kind = wire.CallRateLimited
	case res.StatusCode >= 500:
		e.Kind = wire.CallUnavailable
	}
	return e
}
