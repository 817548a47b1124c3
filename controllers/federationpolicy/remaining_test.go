// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package federationpolicy

import (
	"slices"
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func TestWhatStaysIsNamed(t *testing.T) {
	p := &v1alpha1.FederationPolicy{Spec: v1alpha1.FederationPolicySpec{WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, Issuer: "https://login.example.com"}}
	if _, lines := (adapter{}).remaining(p); len(lines) > 0 {
		t.Errorf("of nothing %q stays", lines)
	}
	p.Status.Applied = []v1alpha1.BoundRole{{Role: "sales/west", Subject: "west", ServicePrincipalID: "7", PolicyID: "gh-1"}}
	workspace, got := adapter{}.remaining(p)
	want := []string{"federation policy gh-1 of the service principal 7, the Role sales/west, for the subject west of https://login.example.com"}
	if workspace != "main" || !slices.Equal(got, want) {
		t.Errorf("in %s stays %q, want %q", workspace, got, want)
	}
}
