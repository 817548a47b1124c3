// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/governed"
)

// bound compares what the Role asks for with the Boundary.
func (in *input) bound(e access.Inventory, r *v1alpha1.Role) {
	for _, g := range r.Spec.MemberOf {
		in.memberOf = append(in.memberOf, string(g))
	}
	slices.Sort(in.memberOf)
	limits, denial := e.Limits(r.Namespace)
	if in.denial = denial; denial != nil {
		return
	}
	ask := boundary.Request{Workspace: r.Spec.WorkspaceRef.Name, MemberOf: in.memberOf, Scopes: in.needs.Scopes, ServicePrincipal: in.adopting.applicationID}
	for _, g := range in.needs.Grants {
		ask.Grants = append(ask.Grants, g.Grant)
	}
	in.violations = limits.Check(ask)
	if name := r.Spec.ServiceAccountName; name != "" && !limits.Hosting() {
		in.violations = append(in.violations, fmt.Sprintf("asks for tokens of the ServiceAccount %s to count as it; the Boundary %s must have `hosting` Allowed for that", name, limits.Name))
	}
	for _, g := range in.memberOf {
		if limits.Create(g) {
			in.mayCreate = append(in.mayCreate, g)
		}
	}
}

// refusal says why the Boundary does not allow what the Role asks for; nil means it does.
func (in input) refusal() error {
	switch {
	case in.denial != nil:
		return governed.Denied(in.denial)
	case len(in.violations) > 0:
		return fault.Denied(v1alpha1.ReasonOutsideBoundary, fmt.Errorf("the Role %s", strings.Join(in.violations, "; and ")))
	}
	return nil
}

// confine says whether there is something to take away from a Role that asks for more
// than it may, and if so makes it want nothing: a Boundary shrank, or is gone. A
// Boundary that has not registered the namespace yet revokes nothing.
func (in *input) confine() bool {
	pending := in.denial != nil && in.denial.Reason == v1alpha1.ReasonPending
	in.confined = !pending && (*in.known != "" || in.intent != "" || len(in.groups)+len(in.applied) > 0)
	if in.confined {
		in.needs, in.memberOf = access.Needs{}, nil
	}
	return in.confined
}

// refused are the tools that a ToolAccess opens to the Role and its Boundary does not.
func refused(r *v1alpha1.Role, all []access.Refusal) []string {
	var out []string
	for _, f := range all {
		if f.Role == access.Key(r) && f.Reason == v1alpha1.ReasonOutsideBoundary {
			out = append(out, f.Message)
		}
	}
	return out
}
