// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package function

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/schema"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/tooltypetest"
)

var function = v1alpha1.ToolSpec{Function: &v1alpha1.FunctionTool{}}

// found is what Databricks says of it.
func found(s access.Signature) access.Lookups {
	return access.Lookups{Functions: map[string]access.Signature{"": s}}
}

// of is a signature with one parameter, a.
func of(sqlType string) access.Signature {
	return access.Signature{Parameters: []access.SignatureParameter{{Name: "a", Type: sqlType}}}
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
			s := tooltypetest.Served(t, Type{}, function, found(of(sqlType)))
			in := func(values []string) (out []string) {
				for _, v := range values {
					out = append(out, `{"a":`+v+`}`)
				}
				return out
			}
			tooltypetest.Takes(t, s, in(c.good), append(in(c.bad), `{}`))
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
		_, err := (Type{}).InputSchema(function, found(of(sqlType)))
		if err == nil || !strings.Contains(err.Error(), "the function's parameter a has the type") {
			t.Errorf("%q: %v", sqlType, err)
		}
	}
	_, err := (Type{}).InputSchema(function, found(of("STRUCT<"+strings.Repeat("A:INT,", 1000)+">\n\u202e")))
	if err == nil || len(err.Error()) > 200 || strings.ContainsAny(err.Error(), "\n\u202e") {
		t.Errorf("a long type is repeated: %v", err)
	}
}

func TestParametersOfFunctions(t *testing.T) {
	named := func(names ...string) access.Signature {
		var s access.Signature
		for _, n := range names {
			s.Parameters = append(s.Parameters, access.SignatureParameter{Name: n, Type: "INT"})
		}
		return s
	}
	var many []string
	for i := range schema.MaxProperties + 1 {
		many = append(many, fmt.Sprintf("p%d", i))
	}
	for name, c := range map[string]struct {
		signature access.Signature
		want      string
	}{
		"ordinary names":           {named("region", "Region_2", "_x", "SELECT"), ""},
		"names of JavaScript":      {named("__proto__", "constructor", "toString"), ""},
		"the longest name":         {named(strings.Repeat("a", 255)), ""},
		"a name that is too long":  {named("ok", strings.Repeat("a", 256)), "parameter 2 cannot be that of an argument"},
		"no name":                  {named(""), "parameter 1 cannot be"},
		"a digit first":            {named("1st"), "parameter 1 cannot be"},
		"a space":                  {named("a b"), "parameter 1 cannot be"},
		"a back quote":             {named("a`b"), "parameter 1 cannot be"},
		"a dot":                    {named("a.b"), "parameter 1 cannot be"},
		"a dash":                   {named("a-b"), "parameter 1 cannot be"},
		"a line break at the end":  {named("a\n"), "parameter 1 cannot be"},
		"a letter of another kind": {named("größe"), "parameter 1 cannot be"},
		"one name twice":           {named("a", "b", "a"), "two parameters with the name a"},
		"one name in two cases":    {named("a", "A"), "two parameters with the name A"},
		"as many as may be":        {named(many[:schema.MaxProperties]...), ""},
		"too many":                 {named(many...), "more than 64 parameters"},
	} {
		_, err := (Type{}).InputSchema(function, found(c.signature))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if err == nil {
			tooltypetest.Served(t, Type{}, function, found(c.signature))
		}
	}

	large := named(many[:schema.MaxProperties]...)
	for i := range large.Parameters {
		large.Parameters[i].Comment = strings.Repeat("x", 1000)
	}
	tooltypetest.Served(t, Type{}, function, found(large))
	for i := range large.Parameters {
		large.Parameters[i].Comment = strings.Repeat("語", 1000)
	}
	if _, err := (Type{}).InputSchema(function, found(large)); err == nil || !strings.Contains(err.Error(), "32768 bytes") {
		t.Errorf("a signature that is too large: %v", err)
	}

	s := tooltypetest.Served(t, Type{}, function, found(access.Signature{Parameters: []access.SignatureParameter{
		{Name: "region", Type: "STRING", Comment: "Which\n  region\u200b\U000e0041."}, {Name: "year", Type: "INT", Optional: true, Comment: strings.Repeat("é", 600)}, {Name: "month", Type: "INT"},
	}}))
	tooltypetest.Takes(t, s, []string{`{"region":"WEST","month":1}`, `{"region":"WEST","month":1,"year":2026}`}, []string{`{"region":"WEST","year":2026}`, `{"month":1}`})
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
