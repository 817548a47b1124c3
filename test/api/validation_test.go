// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// TestExamples sends the examples, and all that is made from them, to one API server.
func TestExamples(t *testing.T) {
	writes, dry := server(t)
	kinds := definitions(t)
	group := func(name string, check func(t *testing.T, d definition)) {
		t.Run(name, func(t *testing.T) {
			for _, d := range kinds {
				t.Run(folder(d), func(t *testing.T) { check(t, d) })
			}
		})
	}
	group("accepted", func(t *testing.T, d definition) {
		for _, o := range examplesOf(t, folder(d)).all() {
			if err := dry.Create(t.Context(), o.DeepCopy()); err != nil {
				t.Errorf("%s is refused, and should not be: %v", o.GetName(), err)
			}
		}
	})
	group("refused", func(t *testing.T, d definition) { checkRefusals(t, writes, dry, d) })
	group("derived from the schema", func(t *testing.T, d definition) { checkDerived(t, dry, d) })
	group("minimal", func(t *testing.T, d definition) { checkMinimal(t, dry, d) })
	group("a new object", func(t *testing.T, d definition) {
		o := examplesOf(t, folder(d)).minimal[0]
		if err := writes.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		remove(t, writes, o)
		startsUnknown(t, writes, d, o)
	})
	t.Run("samples", func(t *testing.T) {
		for _, name := range manifests(t, "config/samples") {
			if filepath.Base(name) == "kustomization.yaml" {
				continue
			}
			t.Run(name, func(t *testing.T) {
				for _, o := range documents(t, filepath.Join(env.Root(t), "config/samples", name)) {
					if o.GetKind() == "Namespace" {
						continue
					}
					o.SetNamespace("") // the server has only the namespace default
					if err := dry.Create(t.Context(), o); err != nil {
						t.Errorf("%s %s: %v", o.GetKind(), o.GetName(), err)
					}
				}
			})
		}
	})
}

// checkMinimal takes each field out of the minimal examples: none can be left out.
func checkMinimal(t *testing.T, dry client.Client, d definition) {
	t.Helper()
	for _, o := range examplesOf(t, folder(d)).minimal {
		for _, at := range fields(o.Object["spec"], place{"spec"}) {
			if err := dry.Create(t.Context(), changed(o, at, func(any) any { return nil })); causes(err) == nil {
				t.Errorf("%s without %s is answered with %v, and should be refused", o.GetName(), at, err)
			}
		}
	}
}

// fields are the places of all fields in a value.
func fields(in any, at place) []place {
	var out []place
	switch in := in.(type) {
	case map[string]any:
		for name, v := range in {
			at := append(slices.Clip(at), name)
			out = append(append(out, at), fields(v, at)...)
		}
	case []any:
		for i, v := range in {
			out = append(out, fields(v, append(slices.Clip(at), i))...)
		}
	}
	return out
}

// startsUnknown checks that an object has the conditions that its schema declares as
// default before any controller has seen it.
func startsUnknown(t *testing.T, c client.Client, d definition, o object) {
	t.Helper()
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		t.Fatal(err)
	}
	got, _, err := unstructured.NestedSlice(o.Object, "status", "conditions")
	if err != nil {
		t.Fatal(err)
	}
	if want := d.defaultConditions(t); len(got) != len(want) || len(want) == 0 {
		t.Fatalf("conditions are %v, and the schema's default is %v", got, want)
	}
	for _, e := range got {
		if c := e.(map[string]any); c["status"] != string(metav1.ConditionUnknown) || c["reason"] != "Pending" {
			t.Errorf("condition %v is %v for %v, and should be Unknown for Pending", c["type"], c["status"], c["reason"])
		}
	}
}

// TestExamplesOfToolsCanBeServed holds the examples that people copy from against what
// the API server cannot check.
func TestExamplesOfToolsCanBeServed(t *testing.T) {
	for _, o := range examplesOf(t, "tool").all() {
		var tool v1alpha1.Tool
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, &tool, true); err != nil {
			t.Fatal(err)
		}
		if err := tooltype.Check(tool.Spec); err != nil {
			t.Errorf("%s: %v", o.GetName(), err)
			continue
		}
		typ, err := tooltype.All().Of(tool.Spec)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := typ.InputSchema(tool.Spec, access.Lookups{}); err != nil {
			t.Errorf("%s: %v", o.GetName(), err)
		}
	}
}

// manifests are the YAML files below a folder of the repository, by their path in it.
func manifests(t *testing.T, dir string) []string {
	t.Helper()
	dir = filepath.Join(env.Root(t), dir)
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(path) == ".yaml" {
			out = append(out, strings.TrimPrefix(path, dir+string(filepath.Separator)))
		}
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("%d manifests in %s: %v", len(out), dir, err)
	}
	return out
}
