// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/server"
)

// mcpUpstream is an MCP server that remembers what it was sent.
type mcpUpstream struct {
	*httptest.Server
	mu      sync.Mutex
	headers []http.Header
	called  []string
	status  int
}

func (u *mcpUpstream) seen() (requests int, called []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.headers), slices.Clone(u.called)
}

func (u *mcpUpstream) sent() []http.Header {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.headers)
}

func (u *mcpUpstream) last() http.Header {
	sent := u.sent()
	return sent[len(sent)-1]
}

func (u *mcpUpstream) answer(status int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.status = status
}

// newMCPUpstream has tools in pages of two, of which whoami tells what it must not.
func newMCPUpstream(t *testing.T, o mcp.StreamableHTTPOptions) *mcpUpstream {
	t.Helper()
	u := &mcpUpstream{}
	s := mcp.NewServer(&mcp.Implementation{Name: "up", Version: "1"}, &mcp.ServerOptions{PageSize: 2})
	for _, name := range []string{"delete_repo", "get_issue", "get_issues", "search_code", "search_users", "whoami"} {
		s.AddTool(&mcp.Tool{Name: name, Description: "does " + name, InputSchema: map[string]any{"type": "object"}}, func(_ context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			u.mu.Lock()
			defer u.mu.Unlock()
			u.called = append(u.called, name)
			text := name + " " + string(r.Params.Arguments)
			if name == "whoami" {
				text = r.Extra.Header.Get("Authorization")
			}
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil
		})
	}
	h := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, &o)
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.mu.Lock()
		u.headers = append(u.headers, r.Header.Clone())
		status := u.status
		u.mu.Unlock()
		switch {
		case status == http.StatusFound:
			http.Redirect(w, r, "http://127.0.0.1:1/elsewhere", status)
		case status != 0:
			http.Error(w, r.Header.Get("Authorization"), status)
		case r.URL.Path != "/v1/mcp":
			http.NotFound(w, r)
		default:
			h.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(u.Close)
	return u
}

// gateway is a service over an upstream, and who may and may not call it.
type gateway struct {
	up *mcpUpstream
	*site
	owner, west seat
	app         string
	log         *bytes.Buffer
	role        func(scope string) seat
}

func newGateway(t *testing.T, o mcp.StreamableHTTPOptions, selectors ...string) gateway {
	t.Helper()
	g := gateway{up: newMCPUpstream(t, o)}
	g.site, _, g.log = connected(t, "", func(c *server.Config) { c.Connections.PlainLoopback = true })
	g.owner, g.role, _, g.app = g.setup()
	g.west = g.role("unity-catalog")
	g.owner.must("POST", connectionsPath, fmt.Sprintf(`{"name":"gh","connection_type":"HTTP","options":%s}`, g.options(upToken)))
	g.owner.must("POST", serviceAt("gh"), serviceOver("gh", selectors...))
	return g
}

func (g gateway) options(token string) string {
	at, _ := url.Parse(g.up.URL)
	return fmt.Sprintf(`{"host":"http://127.0.0.1","port":%q,"base_path":"/v1/mcp","bearer_token":%q,"is_mcp_connection":"true"}`, at.Port(), token)
}

// grants are what a caller needs.
var callGrants = [][3]string{{"catalog", "main", "USE_CATALOG"}, {"schema", "main.sales", "USE_SCHEMA"}, {"mcp_service", "main.sales.gh", "EXECUTE"}}

func (g gateway) grant(what string, to ...[3]string) {
	g.t.Helper()
	for _, on := range to {
		g.owner.must("PATCH", permission(on[0], on[1]), change(g.app, what, on[2]))
	}
}

// bearing puts a token on requests, and what a browser would add.
type bearing string

func (b bearing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	r.Header.Set("Cookie", "session=of-the-caller")
	r.Header.Set("X-Databricks-Token", string(b))
	return http.DefaultTransport.RoundTrip(r)
}

// open is a session of an official client; an empty version is the newest.
func (s seat) open(version string) *mcp.ClientSession {
	s.t.Helper()
	session, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(s.t.Context(), &mcp.StreamableClientTransport{
		Endpoint: s.workspace.URL + callPath, HTTPClient: &http.Client{Transport: bearing(s.token)}, MaxRetries: -1,
	}, &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = session.Close() })
	return session
}

func tools(t *testing.T, session *mcp.ClientSession) string {
	t.Helper()
	var names []string
	for tool, err := range session.Tools(t.Context(), nil) {
		if err != nil {
			return err.Error()
		}
		if tool.Description != "does "+tool.Name {
			t.Errorf("got %+v", tool)
		}
		names = append(names, tool.Name)
	}
	return strings.Join(names, " ")
}

func called(t *testing.T, session *mcp.ClientSession, tool string) string {
	t.Helper()
	got, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: map[string]any{"q": "<a>"}})
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(got.Content[0].(*mcp.TextContent).Text, got.IsError)
}

const discover = `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}`

// raw posts a message as clients of the old protocol do.
func (s seat) raw(message string) (int, map[string]any) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), "POST", s.workspace.URL+callPath, strings.NewReader(message))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	req.Header.Set("Mcp-Protocol-Version", "2025-06-18")
	res, err := (&http.Client{Transport: bearing(s.token)}).Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, decode(s.t, res)
}

// calls are those of the call log.
func (g gateway) calls() []map[string]any {
	g.t.Helper()
	res, err := http.Get(g.admin.URL + "/admin/calls") //nolint:noctx // a test
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var out []map[string]any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || len(out) == 0 {
		g.t.Fatalf("the call log is %v: %v", out, err)
	}
	return out
}
