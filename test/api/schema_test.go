// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"encoding/json"
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

	"github.com/gatehouse-dev/gatehouse/test/env"
)

type schema = apiextensionsv1.JSONSchemaProps

// definition is one generated CRD, which has one version.
type definition struct {
	apiextensionsv1.CustomResourceDefinition
}

// definitions are the generated CRDs.
func definitions(t *testing.T) []definition {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(env.Root(t), "config", "crd", "bases", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d definitions: %v", len(files), err)
	}
	var out []definition
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d definition
		if err := yaml.Unmarshal(raw, &d.CustomResourceDefinition); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if len(d.Spec.Versions) != 1 {
			t.Fatalf("%s has %d versions, and the tests look at one", file, len(d.Spec.Versions))
		}
		out = append(out, d)
	}
	return out
}

// folder is where the examples of a kind are.
func folder(d definition) string { return strings.ToLower(d.Spec.Names.Kind) }

func (d definition) version() apiextensionsv1.CustomResourceDefinitionVersion {
	return d.Spec.Versions[0]
}

func (d definition) property(name string) schema {
	return d.version().Schema.OpenAPIV3Schema.Properties[name]
}

func (d definition) defaultConditions(t *testing.T) []any {
	t.Helper()
	var out []any
	if p := d.property("status").Properties["conditions"].Default; p != nil {
		if err := json.Unmarshal(p.Raw, &out); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// walk visits a schema and all that is in it, by path: `spec.roles[].name`.
func walk(path string, s schema, visit func(path string, s schema)) {
	visit(path, s)
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		walk(path+"."+name, s.Properties[name], visit)
	}
	if s.Items != nil && s.Items.Schema != nil {
		walk(path+"[]", *s.Items.Schema, visit)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		walk(path+"{}", *s.AdditionalProperties.Schema, visit)
	}
}

// isSelector says whether a schema is that of metav1.LabelSelector, whose parts are
// Kubernetes' and carry no bounds.
func isSelector(s schema) bool {
	_, labels := s.Properties["matchLabels"]
	_, expressions := s.Properties["matchExpressions"]
	return labels && expressions
}

// own visits what is declared by us: not the inside of selectors.
func own(d definition, visit func(path string, s schema)) {
	foreign := ""
	walk("spec", d.property("spec"), func(path string, s schema) {
		if foreign != "" && strings.HasPrefix(path, foreign) {
			return
		}
		foreign = ""
		if isSelector(s) {
			foreign = path + "."
		}
		visit(path, s)
	})
}

// TestRulesSpeak keeps rules and fields such that a refusal says what to write.
func TestRulesSpeak(t *testing.T) {
	for _, d := range definitions(t) {
		own(d, func(path string, s schema) {
			for _, r := range s.XValidations {
				if r.Message == "" {
					t.Errorf("%s %s: the rule %q has no message", folder(d), path, r.Rule)
				}
			}
			if s.Pattern != "" {
				t.Errorf("%s %s: a pattern tells nobody what to write: let a rule match it and say so", folder(d), path)
			}
		})
	}
}

// TestMaximalExamplesSetEveryField holds the maximal examples of a kind to their name.
func TestMaximalExamplesSetEveryField(t *testing.T) {
	for _, d := range definitions(t) {
		e := examplesOf(t, folder(d))
		own(d, func(path string, _ schema) {
			if !slices.ContainsFunc(e.maximal, func(o object) bool {
				_, ok := locate(o.Object, tokens(path))
				return ok
			}) {
				t.Errorf("hack/examples/%s/maximal.yaml does not set %s", folder(d), path)
			}
		})
	}
}

// unindexed turns `spec.roles[3].name` into `spec.roles[].name`.
func unindexed(path string) string { return index.ReplaceAllString(path, "[]") }

var index = regexp.MustCompile(`\[\d+\]`)

// TestSpecsAreBounded keeps lists and strings short enough for CEL's costs and for etcd.
func TestSpecsAreBounded(t *testing.T) {
	for _, d := range definitions(t) {
		own(d, func(path string, s schema) {
			switch s.Type {
			case "array":
				if s.MaxItems == nil {
					t.Errorf("%s %s has no maxItems", folder(d), path)
				}
				if s.XListType == nil {
					t.Errorf("%s %s has no list type", folder(d), path)
				}
			case "string":
				if s.MaxLength == nil && len(s.Enum) == 0 && s.Format == "" {
					t.Errorf("%s %s has no maxLength, enum or format", folder(d), path)
				}
			case "integer":
				if s.Minimum == nil || s.Maximum == nil {
					t.Errorf("%s %s has no minimum or no maximum", folder(d), path)
				}
			case "object":
				if s.AdditionalProperties != nil {
					t.Errorf("%s %s is a map, and should be a list with a key", folder(d), path)
				}
			case "number", "boolean":
				t.Errorf("%s %s is a %s, and should be an integer or an enum", folder(d), path, s.Type)
			}
		})
	}
}

func TestKindsLookAlike(t *testing.T) {
	for _, d := range definitions(t) {
		t.Run(folder(d), func(t *testing.T) {
			if !slices.Contains(d.Spec.Names.Categories, "gatehouse") {
				t.Error("it is not in the category gatehouse")
			}
			v := d.version()
			if v.Subresources == nil || v.Subresources.Status == nil {
				t.Error("it has no status subresource")
			}
			columns := v.AdditionalPrinterColumns
			if len(columns) < 3 || columns[len(columns)-1].Name != "Age" || columns[len(columns)-1].Type != "date" {
				t.Errorf("its columns do not end in Age: %v", columns)
			}
			if !slices.ContainsFunc(columns, func(c apiextensionsv1.CustomResourceColumnDefinition) bool {
				return c.Name == "Ready" && c.Priority == 0
			}) {
				t.Errorf("it has no column Ready: %v", columns)
			}
			walk("spec", d.property("spec"), described(t))
			walk("status", d.property("status"), described(t))
			if !reflect.DeepEqual(d.version().Schema.OpenAPIV3Schema.Required, []string{"spec"}) {
				t.Errorf("it requires %q, and should require spec", d.version().Schema.OpenAPIV3Schema.Required)
			}
		})
	}
}

// described checks that kubectl explain says something of each field.
func described(t *testing.T) func(path string, s schema) {
	t.Helper()
	return func(path string, s schema) {
		if strings.TrimSpace(s.Description) == "" && !strings.HasSuffix(path, "[]") && !strings.HasSuffix(path, "{}") {
			t.Errorf("%s has no description", path)
		}
	}
}
