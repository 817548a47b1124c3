// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package browser

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/test/conformance/fixture"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// pageTakes bounds how long Chromium may take for one page. No test says how fast it must be.
const pageTakes = 2 * time.Minute

// script tries what a page can try on a server: a request that needs no permission, one
// that needs a preflight, a form, and the public metadata. It writes what it could read.
const script = `<!DOCTYPE html><meta charset="utf-8"><title>page</title><body><pre id="out">running</pre>
<iframe name="sink" hidden></iframe>
<form id="form" method="post" target="sink" enctype="text/plain" action="{{server}}/mcp"><input name='{"jsonrpc":"2.0","id":1,"method":"tools/list","x":"' value='"}'></form>
<script>
const list = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientInfo": {"name": "page", "version": "1"},
  "io.modelcontextprotocol/clientCapabilities": {}}}};
async function attempt(name, path, options) {
  try {
    const r = await fetch("{{server}}" + path, options);
    return name + ": " + r.type + " " + r.status + " " + (await r.text()).slice(0, 2000);
  } catch (e) { return name + ": failed"; }
}
(async () => {
  const body = JSON.stringify(list);
  const headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list"};
  const out = [
    await attempt("json", "/mcp", {method: "POST", headers, body}),
    await attempt("simple", "/mcp", {method: "POST", mode: "no-cors", headers: {"Content-Type": "text/plain"}, body}),
    await attempt("get", "/mcp", {mode: "no-cors", credentials: "include"}),
    await attempt("metadata", "/.well-known/oauth-protected-resource", {}),
  ];
  document.getElementById("form").submit();
  await new Promise(r => setTimeout(r, 500));
  document.getElementById("out").textContent = out.join("\n") + "\ndone";
})();
</script>`

// seen is one request that the server answered.
type seen struct {
	method, path, origin string
	status               int
}

// front stands before the fixture, in which every request is one of a user who is signed
// in: what it lets through is what a browser could do in that user's name.
type front struct {
	*httptest.Server
	mu   sync.Mutex
	seen []seen
}

func newFront(t *testing.T) *front {
	t.Helper()
	target := serve(t)
	f := &front{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: target.Scheme, Host: target.Host})
		r.Out.Host = r.In.Host
		if r.In.Host == f.Listener.Addr().String() { // its own name stands for the server's
			r.Out.Host = target.Host
			if o := r.In.Header.Get("Origin"); o == "http://"+r.In.Host {
				r.Out.Header.Set("Origin", "http://"+target.Host)
			}
		}
	}}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/page" {
			page(f.URL)(w, r)
			return
		}
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		proxy.ServeHTTP(recorder, r)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.seen = append(f.seen, seen{r.Method, r.URL.Path, r.Header.Get("Origin"), recorder.status})
	}))
	t.Cleanup(f.Close)
	return f
}

// took returns what was answered since the last time.
func (f *front) took() []seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.seen
	f.seen = nil
	return out
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets responses be flushed through it.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// serve runs the fixture for as long as the test runs.
func serve(t *testing.T) *url.URL {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- fixture.Run(ctx, "127.0.0.1:0", slog.New(slog.DiscardHandler), func(url string) { ready <- url })
	}()
	select {
	case err := <-ended:
		stop()
		t.Fatal(err)
	case where := <-ready:
		t.Cleanup(func() { stop(); <-ended })
		u, err := url.Parse(where)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	return nil
}

func page(server string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(strings.ReplaceAll(script, "{{server}}", server)))
	}
}

// open opens a page in Chromium, lets it run to its end, and returns its text as HTML.
func open(t *testing.T, address string, more ...string) string {
	t.Helper()
	chromium := env.Installed(t, "chromium", "chromium", "chromium-browser", "google-chrome")
	ctx, cancel := context.WithTimeout(t.Context(), pageTakes)
	defer cancel()
	arguments := append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--user-data-dir=" + t.TempDir(), "--virtual-time-budget=30000", "--dump-dom",
	}, more...)
	cmd := exec.CommandContext(ctx, chromium, append(arguments, address)...)
	cmd.WaitDelay = 10 * time.Second
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("Chromium: %v\n%s", err, said.String())
	}
	return out.String()
}

func TestAPageOfTheServersOwnOriginReachesIt(t *testing.T) {
	f := newFront(t)
	dom := open(t, f.URL+"/page")
	if !strings.Contains(dom, "json: basic 200") || !strings.Contains(dom, "test_audio_content") {
		t.Errorf("a page of the same origin cannot list the tools, so the other tests would show nothing:\n%s", dom)
	}
}

func TestAPageOfAnotherSiteReachesNothing(t *testing.T) {
	f := newFront(t)
	site := httptest.NewServer(page(f.URL))
	t.Cleanup(site.Close)
	dom := open(t, site.URL)
	if strings.Contains(dom, "test_audio_content") || !strings.Contains(dom, "json: failed") {
		t.Errorf("a page of another site could read what the server answered:\n%s", dom)
	}
	if !strings.Contains(dom, "metadata: cors 200") || !strings.Contains(dom, "authorization_servers") {
		t.Errorf("the public metadata is not readable:\n%s", dom)
	}
	posts := 0
	for _, s := range f.took() {
		switch {
		case s.path != "/mcp":
		case s.status == http.StatusOK:
			t.Errorf("%s %s of the origin %q went through", s.method, s.path, s.origin)
		case s.method == http.MethodPost:
			posts++
			if s.status != http.StatusForbidden {
				t.Errorf("%s %s of the origin %q was answered with %d", s.method, s.path, s.origin, s.status)
			}
		}
	}
	if posts < 2 {
		t.Errorf("the browser sent %d requests that need no permission, want the script's and the form's:\n%s", posts, dom)
	}
}

func TestANameThatWasBoundAgainReachesNothing(t *testing.T) {
	f := newFront(t)
	_, port, _ := strings.Cut(f.Listener.Addr().String(), ":")
	dom := open(t, "http://rebound.example:"+port+"/page", "--host-resolver-rules=MAP rebound.example 127.0.0.1")
	if strings.Contains(dom, "test_audio_content") {
		t.Errorf("a name that was bound to the server's address could read what it answered:\n%s", dom)
	}
	// The page names the server by its address; its own name is tried by opening it.
	f.took()
	dom = open(t, "http://rebound.example:"+port+"/mcp", "--host-resolver-rules=MAP rebound.example 127.0.0.1")
	refused := 0
	for _, s := range f.took() {
		if s.path == "/mcp" && s.status == http.StatusForbidden {
			refused++
		}
	}
	if refused == 0 || !strings.Contains(dom, "host") {
		t.Errorf("the Host header of another name is not refused:\n%s", dom)
	}
}
