// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// TypesForTests are the types of tools in the inventory that all cases start from. A test
// outside of the package sets them, because the types import the package.
var TypesForTests ToolTypes

// without is all types but one.
type without string

func (w without) Of(spec v1alpha1.ToolSpec) (ToolType, error) {
	kind, err := TypesForTests.Of(spec)
	if err == nil && kind.Name() == string(w) {
		return nil, errors.New("no type is set that this operator knows")
	}
	return kind, err
}

// TestAToolOfAnUnknownTypeIsReportedAndGivesNothing: an operator that does not know a type
// must neither serve the tool nor grant anything for it, and must say so.
func TestAToolOfAnUnknownTypeIsReportedAndGivesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		types ToolTypes
		words string
		left  []string
	}{
		"one type is not known":   {without("sql"), "the Tool deals cannot be served: no type is set that this operator knows", []string{"whoami"}},
		"no types are registered": {nil, "the Tool deals cannot be served: no types of tools are registered", nil},
	} {
		t.Run(name, func(t *testing.T) {
			e := estate(func(e *Estate) { e.Types = c.types })
			cells, _ := e.Cells()
			if len(cells) != 0 {
				t.Errorf("it has the cells %v", cells)
			}
			if needs := e.Needs(&e.Roles[0], cells); len(needs.Grants)+len(needs.Scopes) != 0 {
				t.Errorf("the role needs %+v", needs)
			}
			d, refusals, err := e.Compile(&e.Servers[0], workspace(), Lookups{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.left, e.ToolNames(&e.Servers[0])); diff != "" || len(d.Tools) != len(c.left) {
				t.Errorf("%d tools are served: %s", len(d.Tools), diff)
			}
			if !slices.ContainsFunc(refusals, func(r Refusal) bool { return r.Reason == v1alpha1.ReasonInvalidSchema && r.Message == c.words }) {
				t.Errorf("it is reported as %+v", refusals)
			}
		})
	}
}

// TestAnObjectThatCannotBeLookedUpKeepsAToolOut: a type may want an object that nobody asks Databricks about.
func TestAnObjectThatCannotBeLookedUpKeepsAToolOut(t *testing.T) {
	r := Lookups{}.refuse(&v1alpha1.Tool{}, v1alpha1.Securable{Type: v1alpha1.SecurableTable, Name: "a.b.c"})
	if r == nil || r.Reason != v1alpha1.ReasonInvalid {
		t.Errorf("got %+v", r)
	}
}
