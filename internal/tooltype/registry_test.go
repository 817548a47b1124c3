// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tooltype_test

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype"
)

func TestExactlyOneKnownTypeMustBeSet(t *testing.T) {
	for name, c := range map[string]struct {
		spec v1alpha1.ToolSpec
		want string // the name of the type, or the error
	}{
		"one type":            {v1alpha1.ToolSpec{Genie: &v1alpha1.GenieTool{}}, "genie"},
		"a type nobody knows": {v1alpha1.ToolSpec{ToolName: "x"}, "no type is set that this operator knows: set exactly one of `identity`, `sql`, `genie`, `vectorSearch`, `serving`, `http`, `function`"},
		"two types":           {v1alpha1.ToolSpec{SQL: &v1alpha1.SQLTool{}, HTTP: &v1alpha1.HTTPTool{}}, "both `sql` and `http` are set: exactly one type must be"},
	} {
		kind, err := tooltype.All().Of(c.spec)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = kind.Name()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		if err != nil && tooltype.Check(c.spec) == nil {
			t.Errorf("%s: Check allows it", name)
		}
	}
	if got := tooltype.Lookups([]v1alpha1.ToolSpec{{ToolName: "x"}, {HTTP: &v1alpha1.HTTPTool{Connection: "crm"}}}); len(got) != 1 || got[0].Name != "crm" {
		t.Errorf("looked up %v", got)
	}
}
