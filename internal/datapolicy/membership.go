// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import "github.com/gatehouse-dev/gatehouse/api/v1alpha1"

// Membership is the boolean expression by which the rules decide whether the caller is a
// member of a group. The name is a literal, as in the rules.
func Membership(kind v1alpha1.GroupKind, group string) (string, error) {
	quoted, err := literal(group)
	if err != nil {
		return "", err
	}
	return membership(kind) + "(" + quoted + ")", nil
}
