// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"fmt"
	"slices"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// remaining is what the records of a Role say that it has: also what it was about to be given.
func (a adapter) remaining(r *v1alpha1.Role) (workspace string, lines []string) {
	s := r.Status
	switch p := s.ServicePrincipal; {
	case p.ID != "" || p.ApplicationID != "":
		line := fmt.Sprintf("service principal %s, application id %s", p.ID, p.ApplicationID)
		if p.Adopted != "" {
			line += ", which was there before the Role"
		}
		if p.Assigned != "" {
			line += ", assigned to the workspace"
		}
		lines = append(lines, line)
	case s.Intent != "":
		lines = append(lines, fmt.Sprintf("perhaps a service principal with the external id %s", a.markOf(r)))
	}
	if s.Trust.PolicyID != "" {
		lines = append(lines, fmt.Sprintf("federation policy %s of the service principal %s", s.Trust.PolicyID, s.ServicePrincipal.ID))
	}
	for _, g := range s.Groups {
		line := fmt.Sprintf("membership of the group %s, id %s", g.Name, g.ID)
		if g.Created == "True" {
			line += ", which the operator made"
		}
		if g.Adopted == "True" {
			line += ", which was there before and carries the operator's mark"
		}
		lines = append(lines, line)
	}
	var grants []string
	for _, g := range append(slices.Clone(s.Grants), s.Applied...) {
		grants = append(grants, fmt.Sprintf("%s on %s %s", g.Privilege, g.Type, g.Name))
	}
	slices.Sort(grants)
	return r.Spec.WorkspaceRef.Name, append(lines, slices.Compact(grants)...)
}

// markOf is the external id of the service principal of a Role.
func (a adapter) markOf(r *v1alpha1.Role) string {
	if r.Spec.ServicePrincipal != nil {
		return a.adoptedMark(r)
	}
	return a.mark(r)
}
