// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package genie_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/genie"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/toolstest"
)

// space is a Genie whose messages go through states that a test wrote down.
type space struct {
	t     *testing.T
	calls []string
	// states are those of the next message, the last one with what it says.
	states []caller.GenieMessage
	rows   int
	fail   error
}

func (s *space) note(c caller.GenieCall, text string) error {
	if c.Space != "01ef" || c.Token == "" {
		s.t.Errorf("called with %+v", c.Space)
	}
	s.calls = append(s.calls, text)
	return s.fail
}

func (s *space) next() caller.GenieMessage {
	m := s.states[0]
	if len(s.states) > 1 {
		s.states = s.states[1:]
	}
	m.ConversationID, m.ID = "c1", "m1"
	return m
}

func (s *space) Start(_ context.Context, c caller.GenieCall, q string) (caller.GenieMessage, error) {
	return s.next(), s.note(c, "start "+q)
}

func (s *space) Follow(_ context.Context, c caller.GenieCall, conversation, q string) (caller.GenieMessage, error) {
	return s.next(), s.note(c, "follow "+conversation+" "+q)
}

func (s *space) Message(ctx context.Context, c caller.GenieCall, _, _ string) (caller.GenieMessage, error) {
	if ctx.Err() != nil {
		return caller.GenieMessage{}, ctx.Err()
	}
	return s.next(), s.note(c, "look")
}

func (s *space) Result(_ context.Context, c caller.GenieCall, _, _, attachment string) (*wire.StatementResult, error) {
	out := &wire.StatementResult{Columns: []wire.ResultColumn{{Name: "region", Type: "STRING"}}, TotalRows: int64(s.rows)}
	for range s.rows {
		text := "WEST"
		out.Rows = append(out.Rows, []*string{&text})
	}
	return out, s.note(c, "result "+attachment)
}

func (s *space) Forget(_ context.Context, c caller.GenieCall, conversation, message string) error {
	return s.note(c, "forget "+conversation+" "+message)
}

// table of one caller at one server.
type desk struct {
	t        *testing.T
	space    *space
	ring     *seal.Keyring
	now      time.Time
	expires  time.Duration
	limit    ratelimit.Limit
	limiter  ratelimit.Memory
	pauses   []time.Duration
	progress []string
	leave    func() // called at each pause
}

func newDesk(t *testing.T, states ...caller.GenieMessage) *desk {
	t.Helper()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	id, key := seal.NewKey(now.Add(-time.Hour))
	ring, err := seal.NewKeyring(map[string][]byte{id: key})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, space: &space{t: t, states: states}, ring: ring, now: now, expires: time.Hour, limit: ratelimit.Limit{Max: 5, Window: time.Minute}}
	d.limiter.Now = func() time.Time { return d.now }
	return d
}

func (d *desk) ask(subject string, args map[string]string) (*tools.Output, *tools.Error) {
	d.t.Helper()
	return d.askIn(d.t.Context(), subject, args)
}

func (d *desk) askIn(ctx context.Context, subject string, args map[string]string) (*tools.Output, *tools.Error) {
	d.t.Helper()
	executor, err := genie.New(genie.Options{
		Tool: access.GenieTool{SpaceID: "01ef"}, Name: "genie_query", Client: d.space, Conversations: d.ring,
		Quota: genie.Quota{Limiter: &d.limiter, Key: "main", Limit: d.limit}, Now: func() time.Time { return d.now },
		Sleep: func(ctx context.Context, p time.Duration) error {
			d.pauses, d.now = append(d.pauses, p), d.now.Add(p)
			if d.leave != nil {
				d.leave()
			}
			return ctx.Err()
		},
	})
	if err != nil {
		d.t.Fatal(err)
	}
	def, err := tools.Define(access.Tool{
		Name: "genie_query", Genie: &access.GenieTool{SpaceID: "01ef"},
		InputSchema: json.RawMessage(`{"type":"object","required":["question"],"additionalProperties":false,"properties":{"question":{"type":"string"},"conversation_id":{"type":"string"}}}`),
	}, executor)
	if err != nil {
		d.t.Fatal(err)
	}
	raw, err := json.Marshal(args)
	if err != nil {
		d.t.Fatal(err)
	}
	out, err := def.Run(ctx, tools.Call{
		Caller: tools.Caller{Issuer: "https://idp/", Subject: subject, Role: "sales/west"}, RequestID: "r1", Session: toolstest.Tokens{},
		Expires:  d.now.Add(d.expires),
		Progress: func(n int, m string) { d.progress = append(d.progress, fmt.Sprint(n, " ", m)) },
	}, raw)
	if err == nil {
		return out, nil
	}
	return out, tools.AsError(err)
}

func answered(text, sql string) caller.GenieMessage {
	m := caller.GenieMessage{Status: caller.GenieCompleted, Text: text, Asks: sql == ""}
	if sql != "" {
		m.Query = &caller.GenieQuery{AttachmentID: "a1", SQL: sql, Description: "By region"}
	}
	return m
}

func working(s caller.GenieStatus) caller.GenieMessage {
	return caller.GenieMessage{Status: s}
}

func TestGenieConversesInThreeTurns(t *testing.T) {
	d := newDesk(t, working("SUBMITTED"), working("ASKING_AI"), working("EXECUTING_QUERY"), answered("", "SELECT region, SUM(amount)"))
	d.space.rows = 3
	first, err := d.ask("u1", map[string]string{"question": "total revenue by region"})
	if err != nil {
		t.Fatal(err)
	}
	if *first.RowCount != 3 || first.Query != "SELECT region, SUM(amount)" || first.Message != "By region" || first.ConversationID == "" {
		t.Errorf("the first turn answered %+v", first)
	}
	if want := []time.Duration{2 * time.Second, 3 * time.Second, 4500 * time.Millisecond}; !slices.Equal(d.pauses, want) {
		t.Errorf("paused %v, want %v", d.pauses, want)
	}
	if want := []string{"1 understanding the question", "2 writing the query", "3 running the query"}; !slices.Equal(d.progress, want) {
		t.Errorf("told %q, want %q", d.progress, want)
	}
	d.space.states = []caller.GenieMessage{answered("", "WITH previous AS (SELECT 1)")}
	second, err := d.ask("u1", map[string]string{"question": "now show top 5 by amount", "conversation_id": first.ConversationID})
	if err != nil || second.Query == "" {
		t.Fatalf("the second turn answered %+v, %v", second, err)
	}
	d.space.states = []caller.GenieMessage{answered("Please specify what you mean by 'the thing'", "")}
	third, err := d.ask("u1", map[string]string{"question": "show me the thing", "conversation_id": second.ConversationID})
	if err != nil {
		t.Fatal(err)
	}
	if e := tools.Success("r1", third); e.Status != tools.StatusClarification || !strings.HasPrefix(e.Message, "Please specify") || e.ConversationID == "" {
		t.Errorf("the third turn answered %+v", e)
	}
	want := []string{"start total revenue by region", "look", "look", "look", "result a1", "follow c1 now show top 5 by amount", "result a1", "follow c1 show me the thing"}
	if !slices.Equal(d.space.calls, want) {
		t.Errorf("called\n%q, want\n%q", d.space.calls, want)
	}
}

func TestConversationsOfOthersAndExpiredOnesAreRefused(t *testing.T) {
	d := newDesk(t, answered("", "SELECT 1"))
	out, err := d.ask("u1", map[string]string{"question": "q"})
	if err != nil {
		t.Fatal(err)
	}
	before := len(d.space.calls)
	for name, c := range map[string]struct {
		subject, handle string
		later           time.Duration
		want            string
	}{
		"another caller's": {"u2", out.ConversationID, 0, "not one that this tool gave you"},
		"the bare id":      {"u1", "c1", 0, "not one that this tool gave you"},
		"an expired one":   {"u1", out.ConversationID, 2 * time.Hour, "has expired"},
	} {
		t.Run(name, func(t *testing.T) {
			d.now = d.now.Add(c.later)
			_, err := d.ask(c.subject, map[string]string{"question": "q", "conversation_id": c.handle})
			if err == nil || err.Code != tools.CodeInvalidArgument || !strings.Contains(err.Message, c.want) || strings.Contains(err.Message, "c1") {
				t.Errorf("answered %v", err)
			}
			d.now = d.now.Add(-c.later)
		})
	}
	if len(d.space.calls) != before {
		t.Errorf("Genie was called: %q", d.space.calls[before:])
	}
}

func TestRowsAreCappedAndCounted(t *testing.T) {
	d := newDesk(t, answered("", "SELECT 1"))
	d.space.rows = 51
	out, err := d.ask("u1", map[string]string{"question": "q"})
	if err != nil || len(out.Rows) != 50 || !out.Truncated || *out.TotalRows != 51 {
		t.Errorf("%d rows, truncated %v of %v, %v", len(out.Rows), out.Truncated, out.TotalRows, err)
	}
	d.space.rows = 50
	if out, _ := d.ask("u1", map[string]string{"question": "q"}); out.Truncated || len(out.Rows) != 50 {
		t.Errorf("50 rows are truncated: %+v", out.Truncated)
	}
}

func TestWhatEndsAMessageEndsTheCall(t *testing.T) {
	for name, c := range map[string]struct {
		last caller.GenieMessage
		want tools.Code
	}{
		"cancelled":       {working(caller.GenieCancelled), tools.CodeUpstreamError},
		"its result gone": {working(caller.GenieResultExpired), tools.CodeUpstreamError},
		"failed":          {caller.GenieMessage{Status: caller.GenieFailed, FailureType: "SQL_EXECUTION_EXCEPTION"}, tools.CodeUpstreamError},
		"a right missing": {caller.GenieMessage{Status: caller.GenieFailed, FailureType: "TABLES_MISSING_EXCEPTION"}, tools.CodeUpstreamDenied},
		"too many":        {caller.GenieMessage{Status: caller.GenieFailed, FailureType: "RATE_LIMIT_EXCEEDED_GENERIC_EXCEPTION"}, tools.CodeRateLimited},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, working("ASKING_AI"), c.last)
			if _, err := d.ask("u1", map[string]string{"question": "q"}); err == nil || err.Code != c.want {
				t.Errorf("answered %v, want %s", err, c.want)
			}
			if len(d.pauses) != 1 {
				t.Errorf("paused %d times", len(d.pauses))
			}
		})
	}
}

func TestAQuestionThatWouldOutliveItsTokenIsNotAsked(t *testing.T) {
	d := newDesk(t, answered("", "SELECT 1"))
	d.expires = 59 * time.Second
	if _, err := d.ask("u1", map[string]string{"question": "q"}); err == nil || err.Code != tools.CodeTokenExpires || len(d.space.calls) > 0 {
		t.Errorf("answered %v after %q", err, d.space.calls)
	}
	d.expires = time.Hour
	out, err := d.ask("u1", map[string]string{"question": "q"})
	if err != nil {
		t.Fatal(err)
	}
	d.expires = 41 * time.Second // enough for a follow-up
	if _, err := d.ask("u1", map[string]string{"question": "q", "conversation_id": out.ConversationID}); err != nil {
		t.Errorf("a follow-up answered %v", err)
	}
}

func TestTheRateOfQuestionsIsLimitedToTheMillisecond(t *testing.T) {
	d := newDesk(t, answered("", "SELECT 1"))
	for range 5 {
		if _, err := d.ask("u1", map[string]string{"question": "q"}); err != nil {
			t.Fatal(err)
		}
		d.now = d.now.Add(1234 * time.Millisecond)
	}
	_, err := d.ask("u2", map[string]string{"question": "q"})
	if err == nil || err.Code != tools.CodeRateLimited || err.RetryAfter != time.Minute-5*1234*time.Millisecond {
		t.Errorf("answered %v after %v", err, err.RetryAfter)
	}
	d.now = d.now.Add(err.RetryAfter)
	if _, err := d.ask("u2", map[string]string{"question": "q"}); err != nil {
		t.Errorf("after the wait: %v", err)
	}
}

func TestACallerWhoGoesAwayEndsTheMessage(t *testing.T) {
	d := newDesk(t, working("ASKING_AI"))
	ctx, cancel := context.WithCancel(t.Context())
	d.leave = cancel
	if _, err := d.askIn(ctx, "u1", map[string]string{"question": "q"}); err == nil {
		t.Error("answered")
	}
	if want := []string{"start q", "forget c1 m1"}; !slices.Equal(d.space.calls, want) {
		t.Errorf("called %q, want %q", d.space.calls, want)
	}
}

func TestARefusalOfDatabricksKeepsItsWordsOut(t *testing.T) {
	d := newDesk(t, working("ASKING_AI"))
	d.space.fail = errors.New("dial tcp: token=SECRET")
	if _, err := d.ask("u1", map[string]string{"question": "q"}); err == nil || strings.Contains(err.Message, "SECRET") {
		t.Errorf("answered %v", err)
	}
}
