// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/mcp/health"
	"github.com/gatehouse-dev/gatehouse/mcp/server"
)

// watched is a workspace that fails when it is down.
type watched struct {
	down     atomic.Bool
	exchange atomic.Pointer[caller.ExchangeRequest]
}

func (w *watched) err() error {
	if w.down.Load() {
		return &wire.CallError{Kind: wire.CallUnavailable, Status: 503}
	}
	return nil
}

func (w *watched) Exchange(_ context.Context, r caller.ExchangeRequest) (caller.Token, error) {
	w.exchange.Store(&r)
	if w.down.Load() {
		return caller.Token{}, errors.New("unreachable")
	}
	return caller.Token{AccessToken: "health-token"}, nil
}

func (w *watched) See(context.Context, wire.Secret, access.Dependency) error { return w.err() }

func workloadToken(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("workload-jwt"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// withHealth lets the standard document have an identity and dependencies.
func withHealth(d *access.Document) {
	d.Health = &access.Health{ApplicationID: "health-app", Scopes: []string{"sql"}}
	d.Dependencies = []access.Dependency{{Kind: access.DependencyWarehouse, Name: "wh1"}}
}

// asks gets a path of the second port.
func (g *gate) asks(path string) (int, string) {
	g.t.Helper()
	res, err := http.Get(g.operator.URL + path)
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return res.StatusCode, string(raw)
}

func TestHealthIsAskedAsTheServerItself(t *testing.T) {
	w := &watched{}
	g := start(t, func(o *server.Options) {
		o.WorkloadTokenFile = workloadToken(t)
		o.NewWatched = func(string, *http.Client) health.Workspace { return w }
	})
	if code, body := g.asks(server.HealthPath); code != 200 || !strings.Contains(body, `"status":"unknown"`) {
		t.Errorf("without a document: %d %s", code, body)
	}
	d := document(t, g.key.public("RS256"))
	withHealth(&d)
	g.serve(d)
	code, body := g.asks(server.HealthPath)
	var r health.Report
	if err := json.Unmarshal([]byte(body), &r); err != nil || code != 200 || r.Status != health.OK || len(r.Dependencies) != 2 {
		t.Errorf("%v: %d %s", err, code, body)
	}
	if e := w.exchange.Load(); e == nil || e.ClientID != "health-app" || e.SubjectToken.Reveal() != "workload-jwt" || len(e.Scopes) != 1 {
		t.Errorf("exchanged %+v", e)
	}
	_, metrics := g.asks("/metrics")
	for _, want := range []string{`gatehouse_dependency_up{kind="Warehouse",name="wh1"} 1`, `gatehouse_dependency_latency_seconds{kind="TokenEndpoint",name="main"}`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if exchanges, _ := g.workspace.counts(); exchanges != 0 {
		t.Error("a token was asked for as a caller")
	}
	if res, err := http.Get(g.main.URL + server.HealthPath); err != nil || res.StatusCode != http.StatusNotFound {
		t.Errorf("the main port answers too: %v %v", res.StatusCode, err)
	}
	if logs := g.logs.String(); strings.Contains(logs, "workload-jwt") || strings.Contains(logs, "health-token") {
		t.Error("a token is in the log")
	}
}

func TestReadinessDoesNotDependOnDatabricks(t *testing.T) {
	w := &watched{}
	w.down.Store(true)
	g := start(t, func(o *server.Options) {
		o.WorkloadTokenFile = workloadToken(t)
		o.NewWatched = func(string, *http.Client) health.Workspace { return w }
	})
	if code, _ := g.asks("/readyz"); code != 503 {
		t.Errorf("ready without a document: %d", code)
	}
	d := document(t, g.key.public("RS256"))
	withHealth(&d)
	g.serve(d)
	before, text := g.asks("/readyz")
	code, body := g.asks(server.HealthPath)
	if code != 503 || !strings.Contains(body, `"status":"degraded"`) {
		t.Errorf("the health is %d %s", code, body)
	}
	if after, now := g.asks("/readyz"); before != 200 || after != before || now != text {
		t.Errorf("ready before %d %s, after %d %s", before, text, after, now)
	}
	if code, _ := g.asks("/healthz"); code != 200 {
		t.Errorf("alive: %d", code)
	}
}

// TestProbesOpenNoBreaker lets the real clients ask a dead workspace for its health
// more often than a breaker would take, and then a caller.
func TestProbesOpenNoBreaker(t *testing.T) {
	var down []int
	for range 20 {
		down = append(down, 500)
	}
	w := newWire(t, down...)
	g := start(t, func(o *server.Options) {
		o.NewBackend = nil
		o.WorkloadTokenFile = workloadToken(t)
	})
	g.serve(wired(t, g, w, func(d *access.Document) {
		withHealth(d)
		for i := range down {
			if i > 0 {
				d.Dependencies = append(d.Dependencies, access.Dependency{Kind: access.DependencyWarehouse, Name: "wh" + strings.Repeat("1", i+1)})
			}
		}
	}))
	if code, body := g.asks(server.HealthPath); code != 503 {
		t.Fatalf("the health is %d %s", code, body)
	}
	if n := w.count(statementsPath); n != len(down) {
		t.Errorf("%d probes, want %d: each once", n, len(down))
	}
	if a := ask(t, g.client(g.token("west"), "2025-11-25"), "check_identity", nil); a.Status != "ok" {
		t.Errorf("answered %+v", a)
	}
}
