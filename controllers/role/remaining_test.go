// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func TestWhatStaysIsNamed(t *testing.T) {
	r := &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "sales", Name: "west"}, Spec: v1alpha1.RoleSpec{WorkspaceRef: v1alpha1.LocalReference{Name: "main"}}}
	a := adapter{installation: "test"}
	if _, lines := a.remaining(r); len(lines) > 0 {
		t.Errorf("of nothing %q stays", lines)
	}
	r.Status.Intent = "sales/west"
	if _, lines := a.remaining(r); !slices.Equal(lines, []string{"perhaps a service principal with the external id test/role/sales/west"}) {
		t.Errorf("got %q", lines)
	}
	r.Status.ServicePrincipal = v1alpha1.RoleServicePrincipal{ID: "7", ApplicationID: "a-b"}
	r.Status.Trust.PolicyID = "gh-1"
	r.Status.Groups = []v1alpha1.RoleGroup{{Name: "west", ID: "8", Created: "True"}, {Name: "all", ID: "9"}, {Name: "taken", ID: "10", Created: "False", Adopted: "True"}}
	r.Status.Grants = []v1alpha1.RoleGrant{{Type: "Table", Name: "main.sales.deals", Privilege: "SELECT"}}
	r.Status.Applied = append(slices.Clone(r.Status.Grants), v1alpha1.RoleGrant{Type: "Catalog", Name: "main", Privilege: "USE_CATALOG"})
	workspace, got := a.remaining(r)
	want := []string{
		"service principal 7, application id a-b", "federation policy gh-1 of the service principal 7",
		"membership of the group west, id 8, which the operator made", "membership of the group all, id 9",
		"membership of the group taken, id 10, which was there before and carries the operator's mark",
		"SELECT on Table main.sales.deals", "USE_CATALOG on Catalog main",
	}
	if workspace != "main" || !slices.Equal(got, want) {
		t.Errorf("in %s stays %q, want %q", workspace, got, want)
	}
}
