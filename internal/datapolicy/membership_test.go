// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func TestMembershipIsCheckedAsTheRulesDo(t *testing.T) {
	for kind, want := range map[v1alpha1.GroupKind]string{
		v1alpha1.GroupsAccount:   "is_account_group_member('sales west')",
		v1alpha1.GroupsWorkspace: "is_member('sales west')",
	} {
		got, err := Membership(kind, "sales west")
		if err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", kind, got, err, want)
		}
		p := &v1alpha1.DataPolicy{Spec: v1alpha1.DataPolicySpec{Table: "a.b.c", Groups: kind, RowFilter: &v1alpha1.RowFilter{Rules: []v1alpha1.RowRule{
			{Groups: []v1alpha1.AccountGroupName{"sales west"}, Rows: v1alpha1.VisibleRows{All: &v1alpha1.AllRows{}}},
		}}}}
		if rendered, err := Render("test", p, nil); err != nil || !strings.Contains(rendered.Functions[0].Body, got) {
			t.Errorf("%s: the filter does not contain %s: %+v %v", kind, got, rendered, err)
		}
	}
	for _, bad := range []string{"a'b", `a\b`, "a\nb", "a`b"} {
		if got, err := Membership(v1alpha1.GroupsAccount, bad); err == nil {
			t.Errorf("%q became %s", bad, got)
		}
	}
}
