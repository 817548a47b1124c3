// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpproxy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/mcpproxy"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/upstream"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// over is a service over what a handler serves.
func over(t *testing.T, h http.Handler, timeout time.Duration, selectors ...string) mcpproxy.Service {
	t.Helper()
	up := httptest.NewServer(h)
	t.Cleanup(up.Close)
	at, err := url.Parse(up.URL)
	if err != nil {
		t.Fatal(err)
	}
	o := metastore.Object{Type: metastore.TypeConnection, Name: "c"}
	if err := o.SetOptions(map[string]string{"host": "http://127.0.0.1", "port": at.Port(), "bearer_token": "a-token"}, true); err != nil {
		t.Fatal(err)
	}
	return mcpproxy.Service{Name: "a.b.c", Selectors: selectors, Upstream: upstream.New(upstream.Options{Plain: true, Timeout: timeout}).Through(o)}
}

func serve(ctx context.Context, t *testing.T, s mcpproxy.Service, method, params string) string {
	t.Helper()
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, method, params)
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil)
	for k, v := range map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Mcp-Protocol-Version": "2025-11-25"} {
		r.Header.Set(k, v)
	}
	got, err := s.Serve(ctx, &wire.Request{Request: r, Body: []byte(body)})
	if err != nil {
		return err.Error()
	}
	raw, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestAnUpstreamThatDoesNotAnswerIsNotWaitedFor(t *testing.T) {
	wait := func(r *http.Request) {
		// With the body read, the server sees that the client has gone.
		if body, _ := io.ReadAll(r.Body); !strings.Contains(string(body), "notifications/cancelled") {
			<-r.Context().Done()
		}
	}
	hang := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { wait(r) })
	for _, method := range []string{"tools/list", "tools/call"} {
		if got := serve(t.Context(), t, over(t, hang, 100*time.Millisecond), method, `{"name":"x"}`); !strings.Contains(got, "MCP service 'a.b.c': the upstream cannot be reached or did not answer in time") {
			t.Errorf("%s: %s", method, got)
		}
	}
	gone, leave := context.WithCancel(t.Context())
	s := over(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { leave(); wait(r) }), time.Hour)
	if got := serve(gone, t, s, "tools/list", `{}`); strings.Contains(got, `"result"`) {
		t.Errorf("to a caller who has gone: %s", got)
	}
}

// TestSelectors compares what is listed with what can be called.
func TestSelectors(t *testing.T) {
	names := []string{"get", "get_a", "get_b", "put*", "x"}
	server := mcp.NewServer(&mcp.Implementation{Name: "up", Version: "1"}, &mcp.ServerOptions{PageSize: 2})
	for _, name := range names {
		server.AddTool(&mcp.Tool{Name: name, InputSchema: map[string]any{"type": "object"}}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{IsError: name == "x"}, nil
		})
	}
	h := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: true})
	for _, c := range []struct {
		selectors []string
		want      string
	}{
		{nil, "get get_a get_b put* x"},
		{[]string{"get"}, "get"},
		{[]string{"get*"}, "get get_a get_b"},
		{[]string{"get_*", "x"}, "get_a get_b x"},
		{[]string{"get_a", "GET"}, "get_a"},
		{[]string{"a", "et*"}, ""},
	} {
		s := over(t, h, time.Minute, c.selectors...)
		listed, callable := listed(t, s), callable(t, s, names)
		if got := strings.Join(listed, " "); got != c.want || got != strings.Join(callable, " ") {
			t.Errorf("%q lists %q and calls %q, want %q", c.selectors, got, callable, c.want)
		}
	}
}

// listed are the tools of a service, page by page.
func listed(t *testing.T, s mcpproxy.Service) []string {
	t.Helper()
	var out []string
	for cursor := "{}"; cursor != ""; {
		var page struct {
			Body struct {
				Result struct {
					Tools []struct {
						Name string `json:"name"`
					} `json:"tools"`
					Next string `json:"nextCursor"`
				} `json:"result"`
			}
		}
		raw := serve(t.Context(), t, s, "tools/list", cursor)
		if err := json.Unmarshal([]byte(raw), &page); err != nil || !strings.Contains(raw, `"tools":[`) {
			t.Fatalf("%s: %v", raw, err)
		}
		for _, tool := range page.Body.Result.Tools {
			out = append(out, tool.Name)
		}
		if cursor = ""; page.Body.Result.Next != "" {
			cursor = fmt.Sprintf(`{"cursor":%q}`, page.Body.Result.Next)
		}
	}
	return out
}

// callable are those of some tools that a service calls; it must not know the others.
func callable(t *testing.T, s mcpproxy.Service, names []string) []string {
	t.Helper()
	var out []string
	for _, name := range names {
		if got := serve(t.Context(), t, s, "tools/call", fmt.Sprintf(`{"name":%q}`, name)); strings.Contains(got, `"content":[]`) {
			out = append(out, name)
		} else if !strings.Contains(got, `-32602,"message":"unknown tool \"`+name) {
			t.Errorf("%q: %s answered %s", s.Selectors, name, got)
		}
	}
	return out
}

// TestAToolThatIsNotThereIsRefusedAsOneThatIsNotSelected, in whatever form an upstream refuses it.
func TestAToolThatIsNotThereIsRefusedAsOneThatIsNotSelected(t *testing.T) {
	for form, refuse := range map[string]func() (mcp.Result, error){
		"a result": func() (mcp.Result, error) {
			return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: "no such tool"}}}, nil
		},
		"an error": func() (mcp.Result, error) { return nil, &jsonrpc.Error{Code: -31000, Message: "no such tool"} },
	} {
		server := mcp.NewServer(&mcp.Implementation{Name: "up", Version: "1"}, nil)
		server.AddTool(&mcp.Tool{Name: "there", InputSchema: map[string]any{"type": "object"}}, nil)
		server.AddReceivingMiddleware(func(next mcp.MethodHandler) mcp.MethodHandler {
			return func(ctx context.Context, method string, r mcp.Request) (mcp.Result, error) {
				if method == "tools/call" {
					return refuse()
				}
				return next(ctx, method, r)
			}
		})
		h := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: true})
		call := func(tool string, selectors ...string) string {
			t.Helper()
			return strings.ReplaceAll(serve(t.Context(), t, over(t, h, time.Minute, selectors...), "tools/call", fmt.Sprintf(`{"name":%q}`, tool)), tool, "TOOL")
		}
		if hidden, gone := call("hidden", "t*"), call("trick", "t*"); hidden != gone || !strings.Contains(gone, "unknown tool") {
			t.Errorf("%s: not selected %s, not there %s", form, hidden, gone)
		}
		for _, got := range []string{call("there", "t*"), call("trick")} {
			if !strings.Contains(got, "no such tool") {
				t.Errorf("%s: the upstream's own answer became %s", form, got)
			}
		}
	}
}
