// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package federationpolicy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/estate"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/governed"
)

// adapter is the FederationPolicy's part of the loop.
type adapter struct {
	reader       client.Reader
	connect      governed.Connector[Databricks]
	installation string
	observed     *observed
}

// input is what one pass decides from.
type input struct {
	client       Databricks
	installation string
	policy       *v1alpha1.FederationPolicy
	deleting     bool
	// refused says why the namespace of the policy may not trust the issuer.
	refused *fault.Fault
	// bindings are the Roles with a service principal; waiting are those without one yet.
	bindings []access.Binding
	waiting  []string
	// missing and excluded are Roles that the policy means and that do not exist, or may not be covered.
	missing, excluded []access.Refusal
	applied           []v1alpha1.BoundRole
	// resync is the Workspace's.
	resync time.Duration
}

func (a adapter) Gather(ctx context.Context, p *v1alpha1.FederationPolicy) (input, error) {
	in := input{installation: a.installation, policy: p.DeepCopy(), deleting: !p.DeletionTimestamp.IsZero(), applied: slices.Clone(p.Status.Applied)}
	if !in.deleting {
		e, err := estate.Load(ctx, a.reader)
		if err != nil {
			return in, err
		}
		if in.decide(e); in.refused != nil {
			return in, nil //nolint:nilerr // Desired says it
		}
	} else if len(in.applied) == 0 {
		return in, nil // nothing was ever begun
	}
	ws, err := a.connect.Named(ctx, p.Spec.WorkspaceRef.Name)
	if err != nil {
		return in, governed.CannotBeRemoved(p, "this policy has in Databricks", err)
	}
	in.client, in.resync = ws.Client, ws.Resync()
	return in, nil
}

// decide says which Roles the policy covers.
func (in *input) decide(e access.Estate) {
	p := in.policy
	limits, denial := e.Limits(p.Namespace)
	switch {
	case denial != nil:
		in.refused = governed.Denied(denial)
		return
	case !limits.Workspace(p.Spec.WorkspaceRef.Name):
		in.refused = governed.Outside(v1alpha1.ReasonOutsideBoundary, fmt.Sprintf("the policy asks for the Workspace %s, which the Boundary %s does not allow", p.Spec.WorkspaceRef.Name, limits.Name))
		return
	case !limits.Issuer(string(p.Spec.Issuer)):
		in.refused = governed.Outside(v1alpha1.ReasonOutsideBoundary, fmt.Sprintf("the policy asks for the issuer %s; allowed: %s", p.Spec.Issuer, limits.Issuers()))
		return
	}
	bindings, refusals := e.Bindings(p)
	for _, b := range bindings {
		if b.Role.Status.ServicePrincipal.ID == "" {
			in.waiting = append(in.waiting, access.Key(b.Role))
			continue
		}
		in.bindings = append(in.bindings, b)
	}
	for _, r := range refusals {
		if r.Reason == v1alpha1.ReasonRoleNotFound {
			in.missing = append(in.missing, r)
			continue
		}
		in.excluded = append(in.excluded, r)
	}
}

func messages(list []access.Refusal) string {
	out := make([]string, len(list))
	for i, r := range list {
		out[i] = r.Message
	}
	return strings.Join(out, "; ")
}
