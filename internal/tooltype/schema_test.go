// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tooltype_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/tooltypetest"
)

// served makes the schema of a tool ready as a pod does.
func served(t *testing.T, spec v1alpha1.ToolSpec) *jsonschema.Resolved {
	t.Helper()
	kind, err := tooltype.All().Of(spec)
	if err != nil {
		t.Fatal(err)
	}
	return tooltypetest.Served(t, kind, spec, access.Lookups{})
}

func TestInputSchemaOfEachType(t *testing.T) {
	long := strings.Repeat("x", 20000)
	for name, c := range map[string]struct {
		spec      v1alpha1.ToolSpec
		good, bad []string
	}{
		"identity": {v1alpha1.ToolSpec{Identity: &v1alpha1.IdentityTool{}}, []string{`{}`}, []string{`[]`}},
		"sql":      {v1alpha1.ToolSpec{SQL: &v1alpha1.SQLTool{}}, []string{`{}`}, nil},
		"sql with arguments": {
			v1alpha1.ToolSpec{SQL: &v1alpha1.SQLTool{}, InputSchema: tooltypetest.Schema(`{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":false}`)},
			[]string{`{"a":1}`}, []string{`{"a":"x"}`, `{"b":1}`},
		},
		"genie": {
			v1alpha1.ToolSpec{Genie: &v1alpha1.GenieTool{}},
			[]string{`{"question":"why?"}`, `{"question":"why?","conversation_id":"x"}`},
			[]string{`{}`, `{"question":""}`, `{"question":"` + long + `"}`, `{"question":"why?","conversation_id":""}`, `{"question":1}`},
		},
		"serving": {
			v1alpha1.ToolSpec{Serving: &v1alpha1.ServingTool{}},
			[]string{`{"question":"why?"}`}, []string{`{}`, `{"question":""}`, `{"question":"` + long + `"}`, `{"question":"why?","conversation_id":"x"}`},
		},
		"vectorSearch that no API server has seen": {
			v1alpha1.ToolSpec{VectorSearch: &v1alpha1.VectorSearchTool{Columns: []v1alpha1.ColumnName{"title"}}},
			[]string{`{"query":"x","num_results":10}`}, []string{`{"query":"x","num_results":11}`},
		},
		"vectorSearch": {
			v1alpha1.ToolSpec{VectorSearch: &v1alpha1.VectorSearchTool{
				Columns: []v1alpha1.ColumnName{"title", "body"}, MaxResults: 50,
				Filters: []v1alpha1.VectorSearchFilter{
					{Column: "language", Argument: "language"},
					{Column: "year", Operator: "LessThan", Type: "Number", Argument: "before"},
					{Column: "public", Operator: "NotEqual", Type: "Boolean", Argument: "hidden"},
					{Column: "region", Value: "WEST"},
				},
			}},
			[]string{
				`{"query":"x"}`, `{"query":"x","num_results":50,"columns":["body"]}`, `{"query":"x","columns":["body","title"]}`,
				`{"query":"x","language":"en","before":2024.5,"hidden":true}`,
			},
			[]string{
				`{}`, `{"query":""}`, `{"query":"x","num_results":0}`, `{"query":"x","num_results":51}`, `{"query":"x","num_results":1.5}`,
				`{"query":"x","columns":[]}`, `{"query":"x","columns":["body","body"]}`, `{"query":"x","columns":["secret"]}`, `{"query":"x","columns":"body"}`,
				`{"query":"x","language":""}`, `{"query":"x","before":"2024"}`, `{"query":"x","hidden":"true"}`, `{"query":"x","region":"EAST"}`,
			},
		},
		"http with operations": {
			v1alpha1.ToolSpec{HTTP: &v1alpha1.HTTPTool{Operations: []v1alpha1.HTTPOperation{{Name: "list", Path: "/orders"}}}}, []string{`{}`}, nil,
		},
		"http with routes to read": {
			v1alpha1.ToolSpec{HTTP: &v1alpha1.HTTPTool{Allow: []v1alpha1.HTTPRoute{{Path: "/orders"}, {Method: "GET", Path: "/orders/*"}}}},
			[]string{`{"method":"GET","path":"/orders"}`, `{"method":"GET","path":"/orders/1","query":{"a":"x","b":"1"}}`},
			[]string{
				`{}`, `{"path":"/orders"}`, `{"method":"GET"}`, `{"method":"GET","path":""}`, `{"method":"get","path":"/orders"}`, `{"method":"POST","path":"/orders"}`,
				`{"method":"GET","path":"/orders","body":"{}"}`, `{"method":"GET","path":"/orders","query":"a=1"}`, `{"method":"GET","path":"/orders","query":{"a":["x"]}}`,
				`{"method":"GET","path":"/orders","query":{"a":null}}`, `{"method":"GET","path":"/orders","query":{"":"x"}}`, `{"method":"GET","path":"/orders","query":{"` + long[:65] + `":"x"}}`,
				`{"method":"GET","path":"/orders","query":{"a":"` + long[:1025] + `"}}`, `{"method":"GET","path":"/` + long[:1024] + `"}`,
			},
		},
		"http with routes to write": {
			v1alpha1.ToolSpec{HTTP: &v1alpha1.HTTPTool{Allow: []v1alpha1.HTTPRoute{{Method: "POST", Path: "/orders"}, {Method: "DELETE", Path: "/orders/*"}, {Method: "POST", Path: "/returns"}}, MaxRequestBytes: 100}},
			[]string{`{"method":"POST","path":"/orders","body":"{}"}`, `{"method":"DELETE","path":"/orders/1"}`, `{"method":"POST","path":"/orders","body":"` + long[:100] + `"}`},
			[]string{`{"method":"GET","path":"/orders"}`, `{"method":"POST","path":"/orders","body":{}}`, `{"method":"POST","path":"/orders","body":"` + long[:101] + `"}`},
		},
		"http with a body that no API server has seen": {
			v1alpha1.ToolSpec{HTTP: &v1alpha1.HTTPTool{Allow: []v1alpha1.HTTPRoute{{Method: "POST", Path: "/orders"}}}},
			[]string{`{"method":"POST","path":"/orders","body":"` + long[:16384] + `"}`}, []string{`{"method":"POST","path":"/orders","body":"` + long[:16385] + `"}`},
		},
		"function without parameters": {v1alpha1.ToolSpec{Function: &v1alpha1.FunctionTool{}}, []string{`{}`}, []string{`{"a":1}`}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := tooltype.Check(c.spec); err != nil && c.spec.SQL == nil {
				t.Errorf("it is refused: %v", err)
			}
			s := served(t, c.spec)
			tooltypetest.Takes(t, s, c.good, c.bad)
		})
	}
}

// TestLargestSchemas makes the largest that the API server lets in.
func TestLargestSchemas(t *testing.T) {
	var routes []v1alpha1.HTTPRoute
	for i := range 32 {
		routes = append(routes, v1alpha1.HTTPRoute{Method: "DELETE", Path: fmt.Sprintf("/%02d%s", i, strings.Repeat("x", 509))})
	}
	served(t, v1alpha1.ToolSpec{HTTP: &v1alpha1.HTTPTool{Allow: routes, MaxRequestBytes: 262144}})

	search := &v1alpha1.VectorSearchTool{MaxResults: 50}
	for i := range 32 {
		search.Columns = append(search.Columns, v1alpha1.ColumnName(fmt.Sprintf("c%0127d", i)))
	}
	for i := range 16 {
		search.Filters = append(search.Filters, v1alpha1.VectorSearchFilter{Column: search.Columns[i], Argument: v1alpha1.ArgumentName(fmt.Sprintf("a%063d", i))})
	}
	served(t, v1alpha1.ToolSpec{VectorSearch: search})
}
