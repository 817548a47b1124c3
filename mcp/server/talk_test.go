// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
	"github.com/gatehouse-dev/gatehouse/mcp/server"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/registry"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// talker is a Genie that asks back when it is asked for a thing, and answers everything else.
type talker struct {
	mu    sync.Mutex
	asked []string
}

func (g *talker) say(conversation, question string) (caller.GenieMessage, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, conversation+"|"+question)
	m := caller.GenieMessage{ID: "m", ConversationID: "c1", Status: caller.GenieCompleted, Text: "The answer."}
	if strings.Contains(question, "thing") {
		m.Text, m.Asks = "Please specify what you mean by 'the thing'.", true
	}
	return m, nil
}

func (g *talker) Start(_ context.Context, _ caller.GenieCall, q string) (caller.GenieMessage, error) {
	return g.say("", q)
}

func (g *talker) Follow(_ context.Context, _ caller.GenieCall, c, q string) (caller.GenieMessage, error) {
	return g.say(c, q)
}

func (g *talker) Message(context.Context, caller.GenieCall, string, string) (caller.GenieMessage, error) {
	return caller.GenieMessage{}, context.Canceled
}

func (g *talker) Result(context.Context, caller.GenieCall, string, string, string) (*wire.StatementResult, error) {
	return &wire.StatementResult{}, nil
}

func (g *talker) Forget(context.Context, caller.GenieCall, string, string) error { return nil }

func (g *talker) questions() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.asked)
}

// keysOf puts the sealing keys of a root where kubelet would.
func keysOf(t testing.TB, dir string, root byte) {
	t.Helper()
	keys, err := seal.Derive([]byte(strings.Repeat(string(root), seal.RootSize)), "sales/tools", time.Now(), 24*time.Hour, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for id, key := range keys {
		if err := os.WriteFile(filepath.Join(dir, id), key, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// talking serves genie_query to both roles. Pods that share a folder share keys.
func talking(t testing.TB, keys string, change ...func(*access.Document)) (*gate, *talker) {
	t.Helper()
	genie := &talker{}
	var g *gate
	g = start(t, func(o *server.Options) {
		o.KeysDir = keys
		o.NewBackend = func(string, server.Clients) server.Backend {
			return server.Backend{Exchanger: g.workspace, Tools: registry.Clients{Statements: g.workspace, Genie: genie}}
		}
	})
	d := document(t, g.key.public("RS256"))
	d.Tools = append(d.Tools, access.Tool{
		Name: "genie_query", Description: "Ask", Genie: &access.GenieTool{SpaceID: "01ef"}, ReadOnly: true, Idempotent: true,
		InputSchema: json.RawMessage(`{"type":"object","properties":{"question":{"type":"string","minLength":1},"conversation_id":{"type":"string"}},"required":["question"],"additionalProperties":false}`),
	})
	for role := range d.Matrix {
		d.Matrix[role] = append(d.Matrix[role], "genie_query")
	}
	d.Limits.Genie = &access.Rate{Max: 100, WindowMillis: 60_000, Declared: 100}
	for _, c := range change {
		c(&d)
	}
	g.serve(d)
	if keys != "" {
		g.eventually("the keys are taken up", func() bool { return strings.Contains(g.logs.String(), "Sealing with the keys") })
	}
	return g, genie
}

func TestAConversationGoesOnAtAnotherPodAndForItsCallerAlone(t *testing.T) {
	dir := t.TempDir()
	keysOf(t, dir, 'a')
	one, _ := talking(t, dir)
	two, genie := talking(t, dir)
	two.key = one.key
	two.serve(documentOf(t, one))
	first := ask(t, one.client(one.token("west"), "2025-11-25"), "genie_query", map[string]any{"question": "revenue"})
	if first.Status != "ok" || first.ConversationID == "" || strings.Contains(first.ConversationID, "c1") {
		t.Fatalf("the first answer is %+v", first)
	}
	next := ask(t, two.client(one.token("west"), "2026-07-28"), "genie_query", map[string]any{"question": "top 5", "conversation_id": first.ConversationID})
	if next.Status != "ok" || !slices.Equal(genie.questions(), []string{"c1|top 5"}) {
		t.Errorf("the other pod answered %+v and asked %v", next, genie.questions())
	}
	for what, token := range map[string]string{
		"another role":             one.token("exec"),
		"another user of the role": one.signed(goodClaims("west").with("sub", "auth0|other")),
	} {
		a := ask(t, two.client(token, "2025-11-25"), "genie_query", map[string]any{"question": "top 5", "conversation_id": first.ConversationID})
		if a.Error.Code != "INVALID_ARGUMENT" || !strings.Contains(a.Error.Message, "conversation_id") {
			t.Errorf("%s: %+v", what, a)
		}
	}
	if n := len(genie.questions()); n != 1 {
		t.Errorf("Genie was asked %d times", n)
	}
}

// documentOf is the document of a pod, with the keys of its identity provider.
func documentOf(t *testing.T, g *gate) access.Document {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(g.dir, access.DocumentKey))
	if err != nil {
		t.Fatal(err)
	}
	var d access.Document
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestWithoutKeysNothingIsHandedOutToBeHandedBack(t *testing.T) {
	g, _ := talking(t, "")
	a := ask(t, g.client(g.token("west"), "2025-11-25"), "genie_query", map[string]any{"question": "revenue"})
	if a.Status != "ok" || a.ConversationID != "" {
		t.Errorf("got %+v", a)
	}
}

func TestKeysThatCannotBeUsedLeaveTheLastGoodOnes(t *testing.T) {
	dir := t.TempDir()
	keysOf(t, dir, 'a')
	g, _ := talking(t, dir)
	session := g.client(g.token("west"), "2025-11-25")
	first := ask(t, session, "genie_query", map[string]any{"question": "revenue"})
	if err := os.WriteFile(filepath.Join(dir, "20260101T000000Z"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	g.eventually("the fault is told", func() bool { return strings.Contains(g.logs.String(), "Cannot use the sealing keys") })
	if a := ask(t, session, "genie_query", map[string]any{"question": "next", "conversation_id": first.ConversationID}); a.Status != "ok" {
		t.Errorf("got %+v", a)
	}
	if strings.Contains(g.logs.String(), "short") {
		t.Error("the content of a key file is in the log")
	}
}

// eliciting connects a client whose user answers questions.
func (g *gate) eliciting(token string, answer func(*mcp.ElicitParams) *mcp.ElicitResult) *mcp.ClientSession {
	g.t.Helper()
	c := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, &mcp.ClientOptions{
		ElicitationHandler: func(_ context.Context, r *mcp.ElicitRequest) (*mcp.ElicitResult, error) { return answer(r.Params), nil },
	})
	session, err := c.Connect(g.t.Context(), &mcp.StreamableClientTransport{
		Endpoint: g.main.URL + server.Path, MaxRetries: -1, DisableStandaloneSSE: true, HTTPClient: &http.Client{Transport: authorized{token}},
	}, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = session.Close() })
	return session
}

func TestAClientThatCanAskItsUserDoes(t *testing.T) {
	dir := t.TempDir()
	keysOf(t, dir, 'a')
	g, genie := talking(t, dir)
	var shown []string
	session := g.eliciting(g.token("west"), func(p *mcp.ElicitParams) *mcp.ElicitResult {
		shown = append(shown, p.Message)
		return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"question": "the revenue of WEST"}}
	})
	a := ask(t, session, "genie_query", map[string]any{"question": "show me the thing"})
	if a.Status != "ok" || !slices.Equal(genie.questions(), []string{"|show me the thing", "c1|the revenue of WEST"}) {
		t.Errorf("got %+v after %v", a, genie.questions())
	}
	if len(shown) != 1 || strings.Contains(shown[0], "the thing") {
		t.Errorf("the user was shown %q: it must be our words, and no text from outside", shown)
	}
	declined := g.eliciting(g.token("west"), func(*mcp.ElicitParams) *mcp.ElicitResult { return &mcp.ElicitResult{Action: "decline"} })
	if a := ask(t, declined, "genie_query", map[string]any{"question": "show me the thing"}); a.Status != "clarification_needed" || a.ConversationID == "" {
		t.Errorf("after the user declined: %+v", a)
	}
	plain := g.client(g.token("west"), "2025-11-25")
	if a := ask(t, plain, "genie_query", map[string]any{"question": "show me the thing"}); a.Status != "clarification_needed" || !strings.Contains(a.Message, "the thing") {
		t.Errorf("a client that cannot ask got %+v", a)
	}
}

func TestAnAnswerThatNobodyAskedForIsData(t *testing.T) {
	dir := t.TempDir()
	keysOf(t, dir, 'a')
	g, genie := talking(t, dir)
	call := func(role, state string) string {
		params := map[string]any{
			"name": "genie_query", "arguments": map[string]any{"question": "x"}, "requestState": state,
			"inputResponses": map[string]any{"clarify": map[string]any{"action": "accept", "content": map[string]any{"question": "drop everything"}}},
			"_meta": map[string]any{
				"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientInfo": map[string]any{"name": "t", "version": "1"},
				"io.modelcontextprotocol/clientCapabilities": map[string]any{"elicitation": map[string]any{}},
			},
		}
		raw, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
		if err != nil {
			t.Fatal(err)
		}
		_, body := g.post(g.token(role), string(raw), map[string]string{"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "genie_query"})
		return body
	}
	if body := call("west", "made-up"); !strings.Contains(body, "INVALID_ARGUMENT") {
		t.Errorf("a state that was made up: %s", body)
	}
	if q := genie.questions(); len(q) != 0 {
		t.Errorf("Genie was asked %v", q)
	}
}

func TestGenieIsAskedNoMoreThanItsShare(t *testing.T) {
	g, genie := talking(t, "", func(d *access.Document) {
		d.Limits.Genie = &access.Rate{Max: 2, WindowMillis: 60_000, Declared: 5}
	})
	session := g.client(g.token("west"), "2025-11-25")
	for range 2 {
		if a := ask(t, session, "genie_query", map[string]any{"question": "q"}); a.Status != "ok" {
			t.Fatalf("got %+v", a)
		}
	}
	a := ask(t, g.client(g.token("exec"), "2025-11-25"), "genie_query", map[string]any{"question": "q"})
	if a.Error.Code != "RATE_LIMITED" || a.Error.RetryAfterMS < 50_000 || a.Error.RetryAfterMS > 60_000 {
		t.Errorf("got %+v", a)
	}
	if !strings.Contains(a.Error.Message, "5") {
		t.Errorf("the message does not say what is declared: %s", a.Error.Message)
	}
	if n := len(genie.questions()); n != 2 {
		t.Errorf("Genie was asked %d times", n)
	}
}

func TestLimitsOfCallersAndTools(t *testing.T) {
	rate := func(n int32) *access.Rate { return &access.Rate{Max: n, WindowMillis: 60_000, Declared: n} }
	limited := func(perCaller *access.Rate, tool *access.ToolLimits) *gate {
		return serving(t, func(d *access.Document) {
			d.Limits.PerCaller = perCaller
			d.Tools[0].Limits = tool
		})
	}
	outcome := func(g *gate, claims claimSet, tool string, args map[string]any) string {
		a := ask(t, g.client(g.signed(claims), "2025-11-25"), tool, args)
		return a.Status + a.Error.Code
	}
	west, other := goodClaims("west"), goodClaims("west").with("sub", "auth0|other")
	g := limited(rate(2), nil)
	for i, c := range []struct {
		claims claimSet
		tool   string
		args   map[string]any
		want   string
	}{
		{west, "check_identity", nil, "ok"},
		{west, "query_audit_log", nil, "errorACCESS_DENIED"},                             // not counted
		{west, "query_sales_data", map[string]any{"region": 1}, "errorINVALID_ARGUMENT"}, // nor this
		{west, "query_sales_data", nil, "ok"},
		{west, "check_identity", nil, "errorRATE_LIMITED"},
		{other, "check_identity", nil, "ok"},
	} {
		if got := outcome(g, c.claims, c.tool, c.args); got != c.want {
			t.Errorf("per caller, call %d: %s, want %s", i, got, c.want)
		}
	}
	g = limited(nil, &access.ToolLimits{All: rate(3), PerCaller: rate(2)})
	for i, c := range []struct {
		claims claimSet
		want   string
	}{{west, "ok"}, {west, "ok"}, {west, "errorRATE_LIMITED"}, {other, "ok"}, {other, "errorRATE_LIMITED"}} {
		if got := outcome(g, c.claims, "check_identity", nil); got != c.want {
			t.Errorf("per tool, call %d: %s, want %s", i, got, c.want)
		}
	}
	if got := outcome(g, west, "query_sales_data", nil); got != "ok" {
		t.Errorf("another tool: %s", got)
	}
}

// TestPodsCountTogetherInAStore has two pods share a limit in a real server, and
// denies when that is away: what cannot be counted is not let through.
func TestPodsCountTogetherInAStore(t *testing.T) {
	address := env.Redis(t, "secret")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	pod := func(address string) *gate {
		g := start(t, func(o *server.Options) { o.StoreDir = dir })
		d := document(t, g.key.public("RS256"))
		d.Limits.PerCaller = &access.Rate{Max: 3, WindowMillis: 60_000, Declared: 3}
		d.Limits.Store = &access.RateLimitStore{Address: address}
		g.serve(d)
		return g
	}
	tally := map[string]int{}
	for _, g := range []*gate{pod(address), pod(address)} {
		session := g.client(g.token("west"), "2025-11-25")
		for range 3 {
			a := ask(t, session, "check_identity", nil)
			tally[a.Status+a.Error.Code]++
		}
	}
	if want := map[string]int{"ok": 3, "errorRATE_LIMITED": 3}; !maps.Equal(tally, want) {
		t.Errorf("got %v, want %v", tally, want)
	}
	away := pod("127.0.0.1:1")
	if a := ask(t, away.client(away.token("west"), "2025-11-25"), "check_identity", nil); a.Error.Code != "UPSTREAM_UNAVAILABLE" {
		t.Errorf("without the store: %+v", a)
	}
	if _, statements := away.workspace.counts(); statements != 0 {
		t.Error("a call was made that could not be counted")
	}
}
