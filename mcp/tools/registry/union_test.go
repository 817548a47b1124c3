// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package registry_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/registry"
)

var (
	hasMember = regexp.MustCompile(`\(has\(self\.(\w+)\)\?1:0\)`)
	// exactlyOne is the rule that controller-gen makes of `ExactlyOneOf`.
	exactlyOne = regexp.MustCompile(`^(\+?\(has\(self\.\w+\)\?1:0\))+ == 1$`)
)

// member returns the index of a member of a struct by its JSON name, or -1.
func member(t reflect.Type, name string) int {
	for i := range t.NumField() {
		if n, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); n == name {
			return i
		}
	}
	return -1
}

// union returns the types of tools that the API has, by the rule of its CRD that exactly
// one of them is set. Every other member of the spec that is a struct of the API by
// reference would be a type that the rule forgot.
func union(t *testing.T) []string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "..", "config", "crd", "bases", "gatehouse.dev_tools.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(raw, &crd); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, rule := range crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].XValidations {
		if !exactlyOne.MatchString(rule.Rule) {
			continue
		}
		for _, m := range hasMember.FindAllStringSubmatch(rule.Rule, -1) {
			out = append(out, m[1])
		}
	}
	spec := reflect.TypeFor[v1alpha1.ToolSpec]()
	for f := range spec.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		isType := f.Type.Kind() == reflect.Pointer && f.Type.Elem().PkgPath() == spec.PkgPath()
		if isType != slices.Contains(out, name) {
			t.Errorf("the member %s is a type of tool: %v; the rule of the CRD names %q", name, isType, out)
		}
	}
	if len(out) == 0 {
		t.Fatal("the CRD has no rule that exactly one type is set")
	}
	return out
}

// TestEachTypeOfTheAPIIsRegisteredOnBothSides: a type that the API has and one side does
// not know would be refused there. The operator compiles each to the member of the same
// name, and to no other.
func TestEachTypeOfTheAPIIsRegisteredOnBothSides(t *testing.T) {
	names := union(t)
	registered := map[string]access.ToolType{}
	for _, kind := range tooltype.All() {
		registered[kind.Name()] = kind
	}
	if got := slices.Sorted(maps.Keys(registered)); !slices.Equal(got, slices.Sorted(slices.Values(names))) || len(tooltype.All()) != len(names) {
		t.Errorf("internal/tooltype has the types %q, the API %q", got, names)
	}
	if got := slices.Sorted(slices.Values(registry.Names())); !slices.Equal(got, slices.Sorted(slices.Values(names))) {
		t.Errorf("mcp/tools/registry has the types %q, the API %q", got, names)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			var spec v1alpha1.ToolSpec
			field := reflect.ValueOf(&spec).Elem().Field(member(reflect.TypeFor[v1alpha1.ToolSpec](), name))
			field.Set(reflect.New(field.Type().Elem()))
			kind, err := tooltype.All().Of(spec)
			if err != nil {
				t.Fatal(err)
			}
			if kind.Name() != name {
				t.Errorf("it is taken for %s", kind.Name())
			}
			if needs := kind.Needs(spec, "wh"); len(needs.Grants) == 0 || len(needs.Scopes) == 0 || len(needs.Dependencies) == 0 {
				t.Errorf("it needs nothing: %+v", needs)
			}
			with := spec
			with.InputSchema = &apiextensionsv1.JSON{Raw: []byte(`{"type":"object","title":"declared"}`)}
			if raw, err := kind.InputSchema(with, access.Lookups{}); kind.Check(with) == nil && (err != nil || !bytes.Equal(raw, with.InputSchema.Raw)) {
				t.Errorf("it takes a declared schema and serves %s, %v", raw, err)
			}
			i := member(reflect.TypeFor[access.Tool](), name)
			if i < 0 {
				t.Fatal("the access document has no member of this name")
			}
			var got access.Tool
			kind.Compile(spec, access.Lookups{}, &got)
			compiled := reflect.ValueOf(&got).Elem().Field(i)
			if compiled.IsZero() {
				t.Error("it is compiled to another member")
			}
			if compiled.SetZero(); !reflect.DeepEqual(got, access.Tool{}) {
				t.Errorf("it also sets %+v", got)
			}
			tool := access.Tool{Name: "tool", InputSchema: []byte(`{"type":"object"}`)}
			document := reflect.ValueOf(&tool).Elem().Field(i)
			document.Set(reflect.New(document.Type().Elem()))
			if _, err := registry.Define(tool, parts()); err != nil {
				t.Errorf("the pods do not know it: %v", err)
			}
		})
	}
}
