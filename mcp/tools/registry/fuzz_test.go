// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package registry_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/toolstest"
)

// declared calls an external API by operations.
func declared(t testing.TB) access.Tool {
	t.Helper()
	return toolstest.Complete(t, access.Tool{
		InputSchema: json.RawMessage(`{"type":"object","additionalProperties":false,"required":["operation"],"properties":{
			"operation":{"type":"string","enum":["search","read","open"]},"q":{"type":"string"},"n":{"type":"integer"},"owner":{"type":"string"},"body":{"type":"string"}}}`),
		HTTP: &access.HTTPTool{
			Connection: "gh", OperationArgument: "operation", MaxRequestBytes: 64, MaxResponseBytes: 512,
			Operations: []access.HTTPOperation{
				{Name: "search", Method: "GET", Path: "/search/repositories", Query: []access.QueryParameter{{Name: "q", Argument: "q"}, {Name: "sort", Value: "stars"}, {Name: "per_page", Argument: "n"}}},
				{Name: "read", Method: "GET", Path: "/users/{owner}/v1.0"},
				{Name: "open", Method: "POST", Path: "/users/{owner}/issues", BodyArgument: "body"},
			},
		},
	}, v1alpha1.ToolSpec{})
}

// open calls an external API within routes.
func open(t testing.TB) access.Tool {
	t.Helper()
	routes := []access.HTTPRoute{{Method: "GET", Path: "/docs/**"}, {Method: "POST", Path: "/repos/*/issues"}, {Method: "DELETE", Path: "/x"}}
	spec := v1alpha1.HTTPTool{MaxRequestBytes: 64}
	for _, r := range routes {
		spec.Allow = append(spec.Allow, v1alpha1.HTTPRoute{Method: v1alpha1.HTTPMethod(r.Method), Path: r.Path})
	}
	return toolstest.Complete(t, access.Tool{HTTP: &access.HTTPTool{Connection: "gh", Allow: routes, MaxRequestBytes: 64, MaxResponseBytes: 512}}, v1alpha1.ToolSpec{HTTP: &spec})
}

// function calls a function.
func function(t testing.TB, name string, table bool, parameters ...access.SignatureParameter) access.Tool {
	t.Helper()
	f := access.FunctionTool{Name: name, Table: table, MaxRows: 2}
	for _, p := range parameters {
		f.Parameters = append(f.Parameters, access.Parameter{Name: p.Name, Type: p.Type})
	}
	return toolstest.Complete(t, access.Tool{Function: &f}, v1alpha1.ToolSpec{Function: &v1alpha1.FunctionTool{}}, parameters...)
}

// lookup is a function of a name and a number.
func lookup(t testing.TB) access.Tool {
	return function(t, "main.sales.look-up", false, access.SignatureParameter{Name: "name", Type: "STRING"}, access.SignatureParameter{Name: "n", Type: "BIGINT", Optional: true})
}

// search searches an index with filters.
func search(t testing.TB, filters ...access.Filter) access.Tool {
	t.Helper()
	spec := v1alpha1.VectorSearchTool{Columns: []v1alpha1.ColumnName{"id", "text"}, MaxResults: 20}
	for _, f := range filters {
		spec.Filters = append(spec.Filters, v1alpha1.VectorSearchFilter{
			Column: v1alpha1.ColumnName(f.Column), Operator: v1alpha1.VectorSearchOperator(f.Operator), Type: v1alpha1.FilterValueType(f.Type),
			Argument: v1alpha1.ArgumentName(f.Argument), Value: f.Value,
		})
	}
	v := access.VectorSearchTool{Index: "main.kb.docs_index", Columns: []string{"id", "text"}, QueryType: "ANN", MaxResults: 20, Filters: filters}
	return toolstest.Complete(t, access.Tool{VectorSearch: &v}, v1alpha1.ToolSpec{VectorSearch: &spec})
}

// FuzzNoArgumentBecomesPartOfAStatementOrOfAnError: a value is bound, or refused
// without being repeated.
func FuzzNoArgumentBecomesPartOfAStatementOrOfAnError(f *testing.F) {
	for _, seed := range []string{"x", "'; DROP TABLE x --", "a/../b", "\n", "{", `"a"`, "é", strings.Repeat("long", 500)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		value := "dose" + text + "esod" // so that it cannot be a word of ours
		raw := func(args map[string]any) string {
			out, err := json.Marshal(args)
			if err != nil {
				t.Fatal(err)
			}
			return string(out)
		}
		calls := map[string]struct {
			tool access.Tool
			args string
		}{
			"segment":       {declared(t), raw(map[string]any{"operation": "read", "owner": value})},
			"parameter":     {declared(t), raw(map[string]any{"operation": "search", "q": value})},
			"operation":     {declared(t), raw(map[string]any{"operation": value})},
			"body":          {declared(t), raw(map[string]any{"operation": "open", "owner": "o", "body": value})},
			"JSON body":     {declared(t), raw(map[string]any{"operation": "open", "owner": "o", "body": raw(map[string]any{"a": value})})},
			"path":          {open(t), raw(map[string]any{"method": "GET", "path": value})},
			"allowed path":  {open(t), raw(map[string]any{"method": "GET", "path": "/docs/" + value})},
			"method":        {open(t), raw(map[string]any{"method": value, "path": "/x"})},
			"query":         {open(t), raw(map[string]any{"method": "GET", "path": "/docs/a", "query": map[string]any{value: value}})},
			"list in query": {open(t), raw(map[string]any{"method": "GET", "path": "/docs/a", "query": map[string]any{value: []any{value}}})},
			"function":      {lookup(t), raw(map[string]any{"name": value, "n": 1})},
			"odd function":  {lookup(t), raw(map[string]any{"name": "x", "n": value})},
			"search":        {search(t, access.Filter{Column: "a", Operator: "Equal", Type: "Number", Argument: "a"}), raw(map[string]any{"query": value, "a": value})},
			"columns":       {search(t), raw(map[string]any{"query": value, "columns": []any{value}})},
			"two values":    {search(t, access.Filter{Column: "a", Operator: "Equal", Type: "String", Value: "x"}, access.Filter{Column: "a", Operator: "Equal", Type: "String", Argument: "a"}), raw(map[string]any{"query": "q", "a": value})},
		}
		for name, c := range calls {
			for _, fail := range []error{nil, &wire.CallError{Kind: wire.CallFailed}} {
				w := &toolstest.Workspace{Result: toolstest.Remote(200, ""), Found: &caller.VectorResult{}, Fail: fail}
				_, err := w.Call(t, c.tool, c.args)
				for _, r := range w.Statements {
					if strings.Contains(r.Statement, "dose") || strings.Contains(r.Statement, "esod") {
						t.Errorf("%s: ran %s", name, r.Statement)
					}
				}
				if err != nil && (strings.Contains(err.Message, "dose") || strings.Contains(err.Message, "esod")) {
					t.Errorf("%s: answered %v", name, err)
				}
			}
		}
	})
}
