// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// covered says whether the checks that Check makes by itself say all that a schema
// says, so that the schema need not be asked for each call: what they accept, it
// accepts. A keyword that is not known here is not covered.
func covered(s *jsonschema.Schema) bool {
	rest := *s
	rest.Title, rest.Description, rest.Type, rest.Properties, rest.Required, rest.PropertyOrder = "", "", "", nil, nil, nil
	rest.AdditionalProperties = nil // arguments that are not in Properties are always refused
	if !reflect.DeepEqual(rest, jsonschema.Schema{}) || s.Type != "object" {
		return false
	}
	for _, p := range s.Properties {
		if p == nil || !coveredProperty(p) {
			return false
		}
	}
	return true
}

func coveredProperty(s *jsonschema.Schema) bool {
	types := s.Types
	if s.Type != "" {
		types = []string{s.Type}
	}
	known := func(t string) bool {
		return slices.Contains([]string{"string", "boolean", "number", "integer", "null"}, t)
	}
	if len(types) == 0 || !slices.ContainsFunc(types, known) || slices.ContainsFunc(types, func(t string) bool { return !known(t) }) {
		return false
	}
	if s.Enum != nil && (len(s.Enum) == 0 || slices.Contains(types, "null")) {
		return false // mismatch takes null without looking at the enum
	}
	rest := *s
	rest.Title, rest.Description, rest.Default, rest.Examples, rest.Deprecated = "", "", nil, nil, false
	rest.Type, rest.Types, rest.Enum, rest.MinLength, rest.MaxLength, rest.Pattern, rest.Minimum, rest.Maximum = "", nil, nil, nil, nil, "", nil, nil
	return reflect.DeepEqual(rest, jsonschema.Schema{})
}

// maxPlain is how long a number may be that is the same to the schema, which
// compares float64, as to mismatch, which is exact.
const maxPlain = 15

// plainNumbers says whether all numbers are such.
func plainNumbers(args Arguments) bool {
	for _, v := range args {
		if n, ok := v.(json.Number); ok && (len(n) > maxPlain || strings.ContainsAny(n.String(), "eE")) {
			return false
		}
	}
	return true
}
