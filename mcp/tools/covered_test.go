// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"pgregory.net/rapid"

	"github.com/gatehouse-dev/gatehouse/internal/access"
)

func TestCoveredSchemas(t *testing.T) {
	for raw, want := range map[string]bool{
		`{"type":"object"}`: true,
		`{"type":"object","title":"T","description":"D","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}`: true,
		`{"type":"object","properties":{"a":{"type":"string","minLength":1,"maxLength":9,"pattern":"^x","title":"T","default":"x"}}}`:        true,
		`{"type":"object","properties":{"a":{"type":["integer","null"],"minimum":1,"maximum":9}}}`:                                           true,
		`{"type":"object","properties":{"a":{"type":"string","enum":["x","y"]},"b":{"type":"boolean"},"c":{"type":"number"}}}`:               true,

		`{"type":"object","properties":{"a":{"type":["string","null"],"enum":["x"]}}}`:              false,
		`{"type":"object","properties":{"a":{"type":"string","enum":[]}}}`:                          false,
		`{"type":"object","properties":{"a":{}}}`:                                                   false,
		`{"type":"object","properties":{"a":true}}`:                                                 false,
		`{"type":"object","properties":{"a":false}}`:                                                false,
		`{"type":"object","properties":{"a":{"type":"integer","multipleOf":2}}}`:                    false,
		`{"type":"object","properties":{"a":{"type":"integer","exclusiveMinimum":2}}}`:              false,
		`{"type":"object","properties":{"a":{"type":"string","const":"x"}}}`:                        false,
		`{"type":"object","properties":{"a":{"type":"string","format":"date"}}}`:                    false,
		`{"type":"object","properties":{"a":{"type":"string","not":{"enum":["x"]}}}}`:               false,
		`{"type":"object","properties":{"a":{"$ref":"#/$defs/b"}},"$defs":{"b":{"type":"string"}}}`: false,
		`{"type":"object","properties":{"a":{"type":"array","items":{"type":"string"}}}}`:           false,
		`{"type":"object","properties":{"a":{"type":"object"}}}`:                                    false,
		`{"type":"object","minProperties":1}`:                                                       false,
		`{"type":"object","dependentRequired":{"a":["b"]}}`:                                         false,
		`{"type":"object","anyOf":[{"required":["a"]}]}`:                                            false,
		`{"type":"object","x-unknown":1}`:                                                           false,
		`{"type":["object"]}`:                                                                       false,
	} {
		var s jsonschema.Schema
		if err := json.Unmarshal([]byte(raw), &s); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if got := covered(&s); got != want {
			t.Errorf("%s: got %v, want %v", raw, got, want)
		}
	}
}

// TestWhatIsCoveredIsAcceptedByTheSchemaToo draws schemas and arguments: with the
// schema asked or not, the answer must be the same.
func TestWhatIsCoveredIsAcceptedByTheSchemaToo(t *testing.T) {
	property := rapid.SampledFrom([]string{
		`{"type":"string"}`, `{"type":"string","minLength":2,"maxLength":3}`, `{"type":"string","pattern":"^[a-c]+$"}`, `{"type":"string","enum":["a","é"]}`,
		`{"type":"integer"}`, `{"type":"integer","minimum":-2,"maximum":2.5}`, `{"type":"number","minimum":0.1}`, `{"type":"number","enum":[1,2.5]}`,
		`{"type":"boolean"}`, `{"type":["string","null"],"maxLength":1}`, `{"type":["integer","boolean"],"maximum":9007199254740993}`,
	})
	value := rapid.OneOf(
		rapid.SampledFrom([]string{`null`, `true`, `false`, `[]`, `{}`, `[1]`, `""`, `"a"`, `"abc"`, `"é"`, `"é́"`, `"\u0000"`, "\"\xff\"", `0`, `-0`, `1`, `1.0`, `2.50`, `0.1`, `0.10000000000000001`, `1e0`, `1e400`, `9007199254740993`, `-3`}),
		rapid.Custom(func(t *rapid.T) string { return fmt.Sprint(rapid.Float64().Draw(t, "number")) }),
		rapid.Custom(func(t *rapid.T) string { return fmt.Sprint(rapid.Int64().Draw(t, "integer")) }),
	)
	rapid.Check(t, func(t *rapid.T) {
		schema := fmt.Sprintf(`{"type":"object","properties":{"a":%s,"b":%s},"required":["a"],"additionalProperties":false}`,
			property.Draw(t, "a"), property.Draw(t, "b"))
		d, err := Define(access.Tool{Name: "t", InputSchema: json.RawMessage(schema), SQL: &access.SQLTool{Statement: "SELECT 1", MaxRows: 1}})
		if err != nil {
			t.Fatal(err)
		}
		if !d.covered {
			t.Fatalf("%s is not covered", schema)
		}
		asked := *d
		asked.covered = false
		args := fmt.Sprintf(`{"a":%s,"b":%s}`, value.Draw(t, "value of a"), value.Draw(t, "value of b"))
		if strings.Contains(args, "Inf") || strings.Contains(args, "NaN") {
			t.Skip("not JSON")
		}
		_, fast := d.Check(json.RawMessage(args))
		_, slow := asked.Check(json.RawMessage(args))
		if (fast == nil) != (slow == nil) {
			t.Fatalf("%s with %s: %v, and with the schema asked: %v", schema, args, fast, slow)
		}
	})
}
