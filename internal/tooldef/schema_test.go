// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tooldef

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// served makes a schema ready as a pod does, and checks what must hold of all of them.
func served(t *testing.T, spec v1alpha1.ToolSpec, s Signature) *jsonschema.Resolved {
	t.Helper()
	raw, err := InputSchema(spec, s)
	if err != nil {
		t.Fatal(err)
	}
	for range 8 {
		again, err := InputSchema(spec, s)
		if err != nil || string(again) != string(raw) {
			t.Fatalf("the schema is\n  %s\nand then\n  %s, %v", raw, again, err)
		}
	}
	schema := &jsonschema.Schema{}
	if err := json.Unmarshal(raw, schema); err != nil {
		t.Fatal(err)
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	var whole any
	if err := json.Unmarshal(raw, &whole); err != nil {
		t.Fatal(err)
	}
	if err := checkKeywords(whole); err != nil {
		t.Errorf("%s: %v", raw, err)
	}
	if len(raw) > maxSchemaBytes {
		t.Errorf("the schema has %d bytes", len(raw))
	}
	if schema.Type != "object" {
		t.Errorf("the schema has the type %s", schema.Type)
	}
	for _, name := range schema.Required {
		if schema.Properties[name] == nil {
			t.Errorf("%s is required and no property", name)
		}
	}
	if err := resolved.Validate(map[string]any{"nobody_asked": "x"}); err == nil {
		t.Error("it takes an argument that nobody declared")
	}
	return resolved
}

// takes checks which arguments fit.
func takes(t *testing.T, s *jsonschema.Resolved, good, bad []string) {
	t.Helper()
	fits := func(text string) error {
		var arguments any
		if err := json.Unmarshal([]byte(text), &arguments); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return s.Validate(arguments)
	}
	for _, text := range good {
		if err := fits(text); err != nil {
			t.Errorf("%.100s does not fit: %v", text, err)
		}
	}
	for _, text := range bad {
		if fits(text) == nil {
			t.Errorf("%.100s fits, and should not", text)
		}
	}
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
			v1alpha1.ToolSpec{SQL: &v1alpha1.SQLTool{}, InputSchema: schema(`{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":false}`)},
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
			[]string{`{"method":"GET","path":"/orders"}`, `{"method":"GET","path":"/orders/1","query":{"a":"x","b":1,"c":true}}`},
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
			if err := Check(c.spec); err != nil && c.spec.SQL == nil {
				t.Errorf("it is refused: %v", err)
			}
			s := served(t, c.spec, Signature{})
			takes(t, s, c.good, c.bad)
		})
	}
}

// TestLargestSchemas makes the largest that the API server lets in.
func TestLargestSchemas(t *testing.T) {
	var routes []v1alpha1.HTTPRoute
	for i := range 32 {
		routes = append(routes, v1alpha1.HTTPRoute{Method: "DELETE", Path: fmt.Sprintf("/%02d%s", i, strings.Repeat("x", 509))})
	}
	served(t, v1alpha1.ToolSpec{HTTP: &v1alpha1.HTTPTool{Allow: routes, MaxRequestBytes: 262144}}, Signature{})

	search := &v1alpha1.VectorSearchTool{MaxResults: 50}
	for i := range 32 {
		search.Columns = append(search.Columns, v1alpha1.ColumnName(fmt.Sprintf("c%0127d", i)))
	}
	for i := range 16 {
		search.Filters = append(search.Filters, v1alpha1.VectorSearchFilter{Column: search.Columns[i], Argument: v1alpha1.ArgumentName(fmt.Sprintf("a%063d", i))})
	}
	served(t, v1alpha1.ToolSpec{VectorSearch: search}, Signature{})
}

func TestInputSchemaOfFunctions(t *testing.T) {
	for sqlType, c := range map[string]struct{ good, bad []string }{
		"STRING":        {[]string{`""`, `"x"`, `"5"`, `"it's \"--"`}, []string{`5`, `true`, `["x"]`, `null`, `"` + strings.Repeat("x", 65537) + `"`}},
		"TINYINT":       {[]string{`-128`, `127`, `0`, `1.0`}, []string{`-129`, `128`, `1.5`, `"1"`}},
		"SMALLINT":      {[]string{`-32768`, `32767`}, []string{`-32769`, `32768`, `1.5`}},
		"INT":           {[]string{`-2147483648`, `2147483647`}, []string{`-2147483649`, `2147483648`, `1.5`, `true`}},
		"BIGINT":        {[]string{`-9223372036854775808`, `9007199254740993`}, []string{`1.5`, `"1"`}},
		"FLOAT":         {[]string{`1.5`, `-1e10`, `3`}, []string{`"1.5"`, `"NaN"`}},
		"DOUBLE":        {[]string{`1.5`, `1e300`}, []string{`"1.5"`, `false`}},
		"BOOLEAN":       {[]string{`true`, `false`}, []string{`"true"`, `1`}},
		"DATE":          {[]string{`"2026-01-31"`}, []string{`"31.01.2026"`, `"2026-1-31"`, `"2026-01-31T00:00:00Z"`, `"today"`, `"2026-01-31\n"`, `20260131`}},
		"TIMESTAMP":     {[]string{`"2026-01-31T12:00:00Z"`, `"2026-01-31 12:00"`, `"2026-01-31T12:00:00.123456789+02:00"`}, []string{`"2026-01-31"`, `"12:00"`, `"2026-01-31T12:00:00 Europe/Berlin"`, `"now"`, `1`}},
		"TIMESTAMP_NTZ": {[]string{`"2026-01-31T12:00:00"`, `"2026-01-31 12:00:00.5"`}, []string{`"2026-01-31T12:00:00Z"`, `"2026-01-31T12:00:00+02:00"`}},
		"DECIMAL(18,2)": {[]string{`"1"`, `"-12.50"`, `"+0.05"`, `"9999999999999999.99"`}, []string{`"12345678901234567"`, `"1.234"`, `"1."`, `".5"`, `"1e3"`, `""`, `12.5`, `"1,5"`}},
		"DECIMAL(10,0)": {[]string{`"1234567890"`}, []string{`"1.0"`, `"12345678901"`}},
		"DECIMAL(2,2)":  {[]string{`"0.25"`, `"0"`}, []string{`"1.25"`, `"0.255"`}},
		"DECIMAL(38,0)": {[]string{`"` + strings.Repeat("9", 38) + `"`}, []string{`"` + strings.Repeat("9", 39) + `"`}},
		"DECIMAL(38,9)": {[]string{`"` + strings.Repeat("9", 29) + `.123456789"`}, []string{`"` + strings.Repeat("9", 30) + `"`}},
	} {
		t.Run(sqlType, func(t *testing.T) {
			s := served(t, v1alpha1.ToolSpec{Function: &v1alpha1.FunctionTool{}}, Signature{Parameters: []SignatureParameter{{Name: "a", Type: sqlType}}})
			in := func(values []string) (out []string) {
				for _, v := range values {
					out = append(out, `{"a":`+v+`}`)
				}
				return out
			}
			takes(t, s, in(c.good), append(in(c.bad), `{}`))
		})
	}
}

// TestTypesThatCannotBeBound refuses them at the Tool, where somebody looks, and not at each call.
func TestTypesThatCannotBeBound(t *testing.T) {
	for _, sqlType := range []string{
		"", "BINARY", "ARRAY<STRING>", "MAP<STRING,INT>", "STRUCT<A:INT>", "VARIANT", "INTERVALDAYTOSECOND", "INTERVAL", "VOID", "OBJECT", "GEOGRAPHY(4326)", "TABLE",
		"STRINGCOLLATEUTF8_LCASE", "VARCHAR(10)", "CHAR(1)", "int", "INT;DROP", "INT\n", "DECIMAL", "DECIMAL(10)", "DECIMAL(0,0)", "DECIMAL(39,0)", "DECIMAL(5,6)", "DECIMAL(99,99)", "DECIMAL(10,-2)", "DECIMAL(10,2)X",
		"DECIMAL(100,2)",
	} {
		_, err := InputSchema(v1alpha1.ToolSpec{Function: &v1alpha1.FunctionTool{}}, Signature{Parameters: []SignatureParameter{{Name: "a", Type: sqlType}}})
		if err == nil || !strings.Contains(err.Error(), "the function's parameter a has the type") {
			t.Errorf("%q: %v", sqlType, err)
		}
	}
	_, err := InputSchema(v1alpha1.ToolSpec{Function: &v1alpha1.FunctionTool{}}, Signature{Parameters: []SignatureParameter{{Name: "a", Type: "STRUCT<" + strings.Repeat("A:INT,", 1000) + ">\n\u202e"}}})
	if err == nil || len(err.Error()) > 200 || strings.ContainsAny(err.Error(), "\n\u202e") {
		t.Errorf("a long type is repeated: %v", err)
	}
}

func TestParametersOfFunctions(t *testing.T) {
	function := v1alpha1.ToolSpec{Function: &v1alpha1.FunctionTool{}}
	of := func(names ...string) Signature {
		var s Signature
		for _, n := range names {
			s.Parameters = append(s.Parameters, SignatureParameter{Name: n, Type: "INT"})
		}
		return s
	}
	var many []string
	for i := range maxProperties + 1 {
		many = append(many, fmt.Sprintf("p%d", i))
	}
	for name, c := range map[string]struct {
		signature Signature
		want      string
	}{
		"ordinary names":           {of("region", "Region_2", "_x", "SELECT"), ""},
		"names of JavaScript":      {of("__proto__", "constructor", "toString"), ""},
		"the longest name":         {of(strings.Repeat("a", 255)), ""},
		"a name that is too long":  {of("ok", strings.Repeat("a", 256)), "parameter 2 cannot be that of an argument"},
		"no name":                  {of(""), "parameter 1 cannot be"},
		"a digit first":            {of("1st"), "parameter 1 cannot be"},
		"a space":                  {of("a b"), "parameter 1 cannot be"},
		"a back quote":             {of("a`b"), "parameter 1 cannot be"},
		"a dot":                    {of("a.b"), "parameter 1 cannot be"},
		"a dash":                   {of("a-b"), "parameter 1 cannot be"},
		"a line break at the end":  {of("a\n"), "parameter 1 cannot be"},
		"a letter of another kind": {of("größe"), "parameter 1 cannot be"},
		"one name twice":           {of("a", "b", "a"), "two parameters with the name a"},
		"one name in two cases":    {of("a", "A"), "two parameters with the name A"},
		"as many as may be":        {of(many[:maxProperties]...), ""},
		"too many":                 {of(many...), "more than 64 parameters"},
	} {
		_, err := InputSchema(function, c.signature)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if err == nil {
			served(t, function, c.signature)
		}
	}

	large := of(many[:maxProperties]...)
	for i := range large.Parameters {
		large.Parameters[i].Comment = strings.Repeat("x", 1000)
	}
	served(t, function, large)
	for i := range large.Parameters {
		large.Parameters[i].Comment = strings.Repeat("語", 1000)
	}
	if _, err := InputSchema(function, large); err == nil || !strings.Contains(err.Error(), "32768 bytes") {
		t.Errorf("a signature that is too large: %v", err)
	}

	s := served(t, function, Signature{Parameters: []SignatureParameter{
		{Name: "region", Type: "STRING", Comment: "Which\n  region\u200b\U000e0041."}, {Name: "year", Type: "INT", Optional: true, Comment: strings.Repeat("é", 600)}, {Name: "month", Type: "INT"},
	}})
	takes(t, s, []string{`{"region":"WEST","month":1}`, `{"region":"WEST","month":1,"year":2026}`}, []string{`{"region":"WEST","year":2026}`, `{"month":1}`})
	if got := s.Schema().Required; !slices.Equal(got, []string{"region", "month"}) {
		t.Errorf("it requires %q", got)
	}
	if got := s.Schema().Properties["region"].Description; got != "Which region." {
		t.Errorf("a comment is handed on as %q", got)
	}
	if got := s.Schema().Properties["year"].Description; got != strings.Repeat("é", 256)+"..." {
		t.Errorf("a long comment is handed on as %q", got)
	}
}

// TestBoundsOfIntegers keeps bounds that a validator reads as floats exact.
func TestBoundsOfIntegers(t *testing.T) {
	for sqlType, bits := range map[string]int{"TINYINT": 8, "SMALLINT": 16, "INT": 32} {
		p := sqlProperty(sqlType)
		if p["maximum"] != int64(math.Pow(2, float64(bits-1)))-1 || p["minimum"] != -int64(math.Pow(2, float64(bits-1))) {
			t.Errorf("%s goes from %v to %v", sqlType, p["minimum"], p["maximum"])
		}
	}
	if p := sqlProperty("BIGINT"); len(p) != 1 {
		t.Errorf("BIGINT has bounds: %v", p)
	}
}
