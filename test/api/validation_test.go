// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

const (
	accepted = "hack/valid-examples"
	refused  = "hack/invalid-examples"
)

// TestManifests applies every manifest to one API server. A file of two documents is
// an update: the first is created and the second replaces it.
func TestManifests(t *testing.T) {
	root, kinds := env.Root(t), definitions(t)
	_, direct := env.Cluster(t)
	// Strict, so that a field that does not exist is no example of anything.
	c := client.WithFieldValidation(direct, metav1.FieldValidationStrict)

	t.Run("accepted", func(t *testing.T) {
		for _, name := range manifests(t, accepted) {
			t.Run(name, func(t *testing.T) {
				if err := apply(t, c, documents(t, filepath.Join(root, accepted, name))); err != nil {
					t.Errorf("refused, and should not be: %v", err)
				}
			})
		}
	})
	t.Run("refused", func(t *testing.T) {
		for _, name := range manifests(t, refused) {
			t.Run(name, func(t *testing.T) {
				file := filepath.Join(root, refused, name)
				want := reason(t, file)
				err := apply(t, c, documents(t, file))
				switch {
				case err == nil:
					t.Errorf("accepted, and should be refused with %q", want)
				case !strings.Contains(err.Error(), want):
					t.Errorf("refused with\n  %v\nwhich does not contain\n  %s", err, want)
				}
			})
		}
	})
	t.Run("at the bounds", func(t *testing.T) {
		for _, d := range kinds {
			for _, b := range bounds(d) {
				t.Run(folder(d)+"/"+b.name, func(t *testing.T) { atBound(t, c, d, b) })
			}
		}
	})
	t.Run("samples", func(t *testing.T) {
		for _, name := range manifests(t, "config/samples") {
			if filepath.Base(name) == "kustomization.yaml" {
				continue
			}
			t.Run(name, func(t *testing.T) {
				for _, o := range documents(t, filepath.Join(root, "config/samples", name)) {
					if o.GetKind() == "Namespace" {
						continue
					}
					// In a namespace that is there: without a controller, one made here would never go.
					o.SetNamespace("")
					if err := apply(t, c, []*unstructured.Unstructured{o}); err != nil {
						t.Errorf("%s %s: %v", o.GetKind(), o.GetName(), err)
					}
				}
			})
		}
	})
	t.Run("a new object", func(t *testing.T) {
		for _, d := range kinds {
			t.Run(folder(d), func(t *testing.T) {
				o := documents(t, filepath.Join(root, accepted, folder(d), "minimal.yaml"))[0]
				if err := apply(t, c, []*unstructured.Unstructured{o}); err != nil {
					t.Fatal(err)
				}
				startsUnknown(t, c, d, o)
			})
		}
	})
}

// startsUnknown checks that an object has the conditions that its schema declares as
// default before any controller has seen it.
func startsUnknown(t *testing.T, c client.Client, d definition, o *unstructured.Unstructured) {
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

// TestEveryRefusalHasANeighbour checks the convention by which examples are found.
func TestEveryRefusalHasANeighbour(t *testing.T) {
	root := env.Root(t)
	for _, name := range manifests(t, refused) {
		bad, good := documents(t, filepath.Join(root, refused, name)), filepath.Join(root, accepted, name)
		if _, err := os.Stat(good); err != nil {
			t.Errorf("%s has no accepted neighbour %s", name, good)
			continue
		}
		neighbour := documents(t, good)
		if len(bad) != len(neighbour) {
			t.Errorf("%s has %d documents and its neighbour %d", name, len(bad), len(neighbour))
			continue
		}
		for i, o := range bad {
			differ := differences("", o.Object, neighbour[i].Object)
			if last := i == len(bad)-1; last && len(differ) != 1 || !last && len(differ) != 0 {
				t.Errorf("document %d of %s differs from its neighbour in %q: it should be one field of the last document", i+1, name, differ)
			}
		}
	}
}

// TestExamplesOfToolsCanBeServed holds the examples that people copy from against what
// the API server cannot check.
func TestExamplesOfToolsCanBeServed(t *testing.T) {
	dir := filepath.Join(accepted, "tool")
	for _, name := range manifests(t, dir) {
		if !strings.HasPrefix(name, "maximal") && !strings.HasPrefix(name, "minimal") {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(env.Root(t), dir, name))
		if err != nil {
			t.Fatal(err)
		}
		var tool v1alpha1.Tool
		if err := yaml.UnmarshalStrict(raw, &tool); err != nil {
			t.Fatal(err)
		}
		if err := tooltype.Check(tool.Spec); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		typ, err := tooltype.All().Of(tool.Spec)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := typ.InputSchema(tool.Spec, access.Lookups{}); err != nil {
			t.Errorf("%s: %v", name, err)
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

// documents reads a file of one document or more.
func documents(t *testing.T, file string) []*unstructured.Unstructured {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []*unstructured.Unstructured
	for text := range strings.SplitSeq(string(raw), "\n---\n") {
		o := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict([]byte(text), &o.Object); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out = append(out, o)
	}
	return out
}

// reason is what the API server must say to a refused manifest.
func reason(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	want, ok := strings.CutPrefix(first, "# refused: ")
	if !ok || want == "" {
		t.Fatalf("%s does not begin with '# refused: <message>'", file)
	}
	return want
}

// apply creates the first document, replaces it by each that follows, and returns the
// error of the last; one before it fails the test. What was made goes with the test.
func apply(t *testing.T, c client.Client, docs []*unstructured.Unstructured) error {
	t.Helper()
	version := ""
	for i, o := range docs {
		namespaced, err := c.IsObjectNamespaced(o)
		if err != nil {
			t.Fatal(err)
		}
		if namespaced && o.GetNamespace() == "" {
			o.SetNamespace(metav1.NamespaceDefault)
		}
		if i == 0 {
			err = c.Create(t.Context(), o)
		} else {
			o.SetResourceVersion(version)
			err = c.Update(t.Context(), o)
		}
		switch {
		case err != nil && i < len(docs)-1:
			t.Fatalf("document %d: %v", i+1, err)
		case err != nil:
			return err
		case i == 0:
			remove(t, c, o)
		}
		version = o.GetResourceVersion()
	}
	return nil
}

func remove(t *testing.T, c client.Client, o *unstructured.Unstructured) {
	t.Helper()
	t.Cleanup(func() {
		if err := c.Delete(context.WithoutCancel(t.Context()), o); err != nil {
			t.Error(err)
		}
	})
}
