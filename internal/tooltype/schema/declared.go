// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// Limits of an input schema. Every pod holds every schema, and checks every call against it.
const (
	// MaxBytes bounds the JSON of a schema.
	MaxBytes = 32 << 10
	// MaxProperties bounds how many arguments a tool has.
	MaxProperties    = 64
	maxPatternLength = 512
	// maxPatternSteps bounds what a pattern becomes when its repetitions are written out.
	maxPatternSteps = 2000
)

// scalars are the types of properties that can be bound to a SQL parameter.
var scalars = []string{"string", "integer", "number", "boolean"}

// None refuses an input schema of a tool whose arguments are given by its type. It mirrors a
// rule of the API.
func None(t v1alpha1.ToolSpec) error {
	if t.InputSchema == nil {
		return nil
	}
	return errors.New("`inputSchema` may be set for `sql` tools and for `http` tools with `operations` only: the arguments of the others are given by their type")
}

// Declared returns the input schema that a tool declares, or an empty one. It fails when a
// pod could not hold the schema, or could not check a call against it.
func Declared(t v1alpha1.ToolSpec) (*jsonschema.Schema, error) {
	schema := &jsonschema.Schema{}
	if t.InputSchema == nil {
		return schema, nil
	}
	raw := t.InputSchema.Raw
	if len(raw) > MaxBytes {
		return nil, fmt.Errorf("`inputSchema` must be at most %d bytes of JSON", MaxBytes)
	}
	var whole any
	if json.Unmarshal(raw, &whole) != nil || json.Unmarshal(raw, schema) != nil {
		return nil, errors.New("`inputSchema` must be a JSON Schema")
	}
	if err := CheckKeywords(whole); err != nil {
		return nil, err
	}
	if schema.Type != "object" {
		return nil, errors.New("`inputSchema` must have `type: object`")
	}
	if _, err := schema.Resolve(nil); err != nil {
		return nil, fmt.Errorf("`inputSchema` cannot be resolved: %w", err)
	}
	if len(schema.Properties) > MaxProperties {
		return nil, fmt.Errorf("`inputSchema.properties` must be at most %d", MaxProperties)
	}
	for _, n := range slices.Sorted(maps.Keys(schema.Properties)) {
		p := schema.Properties[n]
		if p == nil || !slices.Contains(scalars, p.Type) {
			return nil, fmt.Errorf("`inputSchema.properties.%s.type` must be one of %s", n, strings.Join(scalars, ", "))
		}
	}
	for _, n := range schema.Required {
		if schema.Properties[n] == nil {
			return nil, fmt.Errorf("`inputSchema.required` names %s, which is not among `properties`", n)
		}
	}
	return schema, nil
}

// CheckKeywords walks a decoded schema before anything of it is resolved: references can make a small schema long to check, and patterns large to hold.
func CheckKeywords(v any) error {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if err := CheckKeywords(e); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if err := checkKeyword(k, v[k]); err != nil {
				return err
			}
			if err := CheckKeywords(v[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkKeyword(name string, value any) error {
	switch name {
	case "$ref", "$dynamicRef":
		return fmt.Errorf("`inputSchema` must not have `%s`: write out what it refers to", name)
	case "pattern":
		if text, ok := value.(string); ok {
			return checkPattern(text)
		}
	case "patternProperties":
		if m, ok := value.(map[string]any); ok {
			for _, text := range slices.Sorted(maps.Keys(m)) {
				if err := checkPattern(text); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func checkPattern(text string) error {
	if len(text) > maxPatternLength {
		return fmt.Errorf("a pattern in `inputSchema` must have at most %d characters", maxPatternLength)
	}
	re, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return errors.New("a pattern in `inputSchema` must be a regular expression as RE2 reads it: without back references and look-around")
	}
	if steps(re) > maxPatternSteps {
		return fmt.Errorf("a pattern in `inputSchema` must come to at most %d characters when its repetitions are written out", maxPatternSteps)
	}
	return nil
}

// steps is about how long a pattern is when its repetitions are written out. The parser
// has bounded them, so that this cannot overflow.
func steps(re *syntax.Regexp) int {
	out := 1
	if re.Op == syntax.OpLiteral {
		out = len(re.Rune)
	}
	for _, sub := range re.Sub {
		out += steps(sub)
	}
	if re.Op == syntax.OpRepeat {
		out *= max(re.Min, re.Max, 1)
	}
	return out
}
