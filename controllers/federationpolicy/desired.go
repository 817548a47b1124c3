// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package federationpolicy

import (
	"fmt"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/trust"
)

// Desired is pure.
func (adapter) Desired(in input) (state, error) {
	if in.refused != nil {
		return state{}, in.refused
	}
	out := state{}
	for _, b := range in.bindings {
		out.Policies = append(out.Policies, policyOf(in.installation, in.policy, b))
	}
	out.sort()
	switch {
	case len(in.missing) > 0:
		out.Unfinished = fault.Waiting(v1alpha1.ReasonRoleNotFound, fmt.Errorf("%s", messages(in.missing)))
	case len(in.waiting) > 0:
		out.Unfinished = fault.Waiting(v1alpha1.ReasonRoleNotReady, fmt.Errorf("these Roles have no service principal yet: %s", strings.Join(in.waiting, ", ")))
	case len(in.excluded) > 0:
		out.Unfinished = fault.Denied(in.excluded[0].Reason, fmt.Errorf("%s", messages(in.excluded)))
	}
	return out, nil
}

// policyOf is the policy that a binding is to have.
func policyOf(installation string, p *v1alpha1.FederationPolicy, b access.Binding) policy {
	wire := admin.OIDCPolicy{
		Issuer: string(p.Spec.Issuer), Audiences: p.Spec.Audiences, Subject: b.Subject, SubjectClaim: string(p.Spec.Claims.Role),
	}
	if k := p.Spec.Keys; k != nil {
		wire.JWKSURI, wire.JWKSJSON = string(k.URI), k.Inline
	}
	return policy{Role: access.Key(b.Role), Subject: b.Subject, Policy: trust.Policy{
		PrincipalID: b.Role.Status.ServicePrincipal.ID, ID: trust.ID(installation, access.Key(p), access.Key(b.Role), b.Subject),
		Description: description(installation, p), Rules: trust.RulesOf(wire),
	}}
}

// description is the mark that our policies carry.
func description(installation string, p *v1alpha1.FederationPolicy) string {
	return trust.Description(installation, "federationpolicy", access.Key(p))
}
