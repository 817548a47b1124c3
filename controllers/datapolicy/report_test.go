// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"slices"
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func TestInventoryOfWhatStays(t *testing.T) {
	p := &v1alpha1.DataPolicy{Spec: v1alpha1.DataPolicySpec{WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, Table: "main.sales.deals"}}
	if _, lines := (adapter{}).remaining(p); len(lines) > 0 {
		t.Errorf("of nothing %q stays", lines)
	}
	p.Status.Applied = []v1alpha1.AttachedFunction{{Function: "main.sales.gh_f"}, {Column: "margin", Function: "main.sales.gh_m"}}
	p.Status.Functions = []string{"main.sales.gh_f"}
	p.Status.Probes = []v1alpha1.ProbePolicy{{PrincipalID: "7", PolicyID: "gh-1"}}
	workspace, got := adapter{}.remaining(p)
	want := []string{
		"row filter of main.sales.deals: main.sales.gh_f", "mask of the column margin of main.sales.deals: main.sales.gh_m", "function main.sales.gh_f",
		"temporary federation policy gh-1 of the service principal 7, which admits the operator",
	}
	if workspace != "main" || !slices.Equal(got, want) {
		t.Errorf("in %s stays %q, want %q", workspace, got, want)
	}
}
