// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package genie

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/sqlengine"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/statements"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/store"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// world is everything that a Service asks: one table, an engine that returns one
// row, or waits until it is stopped.
type world struct {
	mu     sync.Mutex
	block  bool
	tables int
	wrong  error
	ran    []string
}

func (w *world) Get(s metastore.Securable) (metastore.Object, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return metastore.Object{Type: metastore.TypeTable, Name: s.Name, Columns: []metastore.Column{{Name: "amount", Type: "INT"}}}, w.tables > 0
}

func (w *world) Execute(ctx context.Context, s sqlengine.Session, st sqlengine.Statement) (*sqlengine.Result, error) {
	w.mu.Lock()
	block, wrong := w.block, w.wrong
	w.ran = append(w.ran, s.Principal+": "+st.SQL)
	w.mu.Unlock()
	if block {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	one := "1"
	return &sqlengine.Result{Columns: []sqlengine.ResultColumn{{Name: "n", TypeName: "INT", TypeText: "INT"}}, Rows: [][]*string{{&one}}}, wrong
}

func (w *world) Exists(id string) bool             { return id == "w" }
func (w *world) MayUse(string, string) bool        { return true }
func (w *world) GroupsOf(string) []string          { return nil }
func (w *world) WorkspaceGroupsOf(string) []string { return nil }
func (w *world) PrincipalExists(string) bool       { return true }
func (w *world) IsAdmin(string) bool               { return true }
func (w *world) DisplayName(string) string         { return "" }

// bench is a Service on a world with a clock of its own.
type bench struct {
	t    *testing.T
	s    *Service
	run  *statements.Service
	mu   sync.Mutex
	time time.Time
}

func open(t *testing.T, w *world, change func(*Options)) *bench {
	t.Helper()
	b := &bench{t: t, run: statements.New(statements.Options{Executor: w, Directory: w, Warehouses: w}), time: time.Unix(1_700_000_000, 0)}
	state, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		State: state, Spaces: []Space{{ID: "s", Title: "S", WarehouseID: "w", Tables: []string{"main.sales.deals"}}},
		Directory: w, Warehouses: w, Metastore: w, Executor: w, Statements: b.run, Stage: time.Millisecond, QuestionsPerMinute: -1,
	}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.now = func() time.Time { b.mu.Lock(); defer b.mu.Unlock(); return b.time }
	b.s = s
	return b
}

func (b *bench) wait(d time.Duration) { b.mu.Lock(); defer b.mu.Unlock(); b.time = b.time.Add(d) }

// call calls a handler as a principal on a path's values.
func (b *bench) call(h wire.Handle, body string, path ...string) (map[string]any, error) {
	b.t.Helper()
	raw := httptest.NewRequest("POST", "/", nil)
	for i, key := range []string{"space", "conversation", "message", "attachment"} {
		if i < len(path) {
			raw.SetPathValue(key, path[i])
		}
	}
	out, err := h(b.t.Context(), &wire.Request{Request: raw, Body: []byte(body), Caller: wire.Caller{ID: "7", UserName: "me"}})
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(out)
	if err != nil {
		b.t.Fatal(err)
	}
	var decoded map[string]any
	if err := json.Unmarshal(encoded, &decoded); err != nil {
		b.t.Fatal(err)
	}
	return decoded, nil
}

// ask starts a conversation and returns where its message is.
func (b *bench) ask() []string {
	b.t.Helper()
	out, err := b.call(b.s.start, `{"content":"total amount"}`, "s")
	if err != nil {
		b.t.Fatal(err)
	}
	return []string{"s", out["conversation_id"].(string), out["message_id"].(string)}
}

// until polls a message until it has a status.
func (b *bench) until(status string, at []string) map[string]any {
	b.t.Helper()
	var m map[string]any
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		var err error
		if m, err = b.call(b.s.getMessage, "", at...); err != nil {
			b.t.Fatal(err)
		}
		if m["status"] == status {
			return m
		}
	}
	b.t.Fatalf("the message is never %s: %v", status, m)
	return nil
}

func TestAStatementThatIsCancelledEndsItsMessage(t *testing.T) {
	w := &world{block: true, tables: 1}
	b := open(t, w, nil)
	at := b.ask()
	m := b.until(statusExecuting, at)
	query := m["attachments"].([]any)[0].(map[string]any)["query"].(map[string]any)
	if query["query"] != "SELECT SUM(amount) AS total_amount FROM main.sales.deals" || query["query_result_metadata"] != nil {
		t.Errorf("while it runs the query is %v", query)
	}
	out, err := b.call(b.s.queryResult, "", at...)
	if err != nil || out["statement_response"].(map[string]any)["status"].(map[string]any)["state"] != "RUNNING" {
		t.Errorf("while it runs the result is %v, %v", out, err)
	}
	if _, err := b.call(b.s.executeQuery, "", at...); !is(err, http.StatusBadRequest) {
		t.Errorf("it is run again meanwhile: %v", err)
	}
	b.run.Cancel(query["statement_id"].(string))
	m = b.until(statusCancelled, at)
	if failure, _ := m["error"].(map[string]any); failure["type"] != "MESSAGE_CANCELLED_WHILE_EXECUTING_EXCEPTION" {
		t.Errorf("cancelled, it is %v", m)
	}
}

func TestAMessageThatIsDeletedStopsItsStatement(t *testing.T) {
	b := open(t, &world{block: true, tables: 1}, nil)
	at := b.ask()
	m := b.until(statusExecuting, at)
	id := m["attachments"].([]any)[0].(map[string]any)["query"].(map[string]any)["statement_id"].(string)
	if _, err := b.call(b.s.deleteMessage, "", at...); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	if out, ok := b.run.Wait(ctx, id); !ok || !out.Canceled {
		t.Errorf("its statement is %v, %v", out, ok)
	}
}

func is(err error, status int) bool {
	var we *wire.Error
	return errors.As(err, &we) && we.Status == status
}

func TestResultsExpireInTheirTime(t *testing.T) {
	b := open(t, &world{tables: 1}, func(o *Options) { o.TimeScale = 0.5 })
	at := b.ask()
	b.until(statusCompleted, at)
	b.wait(30*time.Minute - time.Second) // an hour, scaled
	b.until(statusCompleted, at)
	b.wait(time.Second)
	b.until(statusExpired, at)
	if _, err := b.call(b.s.queryResult, "", at...); !is(err, http.StatusNotFound) {
		t.Errorf("the expired result answers %v", err)
	}
	if _, err := b.call(b.s.executeQuery, "", at...); err != nil {
		t.Fatal(err)
	}
	b.until(statusCompleted, at)
	b.wait(29 * time.Minute)
	b.until(statusCompleted, at)
}

func TestFailuresHaveTheirTypes(t *testing.T) {
	for kind, c := range map[string]struct {
		world  *world
		change func(*Options)
	}{
		"NO_TABLES_TO_QUERY_EXCEPTION":        {&world{}, nil},
		"WAREHOUSE_NOT_FOUND_EXCEPTION":       {&world{tables: 1}, func(o *Options) { o.Spaces[0].WarehouseID = "gone" }},
		"SQL_EXECUTION_EXCEPTION":             {&world{tables: 1, wrong: &sqlengine.StatementError{Message: "no"}}, nil},
		"GENERIC_SQL_EXEC_API_CALL_EXCEPTION": {&world{tables: 1, wrong: errors.New("a secret of the engine")}, nil},
	} {
		t.Run(kind, func(t *testing.T) {
			b := open(t, c.world, c.change)
			m := b.until(statusFailed, b.ask())
			failure := m["error"].(map[string]any)
			if failure["type"] != kind || strings.Contains(failure["error"].(string), "secret") {
				t.Errorf("failed as %v", failure)
			}
		})
	}
}

func TestTheLimitSlides(t *testing.T) {
	l := &limiter{most: 2, window: time.Minute}
	begin := time.Unix(0, 0)
	for _, c := range []struct {
		second, retry int // retry 0 is taken
	}{{0, 0}, {30, 0}, {31, 29}, {59, 1}, {60, 0}, {61, 29}, {89, 1}, {90, 0}} {
		err := l.take(begin.Add(time.Duration(c.second) * time.Second))
		var we *wire.Error
		retry := 0
		if errors.As(err, &we) {
			retry, _ = strconv.Atoi(we.Header.Get("Retry-After"))
		}
		if retry != c.retry {
			t.Errorf("at %d s: retry after %d, want %d", c.second, retry, c.retry)
		}
	}
	if err := (&limiter{most: -1}).take(begin); err != nil {
		t.Errorf("without a bound: %v", err)
	}
}

func TestPages(t *testing.T) {
	list := []any{"a", "b", "c"}
	for query, want := range map[string]string{
		"":                         `{"x":["a","b","c"]}`,
		"page_size=2":              `{"next_page_token":"2","x":["a","b"]}`,
		"page_size=2&page_token=2": `{"x":["c"]}`,
		"page_token=9":             `{}`,
		"page_size=-1":             "400",
		"page_token=-1":            "400",
		"page_size=x":              "400",
	} {
		out, err := page(&wire.Request{Request: httptest.NewRequest("GET", "/?"+query, nil)}, "x", list)
		raw, _ := json.Marshal(out)
		got := string(raw)
		if is(err, http.StatusBadRequest) {
			got = "400"
		}
		if got != want {
			t.Errorf("%q: %s, want %s", query, got, want)
		}
	}
}
