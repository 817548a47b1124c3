// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/toolstest"
)

const schemaOfOperations = `{"type":"object","additionalProperties":false,"required":["operation"],"properties":{
	"operation":{"type":"string","enum":["search","read","open"]},"q":{"type":"string"},"n":{"type":"integer"},"owner":{"type":"string"},"body":{"type":"string"}}}`

// github has an operation of each kind.
func github(t *testing.T) access.Tool {
	t.Helper()
	rows := &access.HTTPRows{At: "/items", TotalAt: "/total_count", Fields: []access.HTTPField{{Name: "name", At: "/full_name"}, {Name: "stars", At: "/stars"}, {Name: "owner", At: "/owner/login"}, {Name: "topic", At: "/topics/0"}}}
	return toolstest.Complete(t, access.Tool{InputSchema: json.RawMessage(schemaOfOperations), ReadOnly: true, Idempotent: true, HTTP: &access.HTTPTool{
		Connection: "gh", OperationArgument: "operation", MaxRequestBytes: 64, MaxResponseBytes: 512,
		Operations: []access.HTTPOperation{
			{Name: "search", Method: "GET", Path: "/search/repositories", Query: []access.QueryParameter{{Name: "q", Argument: "q"}, {Name: "sort", Value: "stars"}, {Name: "per_page", Argument: "n"}}, Rows: rows},
			{Name: "read", Method: "GET", Path: "/users/{owner}/v1.0"},
			{Name: "open", Method: "POST", Path: "/users/{owner}/issues", BodyArgument: "body", Rows: rows},
		},
	}}, v1alpha1.ToolSpec{})
}

const (
	head = "SELECT r.status_code, r.text FROM (SELECT http_request(conn => 'gh', method => '"
	tail = ") AS r)"
)

func TestAnOperationIsOneStatementWithEverythingBound(t *testing.T) {
	for name, c := range map[string]struct {
		args, statement string
		bound           map[string]string
		repeatable      bool
	}{
		"query parameters": {
			`{"operation":"search","q":"a') OR 1=1 --","n":30}`,
			head + "GET', path => :path, params => map(:n0, :q0, :n1, :q1, :n2, :q2), headers => map('Accept', 'application/json')" + tail,
			map[string]string{"path": "/search/repositories", "n0": "q", "q0": "a') OR 1=1 --", "n1": "sort", "q1": "stars", "n2": "per_page", "q2": "30"}, true,
		},
		"absent ones are left out": {
			`{"operation":"search"}`,
			head + "GET', path => :path, params => map(:n0, :q0), headers => map('Accept', 'application/json')" + tail,
			map[string]string{"path": "/search/repositories", "n0": "sort", "q0": "stars"}, true,
		},
		"a segment is escaped": {
			`{"operation":"read","owner":"a b&c='é:@"}`,
			head + "GET', path => :path, headers => map('Accept', 'application/json')" + tail,
			map[string]string{"path": "/users/a%20b%26c%3D%27%C3%A9%3A%40/v1.0"}, true,
		},
		"a body": {
			`{"operation":"open","owner":"octo","body":"{\"title\":\"it's\"}"}`,
			head + "POST', path => :path, headers => map('Accept', 'application/json'), json => :body" + tail,
			map[string]string{"path": "/users/octo/issues", "body": `{"title":"it's"}`}, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := &toolstest.Workspace{Result: toolstest.Remote(200, `{"items":[]}`)}
			if _, err := w.Call(t, github(t), c.args); err != nil {
				t.Fatal(err)
			}
			r := w.Statements[0]
			if r.Statement != c.statement || r.Repeatable != c.repeatable || r.WarehouseID != "w1" || r.RequestID != "r1" {
				t.Errorf("ran %+v", r)
			}
			if diff := cmp.Diff(c.bound, toolstest.Bound(r)); diff != "" {
				t.Error(diff)
			}
			for _, p := range r.Params {
				if p.Type != "STRING" {
					t.Errorf("%s is bound as %s", p.Name, p.Type)
				}
			}
		})
	}
}

func TestArgumentsThatCannotBePartOfARequest(t *testing.T) {
	for args, words := range map[string]string{
		`{"operation":"read"}`:                                                          "`owner` is required",
		`{"operation":"other"}`:                                                         "`operation` must be one of 'search', 'read', 'open'",
		`{"operation":"search","q":"a\nb"}`:                                             "`q` must not contain control characters",
		`{"operation":"open","owner":"o","body":"{\"a\":"}`:                             "`body` must be a JSON text",
		`{"operation":"open","owner":"o","body":"{} {}"}`:                               "`body` must be a JSON text",
		`{"operation":"open","owner":"o","body":""}`:                                    "`body` must be a JSON text",
		`{"operation":"open","owner":"o","body":"\"` + strings.Repeat("x", 80) + `\""}`: "`body` must have at most 64 bytes",
	} {
		w := &toolstest.Workspace{}
		_, err := w.Call(t, github(t), args)
		toolstest.Refused(t, err, tools.CodeInvalidArgument, words)
	}
	for _, owner := range []string{"", ".", "..", "a/b", "../admin", "a%2fb", "%2e%2e", "100%", `a\b`, "a?b", "a#b", "a;b", "a\x00b", "a\r\nb", "a\x7fb", "\u0085", "\uFF0E\uFF0E", "a\uFF0Fb", "\u2025"} {
		w := &toolstest.Workspace{}
		args, err := json.Marshal(map[string]string{"operation": "read", "owner": owner})
		if err != nil {
			t.Fatal(err)
		}
		_, refusal := w.Call(t, github(t), string(args))
		if toolstest.Refused(t, refusal, tools.CodeInvalidArgument, "`owner` must be"); len(w.Statements) != 0 {
			t.Errorf("%q was sent", owner)
		}
	}
}

func TestAnAnswerBecomesRows(t *testing.T) {
	w := &toolstest.Workspace{Result: toolstest.Remote(200, `{"total_count":5000,"items":[
		{"full_name":"a\u202eb","stars":9007199254740993,"owner":{"login":"x"},"topics":["t"]},
		{"full_name":null,"stars":1.50,"owner":null,"topics":[]},
		"odd"]}`)}
	out, err := w.Call(t, github(t), `{"operation":"search","q":"x"}`)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"status":"ok","request_id":"r1","columns":[{"name":"name","type":"STRING"},{"name":"stars","type":"ANY"},{"name":"owner","type":"STRING"},{"name":"topic","type":"STRING"}],` +
		`"rows":[{"name":"ab","owner":"x","stars":"9007199254740993","topic":"t"},{"name":null,"owner":null,"stars":1.50,"topic":null},{"name":null,"owner":null,"stars":null,"topic":null}],"row_count":3,"total_rows":5000}`
	if got := toolstest.AsJSON(t, out); got != want {
		t.Errorf("answered %s", got)
	}
	many := strings.TrimSuffix(strings.Repeat(`{"full_name":"0123456789","stars":1},`, 100), ",")
	w.Result = toolstest.Remote(200, `{"items":[`+many+`]}`)
	if out, err = w.Call(t, github(t), `{"operation":"search","q":"x"}`); err != nil || !out.Truncated || len(out.Rows) == 0 || *out.TotalRows != 100 || len(toolstest.AsJSON(t, out)) > 1024 {
		t.Errorf("%d rows of %d, truncated %v, %v", len(out.Rows), *out.TotalRows, out.Truncated, err)
	}
}

func TestAnAnswerThatCannotBecomeRows(t *testing.T) {
	for name, c := range map[string]struct {
		result *wire.StatementResult
		words  string
	}{
		"not JSON":        {toolstest.Remote(200, "<html>dose"), "does not expect"},
		"no list":         {toolstest.Remote(200, `{"items":{"dose":1}}`), "does not expect"},
		"something after": {toolstest.Remote(200, `{"items":[]} dose`), "does not expect"},
		"nothing":         {toolstest.Remote(204, ""), "HTTP 204"},
		"moved":           {toolstest.Remote(302, "dose"), "HTTP 302: it redirects elsewhere, which is not followed"},
		"no credential":   {toolstest.Remote(401, "dose"), "HTTP 401: it refuses the credential of its connection, which is not yours; the platform team"},
		"no right":        {toolstest.Remote(403, "dose"), "HTTP 403: it refuses the credential of its connection"},
		"not there":       {toolstest.Remote(404, "dose"), "HTTP 404"},
		"too many":        {toolstest.Remote(429, "dose"), "HTTP 429: it limits the rate"},
		"failing":         {toolstest.Remote(503, "dose"), "HTTP 503: it is failing"},
		"no row":          {toolstest.Cells("status_code,text"), "Databricks did not say"},
		"no status":       {toolstest.Cells("status_code,text", []string{"NULL", "dose"}), "Databricks did not say"},
		"an odd status":   {toolstest.Cells("status_code,text", []string{"dose", ""}), "Databricks did not say"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &toolstest.Workspace{Result: c.result}
			_, err := w.Call(t, github(t), `{"operation":"search"}`)
			if toolstest.Refused(t, err, tools.CodeUpstreamError, c.words); strings.Contains(err.Message, "dose") {
				t.Errorf("says too much: %v", err)
			}
		})
	}
}

func TestAnAnswerWithoutRowsIsHandedOn(t *testing.T) {
	for name, c := range map[string]struct {
		status     int
		text, want string
	}{
		"JSON":            {200, `{"a\u200bb":["x\u202ey",9007199254740993,-1.50,1e999,true,null]}`, `{"status":200,"body":{"ab":["xy","9007199254740993",-1.50,"1e999",true,null]}}`},
		"text":            {404, "not\u200b found", `{"status":404,"body":"not found"}`},
		"nothing":         {204, "", `{"status":204}`},
		"a redirect":      {302, "", `{"status":302}`},
		"its own refusal": {401, `{"message":"no"}`, `{"status":401,"body":{"message":"no"}}`},
		"too long":        {200, `{"a":"` + strings.Repeat("x", 600) + `"}`, `{"status":200,"body":"{\"a\":\"` + strings.Repeat("x", 512-6-6) + ` [cut]","truncated":true}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := &toolstest.Workspace{Result: toolstest.Remote(c.status, c.text)}
			out, err := w.Call(t, github(t), `{"operation":"read","owner":"octo"}`)
			if err != nil {
				t.Fatal(err)
			}
			if got := toolstest.AsJSON(t, out); got != `{"status":"ok","request_id":"r1","response":`+c.want+`}` {
				t.Errorf("answered %s", got)
			}
		})
	}
}

// open calls what its allow-list allows.
func open(t *testing.T) access.Tool {
	t.Helper()
	routes := []access.HTTPRoute{{Method: "GET", Path: "/repos/*/issues"}, {Method: "GET", Path: "/docs/**"}, {Method: "POST", Path: "/repos/*/issues"}, {Method: "DELETE", Path: "/x"}}
	spec := v1alpha1.HTTPTool{MaxRequestBytes: 64}
	for _, r := range routes {
		spec.Allow = append(spec.Allow, v1alpha1.HTTPRoute{Method: v1alpha1.HTTPMethod(r.Method), Path: r.Path})
	}
	return toolstest.Complete(t, access.Tool{HTTP: &access.HTTPTool{Connection: "gh", Allow: routes, MaxRequestBytes: 64, MaxResponseBytes: 512}}, v1alpha1.ToolSpec{HTTP: &spec})
}

func TestAnAllowedRequestIsMade(t *testing.T) {
	w := &toolstest.Workspace{Result: toolstest.Remote(500, `{"error":true}`)}
	out, err := w.Call(t, open(t), `{"method":"POST","path":"/repos/%61-b/issues","query":{"state":"open","n":"3","b":"true","a&x='1":"2"},"body":"[1]"}`)
	if err != nil {
		t.Fatal(err)
	}
	r := w.Statements[0]
	if want := head + "POST', path => :path, params => map(:n0, :q0, :n1, :q1, :n2, :q2, :n3, :q3), headers => map('Accept', 'application/json'), json => :body" + tail; r.Statement != want || r.Repeatable {
		t.Errorf("ran %+v", r)
	}
	want := map[string]string{"path": "/repos/a-b/issues", "n0": "a&x='1", "q0": "2", "n1": "b", "q1": "true", "n2": "n", "q2": "3", "n3": "state", "q3": "open", "body": "[1]"}
	if diff := cmp.Diff(want, toolstest.Bound(r)); diff != "" {
		t.Error(diff)
	}
	if got := toolstest.AsJSON(t, out); got != `{"status":"ok","request_id":"r1","response":{"status":500,"body":{"error":true}}}` {
		t.Errorf("answered %s", got)
	}
}

func TestWhatIsNotAllowedIsNotSent(t *testing.T) {
	const allowed = "GET /repos/*/issues, GET /docs/**, POST /repos/*/issues, DELETE /x"
	cases := map[string]string{
		`{"method":"GET","path":"/x"}`:                                                        allowed,
		`{"method":"DELETE","path":"/repos/a/issues"}`:                                        allowed,
		`{"method":"GET","path":"/repos/a/b/issues"}`:                                         allowed,
		`{"method":"GET","path":"/repos/issues"}`:                                             allowed,
		`{"method":"GET","path":"/repos/a/issues/1"}`:                                         allowed,
		`{"method":"GET","path":"/docs"}`:                                                     allowed,
		`{"method":"GET","path":"/Docs/a"}`:                                                   allowed,
		`{"method":"PUT","path":"/x"}`:                                                        "`method` must be one of 'GET', 'POST', 'DELETE'",
		`{"method":"get","path":"/docs/a"}`:                                                   "`method` must be one of",
		`{"path":"/docs/a"}`:                                                                  "`method` is required",
		`{"method":"GET","path":"/docs/a","body":"{}"}`:                                       "`body` must be left out: GET has no body",
		`{"method":"POST","path":"/repos/a/issues","body":"{"}`:                               "`body` must be a JSON text",
		`{"method":"POST","path":"/repos/a/issues","body":{}}`:                                "`body` must be a string",
		`{"method":"GET","path":"/docs/a","query":{"a":["b"]}}`:                               "`query` holds a wrong entry: each must be a string",
		`{"method":"GET","path":"/docs/a","query":{"a":null}}`:                                "`query` holds a wrong entry: each must not be null",
		`{"method":"GET","path":"/docs/a","query":"a=b"}`:                                     "`query` must be an object",
		`{"method":"GET","path":"/docs/a","query":{"":"b"}}`:                                  "`query` must have names of the right form",
		`{"method":"GET","path":"/docs/a","query":{"a b":"b"}}`:                               "`query` must have names of",
		`{"method":"GET","path":"/docs/a","query":{"a":"b\r\nHost: x"}}`:                      "`query` must not contain control characters",
		`{"method":"GET","path":"/docs/a","query":{"a":"` + strings.Repeat("x", 1025) + `"}}`: "each must have at most 1024 characters",
		`{"method":"GET","path":"/docs/a","headers":{}}`:                                      "`headers` is not an argument",
	}
	for _, path := range []string{
		"docs/a", "//docs/a", "/docs//a", "/docs/a/", "/docs/../x", "/docs/./a", "/docs/..", "/docs/%2e%2e/x", "/docs/%2E%2E/x", "/docs/.%2e/x", "/docs/a%2fb", "/docs/a%2Fb", "/docs/a%5cb", "/docs/%252e%252e/x",
		`/docs/a\b`, "/docs/a?b=c", "/docs/a#b", "/docs/a;b", "/docs/a:b", "/docs/a@b", "/docs/a%0d%0ab", "/docs/a%00", "/docs/a b", "/docs/%zz", "/docs/a%", "/docs/é", "/docs/%C3%A9", "/docs/\uFF0E\uFF0E/x",
		"https://evil/docs/a", "http:/docs/a", "//evil/docs/a", "/docs/a\u0000", "/docs/a\r\nX: y",
	} {
		raw, err := json.Marshal(map[string]string{"method": "GET", "path": path})
		if err != nil {
			t.Fatal(err)
		}
		cases[string(raw)] = "`path` must"
	}
	for args, words := range cases {
		w := &toolstest.Workspace{Result: toolstest.Remote(200, "")}
		_, err := w.Call(t, open(t), args)
		if toolstest.Refused(t, err, tools.CodeInvalidArgument, words); len(w.Statements) != 0 {
			t.Errorf("%s was sent", args)
		}
	}
}

func TestARequestThatMayHaveBeenMadeIsSaidToBe(t *testing.T) {
	const note = "the request may have been made"
	for name, c := range map[string]struct {
		fail error
		code tools.Code
		want bool
	}{
		"lost":     {&wire.CallError{Kind: wire.CallUnavailable, Code: "UNREACHABLE"}, tools.CodeUpstreamUnavailable, true},
		"failed":   {&wire.CallError{Kind: wire.CallFailed, SQLState: "57012"}, tools.CodeUpstreamError, true},
		"no right": {&wire.CallError{Kind: wire.CallDenied, SQLState: "42501"}, tools.CodeUpstreamDenied, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := &toolstest.Workspace{Fail: c.fail}
			_, err := w.Call(t, open(t), `{"method":"POST","path":"/repos/a/issues"}`)
			if toolstest.Refused(t, err, c.code, ""); strings.Contains(err.Message, note) != c.want {
				t.Errorf("answered %v", err)
			}
			_, err = w.Call(t, open(t), `{"method":"GET","path":"/docs/a"}`)
			if toolstest.Refused(t, err, c.code, ""); strings.Contains(err.Message, note) {
				t.Errorf("a GET answered %v", err)
			}
		})
	}
}

func TestAToolThatCannotBeWrittenIntoAStatementIsNotRun(t *testing.T) {
	one := func(change func(*access.HTTPTool)) access.HTTPTool {
		h := access.HTTPTool{Connection: "gh", MaxResponseBytes: 512, Operations: []access.HTTPOperation{{Name: "a", Method: "GET", Path: "/a"}}}
		change(&h)
		return h
	}
	for name, h := range map[string]access.HTTPTool{
		"a connection with a quote": one(func(h *access.HTTPTool) { h.Connection = "gh', method => 'POST" }),
		"no connection":             one(func(h *access.HTTPTool) { h.Connection = "" }),
		"a method with a quote":     one(func(h *access.HTTPTool) { h.Operations[0].Method = "GET'" }),
		"another method":            one(func(h *access.HTTPTool) { h.Operations[0].Method = "CONNECT" }),
		"a path that climbs":        one(func(h *access.HTTPTool) { h.Operations[0].Path = "/a/../b" }),
		"a path with a query":       one(func(h *access.HTTPTool) { h.Operations[0].Path = "/a?b" }),
		"no path":                   one(func(h *access.HTTPTool) { h.Operations[0].Path = "" }),
	} {
		t.Run(name, func(t *testing.T) {
			w := &toolstest.Workspace{Result: toolstest.Remote(200, "")}
			_, err := w.Call(t, toolstest.Complete(t, access.Tool{HTTP: &h, InputSchema: json.RawMessage(`{"type":"object"}`)}, v1alpha1.ToolSpec{}), `{}`)
			if toolstest.Refused(t, err, tools.CodeInternal, "the platform team must look at it"); len(w.Statements) != 0 {
				t.Error("ran all the same")
			}
		})
	}
}

func TestPointersAndOperationsHaveNoSurprises(t *testing.T) {
	d := toolstest.Complete(t, access.Tool{InputSchema: json.RawMessage(`{"type":"object"}`), HTTP: &access.HTTPTool{
		Connection: "gh", MaxResponseBytes: 4096, Operations: []access.HTTPOperation{{Name: "only", Method: "GET", Path: "/a", Rows: &access.HTTPRows{Fields: []access.HTTPField{
			{Name: "slash", At: "/a~1b"}, {Name: "tilde", At: "/~01"}, {Name: "empty", At: "/"}, {Name: "second", At: "/l/1"}, {Name: "padded", At: "/l/01"}, {Name: "past", At: "/l/-"}, {Name: "deep", At: "/l/0/x"}, {Name: "whole", At: "/o"},
		}}}}}}, v1alpha1.ToolSpec{})
	w := &toolstest.Workspace{Result: toolstest.Remote(200, `[{"a/b":1,"~1":2,"":3,"l":["p","q"],"o":{"k\u200b":"v\u200b"}}]`)}
	out, err := w.Call(t, d, "")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"slash": json.Number("1"), "tilde": json.Number("2"), "empty": json.Number("3"), "second": "q", "padded": nil, "past": nil, "deep": nil, "whole": map[string]any{"k": "v"}}
	if diff := cmp.Diff(want, maps.Clone(out.Rows[0])); diff != "" {
		t.Error(diff)
	}
	if got := fmt.Sprint(*out.TotalRows, *out.RowCount); got != "1 1" {
		t.Errorf("counted %s", got)
	}
}

func TestARequestConforms(t *testing.T) {
	toolstest.Conforms(t, github(t), `{"operation":"search","q":"x"}`, toolstest.Workspace{Result: toolstest.Remote(200, `{"items":[]}`)})
	toolstest.Conforms(t, open(t), `{"method":"POST","path":"/repos/a/issues"}`, toolstest.Workspace{Result: toolstest.Remote(200, `{}`)})
}
