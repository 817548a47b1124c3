// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package federationpolicy

import (
	"fmt"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// remaining is the policies in the record.
func (adapter) remaining(p *v1alpha1.FederationPolicy) (workspace string, lines []string) {
	for _, b := range p.Status.Applied {
		lines = append(lines, fmt.Sprintf("federation policy %s of the service principal %s, the Role %s, for the subject %s of %s", b.PolicyID, b.ServicePrincipalID, b.Role, b.Subject, p.Spec.Issuer))
	}
	return p.Spec.WorkspaceRef.Name, lines
}
