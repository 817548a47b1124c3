// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// derived is a case that follows from the schema: an example with one value changed.
type derived struct {
	name           string
	field, message string // the answer to refused
	refused        *attempt
	atBound        []*attempt // accepted, as far as this part of the schema goes
}

// unreachable are the bounds that no accepted value reaches, because a rule asks for more
// characters, or because an enum has fewer values than the set may have entries.
var unreachable = map[string]bool{
	"boundary scopes maxItems":                         true,
	"connection mcpService.name minLength":             true,
	"datapolicy columnMasks[].function.name minLength": true,
	"datapolicy functionSchema minLength":              true,
	"datapolicy rowFilter.function.name minLength":     true,
	"datapolicy table minLength":                       true,
	"federationpolicy caBundle minLength":              true,
	"mcpserver deniedSubjects[] minLength":             true,
	"mcpserver rateLimitStore.address minLength":       true,
	"mcpserver rateLimitStore.caBundle minLength":      true,
	"tool function.name minLength":                     true,
	"tool http.allow[].path minLength":                 true,
	"tool http.operations[].path minLength":            true,
	"tool reads[] minLength":                           true,
	"tool serving.agents[].function minLength":         true,
	"tool serving.agents[].index minLength":            true,
	"tool vectorSearch.index minLength":                true,
	"workspace caBundle minLength":                     true,
}

// derivedCases are all that follow from the schema of a kind.
func derivedCases(t *testing.T, d definition, e examples) []derived {
	t.Helper()
	var out []derived
	own(d, func(path string, s schema) {
		v := value{path: path, schema: s}
		if path != "spec" {
			v.example, v.at = e.with(t, path)
		} else {
			v.example, v.at = e.maximal[0], place{"spec"}
		}
		out = slices.Concat(out, v.bounds(), v.enum(), v.duplicate())
		for _, name := range s.Required {
			r := value{path: path + "." + name}
			r.example, r.at = e.with(t, r.path)
			out = append(out, r.derive("required", r.at, "Required value", func(any) any { return nil }))
		}
	})
	return out
}

// value is a value in an example, and its schema.
type value struct {
	path    string
	schema  schema
	example object
	at      place
}

// derive makes the case that is refused for a field with a message.
func (v value) derive(what string, field place, message string, refused func(any) any, atBound ...func(any) any) derived {
	out := derived{
		name:  strings.TrimPrefix(v.path, "spec.") + " " + what,
		field: field.String(), message: message, refused: &attempt{object: changed(v.example, v.at, refused)},
	}
	for _, accepted := range atBound {
		out.atBound = append(out.atBound, &attempt{object: changed(v.example, v.at, accepted)})
	}
	return out
}

// bounds are those of a string, a list or an integer, with the last value that is
// accepted and the first that is not.
func (v value) bounds() []derived {
	var out []derived
	add := func(what, message string, bound, step int64, of func(old any, size int64) any) {
		out = append(out, v.derive(what, v.at, fmt.Sprintf(message, bound),
			func(old any) any { return of(old, bound+step) }, func(old any) any { return of(old, bound) }))
	}
	text := func(old any, size int64) any { return ofLength(old.(string), size) }
	list := func(old any, size int64) any { return ofSize(old.([]any), *v.schema.Items.Schema, size) }
	number := func(_ any, size int64) any { return size }
	s := v.schema
	if s.MinLength != nil {
		add("minLength", "should be at least %d chars long", *s.MinLength, -1, text)
	}
	if s.MaxLength != nil {
		add("maxLength", "Too long: may not be more than %d bytes", *s.MaxLength, 1, text)
	}
	if s.MinItems != nil {
		add("minItems", "should have at least %d items", *s.MinItems, -1, list)
	}
	if s.MaxItems != nil {
		add("maxItems", "must have at most %d item", *s.MaxItems, 1, list)
	}
	if s.Minimum != nil {
		add("minimum", "should be greater than or equal to %d", int64(*s.Minimum), -1, number)
	}
	if s.Maximum != nil {
		add("maximum", "should be less than or equal to %d", int64(*s.Maximum), 1, number)
	}
	return out
}

// enum tries each value that the schema lists, and one that it does not.
func (v value) enum() []derived {
	var values []string
	var accepted []func(any) any
	for _, e := range v.schema.Enum {
		values = append(values, string(e.Raw))
		accepted = append(accepted, func(any) any { return strings.Trim(string(e.Raw), `"`) })
	}
	if len(values) == 0 {
		return nil
	}
	message := `Unsupported value: "Unknown": supported values: ` + strings.Join(values, ", ")
	return []derived{v.derive("enum", v.at, message, func(any) any { return "Unknown" }, accepted...)}
}

// duplicate repeats the first entry of a list that is a set or has keys.
func (v value) duplicate() []derived {
	if v.schema.XListType == nil || *v.schema.XListType == "atomic" {
		return nil
	}
	size := 0
	_ = changed(v.example, v.at, func(old any) any { size = len(old.([]any)); return old })
	return []derived{v.derive("duplicate", append(slices.Clip(v.at), size), "Duplicate value", func(old any) any {
		list := old.([]any)
		return append(slices.Clip(list), list[0])
	})}
}

// checkDerived tries what follows from the schema of a kind.
func checkDerived(t *testing.T, dry client.Client, d definition) {
	cases := derivedCases(t, d, examplesOf(t, folder(d)))
	var attempts []*attempt
	for _, c := range cases {
		attempts = append(append(attempts, c.refused), c.atBound...)
	}
	try(t.Context(), dry, attempts)
	t.Logf("%d cases, %d objects", len(cases), len(attempts))
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if !refusedAt(c.refused.err, c.field, c.message) {
				t.Errorf("a value beyond the bound is answered with\n  %v\nwhich does not say of %s\n  %s", c.refused.err, c.field, c.message)
			}
			for _, a := range c.atBound {
				c.checkAtBound(t, a.err, unreachable[folder(d)+" "+c.name])
			}
		})
	}
}

// checkAtBound checks the answer to a value that is allowed. Values of an enum may still
// be refused by a rule that looks at other fields too.
func (c derived) checkAtBound(t *testing.T, err error, unreachable bool) {
	t.Helper()
	enum := strings.HasSuffix(c.name, " enum")
	switch {
	case err == nil && unreachable:
		t.Error("a value at the bound is accepted: take it out of the list of bounds that cannot be reached")
	case err == nil:
	case refusedAt(err, c.field, "Unsupported value"), refusedAt(err, c.field, c.message), causes(err) == nil:
		t.Errorf("a value at the bound is refused: %v", err)
	case !unreachable && !enum:
		t.Errorf("a value at the bound is refused by another rule: %v", err)
	}
}

// ofLength cuts a string or repeats its last character, or the last one before a port.
func ofLength(s string, size int64) string {
	n := size - int64(len(s))
	if n <= 0 {
		return s[:size]
	}
	port := port.FindString(s)
	host := strings.TrimSuffix(s, port)
	return host + strings.Repeat(host[len(host)-1:], int(n)) + port
}

var port = regexp.MustCompile(`:[0-9]+$`)

// ofSize makes a list of copies of its first entry, each with a number to make it differ
// from the others. An enum's values are used up and then repeated.
func ofSize(example []any, item schema, size int64) []any {
	out := []any{}
	for i := range size {
		switch e := example[0].(type) {
		case string:
			if len(item.Enum) > 0 {
				e = strings.Trim(string(item.Enum[int(i)%len(item.Enum)].Raw), `"`)
			} else {
				e += fmt.Sprint(i)
			}
			out = append(out, e)
		case map[string]any:
			entry := map[string]any{}
			for k, v := range e {
				p := item.Properties[k]
				fixed := p.Format != "" || p.MinLength != nil && p.MaxLength != nil && *p.MinLength == *p.MaxLength
				if text, ok := v.(string); ok && len(p.Enum) == 0 && !fixed {
					v = text + fmt.Sprint(i)
				}
				entry[k] = v
			}
			out = append(out, entry)
		}
	}
	return out
}
