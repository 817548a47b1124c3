// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const (
	callPath = "/ai-gateway/mcp-services/main.sales.gh"
	upToken  = "first-" + upstreamSecret + `/<"&>` // as JSON writes it, it is another text
	newToken = "second-" + upstreamSecret
)

func TestToolsOfAnMCPService(t *testing.T) {
	for name, o := range map[string]mcp.StreamableHTTPOptions{"an upstream with sessions": {}, "one without": {Stateless: true}, "one that answers in JSON": {JSONResponse: true}} {
		for _, version := range []string{"", "2025-11-25", "2025-06-18"} {
			t.Run(name+", client "+version, func(t *testing.T) {
				checkTools(t, o, version)
			})
		}
	}
}

// checkTools lists and calls tools with a client of a version of the protocol.
func checkTools(t *testing.T, o mcp.StreamableHTTPOptions, version string) {
	t.Helper()
	g := newGateway(t, o, "get_issue", "search_*", "whoami", "search_none")
	g.grant("add", callGrants...)
	session := g.west.open(version)
	if requests, _ := g.up.seen(); requests != 0 {
		t.Errorf("%d requests to open a session", requests)
	}
	if got := tools(t, session); got != "get_issue search_code search_users whoami" {
		t.Errorf("tools %q", got)
	}
	for tool, want := range map[string]string{
		"get_issue": `get_issue {"q":"<a>"}false`, "search_users": `search_users {"q":"<a>"}false`, "whoami": "Bearer [redacted]false",
	} {
		if got := called(t, session, tool); got != want {
			t.Errorf("%s answered %q", tool, got)
		}
	}
	requests, before := g.up.seen()
	hidden := called(t, session, "get_issues")
	if after, _ := g.up.seen(); after != requests {
		t.Error("the upstream was asked for a tool that is not selected")
	}
	if got := called(t, session, "search_none"); got != strings.ReplaceAll(hidden, "get_issues", "search_none") || !strings.Contains(got, "unknown tool") {
		t.Errorf("not selected: %q, not there: %q", hidden, got)
	}
	if _, after := g.up.seen(); !slices.Equal(before, after) {
		t.Errorf("called %q", after)
	}
	for _, h := range g.up.sent() {
		if h.Get("Authorization") != "Bearer "+upToken || h.Get("Cookie") != "" || h.Get("X-Databricks-Token") != "" {
			t.Errorf("the upstream got %v", h)
		}
	}
}

func TestWhoMayCallAnMCPService(t *testing.T) {
	g := newGateway(t, mcp.StreamableHTTPOptions{Stateless: true}, "get_issue")
	check := func(what string, who seat, status int, code string) {
		t.Helper()
		before, _ := g.up.seen()
		got, out := who.raw(discover)
		if after, _ := g.up.seen(); got != status || status != 200 && (out["error_code"] != code || after != before) {
			t.Errorf("%s: %d %v with %d requests, want %d %s", what, got, out, after-before, status, code)
		}
	}
	use, execute := callGrants[:2], callGrants[2]
	check("nothing granted", g.west, 404, "MCP_SERVICE_DOES_NOT_EXIST")
	g.grant("add", use...)
	check("no EXECUTE", g.west, 404, "MCP_SERVICE_DOES_NOT_EXIST")
	g.grant("add", [3]string{execute[0], execute[1], "MANAGE"})
	check("only MANAGE", g.west, 403, "PERMISSION_DENIED")
	g.grant("add", execute)
	check("all that is needed", g.west, 200, "")
	for _, on := range use {
		g.grant("remove", on)
		check("without "+on[2], g.west, 403, "PERMISSION_DENIED")
		g.grant("add", on)
	}
	check("without the scope", g.role("sql"), 403, "PERMISSION_DENIED")
	check("without a token that is valid", seat{g.site, "x"}, 401, "UNAUTHENTICATED")
	check("the owner", g.owner, 200, "")
	session := g.west.open("")
	if got := tools(t, session); got != "get_issue" {
		t.Errorf("tools %q", got)
	}
	g.grant("remove", execute)
	check("revoked", g.west, 403, "PERMISSION_DENIED")
	if got := called(t, session, "get_issue"); !strings.Contains(got, "Forbidden") {
		t.Errorf("revoked in a session: %q", got)
	}
	g.grant("remove", [3]string{execute[0], execute[1], "MANAGE"})
	check("revoked, and MANAGE too", g.west, 404, "MCP_SERVICE_DOES_NOT_EXIST")
	if _, called := g.up.seen(); len(called) != 0 {
		t.Errorf("called %q", called)
	}
	var status []string
	calls := g.calls()
	if raw, err := json.Marshal(calls); err != nil || strings.Contains(string(raw), g.west.token) || strings.Contains(string(raw), "tools/list") {
		t.Errorf("the call log has tokens or bodies: %v", err)
	}
	for _, c := range calls {
		if c["path"] == callPath && c["principal"] == g.app {
			status = append(status, fmt.Sprint(c["method"], " ", c["status"]))
		}
	}
	if !slices.Contains(status, "POST 200") || !slices.Contains(status, "POST 403") || !slices.Contains(status, "POST 404") {
		t.Errorf("the call log has %q", status)
	}
}

func TestAnMCPServiceWhoseUpstreamFails(t *testing.T) {
	g := newGateway(t, mcp.StreamableHTTPOptions{})
	g.grant("add", callGrants...)
	session := g.west.open("")
	fails := func(what, want string) {
		t.Helper()
		for _, got := range []string{tools(t, session), called(t, session, "get_issue")} {
			at, _ := url.Parse(g.up.URL)
			if !strings.Contains(got, "MCP service 'main.sales.gh': "+want) || strings.Contains(got, upstreamSecret) || strings.Contains(got, at.Port()) {
				t.Errorf("%s: %q", what, got)
			}
		}
	}
	for status, want := range map[int]string{
		401: "the upstream refused the connection's credential with the status 401", 403: "the upstream refused the connection's credential with the status 403",
		404: "the upstream answered with the status 404", 500: "the upstream answered with the status 500", 503: "the upstream answered with the status 503",
		302: "the upstream", 200: "the upstream did not answer as an MCP server does",
	} {
		g.up.answer(status)
		fails(fmt.Sprint("status ", status), want)
	}
	g.up.answer(0)
	if got := called(t, session, "get_issue"); !strings.HasPrefix(got, "get_issue ") {
		t.Errorf("the upstream is well again: %q", got)
	}
	g.owner.must("PATCH", connectionsPath+"/gh", `{"options":`+g.options(newToken)+`}`)
	if got := called(t, session, "get_issue"); !strings.HasPrefix(got, "get_issue ") || g.up.last().Get("Authorization") != "Bearer "+newToken {
		t.Errorf("after the credential was rotated: %q", got)
	}
	g.up.Close()
	fails("down", "the upstream cannot be reached or did not answer in time")
	g.owner.must("DELETE", connectionsPath+"/gh", "")
	if status, out := g.west.raw(discover); status != 400 || out["error_code"] != "INVALID_STATE" {
		t.Errorf("without its connection: %d %v", status, out)
	}
	quiet(t, "the call log", g.calls())
	quiet(t, "the log", g.log.String())
}

func TestWhatIsNoCallOfATool(t *testing.T) {
	g := newGateway(t, mcp.StreamableHTTPOptions{Stateless: true}, "get_issue")
	g.grant("add", callGrants...)
	for message, want := range map[string]string{
		`{"jsonrpc":"2.0","id":1,"method":"resources/list","params":{}}`:                                  "-32601",
		`{"jsonrpc":"2.0","id":1,"method":"prompts/list","params":{}}`:                                    "-32601",
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_repo","arguments":{}}}`:   "unknown tool",
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_issue ","arguments":{}}}`:    "unknown tool",
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"Name":"get_issue","arguments":{}}}`:     "unknown tool",
		`[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_repo","arguments":{}}}]`: "batch",
		`{"jsonrpc":"2.0","id":1,"method":"tools/call"}`:                                                  "params",
		`{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"info"}}`:                  "-32601",
		`{"jsonrpc":"2.0","id":1,"method":"nothing"}`:                                                     "",
		`{`: "",
	} {
		status, out := g.west.raw(message)
		if got := fmt.Sprint(status, out); !strings.Contains(got, want) || out["result"] != nil {
			t.Errorf("%s: %s", message, got)
		}
	}
	if requests, _ := g.up.seen(); requests != 0 {
		t.Errorf("%d requests", requests)
	}
	for _, method := range []string{"GET", "DELETE"} {
		if status, _ := g.west.do(method, callPath, ""); status != 405 {
			t.Errorf("%s: %d", method, status)
		}
	}
	if status, out := g.west.do("POST", callPath+"?x=y", ""); status != 501 {
		t.Errorf("a parameter: %d %v", status, out)
	}
}
