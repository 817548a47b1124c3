// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/test/env"
)

// object is one manifest, or a changed copy of one.
type object = *unstructured.Unstructured

// examples are the accepted manifests of one kind.
type examples struct {
	kind             string
	maximal, minimal []object
}

func examplesOf(t *testing.T, kind string) examples {
	t.Helper()
	return examples{
		kind:    kind,
		maximal: documents(t, exampleFile(t, kind, "maximal.yaml")),
		minimal: documents(t, exampleFile(t, kind, "minimal.yaml")),
	}
}

// exampleFile is the path of one file in hack/examples.
func exampleFile(t *testing.T, kind, name string) string {
	t.Helper()
	return filepath.Join(env.Root(t), "hack", "examples", kind, name)
}

// all are the maximal examples, then the minimal ones.
func (e examples) all() []object { return slices.Concat(e.maximal, e.minimal) }

// named finds an example by its metadata.name.
func (e examples) named(t *testing.T, name string) object {
	t.Helper()
	for _, o := range e.all() {
		if o.GetName() == name {
			return o
		}
	}
	t.Fatalf("hack/examples/%s has no example named %q", e.kind, name)
	return nil
}

// with finds an example that sets a field, and the place of the field in it.
func (e examples) with(t *testing.T, path string) (object, place) {
	t.Helper()
	for _, o := range e.all() {
		if at, ok := locate(o.Object, tokens(path)); ok {
			return o, at
		}
	}
	t.Fatalf("no example of a %s sets %s", e.kind, path)
	return nil, nil
}

// documents reads a file of one YAML document or more.
func documents(t *testing.T, file string) []object {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []object
	for text := range strings.SplitSeq(string(raw), "\n---\n") {
		o := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict([]byte(text), &o.Object); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out = append(out, o)
	}
	return out
}

// place is where a value is in an object: names of fields, and indices of entries.
type place []any

// String writes a place as the API server does: spec.roles[3].name.
func (p place) String() string {
	var b strings.Builder
	for i, step := range p {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		case string:
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(step)
		}
	}
	return b.String()
}

// tokens splits a path of the schema, such as spec.roles[].name.
func tokens(path string) []string {
	return strings.Split(strings.ReplaceAll(path, "[]", ".[]"), ".")
}

// locate finds the first value that a path of the schema leads to. It looks into every
// entry of the lists on the way, since the entries of a union set different fields.
func locate(in any, path []string) (place, bool) {
	if len(path) == 0 {
		return nil, true
	}
	switch in := in.(type) {
	case map[string]any:
		if v, ok := in[path[0]]; ok {
			rest, ok := locate(v, path[1:])
			return append(place{path[0]}, rest...), ok
		}
	case []any:
		if path[0] != "[]" {
			return nil, false
		}
		for i, v := range in {
			if rest, ok := locate(v, path[1:]); ok {
				return append(place{i}, rest...), true
			}
		}
	}
	return nil, false
}

// present says whether an object has a value at the place that the API server names,
// such as spec.roles[3].name.
func present(o object, field string) bool {
	var in any = o.Object
	for _, step := range strings.FieldsFunc(field, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		switch v := in.(type) {
		case map[string]any:
			in = v[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(v) {
				return false
			}
			in = v[i]
		default:
			return false
		}
	}
	return in != nil
}

// changed is a copy of an object with another value at a place; nil removes it.
func changed(o object, at place, change func(any) any) object {
	return &unstructured.Unstructured{Object: edit(o.Object, at, change).(map[string]any)}
}

func edit(in any, at place, change func(any) any) any {
	if len(at) == 0 {
		return change(in)
	}
	if i, ok := at[0].(int); ok {
		list := slices.Clone(in.([]any))
		list[i] = edit(list[i], at[1:], change)
		return list
	}
	key, fields := at[0].(string), maps.Clone(in.(map[string]any))
	if v := edit(fields[key], at[1:], change); v != nil {
		fields[key] = v
	} else {
		delete(fields, key)
	}
	return fields
}

// patched applies a JSON merge patch (a map) or a JSON patch (a list) to a copy.
func patched(t *testing.T, o object, patch any) object {
	t.Helper()
	if patch == nil {
		return o.DeepCopy()
	}
	before, err := json.Marshal(o.Object)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(patch)
	if err != nil {
		t.Fatal(err)
	}
	var after []byte
	if _, list := patch.([]any); list {
		var operations jsonpatch.Patch
		if operations, err = jsonpatch.DecodePatch(raw); err == nil {
			after, err = operations.Apply(before)
		}
	} else {
		after, err = jsonpatch.MergePatch(before, raw)
	}
	if err != nil {
		t.Fatalf("patch %s with %s: %v", o.GetName(), raw, err)
	}
	out := &unstructured.Unstructured{}
	if err := json.Unmarshal(after, &out.Object); err != nil {
		t.Fatal(err)
	}
	return out
}

// differences are the places in which two values differ.
func differences(at place, a, b any) []place {
	at = slices.Clip(at)
	if x, ok := a.(map[string]any); ok {
		if y, ok := b.(map[string]any); ok {
			names := maps.Clone(x)
			maps.Copy(names, y)
			var out []place
			for _, name := range slices.Sorted(maps.Keys(names)) {
				out = append(out, differences(append(at, name), x[name], y[name])...)
			}
			return out
		}
	}
	if x, ok := a.([]any); ok {
		if y, ok := b.([]any); ok && len(x) == len(y) {
			var out []place
			for i := range x {
				out = append(out, differences(append(at, i), x[i], y[i])...)
			}
			return out
		}
	}
	if equality.Semantic.DeepEqual(a, b) {
		return nil
	}
	return []place{at}
}
