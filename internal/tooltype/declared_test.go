// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tooltype_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/sql"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/tooltypetest"
)

// TestDeclaredSchemas holds input schemas against what a pod can be asked to carry.
func TestDeclaredSchemas(t *testing.T) {
	withPattern := func(pattern string) string {
		text, err := json.Marshal(pattern)
		if err != nil {
			t.Fatal(err)
		}
		return `{"type":"object","properties":{"a":{"type":"string","pattern":` + string(text) + `}}}`
	}
	ofSize := func(size int) string {
		const frame = `{"type":"object","properties":{"a":{"type":"string","description":""}}}`
		return strings.Replace(frame, `""`, `"`+strings.Repeat("x", size-len(frame))+`"`, 1)
	}
	many := func(n int) string {
		var properties []string
		for i := range n {
			properties = append(properties, fmt.Sprintf(`"a%d":{"type":"string"}`, i))
		}
		return `{"type":"object","properties":{` + strings.Join(properties, ",") + `}}`
	}
	const refs = "write out what it refers to"
	for name, c := range map[string]struct{ schema, want string }{
		"a pattern":                      {withPattern(`^[A-Z]{2,4}(-[0-9]+)?$`), ""},
		"a pattern of 255 characters":    {withPattern(`^.{1,255}$`), ""},
		"the longest pattern":            {withPattern(strings.Repeat("a", 512)), ""},
		"a pattern that is too long":     {withPattern(strings.Repeat("a", 513)), "at most 512 characters"},
		"a pattern that grows":           {withPattern(`(a{30}){30}b{1000}c{1000}`), "at most 2000 characters when"},
		"a long pattern that grows":      {withPattern(`(` + strings.Repeat("[a-z]", 100) + `){1000}`), "at most 2000 characters when"},
		"a pattern that cannot be read":  {withPattern(`(`), "a regular expression as RE2 reads it"},
		"a pattern with look-ahead":      {withPattern(`^(?!x)`), "without back references and look-around"},
		"a pattern with a reference":     {withPattern(`(a)\1`), "without back references and look-around"},
		"a pattern of names":             {`{"type":"object","properties":{"a":{"type":"string"}},"patternProperties":{"` + strings.Repeat("x", 513) + `":false}}`, "at most 512 characters"},
		"a pattern deep down":            {`{"type":"object","properties":{"a":{"type":"string"}},"anyOf":[{"properties":{"a":{"pattern":"` + strings.Repeat("x", 513) + `"}}}]}`, "at most 512 characters"},
		"a property called pattern":      {`{"type":"object","properties":{"a":{"type":"string"},"pattern":{"type":"string"}}}`, "has pattern, which no entry of `sql.parameters` binds"},
		"a reference":                    {`{"type":"object","properties":{"a":{"type":"string","$ref":"#/$defs/x"}},"$defs":{"x":{}}}`, refs},
		"a reference to elsewhere":       {`{"type":"object","properties":{"a":{"type":"string","$ref":"https://example.com/schema"}}}`, refs},
		"a dynamic reference":            {`{"type":"object","properties":{"a":{"type":"string"}},"allOf":[{"$dynamicRef":"#"}]}`, refs},
		"the largest schema":             {ofSize(32 << 10), ""},
		"a schema that is too large":     {ofSize(32<<10 + 1), "at most 32768 bytes"},
		"as many properties as may be":   {many(64), "names a, which is not among"},
		"too many properties":            {many(65), "`inputSchema.properties` must be at most 64"},
		"a property that is true":        {`{"type":"object","properties":{"a":true}}`, "properties.a.type"},
		"a property of two types":        {`{"type":"object","properties":{"a":{"type":["string","null"]}}}`, "properties.a.type"},
		"a property without a type":      {`{"type":"object","properties":{"a":{"enum":["x"]}}}`, "properties.a.type"},
		"no JSON":                        {`{`, "must be a JSON Schema"},
		"nothing":                        {``, "must be a JSON Schema"},
		"null":                           {`null`, "type: object"},
		"false":                          {`false`, "type: object"},
		"a vocabulary":                   {`{"type":"object","$vocabulary":{"https://example.com":true}}`, "cannot be resolved"},
		"conditions between properties":  {`{"type":"object","properties":{"a":{"type":"string"}},"dependentRequired":{"a":["a"]}}`, ""},
		"a required name that is nobody": {`{"type":"object","properties":{"a":{"type":"string"}},"required":["a","b"]}`, "names b"},
	} {
		tool := v1alpha1.ToolSpec{
			SQL:         &v1alpha1.SQLTool{Statement: "SELECT :a", Parameters: []v1alpha1.SQLParameter{{Name: "a"}}},
			InputSchema: tooltypetest.Schema(c.schema),
		}
		tooltypetest.Checks(t, name, sql.Type{}, tool, c.want)
	}
}

// TestSchemaOfAnotherType refuses a schema where the arguments are given by the type:
// it would be served in their place.
func TestSchemaOfAnotherType(t *testing.T) {
	for name, tool := range map[string]v1alpha1.ToolSpec{
		"identity":     {Identity: &v1alpha1.IdentityTool{}},
		"genie":        {Genie: &v1alpha1.GenieTool{}},
		"vectorSearch": {VectorSearch: &v1alpha1.VectorSearchTool{}},
		"serving":      {Serving: &v1alpha1.ServingTool{}},
		"function":     {Function: &v1alpha1.FunctionTool{}},
		"http":         {HTTP: &v1alpha1.HTTPTool{Allow: []v1alpha1.HTTPRoute{{Path: "/orders"}}}},
	} {
		kind, err := tooltype.All().Of(tool)
		if err != nil {
			t.Fatal(err)
		}
		tooltypetest.Checks(t, name, kind, tool, "")
		tool.InputSchema = tooltypetest.Schema(`{"type":"object"}`)
		tooltypetest.Checks(t, name+" with a schema", kind, tool, "`inputSchema` may be set for `sql` tools and for `http` tools with `operations` only")
	}
}
