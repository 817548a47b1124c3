// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// Question is a SELECT that asks who the caller is and, column by column, whether the
// caller is seen as a member of each group, with the function that the rules ask with.
// The names are literals, as in the rules: what is asked is what a filter asks.
func Question(kind v1alpha1.GroupKind, groups []string) (string, error) {
	columns := []string{"current_user()"}
	for _, g := range groups {
		quoted, err := literal(g)
		if err != nil {
			return "", err
		}
		columns = append(columns, membership(kind)+"("+quoted+")")
	}
	return "SELECT " + strings.Join(columns, ", "), nil
}
