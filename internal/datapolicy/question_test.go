// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func TestAQuestionAsksAsTheRulesDo(t *testing.T) {
	for kind, want := range map[v1alpha1.GroupKind]string{
		v1alpha1.GroupsAccount:   "SELECT current_user(), is_account_group_member('sales west'), is_account_group_member('x')",
		v1alpha1.GroupsWorkspace: "SELECT current_user(), is_member('sales west'), is_member('x')",
	} {
		if got, err := Question(kind, []string{"sales west", "x"}); err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", kind, got, err, want)
		}
	}
	for _, bad := range []string{"a'b", `a\b`, "a\nb", "a`b"} {
		if got, err := Question(v1alpha1.GroupsAccount, []string{bad}); err == nil {
			t.Errorf("%q became %s", bad, got)
		}
	}
}
