// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/mcp/server"
)

// fakeWire is a workspace on the wire that fails as it is told, so that the real
// clients, their pool, retries and breakers are between it and the server.
type fakeWire struct {
	*httptest.Server
	mu sync.Mutex
	// statuses are those of the next statements; 0 resets the connection.
	statuses []int
	// requests are all of them, by path, as they arrived.
	requests map[string][]string
}

func newWire(t testing.TB, statuses ...int) *fakeWire {
	t.Helper()
	w := &fakeWire{statuses: statuses, requests: map[string][]string{}}
	w.Server = httptest.NewTLSServer(w)
	t.Cleanup(w.Close)
	return w
}

func (w *fakeWire) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	raw, _ := httputil.DumpRequest(r, true) // a body that cannot be read shows as a request without one
	w.mu.Lock()
	w.requests[r.URL.Path] = append(w.requests[r.URL.Path], string(raw))
	status := http.StatusOK
	if r.URL.Path == "/api/2.0/sql/statements" && len(w.statuses) > 0 {
		status, w.statuses = w.statuses[0], w.statuses[1:]
	}
	w.mu.Unlock()
	switch {
	case status == 0:
		panic(http.ErrAbortHandler)
	case status != http.StatusOK:
		rw.WriteHeader(status)
	case strings.HasPrefix(r.URL.Path, "/oidc/.well-known"):
		_, _ = fmt.Fprintf(rw, `{"token_endpoint":%q}`, w.URL+"/oidc/v1/token")
	case r.URL.Path == "/oidc/v1/token":
		_, _ = io.WriteString(rw, `{"access_token":"dbx-secret","expires_in":600,"scope":"sql"}`)
	default:
		_, _ = io.WriteString(rw, `{"statement_id":"s1","status":{"state":"SUCCEEDED"},"manifest":{"schema":{"columns":[{"name":"who","type_text":"STRING"},{"name":"g0","type_text":"BOOLEAN"}]}},"result":{"data_array":[["sp","true"]]}}`)
	}
}

func (w *fakeWire) count(path string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.requests[path])
}

// onWire serves the standard document over a wire.
func onWire(t testing.TB, w *fakeWire, change ...func(*access.Document)) *gate {
	t.Helper()
	g := start(t, func(o *server.Options) { o.NewBackend = nil })
	g.serve(wired(t, g, w, change...))
	return g
}

// wired is the standard document over a wire.
func wired(t testing.TB, g *gate, w *fakeWire, change ...func(*access.Document)) access.Document {
	t.Helper()
	d := document(t, g.key.public("RS256"))
	d.Workspace.Host = w.URL
	d.Workspace.CABundle = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.Certificate().Raw}))
	for _, c := range change {
		c(&d)
	}
	return d
}

const statementsPath = "/api/2.0/sql/statements"

func TestACallThatChangesNothingIsRepeatedAndOthersAreNot(t *testing.T) {
	w := newWire(t, 503, 0, 429)
	g := onWire(t, w)
	if a := ask(t, g.client(g.token("west"), "2025-11-25"), "check_identity", nil); a.Status != "ok" || w.count(statementsPath) != 4 {
		t.Errorf("answered %+v after %d requests", a, w.count(statementsPath))
	}
	w = newWire(t, 503)
	g = onWire(t, w, func(d *access.Document) { d.Tools[0].Idempotent = false })
	if a := ask(t, g.client(g.token("west"), "2025-11-25"), "check_identity", nil); a.Error.Code != "UPSTREAM_UNAVAILABLE" || w.count(statementsPath) != 1 {
		t.Errorf("answered %+v after %d requests", a, w.count(statementsPath))
	}
}

func TestADeadWorkspaceAnswersWithoutBeingAsked(t *testing.T) {
	var down []int
	for range 100 {
		down = append(down, 500)
	}
	w := newWire(t, down...)
	g := onWire(t, w)
	s := g.client(g.token("west"), "2025-11-25")
	for range 3 {
		ask(t, s, "check_identity", nil)
	}
	before := w.count(statementsPath)
	if a := ask(t, s, "check_identity", nil); a.Error.Code != "UPSTREAM_UNAVAILABLE" || a.Error.RetryAfterMS < 1000 {
		t.Errorf("answered %+v", a)
	}
	if after := w.count(statementsPath); after != before {
		t.Errorf("the dead workspace was asked %d times more", after-before)
	}
	res, err := http.Get(g.operator.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil || !strings.Contains(string(raw), `gatehouse_upstream_breaker_open{endpoint="statements"} 1`) {
		t.Errorf("the metrics do not show it: %v", err)
	}
}

// TestTheCallersTokenGoesToTheTokenEndpointAlone looks at every byte that left.
func TestTheCallersTokenGoesToTheTokenEndpointAlone(t *testing.T) {
	w := newWire(t, 503)
	g := onWire(t, w)
	token := g.token("west")
	a := ask(t, g.client(token, "2026-07-28"), "check_identity", nil)
	if a.Status != "ok" {
		t.Fatalf("answered %+v", a)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for path, all := range w.requests {
		for _, r := range all {
			if held := strings.Contains(r, token); held != (path == "/oidc/v1/token") {
				t.Errorf("%s holds the caller's token: %v", path, held)
			}
			if path == statementsPath && (!strings.Contains(r, "Bearer dbx-secret") || !strings.Contains(r, "X-Request-Id: "+a.RequestID)) {
				t.Errorf("a statement went out without the role's token or the request id")
			}
		}
	}
	if logs := g.logs.String(); strings.Contains(logs, token) || strings.Contains(logs, "dbx-secret") {
		t.Error("a token is in the log")
	}
}
