// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/google/jsonschema-go/jsonschema"
)

// Arguments are decoded arguments. Numbers are json.Number, so that a BIGINT
// above 2^53 keeps its digits.
type Arguments map[string]any

// Text returns an argument as the text that a SQL parameter is bound with;
// ok is false when the argument is absent or null.
func (a Arguments) Text(name string) (text string, ok bool) {
	switch v := a[name].(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return fmt.Sprint(v), true
	default:
		return "", false
	}
}

func decodeNumbers(raw []byte, into *map[string]any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	return dec.Decode(into)
}

// plain turns numbers into float64, which is what the schema validator compares.
func plain(args Arguments) map[string]any {
	out := make(map[string]any, len(args))
	for k, v := range args {
		out[k] = plainValue(v)
	}
	return out
}

func plainValue(v any) any {
	switch v := v.(type) {
	case json.Number:
		f, _ := v.Float64() // out of range becomes infinite and fails every bound
		return f
	case map[string]any:
		return plain(v)
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			out[i] = plainValue(one)
		}
		return out
	}
	return v
}

// mismatch says in words how a value differs from a property's schema, or "".
func mismatch(s *jsonschema.Schema, v any) string {
	types := s.Types
	if s.Type != "" {
		types = []string{s.Type}
	}
	if v == nil {
		if slices.Contains(types, "null") || len(types) == 0 {
			return ""
		}
		return "must not be null; leave it out instead"
	}
	if len(types) > 0 && !slices.ContainsFunc(types, func(t string) bool { return hasType(v, t) }) {
		return "must be " + strings.Join(withArticles(types), " or ")
	}
	if len(s.Enum) > 0 && !inEnum(s.Enum, v) {
		return "must be one of " + enumText(s.Enum)
	}
	switch v := v.(type) {
	case string:
		return stringMismatch(s, v)
	case json.Number:
		return numberMismatch(s, v)
	case []any:
		return arrayMismatch(s, v)
	case map[string]any:
		return objectMismatch(s, v)
	}
	return ""
}

func hasType(v any, t string) bool {
	switch v := v.(type) {
	case string:
		return t == "string"
	case bool:
		return t == "boolean"
	case json.Number:
		return t == "number" || t == "integer" && isInteger(v)
	case []any:
		return t == "array"
	case map[string]any:
		return t == "object"
	}
	return false
}

// arrayMismatch looks at a list and at each of its entries.
func arrayMismatch(s *jsonschema.Schema, v []any) string {
	switch {
	case s.MinItems != nil && len(v) < *s.MinItems:
		return fmt.Sprintf("must have at least %d entries", *s.MinItems)
	case s.MaxItems != nil && len(v) > *s.MaxItems:
		return fmt.Sprintf("must have at most %d entries", *s.MaxItems)
	}
	seen := make(map[string]bool, len(v))
	for i, one := range v {
		if s.Items != nil {
			if problem := mismatch(s.Items, one); problem != "" {
				return fmt.Sprintf("holds a wrong entry: number %d %s", i+1, problem)
			}
		}
		if !s.UniqueItems {
			continue
		}
		text, err := json.Marshal(one)
		if err != nil || seen[string(text)] {
			return "must not hold an entry twice"
		}
		seen[string(text)] = true
	}
	return ""
}

// objectMismatch looks at an object whose names the caller makes up: they are no
// more repeated than values are.
func objectMismatch(s *jsonschema.Schema, v map[string]any) string {
	switch {
	case s.MinProperties != nil && len(v) < *s.MinProperties:
		return fmt.Sprintf("must have at least %d entries", *s.MinProperties)
	case s.MaxProperties != nil && len(v) > *s.MaxProperties:
		return fmt.Sprintf("must have at most %d entries", *s.MaxProperties)
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
			return "must have names without NUL characters"
		}
		if s.PropertyNames != nil {
			if problem := stringMismatch(s.PropertyNames, name); problem != "" {
				return "must have names of the right form: each " + problem
			}
		}
		if problem := entryMismatch(s, name, v[name]); problem != "" {
			return "holds a wrong entry: " + problem
		}
	}
	return ""
}

// entryMismatch checks one entry of an object against its own schema, or that of all others.
// A name that the schema does not know is not repeated.
func entryMismatch(s *jsonschema.Schema, name string, v any) string {
	if own := s.Properties[name]; own != nil {
		if problem := mismatch(own, v); problem != "" {
			return fmt.Sprintf("`%s` %s", name, problem)
		}
		return ""
	}
	if s.AdditionalProperties == nil {
		return ""
	}
	if problem := mismatch(s.AdditionalProperties, v); problem != "" {
		return "each " + problem
	}
	return ""
}

func isInteger(n json.Number) bool {
	r, ok := Rational(n)
	return ok && r.IsInt()
}

// Rational parses a number exactly. Exponents of more than a few digits are
// refused, because their value would fill the memory.
func Rational(n json.Number) (*big.Rat, bool) {
	s := n.String()
	if i := strings.IndexAny(s, "eE"); i >= 0 && len(s)-i > 5 || len(s) > 64 {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

func stringMismatch(s *jsonschema.Schema, v string) string {
	n := utf8.RuneCountInString(v)
	switch {
	case !utf8.ValidString(v) || strings.ContainsRune(v, 0):
		return "must be text without NUL characters"
	case s.MinLength != nil && n < *s.MinLength:
		return fmt.Sprintf("must have at least %d characters", *s.MinLength)
	case s.MaxLength != nil && n > *s.MaxLength:
		return fmt.Sprintf("must have at most %d characters", *s.MaxLength)
	case s.Pattern != "" && !matches(s.Pattern, v):
		return "must match the pattern " + s.Pattern
	}
	return ""
}

func numberMismatch(s *jsonschema.Schema, n json.Number) string {
	v, ok := Rational(n)
	if !ok {
		return "must be a number of at most 64 digits"
	}
	below := func(bound *float64) bool { return bound != nil && v.Cmp(new(big.Rat).SetFloat64(*bound)) < 0 }
	above := func(bound *float64) bool { return bound != nil && v.Cmp(new(big.Rat).SetFloat64(*bound)) > 0 }
	switch {
	case below(s.Minimum):
		return fmt.Sprintf("must be at least %v", *s.Minimum)
	case above(s.Maximum):
		return fmt.Sprintf("must be at most %v", *s.Maximum)
	}
	return ""
}

var patterns sync.Map // of string to *regexp.Regexp; bounded by the patterns of the tools served

func matches(pattern, v string) bool {
	re, ok := patterns.Load(pattern)
	if !ok {
		compiled, err := regexp.Compile(pattern)
		if err != nil {
			return false
		}
		re, _ = patterns.LoadOrStore(pattern, compiled)
	}
	return re.(*regexp.Regexp).MatchString(v)
}

func inEnum(enum []any, v any) bool {
	text, err := json.Marshal(v)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(enum, func(e any) bool {
		want, err := json.Marshal(e)
		return err == nil && bytes.Equal(want, text)
	})
}

func enumText(enum []any) string {
	words := make([]string, len(enum))
	for i, e := range enum {
		words[i] = fmt.Sprintf("'%v'", e)
	}
	return strings.Join(words, ", ")
}

func withArticles(types []string) []string {
	out := make([]string, len(types))
	for i, t := range types {
		switch t {
		case "integer", "object", "array":
			out[i] = "an " + t
		case "null":
			out[i] = t
		default:
			out[i] = "a " + t
		}
	}
	return out
}
