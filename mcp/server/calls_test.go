// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

var eras = []string{"2026-07-28", "2025-11-25", "2025-06-18"}

func TestEachEraListsAndCallsWhatTheRoleMay(t *testing.T) {
	g := serving(t)
	for _, era := range eras {
		t.Run(era, func(t *testing.T) {
			s := g.client(g.token("west"), era)
			list, err := s.ListTools(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, tool := range list.Tools {
				names = append(names, tool.Name)
				if tool.Annotations == nil || tool.Annotations.DestructiveHint == nil || *tool.Annotations.DestructiveHint {
					t.Errorf("%s: want an explicit hint that it is not destructive", tool.Name)
				}
			}
			if got := strings.Join(names, " "); got != "check_identity query_sales_data" {
				t.Errorf("listed %q", got)
			}
			a := ask(t, s, "check_identity", nil)
			if a.Status != "ok" || a.Identity == nil || a.Identity.CurrentUser != westApp || a.Identity.Role != "sales/west" ||
				a.Identity.Email != "west@partner.example" || !a.Identity.Groups["sales_west"] {
				t.Errorf("answered %+v", a)
			}
			if denied := ask(t, s, "query_audit_log", nil); denied.Error.Code != "ACCESS_DENIED" {
				t.Errorf("a tool the role may not call answered %+v", denied)
			}
			_, err = s.CallTool(t.Context(), &mcp.CallToolParams{Name: "no_such_tool", Arguments: map[string]any{}})
			var wire *jsonrpc.Error
			if !errors.As(err, &wire) || wire.Code != jsonrpc.CodeInvalidParams {
				t.Errorf("an unknown tool answered %v", err)
			}
		})
	}
	if _, statements := g.workspace.counts(); statements != len(eras) {
		t.Errorf("Databricks was asked %d times, want %d: denied calls must not reach it", statements, len(eras))
	}
}

func TestARoleThatNoPolicyKnowsGetsNothing(t *testing.T) {
	g := serving(t)
	for _, role := range []any{"stranger", "sales/west", "", []string{"west"}, []string{"west", "exec"}, 7, nil} {
		t.Run(fmt.Sprint(role), func(t *testing.T) {
			s := g.client(g.signed(goodClaims("x").with("https://gatehouse.dev/role", role)), "2025-11-25")
			list, err := s.ListTools(t.Context(), nil)
			if err != nil || len(list.Tools) != 0 {
				t.Errorf("listed %v, %v", list, err)
			}
			if a := ask(t, s, "check_identity", nil); a.Error.Code != "ACCESS_DENIED" {
				t.Errorf("answered %+v", a)
			}
		})
	}
	if exchanges, statements := g.workspace.counts(); exchanges+statements != 0 {
		t.Errorf("%d exchanges and %d statements for callers without a role", exchanges, statements)
	}
}

func TestArgumentsAreBoundAndNeverBecomeText(t *testing.T) {
	g := serving(t)
	one, null := "1", "x"
	g.workspace.execute = func(context.Context, wire.Secret, wire.StatementRequest) (*wire.StatementResult, error) {
		return &wire.StatementResult{
			Columns: []wire.ResultColumn{{Name: "n", Type: "INT"}, {Name: "b", Type: "BIGINT"}, {Name: "empty", Type: "STRING"}, {Name: "margin", Type: "DOUBLE"}},
			Rows:    [][]*string{{&one, &one, new(string), nil}, {&one, &one, &null, nil}, {&one, &one, &null, nil}}, TotalRows: 9,
		}, nil
	}
	s := g.client(g.token("west"), "2026-07-28")
	a := ask(t, s, "query_sales_data", map[string]any{"region": "WEST", "limit": 5})
	if a.Status != "ok" || len(a.Rows) != 2 || !a.Truncated || a.TotalRows != 9 {
		t.Fatalf("answered %+v", a)
	}
	row := a.Rows[0]
	if row["n"] != float64(1) || row["b"] != "1" || row["empty"] != "" || row["margin"] != nil {
		t.Errorf("the row reads %v: a BIGINT must be text, NULL must be null and the empty text must stay", row)
	}
	got := g.workspace.asked[0]
	if strings.Contains(got.Statement, "WEST") || got.WarehouseID != "wh1" || len(got.Params) != 3 ||
		*got.Params[0].Value != "WEST" || *got.Params[1].Value != "5" || got.Params[1].Type != "INT" || got.Params[2].Value != nil {
		t.Errorf("asked %+v", got)
	}
}

func TestIntegersKeepTheirDigits(t *testing.T) {
	g := serving(t)
	_, body := g.post(g.token("west"), `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query_sales_data","arguments":{"big":9007199254740993}}}`, nil)
	if !strings.Contains(body, `"status":"ok"`) {
		t.Fatal(body)
	}
	if v := g.workspace.asked[0].Params[2].Value; v == nil || *v != "9007199254740993" {
		t.Errorf("bound %v", v)
	}
}

func TestBadArgumentsAreNamedAndNotRepeated(t *testing.T) {
	g := serving(t)
	s := g.client(g.token("west"), "2025-11-25")
	for name, c := range map[string]struct {
		args any
		want string
	}{
		"unknown argument":  {map[string]any{"regio": "SECRETVALUE"}, "`regio` is not an argument of query_sales_data; it takes `big`, `limit`, `note`, `region`"},
		"not in the enum":   {map[string]any{"region": "SECRETVALUE"}, "`region` must be one of 'WEST', 'EAST'"},
		"wrong type":        {map[string]any{"limit": "SECRETVALUE"}, "`limit` must be an integer"},
		"not whole":         {map[string]any{"limit": 1.5}, "`limit` must be an integer"},
		"too small":         {map[string]any{"limit": 0}, "`limit` must be at least 1"},
		"too large":         {map[string]any{"limit": 51}, "`limit` must be at most 50"},
		"too long":          {map[string]any{"note": "secretvalue"}, "`note` must have at most 8 characters"},
		"against a pattern": {map[string]any{"note": "A"}, "`note` must match the pattern ^[a-z]*$"},
		"null":              {map[string]any{"region": nil}, "`region` must not be null; leave it out instead"},
		"an object":         {map[string]any{"region": map[string]any{"a": "SECRETVALUE"}}, "`region` must be a string"},
	} {
		t.Run(name, func(t *testing.T) {
			a := ask(t, s, "query_sales_data", c.args)
			if a.Error.Code != "INVALID_ARGUMENT" || a.Error.Message != c.want {
				t.Errorf("answered %q %q, want %q", a.Error.Code, a.Error.Message, c.want)
			}
		})
	}
	if exchanges, statements := g.workspace.counts(); exchanges+statements != 0 {
		t.Errorf("%d exchanges and %d statements for calls that were refused", exchanges, statements)
	}
	if log := g.logs.String(); strings.Contains(strings.ToLower(log), "secretvalue") {
		t.Error("the log repeats an argument")
	}
}

func TestManyCallsAtOnceShareOneExchange(t *testing.T) {
	g := serving(t)
	release := make(chan struct{})
	g.workspace.exchange = func(r caller.ExchangeRequest) (caller.Token, error) {
		<-release
		return caller.Token{AccessToken: wire.Secret("dbx-" + r.ClientID), Expiry: time.Now().Add(time.Hour)}, nil
	}
	token := g.token("west")
	var sessions []*mcp.ClientSession
	for range 20 {
		sessions = append(sessions, g.client(token, "2025-11-25"))
	}
	var wg sync.WaitGroup
	for _, s := range sessions {
		wg.Go(func() {
			if a := ask(t, s, "check_identity", nil); a.Status != "ok" {
				t.Errorf("answered %+v", a)
			}
		})
	}
	g.eventually("an exchange began", func() bool { n, _ := g.workspace.counts(); return n > 0 })
	close(release)
	wg.Wait()
	if n, _ := g.workspace.counts(); n != 1 {
		t.Errorf("%d exchanges for one token, want 1", n)
	}
	if r := g.workspace.exchanges[0]; r.ClientID != westApp || strings.Join(r.Scopes, " ") != "sql" || r.SubjectToken.Reveal() != token {
		t.Errorf("exchanged with client %s and scopes %v", r.ClientID, r.Scopes)
	}
	for _, sent := range g.workspace.tokens {
		if sent.Reveal() == token {
			t.Fatal("the caller's token was sent to the workspace's API")
		}
	}
}

func TestATokenThatDatabricksNoLongerAcceptsIsExchangedOnceMore(t *testing.T) {
	g := serving(t)
	s := g.client(g.token("west"), "2025-11-25")
	ask(t, s, "check_identity", nil)
	refuse := 1
	plain := g.workspace.execute
	g.workspace.execute = func(ctx context.Context, tok wire.Secret, r wire.StatementRequest) (*wire.StatementResult, error) {
		if refuse > 0 {
			refuse--
			return nil, &wire.CallError{Kind: wire.CallUnauthenticated, Status: http.StatusUnauthorized}
		}
		g.workspace.mu.Lock()
		g.workspace.execute = plain
		g.workspace.mu.Unlock()
		return g.workspace.Execute(ctx, tok, r)
	}
	if a := ask(t, s, "check_identity", nil); a.Status != "ok" {
		t.Errorf("answered %+v", a)
	}
	if n, _ := g.workspace.counts(); n != 2 {
		t.Errorf("%d exchanges, want 2", n)
	}
}

func TestFailuresOfDatabricksHaveOneAnswerEach(t *testing.T) {
	g := serving(t)
	s := g.client(g.token("west"), "2025-11-25")
	for name, c := range map[string]struct {
		err      error
		wantCode string
		wantMS   int64
	}{
		"a privilege is missing": {&wire.CallError{Kind: wire.CallDenied, SQLState: "42501"}, "UPSTREAM_DENIED", 0},
		"too many requests":      {&wire.CallError{Kind: wire.CallRateLimited, RetryAfter: 7 * time.Second}, "RATE_LIMITED", 7000},
		"it is down":             {&wire.CallError{Kind: wire.CallUnavailable}, "UPSTREAM_UNAVAILABLE", 0},
		"the statement is wrong": {&wire.CallError{Kind: wire.CallFailed, SQLState: "42601"}, "UPSTREAM_ERROR", 0},
		"something unforeseen":   {errors.New("dial tcp 10.0.0.1: token=SECRETVALUE"), "UPSTREAM_UNAVAILABLE", 0},
	} {
		t.Run(name, func(t *testing.T) {
			g.workspace.mu.Lock()
			g.workspace.execute = func(context.Context, wire.Secret, wire.StatementRequest) (*wire.StatementResult, error) {
				return nil, c.err
			}
			g.workspace.mu.Unlock()
			a := ask(t, s, "check_identity", nil)
			if a.Error.Code != c.wantCode || a.Error.RetryAfterMS != c.wantMS || strings.Contains(a.Error.Message, "SECRETVALUE") || a.RequestID == "" {
				t.Errorf("answered %+v", a)
			}
		})
	}
}

func TestRefusedExchangesAreToldAndRemembered(t *testing.T) {
	g := serving(t)
	g.workspace.exchange = func(caller.ExchangeRequest) (caller.Token, error) {
		return caller.Token{}, &caller.ExchangeError{Code: "invalid_grant", Status: http.StatusBadRequest}
	}
	s := g.client(g.token("west"), "2025-11-25")
	for range 3 {
		if a := ask(t, s, "check_identity", nil); a.Error.Code != "EXCHANGE_DENIED" {
			t.Errorf("answered %+v", a)
		}
	}
	if n, statements := g.workspace.counts(); n != 1 || statements != 0 {
		t.Errorf("%d exchanges and %d statements, want 1 and 0", n, statements)
	}
}

func TestAPanicInAToolEndsOneCallAndNotTheServer(t *testing.T) {
	g := serving(t)
	g.workspace.execute = func(context.Context, wire.Secret, wire.StatementRequest) (*wire.StatementResult, error) {
		panic("row value SECRETVALUE")
	}
	res, body := g.post(g.token("west"), `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"check_identity","arguments":{}}}`,
		map[string]string{"X-Request-Id": "request-0001"})
	if !strings.Contains(body, "internal error") || !strings.Contains(body, "request-0001") || strings.Contains(body, "SECRETVALUE") {
		t.Errorf("answered %d %s", res.StatusCode, body)
	}
	if strings.Contains(g.logs.String(), "SECRETVALUE") {
		t.Error("the log repeats the panic's value")
	}
	g.workspace.mu.Lock()
	g.workspace.execute = nil
	g.workspace.mu.Unlock()
	if a := ask(t, g.client(g.token("west"), "2025-11-25"), "check_identity", nil); a.Status != "ok" {
		t.Errorf("the next call answered %+v", a)
	}
}

func TestAClientThatGoesAwayEndsItsCall(t *testing.T) {
	for _, era := range eras {
		t.Run(era, func(t *testing.T) {
			g := serving(t)
			running, ended := make(chan struct{}), make(chan struct{})
			g.workspace.execute = func(ctx context.Context, _ wire.Secret, _ wire.StatementRequest) (*wire.StatementResult, error) {
				close(running)
				<-ctx.Done()
				close(ended)
				return nil, ctx.Err()
			}
			s := g.client(g.token("west"), era)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				_, _ = s.CallTool(ctx, &mcp.CallToolParams{Name: "check_identity", Arguments: map[string]any{}})
			}()
			wait(t, running, "the statement runs")
			cancel()
			_ = s.Close()
			g.main.CloseClientConnections()
			wait(t, ended, "the statement is cancelled")
		})
	}
}

func wait(t testing.TB, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("not within %v: %s", patience, what)
	}
}

func TestACallHasADeadline(t *testing.T) {
	g := serving(t, func(d *access.Document) { d.Limits.CallTimeoutSeconds = 1 })
	g.workspace.execute = func(ctx context.Context, _ wire.Secret, _ wire.StatementRequest) (*wire.StatementResult, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if a := ask(t, g.client(g.token("west"), "2025-11-25"), "check_identity", nil); a.Error.Code != "DEADLINE_EXCEEDED" {
		t.Errorf("answered %+v", a)
	}
}

func TestPromptsAndResourcesAreNotServed(t *testing.T) {
	g := serving(t)
	for _, method := range []string{"prompts/list", "resources/list", "resources/templates/list", "completion/complete", "logging/setLevel"} {
		_, body := g.post(g.token("west"), `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{}}`, nil)
		if !strings.Contains(body, "-32601") && !strings.Contains(body, "-32602") {
			t.Errorf("%s answered %s", method, body)
		}
		if strings.Contains(body, `"result"`) {
			t.Errorf("%s has a result: %s", method, body)
		}
	}
}
