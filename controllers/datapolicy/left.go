// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"fmt"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// Left is what is at the table, the functions, and the policies by which the operator
// asked as a Role and which it could not delete.
func (adapter) Left(p *v1alpha1.DataPolicy) (workspace string, lines []string) {
	for _, a := range p.Status.Applied {
		if a.Column == "" {
			lines = append(lines, fmt.Sprintf("row filter of %s: %s", p.Spec.Table, a.Function))
			continue
		}
		lines = append(lines, fmt.Sprintf("mask of the column %s of %s: %s", a.Column, p.Spec.Table, a.Function))
	}
	for _, f := range p.Status.Functions {
		lines = append(lines, "function "+f)
	}
	for _, a := range p.Status.Asking {
		lines = append(lines, fmt.Sprintf("federation policy %s of the service principal %s, which lets the operator in", a.PolicyID, a.PrincipalID))
	}
	return p.Spec.WorkspaceRef.Name, lines
}
