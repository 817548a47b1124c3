// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package vectorsearch_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/toolstest"
)

// search is a tool that searches documents.
func search(t *testing.T, filters ...access.Filter) access.Tool {
	t.Helper()
	v := access.VectorSearchTool{Index: "main.kb.docs_index", Columns: []string{"id", "text", "amount"}, QueryType: "ANN", MaxResults: 20, Filters: filters}
	spec := v1alpha1.VectorSearchTool{Columns: []v1alpha1.ColumnName{"id", "text", "amount"}, MaxResults: 20}
	for _, f := range filters {
		spec.Filters = append(spec.Filters, v1alpha1.VectorSearchFilter{
			Column: v1alpha1.ColumnName(f.Column), Operator: v1alpha1.VectorSearchOperator(f.Operator), Type: v1alpha1.FilterValueType(f.Type),
			Argument: v1alpha1.ArgumentName(f.Argument), Value: f.Value,
		})
	}
	return toolstest.Complete(t, access.Tool{VectorSearch: &v}, v1alpha1.ToolSpec{VectorSearch: &spec})
}

func hits() *caller.VectorResult {
	return &caller.VectorResult{
		Columns: []wire.ResultColumn{{Name: "id", Type: "bigint"}, {Name: "text", Type: "string"}, {Name: "amount", Type: "double"}, {Name: "secret"}, {Name: "score"}},
		Rows: [][]any{
			{json.Number("9007199254740993"), "b\u202Ead", json.Number("1.10"), "hidden", json.Number("0.83000000000000007")},
			{json.Number("7"), nil, json.Number("12"), "hidden", json.Number("1e-3")},
		},
	}
}

func TestASearchAnswersRowsInTheirRanking(t *testing.T) {
	w := &toolstest.Workspace{Found: hits()}
	out, err := w.Call(t, search(t), `{"query":"returns?"}`)
	if err != nil {
		t.Fatal(err)
	}
	want := caller.VectorQuery{Index: "main.kb.docs_index", Columns: []string{"id", "text", "amount"}, Text: "returns?", Type: "ANN", Results: 10, RequestID: "r1"}
	if diff := cmp.Diff([]caller.VectorQuery{want}, w.Searches); diff != "" {
		t.Error(diff)
	}
	const rows = `"columns":[{"name":"id","type":"BIGINT"},{"name":"text","type":"STRING"},{"name":"amount","type":"DOUBLE"},{"name":"score","type":"DOUBLE"}],` +
		`"rows":[{"amount":1.10,"id":"9007199254740993","score":0.83000000000000007,"text":"bad"},{"amount":12,"id":7,"score":1e-3,"text":null}],"row_count":2}`
	if got := toolstest.AsJSON(t, out); !strings.HasSuffix(got, rows) {
		t.Errorf("answered %s", got)
	}
}

func TestACallerChoosesColumnsAndHowMany(t *testing.T) {
	w := &toolstest.Workspace{Found: hits()}
	out, err := w.Call(t, search(t), `{"query":"q","columns":["text"],"num_results":1}`)
	if err != nil {
		t.Fatal(err)
	}
	if q := w.Searches[0]; len(q.Columns) != 1 || q.Columns[0] != "text" || q.Results != 1 {
		t.Errorf("searched %+v", q)
	}
	if got := toolstest.AsJSON(t, out); !strings.Contains(got, `"rows":[{"score":0.83000000000000007,"text":"bad"}],"row_count":1,"truncated":true`) {
		t.Errorf("answered %s", got)
	}
	for args, words := range map[string]string{
		`{"query":"q","columns":["secret"]}`:            "`columns` holds a wrong entry: number 1 must be one of 'id', 'text', 'amount'",
		`{"query":"q","columns":["id",7]}`:              "`columns` holds a wrong entry: number 2 must be a string",
		`{"query":"q","columns":["id","id"]}`:           "`columns` must not hold an entry twice",
		`{"query":"q","columns":[]}`:                    "`columns` must have at least 1 entries",
		`{"query":"q","columns":"id"}`:                  "`columns` must be an array",
		`{"query":"q","num_results":21}`:                "`num_results` must be at most 20",
		`{"query":"q","num_results":0}`:                 "`num_results` must be at least 1",
		`{"query":"q","num_results":1.5}`:               "`num_results` must be an integer",
		`{"query":"q","filters_json":"{}"}`:             "`filters_json` is not an argument",
		`{"num_results":1}`:                             "`query` is required",
		`{"query":["q"]}`:                               "`query` must be a string",
		`{"query":"q","columns":[["id"]]}`:              "number 1 must be a string",
		`{"query":"q","columns":["id","id","id","id"]}`: "`columns` must have at most 3 entries",
	} {
		_, err := w.Call(t, search(t), args)
		toolstest.Refused(t, err, tools.CodeInvalidArgument, words)
	}
	if len(w.Searches) != 1 {
		t.Errorf("searched %d times", len(w.Searches))
	}
}

func TestFiltersAllHoldAndNoArgumentRemovesOne(t *testing.T) {
	fixed := access.Filter{Column: "region", Operator: "Equal", Type: "String", Value: "WEST"}
	argument := func(column, operator, kind, name string) access.Filter {
		return access.Filter{Column: column, Operator: operator, Type: kind, Argument: name}
	}
	value := func(column, operator, kind, v string) access.Filter {
		return access.Filter{Column: column, Operator: operator, Type: kind, Value: v}
	}
	for name, c := range map[string]struct {
		filters []access.Filter
		args    string
		want    string // of filters_json
		refused string
	}{
		"none":                              {nil, `{"query":"q"}`, "", ""},
		"a fixed one":                       {[]access.Filter{fixed}, `{"query":"q"}`, `{"region":"WEST"}`, ""},
		"an argument that is absent":        {[]access.Filter{fixed, argument("year", "Equal", "Number", "year")}, `{"query":"q"}`, `{"region":"WEST"}`, ""},
		"each operator":                     {[]access.Filter{argument("a", "Equal", "String", "a"), argument("b", "NotEqual", "String", "b"), argument("c", "LessThan", "Number", "c"), argument("d", "LessOrEqual", "Number", "d"), argument("e", "GreaterThan", "Number", "e"), argument("f", "GreaterOrEqual", "Number", "f"), argument("g", "Equal", "Boolean", "g")}, `{"query":"q","a":"x\"},{","b":"y","c":1.10,"d":9007199254740993,"e":-3,"f":0,"g":true}`, `{"a":"x\"},{","b NOT":"y","c <":1.10,"d <=":9007199254740993,"e >":-3,"f >=":0,"g":true}`, ""},
		"types of fixed ones":               {[]access.Filter{value("n", "GreaterThan", "Number", "1.50"), value("b", "Equal", "Boolean", "true")}, `{"query":"q"}`, `{"b":true,"n >":1.50}`, ""},
		"another operator is another key":   {[]access.Filter{fixed, argument("region", "NotEqual", "String", "no")}, `{"query":"q","no":"EAST"}`, `{"region":"WEST","region NOT":"EAST"}`, ""},
		"the same value twice":              {[]access.Filter{fixed, argument("region", "Equal", "String", "region")}, `{"query":"q","region":"WEST"}`, `{"region":"WEST"}`, ""},
		"another value than the fixed one":  {[]access.Filter{fixed, argument("region", "Equal", "String", "region")}, `{"query":"q","region":"EAST"}`, "", "`region` cannot be used"},
		"the argument comes first":          {[]access.Filter{argument("region", "Equal", "String", "region"), fixed}, `{"query":"q","region":"EAST"}`, "", "`region` cannot be used"},
		"the column in another case":        {[]access.Filter{fixed, argument("REGION", "Equal", "String", "region")}, `{"query":"q","region":"EAST"}`, "", "`region` cannot be used"},
		"a bound that would widen":          {[]access.Filter{value("n", "LessThan", "Number", "10"), argument("n", "LessThan", "Number", "below")}, `{"query":"q","below":99}`, `{"n <":10}`, ""},
		"a bound that narrows":              {[]access.Filter{value("n", "LessThan", "Number", "10"), argument("n", "LessThan", "Number", "below")}, `{"query":"q","below":9.5}`, `{"n <":9.5}`, ""},
		"a lower bound that would widen":    {[]access.Filter{argument("n", "GreaterOrEqual", "Number", "least"), value("n", "GreaterOrEqual", "Number", "10")}, `{"query":"q","least":1}`, `{"n >=":10}`, ""},
		"a lower bound that narrows":        {[]access.Filter{argument("n", "GreaterOrEqual", "Number", "least"), value("n", "GreaterOrEqual", "Number", "10")}, `{"query":"q","least":11}`, `{"n >=":11}`, ""},
		"two values not to be":              {[]access.Filter{value("n", "NotEqual", "Number", "1"), argument("n", "NotEqual", "Number", "no")}, `{"query":"q","no":2}`, "", "`no` cannot be used"},
		"two dates":                         {[]access.Filter{value("d", "LessThan", "String", "2026-01-01"), argument("d", "LessThan", "String", "before")}, `{"query":"q","before":"2099-01-01"}`, "", "`before` cannot be used"},
		"a list is no value":                {[]access.Filter{argument("region", "Equal", "String", "region")}, `{"query":"q","region":["EAST","WEST"]}`, "", "`region` must be a string"},
		"an object is no value":             {[]access.Filter{argument("region", "Equal", "String", "region")}, `{"query":"q","region":{"or":1}}`, "", "`region` must be a string"},
		"text is no number":                 {[]access.Filter{argument("n", "Equal", "Number", "n")}, `{"query":"q","n":"1"}`, "", "`n` must be a number"},
		"null removes nothing":              {[]access.Filter{argument("n", "Equal", "Number", "n")}, `{"query":"q","n":null}`, "", "`n` must not be null"},
		"a filter cannot be named directly": {[]access.Filter{fixed}, `{"query":"q","region":"EAST"}`, "", "`region` is not an argument"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &toolstest.Workspace{Found: hits()}
			_, err := w.Call(t, search(t, c.filters...), c.args)
			if c.refused != "" {
				toolstest.Refused(t, err, tools.CodeInvalidArgument, c.refused)
				if len(w.Searches) != 0 {
					t.Error("searched all the same")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(w.Searches[0].Filters); got != c.want {
				t.Errorf("filtered by %s, want %s", got, c.want)
			}
		})
	}
}

func TestFiltersThatCannotHoldAreTheToolsFault(t *testing.T) {
	for name, filters := range map[string][]access.Filter{
		"two fixed values":    {{Column: "r", Operator: "Equal", Type: "String", Value: "a"}, {Column: "r", Operator: "Equal", Type: "String", Value: "b"}},
		"no such operator":    {{Column: "r", Operator: "Like", Type: "String", Value: "a"}},
		"a column with more":  {{Column: "r OR s", Operator: "Equal", Type: "String", Value: "a"}},
		"a value of no type":  {{Column: "r", Operator: "Equal", Type: "Number", Value: "a"}},
		"a column with quote": {{Column: `r"`, Operator: "Equal", Type: "String", Value: "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &toolstest.Workspace{Found: hits()}
			_, err := w.Call(t, search(t, filters...), `{"query":"q"}`)
			toolstest.Refused(t, err, tools.CodeInternal, "the platform team must look at it")
			if len(w.Searches) != 0 {
				t.Error("searched all the same")
			}
		})
	}
}

func TestASearchConforms(t *testing.T) {
	toolstest.Conforms(t, search(t), `{"query":"q"}`, toolstest.Workspace{Found: hits()})
}

func TestRowsThatAreTooLargeAreLeftOut(t *testing.T) {
	result := hits()
	result.Rows = nil
	long := make([]any, 10)
	for i := range long {
		long[i] = strings.Repeat("w", 16<<10)
	}
	for range 20 {
		result.Rows = append(result.Rows, []any{json.Number("1"), strings.Repeat("x", 20<<10), long, nil, json.Number("1")})
	}
	w := &toolstest.Workspace{Found: result}
	out, err := w.Call(t, search(t), `{"query":"q","num_results":20}`)
	if err != nil || !out.Truncated || len(out.Rows) == 0 || len(out.Rows) == 20 {
		t.Fatalf("%d rows, %v", len(out.Rows), err)
	}
	if text, _ := out.Rows[0]["text"].(string); len(text) != 16<<10 || !strings.HasSuffix(text, " [cut]") {
		t.Errorf("a cell has %d bytes", len(text))
	}
	if n := len(toolstest.AsJSON(t, out)); n > 1<<20+1024 {
		t.Errorf("the answer has %d bytes", n)
	}
}
