// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/mcp/health"
)

// workspace answers as it is told, and remembers what it was asked.
type workspace struct {
	mu     sync.Mutex
	took   map[string]time.Duration
	errs   map[string]error
	asked  map[string]int
	tokens []string
}

func (w *workspace) answer(ctx context.Context, name string) error {
	w.mu.Lock()
	if w.asked == nil {
		w.asked = map[string]int{}
	}
	w.asked[name]++
	took, err := w.took[name], w.errs[name]
	w.mu.Unlock()
	select {
	case <-time.After(took):
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *workspace) Exchange(ctx context.Context, r caller.ExchangeRequest) (caller.Token, error) {
	w.mu.Lock()
	w.tokens = append(w.tokens, fmt.Sprint(r.SubjectToken.Reveal(), r.ClientID, r.Scopes))
	w.mu.Unlock()
	return caller.Token{AccessToken: "dbx", Expiry: time.Now().Add(time.Hour)}, w.answer(ctx, "token")
}

func (w *workspace) See(ctx context.Context, token wire.Secret, d access.Dependency) error {
	if token.Reveal() != "dbx" {
		return errors.New("another token")
	}
	return w.answer(ctx, d.Name)
}

var identity = &access.Health{ApplicationID: "app", Scopes: []string{"sql"}}

func dependencies(names ...string) []access.Dependency {
	var out []access.Dependency
	for _, n := range names {
		out = append(out, access.Dependency{Kind: access.DependencyIndex, Name: n})
	}
	return out
}

func tokenFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("jwt\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// short is a report as one line, without times.
func short(r health.Report) string {
	out := string(r.Status)
	for _, d := range r.Dependencies {
		out += fmt.Sprintf(" %s=%s", d.Name, d.Status)
	}
	return out
}

func TestEachAnswerHasItsStatus(t *testing.T) {
	failed := func(kind wire.CallKind, status int) error {
		return &wire.CallError{Kind: kind, Status: status}
	}
	for name, c := range map[string]struct {
		token, index error
		want, code   string
	}{
		"all is well":             {nil, nil, "ok main=ok i=ok", "200"},
		"not to be seen":          {nil, failed(wire.CallDenied, 403), "degraded main=ok i=denied", "503"},
		"not there":               {nil, failed(wire.CallFailed, 404), "degraded main=ok i=missing", "503"},
		"failing":                 {nil, failed(wire.CallUnavailable, 500), "degraded main=ok i=unavailable", "503"},
		"not ready":               {nil, &wire.CallError{Kind: wire.CallUnavailable, Code: "NOT_READY", Status: 200}, "degraded main=ok i=unavailable", "503"},
		"a wrong request":         {nil, failed(wire.CallFailed, 400), "degraded main=ok i=unavailable", "503"},
		"unreachable":             {nil, failed(wire.CallUnavailable, 0), "degraded main=ok i=unavailable", "503"},
		"too many questions":      {nil, failed(wire.CallRateLimited, 429), "unknown main=ok i=unknown", "200"},
		"a statement denied":      {nil, failed(wire.CallDenied, 200), "degraded main=ok i=denied", "503"},
		"the token is refused":    {&caller.ExchangeError{Code: "invalid_grant", Status: 400}, nil, "degraded main=denied i=unknown", "503"},
		"the endpoint fails":      {&caller.ExchangeError{Code: "server_error", Status: 500}, nil, "degraded main=unavailable i=unknown", "503"},
		"the endpoint is limited": {&caller.ExchangeError{Code: "unknown_error", Status: 429}, nil, "unknown main=unknown i=unknown", "200"},
		"no endpoint":             {errors.New("dial https://secret.example.com"), nil, "degraded main=unavailable i=unknown", "503"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &workspace{errs: map[string]error{"token": c.token, "i": c.index}}
			k := health.New(health.Options{TokenFile: tokenFile(t), Patience: time.Minute})
			k.Use(health.Target{Name: "main", Host: "https://secret.example.com", Workspace: w, Identity: identity, Dependencies: dependencies("i")})
			rec := httptest.NewRecorder()
			k.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/health", nil))
			var r health.Report
			if err := json.Unmarshal(rec.Body.Bytes(), &r); err != nil {
				t.Fatal(err)
			}
			if got := short(r); got != c.want || fmt.Sprint(rec.Code) != c.code {
				t.Errorf("%d %s, want %s %s", rec.Code, got, c.code, c.want)
			}
			if body := rec.Body.String(); strings.Contains(body, "secret") || strings.Contains(body, "jwt") || strings.Contains(body, "dbx") {
				t.Errorf("the answer says too much: %s", body)
			}
			for _, d := range r.Dependencies {
				if (d.Status == health.OK) != (d.Message == "") || (d.LatencyMS == nil) != (d.Status == health.Unknown) || d.AgeMS == nil || r.CheckedAt == nil {
					t.Errorf("%+v", d)
				}
			}
			if diff := cmp.Diff([]string{"jwtapp[sql]"}, w.tokens); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNobodyWaitsLongAndNothingIsAskedOften(t *testing.T) {
	file := tokenFile(t)
	synctest.Test(t, func(t *testing.T) {
		w := &workspace{took: map[string]time.Duration{"slow": 3 * time.Second, "dead": time.Hour}}
		k := health.New(health.Options{TokenFile: file})
		k.Use(health.Target{Name: "main", Workspace: w, Identity: identity, Dependencies: dependencies("dead", "quick", "slow")})
		ask := func(want string, most time.Duration) health.Report {
			t.Helper()
			began := time.Now()
			r := k.Report(t.Context())
			if got := short(r); got != want || time.Since(began) > most {
				t.Errorf("after %v: %s, want %s", time.Since(began), got, want)
			}
			return r
		}
		ask("unknown main=ok dead=unknown quick=ok slow=unknown", time.Second)
		time.Sleep(5 * time.Second)
		ask("unknown main=ok dead=unknown quick=ok slow=ok", time.Second)
		time.Sleep(10 * time.Second)
		r := ask("degraded main=ok dead=unavailable quick=ok slow=ok", 0)
		if ms := *r.Dependencies[3].LatencyMS; ms != 3000 {
			t.Errorf("slow took %d ms", ms)
		}
		if ms := *r.Dependencies[2].AgeMS; ms != 17000 {
			t.Errorf("quick was seen %d ms ago", ms)
		}
		if m := r.Dependencies[1].Message; m != "no answer within 10s" {
			t.Errorf("dead: %s", m)
		}
		for range 10 {
			k.Report(t.Context())
		}
		synctest.Wait()
		if w.asked["quick"] != 1 || w.asked["token"] != 1 {
			t.Errorf("asked %v", w.asked)
		}
		time.Sleep(30 * time.Second)
		ask("degraded main=ok dead=unavailable quick=ok slow=ok", time.Second) // the last known
		synctest.Wait()
		if w.asked["quick"] != 2 {
			t.Errorf("asked %v", w.asked)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel() // whoever asks and goes away ends no round
		time.Sleep(time.Minute)
		k.Report(gone)
		time.Sleep(time.Minute)
		synctest.Wait() // what was asked is written by then
		if w.asked["slow"] != 3 || w.asked["dead"] != 3 {
			t.Errorf("asked %v", w.asked)
		}
	})
}

func TestWhatIsKnownIsOfWhoAsksAndWhom(t *testing.T) {
	file := tokenFile(t)
	var seen []string
	o := health.Options{
		TokenFile: file, Patience: time.Minute,
		Observed: func(kind, name string, up bool, _ time.Duration) {
			seen = append(seen, fmt.Sprint(kind, " ", name, " ", up))
		},
		Dropped: func(kind, name string) { seen = append(seen, kind+" "+name+" dropped") },
	}
	k, w := health.New(o), &workspace{}
	if got := short(k.Report(t.Context())); got != "unknown" {
		t.Errorf("before there is a target: %s", got)
	}
	target := health.Target{Name: "main", Host: "a", Workspace: w, Dependencies: dependencies("i")}
	use := func(want string, change func()) {
		t.Helper()
		change()
		k.Use(target)
		if got := short(k.Report(t.Context())); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	use("unknown main=unknown i=unknown", func() {})
	if len(w.tokens) != 0 {
		t.Error("asked without an identity")
	}
	use("ok main=ok i=ok", func() { target.Identity = identity })
	use("unknown main=ok i=ok j=unknown", func() { target.Dependencies = dependencies("i", "j") })
	use("ok main=ok j=ok", func() { target.Dependencies, target.Host = dependencies("j"), "b" })
	use("unknown main=unknown j=unknown", func() { target.Identity = nil })
	want := []string{
		"TokenEndpoint main true", "Index i true", "TokenEndpoint main dropped", "Index i dropped",
		"TokenEndpoint main true", "Index j true", "TokenEndpoint main dropped", "Index j dropped",
	}
	less := func(a, b string) bool { return a < b }
	if diff := cmp.Diff(want, seen, cmp.Transformer("pairs", func(s []string) [][2]string {
		var out [][2]string // what is dropped together has no order
		for i := 0; i+1 < len(s); i += 2 {
			a, b := s[i], s[i+1]
			if !less(a, b) {
				a, b = b, a
			}
			out = append(out, [2]string{a, b})
		}
		return out
	})); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutAPodsTokenNothingIsKnown(t *testing.T) {
	for name, file := range map[string]string{"no file": "", "a file that is not there": filepath.Join(t.TempDir(), "none")} {
		w := &workspace{}
		k := health.New(health.Options{TokenFile: file, Patience: time.Minute})
		k.Use(health.Target{Name: "main", Workspace: w, Identity: identity, Dependencies: dependencies("i")})
		if got := short(k.Report(t.Context())); got != "unknown main=unknown i=unknown" || len(w.tokens) > 0 {
			t.Errorf("%s: %s", name, got)
		}
	}
}
