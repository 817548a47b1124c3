// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package toolstest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
)

// noToken is a session whose exchange is refused.
type noToken struct{}

func (noToken) Token(context.Context, bool) (wire.Secret, error) {
	return "", tools.Errorf(tools.CodeExchangeDenied, "no token")
}

// Conforms holds an executor against the contract that all of them have. The arguments are
// for a call that makes one request, which the workspace answers well.
func Conforms(t *testing.T, tool access.Tool, args string, answers Workspace) {
	t.Helper()
	const cause = "dial tcp: token=SECRET"
	for name, c := range map[string]struct {
		fail, failOnce error
		session        tools.Session
		requests       int
		code           tools.Code // empty: it succeeds
		after          time.Duration
	}{
		"it is answered":            {requests: 1},
		"the token is refused once": {failOnce: &wire.CallError{Kind: wire.CallUnauthenticated}, requests: 2},
		"the token is refused":      {fail: &wire.CallError{Kind: wire.CallUnauthenticated}, requests: 2, code: tools.CodeUpstreamDenied},
		"there is no token":         {session: noToken{}, code: tools.CodeExchangeDenied},
		"there is no right":         {fail: &wire.CallError{Kind: wire.CallDenied}, requests: 1, code: tools.CodeUpstreamDenied},
		"too many calls":            {fail: &wire.CallError{Kind: wire.CallRateLimited, RetryAfter: 3 * time.Second}, requests: 1, code: tools.CodeRateLimited, after: 3 * time.Second},
		"Databricks is down":        {fail: &wire.CallError{Kind: wire.CallUnavailable, RetryAfter: 2 * time.Second}, requests: 1, code: tools.CodeUpstreamUnavailable, after: 2 * time.Second},
		"the call fails":            {fail: &wire.CallError{Kind: wire.CallFailed, Status: 400}, requests: 1, code: tools.CodeUpstreamError},
		"nobody is there":           {fail: errors.New(cause), requests: 1, code: tools.CodeUpstreamUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			w := answers
			w.Fail, w.FailOnce = c.fail, c.failOnce
			call := Call()
			if c.session != nil {
				call.Session = c.session
			}
			out, err := w.Define(t, tool).Run(t.Context(), call, json.RawMessage(args))
			if n := len(w.Statements) + len(w.Searches) + len(w.Questions); n != c.requests {
				t.Errorf("it made %d requests, want %d", n, c.requests)
			}
			if c.code != "" {
				got := tools.AsError(err)
				if Refused(t, got, c.code, ""); got.RetryAfter != c.after || strings.Contains(got.Message, cause) {
					t.Errorf("answered %v, to come back after %v, want %v", got, got.RetryAfter, c.after)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			AsJSON(t, out)
		})
	}
	t.Run("the time is over", func(t *testing.T) {
		w := answers
		w.Fail = context.DeadlineExceeded
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		defer cancel()
		_, err := w.Define(t, tool).Run(ctx, Call(), json.RawMessage(args))
		Refused(t, tools.AsError(err), tools.CodeDeadlineExceeded, "the call took longer")
	})
}
