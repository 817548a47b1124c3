// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package serving_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/toolstest"
)

func supervisor(t *testing.T, api string) access.Tool {
	t.Helper()
	return toolstest.Complete(t, access.Tool{Serving: &access.ServingTool{Endpoint: "sales-supervisor", API: api}}, v1alpha1.ToolSpec{Serving: &v1alpha1.ServingTool{}})
}

func TestAQuestionIsAskedOnceAsTheAPIWantsIt(t *testing.T) {
	for api, chat := range map[string]bool{"Chat": true, "Responses": false} {
		w := &toolstest.Workspace{Said: &caller.ServingAnswer{Texts: []string{"The a\u200Bnswer"}}}
		out, err := w.Call(t, supervisor(t, api), `{"question":"who leads?"}`)
		if err != nil {
			t.Fatal(err)
		}
		want := []caller.ServingRequest{{Endpoint: "sales-supervisor", Chat: chat, Question: "who leads?", RequestID: "r1"}}
		if diff := cmp.Diff(want, w.Questions); diff != "" {
			t.Error(diff)
		}
		if got := toolstest.AsJSON(t, out); got != `{"status":"ok","request_id":"r1","message":"The answer"}` {
			t.Errorf("answered %s", got)
		}
	}
}

func TestWhoAnsweredAndWhatTheySaid(t *testing.T) {
	for name, c := range map[string]struct {
		said    caller.ServingAnswer
		message string
		agents  []string
	}{
		"agents of the items":            {caller.ServingAnswer{Texts: []string{"a"}, Agents: []string{"sales", "docs"}}, "a", []string{"sales", "docs"}},
		"markers":                        {caller.ServingAnswer{Texts: []string{"<name>sales</name>\nWEST leads.\n\n<name>docs</name>\nSee page 1."}}, "WEST leads.\n\nSee page 1.", []string{"sales", "docs"}},
		"an agent once":                  {caller.ServingAnswer{Texts: []string{"<name>sales</name>", "a"}, Agents: []string{"sales"}}, "a", []string{"sales"}},
		"a marker as the last message":   {caller.ServingAnswer{Texts: []string{"a", "<name>sales</name>"}}, "a", []string{"sales"}},
		"the last message counts":        {caller.ServingAnswer{Texts: []string{"on the way", "a"}}, "a", nil},
		"a marker that is hidden":        {caller.ServingAnswer{Texts: []string{"<na\u200Bme>sa\u202Eles</name>a"}}, "a", []string{"sales"}},
		"a marker of markup is no agent": {caller.ServingAnswer{Texts: []string{"<name><b>x</b></name>"}}, "<name><b>x</b></name>", nil},
		"names that say nothing":         {caller.ServingAnswer{Texts: []string{"a"}, Agents: []string{"\u200B", " "}}, "a", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := &toolstest.Workspace{Said: &c.said}
			out, err := w.Call(t, supervisor(t, "Responses"), `{"question":"q"}`)
			if err != nil {
				t.Fatal(err)
			}
			if toolstest.AsJSON(t, out); out.Message != c.message || !slices.Equal(out.Agents, c.agents) {
				t.Errorf("%q said %q", out.Agents, out.Message)
			}
		})
	}
	long := strings.Repeat("x", 20<<10)
	w := &toolstest.Workspace{Said: &caller.ServingAnswer{Texts: []string{long}, Agents: strings.Split(strings.Repeat("a,b,c,d,", 5), ",")}}
	out, err := w.Call(t, supervisor(t, "Chat"), `{"question":"q"}`)
	if err != nil || len(out.Message) != 16<<10 || !out.Truncated || len(out.Agents) != 4 {
		t.Errorf("%d bytes of %q, %v", len(out.Message), out.Agents, err)
	}
	w = &toolstest.Workspace{Said: &caller.ServingAnswer{Texts: []string{" <name>a</name> "}}}
	_, err = w.Call(t, supervisor(t, "Chat"), `{"question":"q"}`)
	toolstest.Refused(t, err, tools.CodeUpstreamError, "without words")
}

func TestRefusalsOfAQuestion(t *testing.T) {
	for name, c := range map[string]struct {
		fail  *wire.CallError
		code  tools.Code
		words string
	}{
		"no right":       {&wire.CallError{Kind: wire.CallDenied, Status: 403}, tools.CodeUpstreamDenied, "refuses your role"},
		"not there":      {&wire.CallError{Kind: wire.CallFailed, Status: 404}, tools.CodeUpstreamError, "does not exist"},
		"another form":   {&wire.CallError{Kind: wire.CallFailed, Status: 400}, tools.CodeUpstreamError, "the platform team"},
		"too many":       {&wire.CallError{Kind: wire.CallRateLimited, Status: 429, RetryAfter: 4 * time.Second}, tools.CodeRateLimited, "rate"},
		"scaled to zero": {&wire.CallError{Kind: wire.CallUnavailable, Status: 503, RetryAfter: 9 * time.Second}, tools.CodeUpstreamUnavailable, "may be starting"},
		"it took long":   {&wire.CallError{Kind: wire.CallUnavailable, Status: 504}, tools.CodeUpstreamUnavailable, "in time"},
		"it broke":       {&wire.CallError{Kind: wire.CallUnavailable, Status: 500}, tools.CodeUpstreamUnavailable, "not available"},
		"lost":           {&wire.CallError{Kind: wire.CallUnavailable, Code: "UNREACHABLE"}, tools.CodeUpstreamUnavailable, "may have been worked on"},
		"left alone":     {&wire.CallError{Kind: wire.CallUnavailable, Code: "LEFT_ALONE", RetryAfter: time.Second}, tools.CodeUpstreamUnavailable, "not available"},
		"no words":       {&wire.CallError{Kind: wire.CallFailed, Code: "NO_ANSWER", Status: 200}, tools.CodeUpstreamError, "without words"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &toolstest.Workspace{Fail: c.fail}
			_, err := w.Call(t, supervisor(t, "Responses"), `{"question":"q"}`)
			if toolstest.Refused(t, err, c.code, c.words); err.RetryAfter != c.fail.RetryAfter || len(w.Questions) != 1 {
				t.Errorf("come back after %v, asked %d times", err.RetryAfter, len(w.Questions))
			}
		})
	}
	w := &toolstest.Workspace{Said: &caller.ServingAnswer{Texts: []string{"a"}}, FailOnce: &wire.CallError{Kind: wire.CallUnauthenticated}}
	if _, err := w.Call(t, supervisor(t, "Chat"), `{"question":"q"}`); err != nil || len(w.Questions) != 2 {
		t.Errorf("a token that was refused once: %v after %d questions", err, len(w.Questions))
	}
}

// takes is a wait that ends early when nobody waits for it.
func takes(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func TestALongQuestionTellsHowLongAndEnds(t *testing.T) {
	d := supervisor(t, "Responses")
	synctest.Test(t, func(t *testing.T) {
		var told []string
		run := func(ctx context.Context, long time.Duration) (time.Duration, error) {
			told = nil
			w := &toolstest.Workspace{Said: &caller.ServingAnswer{Texts: []string{"a"}}, Wait: takes(long)}
			c := toolstest.Call()
			c.Progress = func(step int, message string) {
				if step != len(told)+1 {
					t.Errorf("step %d after %d", step, len(told))
				}
				told = append(told, message)
			}
			began := time.Now()
			_, err := w.Define(t, d).Run(ctx, c, json.RawMessage(`{"question":"q"}`))
			return time.Since(began), err
		}
		if _, err := run(t.Context(), 12*time.Second); err != nil || !slices.Equal(told, []string{"waiting for the answer (5 s)", "waiting for the answer (10 s)"}) {
			t.Errorf("told %q, %v", told, err)
		}
		before := len(told)
		time.Sleep(time.Minute)
		if len(told) != before {
			t.Error("told something after the call")
		}
		took, err := run(t.Context(), time.Hour)
		toolstest.Refused(t, tools.AsError(err), tools.CodeDeadlineExceeded, "longer than 120 s")
		if took != 2*time.Minute || len(told) < 23 {
			t.Errorf("ended after %v, told %d times", took, len(told))
		}
		short, end := context.WithTimeout(t.Context(), 20*time.Second)
		defer end()
		_, err = run(short, time.Hour)
		toolstest.Refused(t, tools.AsError(err), tools.CodeDeadlineExceeded, "the call took longer")
		gone, leave := context.WithCancel(t.Context())
		time.AfterFunc(7*time.Second, leave)
		if took, err := run(gone, time.Hour); took != 7*time.Second || !errors.Is(err, context.Canceled) {
			t.Errorf("a caller who went away: %v after %v", err, took)
		}
	})
}

func TestAQuestionConforms(t *testing.T) {
	toolstest.Conforms(t, supervisor(t, "Responses"), `{"question":"q"}`, toolstest.Workspace{Said: &caller.ServingAnswer{Texts: []string{"a"}}})
}
