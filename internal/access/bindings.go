// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// Binding is a Role that a FederationPolicy trusts an identity provider for.
type Binding struct {
	Role *v1alpha1.Role
	// Subject is the value of the role claim that stands for the Role.
	Subject string
}

// Bindings returns the Roles that a policy covers, sorted, and those it means to
// cover but may not. A Role of another namespace needs the consent of its own
// Boundary, and its claim value is fixed, so that no tenant can take another's. The
// issuer alone is no consent: a policy brings the keys that it is believed by, so that
// the Boundary must also allow a server of the policy's namespace.
func (e Estate) Bindings(p *v1alpha1.FederationPolicy) ([]Binding, []Refusal) {
	var out []Binding
	var refusals []Refusal
	add := func(r *v1alpha1.Role, subject string) {
		if refusal := e.refuseBinding(p, r); refusal != nil {
			refusals = append(refusals, *refusal)
			return
		}
		out = append(out, Binding{r, subject})
	}
	for _, named := range p.Spec.Roles {
		r := e.role(p.Namespace, named.Name)
		switch {
		case r == nil:
			refusals = append(refusals, Refusal{p.Namespace + "/" + named.Name, v1alpha1.ReasonRoleNotFound,
				fmt.Sprintf("the Role %s/%s does not exist", p.Namespace, named.Name)})
		case ofServer(r):
			refusals = append(refusals, Refusal{Key(r), v1alpha1.ReasonInvalid,
				fmt.Sprintf("the Role %s is an MCPServer's own, for which no identity provider speaks", Key(r))})
		case r.DeletionTimestamp.IsZero():
			add(r, named.Subject)
		}
	}
	for i := range e.Roles {
		r := &e.Roles[i]
		if r.DeletionTimestamp.IsZero() && !ofServer(r) && e.SelectsNamespace(p, r.Namespace) {
			add(r, Key(r))
		}
	}
	slices.SortFunc(out, func(a, b Binding) int {
		return cmp.Or(cmp.Compare(Key(a.Role), Key(b.Role)), cmp.Compare(a.Subject, b.Subject))
	})
	return out, unique(refusals)
}

// SelectsNamespace says whether a FederationPolicy means the Roles of a namespace by its labels.
func (e Estate) SelectsNamespace(p *v1alpha1.FederationPolicy, namespace string) bool {
	return e.namespaceMatches(p.Spec.NamespaceSelector, namespace)
}

func (e Estate) refuseBinding(p *v1alpha1.FederationPolicy, r *v1alpha1.Role) *Refusal {
	if r.Spec.WorkspaceRef.Name != p.Spec.WorkspaceRef.Name {
		return &Refusal{Key(r), v1alpha1.ReasonInvalid, fmt.Sprintf("the policy is for the Workspace %s and the Role %s lives in %s",
			p.Spec.WorkspaceRef.Name, Key(r), r.Spec.WorkspaceRef.Name)}
	}
	limits, denial := e.Limits(r.Namespace)
	switch {
	case denial != nil:
		return &Refusal{Key(r), denial.Reason, denial.Message}
	case !limits.Issuer(string(p.Spec.Issuer)):
		return &Refusal{Key(r), v1alpha1.ReasonOutsideBoundary, fmt.Sprintf("the Boundary %s does not allow the issuer %s for the Role %s; allowed: %s",
			limits.Name, p.Spec.Issuer, Key(r), limits.Issuers())}
	case p.Namespace != r.Namespace && !limits.ServersOf(p.Namespace):
		return &Refusal{Key(r), v1alpha1.ReasonOutsideBoundary, fmt.Sprintf(
			"the Boundary %s allows no server of the namespace %s, whose FederationPolicy would say who is the Role %s: list one under `servers`",
			limits.Name, p.Namespace, Key(r))}
	}
	return nil
}

func (e Estate) role(namespace, name string) *v1alpha1.Role {
	for i := range e.Roles {
		if e.Roles[i].Namespace == namespace && e.Roles[i].Name == name {
			return &e.Roles[i]
		}
	}
	return nil
}
