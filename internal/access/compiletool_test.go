// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// compiled is a tool, whose spec need not fit.
func compiled(t *testing.T, tool *v1alpha1.Tool, found Lookups) (Tool, *Refusal) {
	t.Helper()
	kind, err := TypesForTests.Of(tool.Spec)
	if err != nil {
		t.Fatal(err)
	}
	return Estate{}.compileTool(servedTool{tool, kind}, "wh1", found)
}

func TestEachTypeOfToolIsCompiled(t *testing.T) {
	found := Lookups{
		Functions:   map[string]Signature{"main.s.f": {Table: true, Parameters: []SignatureParameter{{Name: "day", Type: "DATE"}, {Name: "most", Type: "INT", Optional: true}}}},
		Connections: map[string]bool{"good": true, "plain": false},
	}
	for name, c := range map[string]struct {
		spec v1alpha1.ToolSpec
		want Tool
	}{
		"genie": {v1alpha1.ToolSpec{Genie: &v1alpha1.GenieTool{SpaceID: "01ef", WarehouseID: "other"}}, Tool{Genie: &GenieTool{SpaceID: "01ef"}}},
		"vectorSearch, with what the API server fills in": {
			v1alpha1.ToolSpec{VectorSearch: &v1alpha1.VectorSearchTool{
				Index: "main.s.i", Columns: []v1alpha1.ColumnName{"text"},
				Filters: []v1alpha1.VectorSearchFilter{{Column: "topic", Argument: "topic"}, {Column: "year", Operator: "GreaterOrEqual", Type: "Number", Value: "2020"}},
			}},
			Tool{VectorSearch: &VectorSearchTool{
				Index: "main.s.i", Columns: []string{"text"}, QueryType: "ANN", MaxResults: 10,
				Filters: []Filter{{Column: "topic", Operator: "Equal", Type: "String", Argument: "topic"}, {Column: "year", Operator: "GreaterOrEqual", Type: "Number", Value: "2020"}},
			}},
		},
		"serving": {v1alpha1.ToolSpec{Serving: &v1alpha1.ServingTool{Endpoint: "agent"}}, Tool{Serving: &ServingTool{Endpoint: "agent", API: "Responses"}}},
		"http with routes": {
			v1alpha1.ToolSpec{HTTP: &v1alpha1.HTTPTool{Connection: "good", OperationArgument: "operation", Allow: []v1alpha1.HTTPRoute{{Path: "/a/*"}}}},
			Tool{HTTP: &HTTPTool{Connection: "good", Allow: []HTTPRoute{{"GET", "/a/*"}}, MaxRequestBytes: 16384, MaxResponseBytes: 65536}},
		},
		"http with one operation": {
			v1alpha1.ToolSpec{HTTP: &v1alpha1.HTTPTool{Connection: "good", OperationArgument: "operation", Operations: []v1alpha1.HTTPOperation{{
				Name: "find", Path: "/a", Query: []v1alpha1.HTTPQueryParameter{{Name: "q", Argument: "q"}, {Name: "n", Value: "5"}},
				Rows: &v1alpha1.HTTPRows{At: "/items", TotalAt: "/n", Fields: []v1alpha1.HTTPField{{Name: "id", At: "/id"}}},
			}}}},
			Tool{HTTP: &HTTPTool{Connection: "good", MaxRequestBytes: 16384, MaxResponseBytes: 65536, Operations: []HTTPOperation{{
				Name: "find", Method: "GET", Path: "/a", Query: []QueryParameter{{"q", "q", ""}, {"n", "", "5"}},
				Rows: &HTTPRows{At: "/items", TotalAt: "/n", Fields: []HTTPField{{"id", "/id"}}},
			}}}},
		},
		"function": {
			v1alpha1.ToolSpec{Function: &v1alpha1.FunctionTool{Name: "main.s.f"}},
			Tool{Function: &FunctionTool{Name: "main.s.f", Table: true, MaxRows: 100, Parameters: []Parameter{{"day", "DATE"}, {"most", "INT"}}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.spec.ToolName, c.spec.Description = "x", "X."
			got, refusal := compiled(t, &v1alpha1.Tool{Spec: c.spec}, found)
			if refusal != nil {
				t.Fatal(refusal.Message)
			}
			c.want.Name, c.want.Description, c.want.ReadOnly, c.want.Idempotent = "x", "X.", true, true
			schema := got.InputSchema
			got.InputSchema = nil
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			var object struct{ Type string }
			if err := json.Unmarshal(schema, &object); err != nil || object.Type != "object" {
				t.Errorf("the schema is %s", schema)
			}
		})
	}
	for name, c := range map[string]struct {
		spec          v1alpha1.ToolSpec
		reason, words string
	}{
		"a function that is not there":   {v1alpha1.ToolSpec{Function: &v1alpha1.FunctionTool{Name: "main.s.none"}}, v1alpha1.ReasonFunctionNotFound, "main.s.none"},
		"a connection in plain text":     {v1alpha1.ToolSpec{HTTP: &v1alpha1.HTTPTool{Connection: "plain", Allow: []v1alpha1.HTTPRoute{{Path: "/a"}}}}, v1alpha1.ReasonPlainConnection, "does not use HTTPS"},
		"a connection that nobody knows": {v1alpha1.ToolSpec{HTTP: &v1alpha1.HTTPTool{Connection: "new", Allow: []v1alpha1.HTTPRoute{{Path: "/a"}}}}, v1alpha1.ReasonConnectionUnknown, "new"},
	} {
		if _, refusal := compiled(t, &v1alpha1.Tool{ObjectMeta: metav1.ObjectMeta{Name: "x"}, Spec: c.spec}, found); refusal == nil || refusal.Reason != c.reason || !strings.Contains(refusal.Message, c.words) {
			t.Errorf("%s: %+v", name, refusal)
		}
	}
}

// TestWhatCannotBeServedIsInNoRow: a tool that is left out must not be in the matrix,
// which names only what the document defines.
func TestWhatCannotBeServedIsInNoRow(t *testing.T) {
	e := estate(func(*Estate) {})
	server, ws := &e.Servers[0], workspace()
	e.Tools = append(e.Tools, v1alpha1.Tool{
		ObjectMeta: meta("sales", "function"), Spec: v1alpha1.ToolSpec{ToolName: "call", Description: "Calls.", Function: &v1alpha1.FunctionTool{Name: "main.s.f"}},
	})
	server.Spec.ToolRefs = append(server.Spec.ToolRefs, v1alpha1.LocalReference{Name: "function"})
	for i := range e.Accesses {
		for j := range e.Accesses[i].Spec.Rules {
			e.Accesses[i].Spec.Rules[j].Tools = append(e.Accesses[i].Spec.Rules[j].Tools, "call")
		}
	}
	without, refusals, err := e.Compile(server, ws, Lookups{})
	if err != nil || len(refusals) == 0 {
		t.Fatalf("%v, %v", refusals, err)
	}
	with, _, err := e.Compile(server, ws, Lookups{Functions: map[string]Signature{"main.s.f": {}}})
	if err != nil {
		t.Fatal(err)
	}
	count := func(d Document) (rows, tools int) {
		for _, row := range d.Matrix {
			for _, name := range row {
				if name == "call" {
					rows++
				}
			}
		}
		for _, tool := range d.Tools {
			if tool.Name == "call" {
				tools++
			}
		}
		return rows, tools
	}
	if rows, tools := count(without); rows != 0 || tools != 0 {
		t.Errorf("without its signature the tool is in %d rows and served %d times", rows, tools)
	}
	if rows, tools := count(with); rows == 0 || tools != 1 {
		t.Errorf("with its signature the tool is in %d rows and served %d times", rows, tools)
	}
}
