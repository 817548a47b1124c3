// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// refusal is one case of a refused.yaml. The package comment says what the fields mean.
type refusal struct {
	Name    string `json:"name"`
	Base    string `json:"base"`
	Accept  any    `json:"accept"`
	Patch   any    `json:"patch"`
	Update  bool   `json:"update"`
	Message string `json:"message"`

	neighbour, refused *attempt
}

// refusals reads the cases of a kind and makes their objects.
func refusals(t *testing.T, e examples) []*refusal {
	t.Helper()
	raw, err := os.ReadFile(exampleFile(t, e.kind, "refused.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var out []*refusal
	if err := yaml.UnmarshalStrict(raw, &out); err != nil {
		t.Fatalf("%s/refused.yaml: %v", e.kind, err)
	}
	names := map[string]bool{}
	for _, r := range out {
		if r.Name == "" || r.Patch == nil || r.Message == "" || names[r.Name] {
			t.Fatalf("%s/refused.yaml: the case %q has no name, patch or message, or its name is there twice", e.kind, r.Name)
		}
		names[r.Name] = true
		if r.Base == "" {
			r.Base = "maximal"
		}
		neighbour := patched(t, e.named(t, r.Base), r.Accept)
		r.neighbour = &attempt{object: neighbour, update: r.Update}
		r.refused = &attempt{object: patched(t, neighbour, r.Patch), update: r.Update}
	}
	return out
}

// checkRefusals tries the cases of a kind, and looks for a case of each CEL rule.
func checkRefusals(t *testing.T, writes, dry client.Client, d definition) {
	e := examplesOf(t, folder(d))
	cases := refusals(t, e)
	var attempts []*attempt
	for i, r := range cases {
		if r.Update {
			stored := e.named(t, r.Base).DeepCopy()
			stored.SetName(fmt.Sprintf("%s-%d", e.kind, i))
			if err := writes.Create(t.Context(), stored); err != nil {
				t.Fatal(err)
			}
			remove(t, writes, stored)
			for _, a := range []*attempt{r.neighbour, r.refused} {
				a.SetName(stored.GetName())
				a.SetResourceVersion(stored.GetResourceVersion())
			}
		}
		attempts = append(attempts, r.neighbour, r.refused)
	}
	try(t.Context(), dry, attempts)
	for _, r := range cases {
		t.Run(r.Name, r.check)
	}
	t.Run("every rule", func(t *testing.T) {
		own(d, func(path string, s schema) {
			for _, rule := range s.XValidations {
				transition := strings.Contains(rule.Rule, "oldSelf")
				if !anyProves(cases, path, rule.Message, transition) {
					t.Errorf("%s: no case in %s/refused.yaml is refused with %q", path, e.kind, rule.Message)
				}
			}
		})
	})
}

func anyProves(cases []*refusal, path, message string, transition bool) bool {
	for _, r := range cases {
		if cause := r.cause(); cause != nil && unindexed(cause.Field) == path && strings.Contains(cause.Message, message) && (r.Update || !transition) {
			return true
		}
	}
	return false
}

// check compares the API server's answers with the case.
func (r *refusal) check(t *testing.T) {
	if err := r.neighbour.err; err != nil {
		t.Errorf("the neighbour is refused: %v", err)
	}
	if n := len(differences(nil, r.neighbour.Object, r.refused.Object)); n != 1 {
		t.Errorf("the patch changes %d fields, and should change one", n)
	}
	switch {
	case r.refused.err == nil:
		t.Error("it is accepted")
	case r.cause() == nil:
		t.Errorf("it is refused with\n  %v\nand not, for the field that the patch changes or one that holds it, with\n  %s", r.refused.err, r.Message)
	case !present(r.neighbour.object, r.cause().Field):
		t.Errorf("the neighbour has no %s, which the message is about; `accept` can set it", r.cause().Field)
	}
}

// cause is why the API server refuses the object, if that is the case's message, for the
// field that the patch changes or for one that holds it.
func (r *refusal) cause() *metav1.StatusCause {
	different := differences(nil, r.neighbour.Object, r.refused.Object)
	for _, cause := range causes(r.refused.err) {
		if len(different) == 1 && within(different[0].String(), cause.Field) && strings.HasSuffix(": "+cause.Message, ": "+r.Message) {
			return &cause
		}
	}
	return nil
}

// within says whether a field is another one, or is in it.
func within(field, outer string) bool {
	rest, ok := strings.CutPrefix(field, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
