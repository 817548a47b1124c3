// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package tooltypetest holds types of tools against what must be true of all of them.
package tooltypetest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/schema"
)

// Schema is an input schema as a Tool declares it.
func Schema(text string) *apiextensionsv1.JSON { return &apiextensionsv1.JSON{Raw: []byte(text)} }

// Checks wants Check of a type to fail with some words, or to succeed where want is empty.
func Checks(t *testing.T, name string, kind access.ToolType, spec v1alpha1.ToolSpec, want string) {
	t.Helper()
	err := kind.Check(spec)
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("%s: got %v, want %q", name, err, want)
	}
}

// Served makes a schema ready as a pod does, and checks what must hold of all of them.
func Served(t *testing.T, kind access.ToolType, spec v1alpha1.ToolSpec, found access.Lookups) *jsonschema.Resolved {
	t.Helper()
	raw, err := kind.InputSchema(spec, found)
	if err != nil {
		t.Fatal(err)
	}
	for range 8 {
		again, err := kind.InputSchema(spec, found)
		if err != nil || string(again) != string(raw) {
			t.Fatalf("the schema is\n  %s\nand then\n  %s, %v", raw, again, err)
		}
	}
	object := &jsonschema.Schema{}
	if err := json.Unmarshal(raw, object); err != nil {
		t.Fatal(err)
	}
	resolved, err := object.Resolve(nil)
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	var whole any
	if err := json.Unmarshal(raw, &whole); err != nil {
		t.Fatal(err)
	}
	if err := schema.CheckKeywords(whole); err != nil {
		t.Errorf("%s: %v", raw, err)
	}
	if len(raw) > schema.MaxBytes {
		t.Errorf("the schema has %d bytes", len(raw))
	}
	if object.Type != "object" {
		t.Errorf("the schema has the type %s", object.Type)
	}
	for _, name := range object.Required {
		if object.Properties[name] == nil {
			t.Errorf("%s is required and no property", name)
		}
	}
	if err := resolved.Validate(map[string]any{"nobody_asked": "x"}); err == nil {
		t.Error("it takes an argument that nobody declared")
	}
	return resolved
}

// Takes checks which arguments fit.
func Takes(t *testing.T, s *jsonschema.Resolved, good, bad []string) {
	t.Helper()
	fits := func(text string) error {
		var arguments any
		if err := json.Unmarshal([]byte(text), &arguments); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return s.Validate(arguments)
	}
	for _, text := range good {
		if err := fits(text); err != nil {
			t.Errorf("%.100s does not fit: %v", text, err)
		}
	}
	for _, text := range bad {
		if fits(text) == nil {
			t.Errorf("%.100s fits, and should not", text)
		}
	}
}
