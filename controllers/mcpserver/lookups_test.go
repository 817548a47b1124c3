// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpserver

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
)

// library is a Databricks that a test changes.
type library struct {
	mu        sync.Mutex
	functions map[string]*admin.Function
	hosts     map[string]string
	fail      error
	asked     int
}

func (l *library) Function(_ context.Context, name string) (*admin.Function, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	return l.functions[name], l.fail
}

func (l *library) ConnectionHost(_ context.Context, name string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	return l.hosts[name], l.fail
}

func (l *library) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *library) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked
}

func naming() []v1alpha1.ToolSpec {
	return []v1alpha1.ToolSpec{
		{ToolName: "f", Function: &v1alpha1.FunctionTool{Name: "main.sales.f"}},
		{ToolName: "g", HTTP: &v1alpha1.HTTPTool{Connection: "good"}},
		{ToolName: "p", HTTP: &v1alpha1.HTTPTool{Connection: "plain"}},
		{ToolName: "n", HTTP: &v1alpha1.HTTPTool{Connection: "none"}},
		{ToolName: "s", SQL: &v1alpha1.SQLTool{}},
	}
}

func newLibrary() (*library, *lookups, func(time.Duration)) {
	lib := &library{
		functions: map[string]*admin.Function{"main.sales.f": {FullName: "main.sales.f", Parameters: []admin.FunctionParameter{{Name: "x", Type: "INT"}}}},
		hosts:     map[string]string{"good": "https://api.example.com", "plain": "http://api.example.com"},
	}
	l := newLookups(func(context.Context, string) (catalog, error) { return lib, nil })
	var mu sync.Mutex
	now := keysNow
	l.now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	return lib, l, func(d time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(d) }
}

func TestWhatToolsNameIsLookedUpOnce(t *testing.T) {
	lib, l, _ := newLibrary()
	for range 3 {
		got := l.of(t.Context(), testServer(), naming())
		if s, ok := got.Functions["main.sales.f"]; !ok || len(s.Parameters) != 1 || s.Parameters[0].Type != "INT" {
			t.Errorf("the function is %+v", got.Functions)
		}
		for name, want := range map[string]bool{"good": true, "plain": false, "none": true} {
			if https, known := got.Connections[name]; !known || https != want {
				t.Errorf("the connection %s: https %v, known %v", name, https, known)
			}
		}
	}
	if n := lib.count(); n != 4 {
		t.Errorf("Databricks was asked %d times", n)
	}
}

func TestWhatCannotBeLookedUpIsNotKnownAndNotAskedAtEachPass(t *testing.T) {
	lib, l, advance := newLibrary()
	lib.fail = errors.New("away")
	for range 3 {
		if got := l.of(t.Context(), testServer(), naming()); len(got.Functions)+len(got.Connections) != 0 {
			t.Errorf("known although Databricks is away: %+v", got)
		}
	}
	if n := lib.count(); n != 4 {
		t.Errorf("Databricks was asked %d times in three passes", n)
	}
	lib.set(func() { lib.fail = nil })
	advance(lookupRetry)
	if got := l.of(t.Context(), testServer(), naming()); len(got.Functions) != 1 || len(got.Connections) != 3 {
		t.Errorf("when it is back: %+v", got)
	}
}

func TestAChangeIsToldAndAFailureKeepsWhatIsKnown(t *testing.T) {
	lib, l, advance := newLibrary()
	l.of(t.Context(), testServer(), naming())
	lib.set(func() { lib.fail = errors.New("away") })
	advance(lookupFresh)
	if got := l.of(t.Context(), testServer(), naming()); len(got.Functions) != 1 || len(got.Connections) != 3 {
		t.Errorf("what is old is not served while it is asked for: %+v", got)
	}
	eventually(t, func() bool { return lib.count() == 8 })
	if got := l.of(t.Context(), testServer(), naming()); len(got.Functions) != 1 {
		t.Errorf("a failure made it forget: %+v", got)
	}
	lib.set(func() {
		lib.fail = nil
		lib.functions["main.sales.f"].Parameters[0].Type = "BIGINT"
	})
	eventually(t, func() bool { // the failures are settled
		advance(lookupRetry)
		l.of(t.Context(), testServer(), naming())
		select {
		case e := <-l.changed:
			return e.Object.GetName() == "tools"
		default:
			return false
		}
	})
	if got := l.of(t.Context(), testServer(), naming()); got.Functions["main.sales.f"].Parameters[0].Type != "BIGINT" {
		t.Errorf("the change is not known: %+v", got)
	}
}

func eventually(t *testing.T, yes func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !yes() {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen")
		}
		time.Sleep(5 * time.Millisecond)
	}
}
