// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/test/env"
)

// longest is the size of a value, in characters or entries, up to which a bound has
// manifests of its own. Beyond it they would be unreadable.
const longest = 256

// bound is one bound of one field.
type bound struct {
	name, path string
	size       int64
	// message is how the API server refuses what is beyond.
	message string
	// at and beyond make the last value that is accepted and the first that is not.
	at, beyond func(example any) any
}

// bounds are all bounds of strings, lists and integers.
func bounds(d definition) []bound {
	var out []bound
	own(d, func(path string, s schema) {
		add := func(what, message string, size, step int64, value func(example any, size int64) any) {
			out = append(out, bound{
				name: strings.TrimPrefix(path, "spec.") + " " + what, path: path, size: size, message: fmt.Sprintf(message, size),
				at:     func(e any) any { return value(e, size) },
				beyond: func(e any) any { return value(e, size+step) },
			})
		}
		text := func(e any, size int64) any { return ofLength(e.(string), size) }
		list := func(e any, size int64) any { return ofSize(e.([]any), *s.Items.Schema, size) }
		number := func(_ any, size int64) any { return size }
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
	})
	return out
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

// ofSize makes a list of copies of its first entry, each with a number so that no two
// are the same. Entries that can have a few values only are used up and then repeated.
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

// atBound puts a value at the bound into an accepted example, and one beyond it.
func atBound(t *testing.T, c client.Client, d definition, b bound) {
	t.Helper()
	example := exampleWith(t, d, b.path)
	at, beyond := example.DeepCopy(), example
	replace(at.Object, b.path, b.at)
	replace(beyond.Object, b.path, b.beyond)
	err := apply(t, c, []*unstructured.Unstructured{at})
	switch {
	case err == nil:
	case strings.Contains(err.Error(), b.message):
		t.Errorf("a value at the bound is refused: %v", err)
	case !strings.Contains(b.name, " min") && !strings.Contains(err.Error(), "Duplicate value"):
		// A shortest value may break the pattern; more entries than an enum has values cannot differ.
		t.Errorf("a value at the bound is refused for another reason: %v", err)
	}
	beyond.SetName("beyond")
	if err := apply(t, c, []*unstructured.Unstructured{beyond}); err == nil {
		t.Error("a value beyond the bound is accepted")
	} else if !strings.Contains(err.Error(), b.message) {
		t.Errorf("a value beyond the bound is refused with\n  %v\nwhich does not contain\n  %s", err, b.message)
	}
}

// exampleWith is an accepted example in which a field is set.
func exampleWith(t *testing.T, d definition, path string) *unstructured.Unstructured {
	t.Helper()
	dir := filepath.Join(accepted, folder(d))
	for _, name := range append([]string{"maximal.yaml"}, manifests(t, dir)...) {
		docs := documents(t, filepath.Join(env.Root(t), dir, name))
		if found := false; len(docs) == 1 {
			replace(docs[0].Object, path, func(v any) any { found = true; return v })
			if found {
				return docs[0]
			}
		}
	}
	t.Fatalf("no accepted example of a %s sets %s", d.Spec.Names.Kind, path)
	return nil
}

// replace changes the value at a path, in the first entry of each list on the way.
func replace(in any, path string, change func(any) any) {
	name, rest, more := strings.Cut(path, ".")
	key, entry := strings.CutSuffix(name, "[]")
	m, ok := in.(map[string]any)
	if !ok || m[key] == nil {
		return
	}
	list, ok := m[key].([]any)
	if entry && (!ok || len(list) == 0) {
		return
	}
	switch {
	case more && entry:
		replace(list[0], rest, change)
	case more:
		replace(m[key], rest, change)
	case entry:
		list[0] = change(list[0])
	default:
		m[key] = change(m[key])
	}
}

// differences are the fields in which two values differ.
func differences(path string, a, b any) []string {
	x, isMap := a.(map[string]any)
	y, isMapToo := b.(map[string]any)
	if isMap && isMapToo {
		var out []string
		for k := range x {
			out = append(out, differences(path+"."+k, x[k], y[k])...)
		}
		for k := range y {
			if _, ok := x[k]; !ok {
				out = append(out, path+"."+k)
			}
		}
		return out
	}
	v, isList := a.([]any)
	w, isListToo := b.([]any)
	if isList && isListToo && len(v) == len(w) {
		var out []string
		for i := range v {
			out = append(out, differences(fmt.Sprintf("%s[%d]", path, i), v[i], w[i])...)
		}
		return out
	}
	if equality.Semantic.DeepEqual(a, b) {
		return nil
	}
	return []string{path}
}
