// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package federationpolicy

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/estate"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/trust"
)

// Databricks is what a FederationPolicy needs of it.
type Databricks interface {
	trust.Client
	// RecentPolicy is Policy by an answer that is at most so old.
	RecentPolicy(ctx context.Context, age time.Duration, principalID, id string) (*admin.FederationPolicy, error)
}

// connector signs in to a workspace.
type connector interface {
	Named(ctx context.Context, name string) (*v1alpha1.Workspace, Databricks, error)
}

// adapter is the FederationPolicy's part of the loop.
type adapter struct {
	reader       client.Reader
	connect      connector
	installation string
	looked       *looked
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
	resync            time.Duration
}

// Above is the policy of the Workspace.
func (a adapter) Above(ctx context.Context, p *v1alpha1.FederationPolicy) (external.Management, error) {
	return external.WorkspaceManagement(ctx, a.reader, p.Spec.WorkspaceRef.Name)
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
	ws, c, err := a.connect.Named(ctx, p.Spec.WorkspaceRef.Name)
	if err != nil {
		if in.deleting && fault.Is(err, fault.ClassWaiting) {
			err = fmt.Errorf("%w: what this policy has in Databricks cannot be removed; set `deletionPolicy` to Orphan to leave it there", err)
		}
		return in, err
	}
	in.client, in.resync = c, time.Duration(ws.Spec.ResyncIntervalSeconds)*time.Second
	return in, nil
}

// decide says which Roles the policy covers.
func (in *input) decide(e access.Estate) {
	p := in.policy
	limits, denial := e.Limits(p.Namespace)
	switch {
	case denial != nil:
		in.refused = fault.Of(fault.Denied(denial.Reason, fmt.Errorf("%s", denial.Message)))
		return
	case !limits.Workspace(p.Spec.WorkspaceRef.Name):
		in.refused = fault.Of(fault.Denied(v1alpha1.ReasonOutsideBoundary, fmt.Errorf("the policy asks for the Workspace %s, which the Boundary %s does not allow", p.Spec.WorkspaceRef.Name, limits.Name)))
		return
	case !limits.Issuer(string(p.Spec.Issuer)):
		in.refused = fault.Of(fault.Denied(v1alpha1.ReasonOutsideBoundary, fmt.Errorf("the policy asks for the issuer %s; allowed: %s", p.Spec.Issuer, limits.Issuers())))
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

// Conditions say whether Boundaries allow what the policy means.
func (adapter) Conditions(in input) []metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionWithinBoundary, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAllowed, Message: "The Boundaries allow what is asked for"}
	switch {
	case in.refused != nil:
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, in.refused.Reason, in.refused.Error()
	case len(in.excluded) > 0:
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, in.excluded[0].Reason, messages(in.excluded)
	}
	return []metav1.Condition{c}
}

func messages(list []access.Refusal) string {
	out := make([]string, len(list))
	for i, r := range list {
		out[i] = r.Message
	}
	return strings.Join(out, "; ")
}

// Resync is the workspace's.
func (adapter) Resync(in input) time.Duration { return in.resync }

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

// Observe reads the policies that are wanted or recorded, by their ids.
func (a adapter) Observe(ctx context.Context, in input) (state, error) {
	out := state{}
	if in.client == nil {
		return out, nil
	}
	wanted := map[key]policy{}
	for _, b := range in.bindings {
		p := policyOf(in.installation, in.policy, b)
		wanted[p.key()] = p
		out.Wanted = append(out.Wanted, p.record())
	}
	for _, b := range in.applied {
		k := keyOf(b)
		if _, ok := wanted[k]; !ok && b.PolicyID != "" {
			wanted[k] = policy{Role: b.Role, Subject: b.Subject}
		}
	}
	found, err := a.read(ctx, in, wanted)
	if err != nil {
		return state{}, err
	}
	out.Policies = found
	out.sort()
	return out, nil
}

// Plan is pure.
func (adapter) Plan(want, have state) (external.Plan[state], error) { return planned(want, have) }

// Apply writes one step.
func (adapter) Apply(ctx context.Context, in input, have state, s external.Step[state]) (state, error) {
	p := s.Want.Policies[0]
	if err := trust.Apply(ctx, in.client, s.Verb, p.Policy); err != nil {
		return have, err
	}
	have.Policies = slices.DeleteFunc(slices.Clone(have.Policies), func(o policy) bool { return o.key() == p.key() })
	if s.Verb != external.Delete {
		have.Policies = append(have.Policies, p)
		have.sort()
	}
	return have, nil
}

// ChangedBy says when a policy was changed last: Databricks does not tell by whom.
func (adapter) ChangedBy(have state, s external.Step[state]) (who string, at time.Time) {
	if h := have.find(s.Want.Policies[0].key()); h != nil {
		at = h.UpdatedAt
	}
	return "", at
}

// Intend records a policy before it is created, and with it all others that are wanted:
// one write instead of one for each Role.
func (adapter) Intend(p *v1alpha1.FederationPolicy, have state, s external.Step[state]) {
	if s.Verb != external.Create || slices.Contains(p.Status.Applied, s.Want.Policies[0].record()) {
		return
	}
	p.Status.Applied = merged(p.Status.Applied, append(slices.Clone(have.Wanted), s.Want.Policies[0].record())...)
}

// Report fills in the status from what was observed.
func (adapter) Report(p *v1alpha1.FederationPolicy, have state) {
	p.Status.Roles = nil
	recorded := p.Status.Applied
	p.Status.Applied = nil
	for _, o := range have.Policies {
		if !o.Foreign {
			p.Status.Roles = append(p.Status.Roles, o.record())
			p.Status.Applied = append(p.Status.Applied, o.record())
		}
	}
	// A record of what is still wanted stays: the answer to its create may have been lost.
	wanted := map[key]bool{}
	for _, w := range have.Wanted {
		wanted[keyOf(w)] = true
	}
	recorded = slices.DeleteFunc(slices.Clone(recorded), func(r v1alpha1.BoundRole) bool { return !wanted[keyOf(r)] })
	p.Status.Applied = merged(p.Status.Applied, recorded...)
	slices.SortFunc(p.Status.Roles, func(a, b v1alpha1.BoundRole) int { return strings.Compare(a.Role, b.Role) })
}

// merged adds records; each replaces the one of the same policy.
func merged(list []v1alpha1.BoundRole, more ...v1alpha1.BoundRole) []v1alpha1.BoundRole {
	of := map[key]v1alpha1.BoundRole{}
	for _, r := range slices.Concat(list, more) {
		of[keyOf(r)] = r
	}
	return slices.SortedFunc(maps.Values(of), func(a, b v1alpha1.BoundRole) int {
		return cmp.Or(strings.Compare(a.Role, b.Role), strings.Compare(a.ServicePrincipalID, b.ServicePrincipalID), strings.Compare(a.PolicyID, b.PolicyID))
	})
}
