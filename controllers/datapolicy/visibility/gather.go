// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package visibility

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/datapolicy"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/roleprobe"
)

// Databricks is what visibility needs of it.
type Databricks interface {
	roleprobe.Client
	GroupID(ctx context.Context, displayName string) (string, error)
	AssignedPrincipals(ctx context.Context) (map[string]bool, error)
}

// Adapter is the part of the loop of DataPolicies that this package supplies.
type Adapter struct {
	reader client.Reader
	prober *roleprobe.Prober
}

// New makes the Adapter. The reader reads Roles.
func New(reader client.Reader, prober *roleprobe.Prober) Adapter {
	return Adapter{reader: reader, prober: prober}
}

// Scope is what the DataPolicy's own adapter gathered.
type Scope struct {
	// Client is signed in to the workspace; nil where there is nothing to do.
	Client Databricks
	// Dormant says that the policy is refused or on its way out: nothing is checked.
	Dormant bool
	// ObserveOnly says that nothing may be written.
	ObserveOnly bool
}

// Input is what one pass decides from.
type Input struct {
	Scope
	policy *v1alpha1.DataPolicy
	groups []string
	// run is the last run of probes for the policy.
	run roleprobe.Snapshot
	// assessment is what the Roles that were checked say of the groups.
	assessment assessment
}

// Gather reads the Roles, and what this process remembers of probes.
func (a Adapter) Gather(ctx context.Context, p *v1alpha1.DataPolicy, s Scope) (Input, error) {
	in := Input{Scope: s, policy: p.DeepCopy(), run: a.prober.Run(p)}
	if s.Dormant {
		return in, nil
	}
	var roles v1alpha1.RoleList
	if err := a.reader.List(ctx, &roles, client.UnsafeDisableDeepCopy); err != nil {
		return in, fmt.Errorf("list the Roles: %w", err)
	}
	in.groups = datapolicy.Groups(p.Spec)
	list := candidates(p, in.groups, roles.Items)
	probes := make([]roleprobe.Probe, 0, len(list))
	checks := map[string]string{}
	for _, c := range list {
		probe := c.Probe
		for _, g := range c.Groups {
			check, err := datapolicy.Membership(p.Spec.Groups, g)
			if err != nil {
				return in, fault.Invalid(v1alpha1.ReasonInvalid, err)
			}
			checks[g] = check
			probe.Checks = append(probe.Checks, check)
		}
		probes = append(probes, probe)
	}
	in.assessment = assess(p, list, checks, a.blocked(s), a.prober.Results(probes), a.prober.Now())
	return in, nil
}

// blocked says why no probe may run, or nothing.
func (a Adapter) blocked(s Scope) *fault.Fault {
	if s.ObserveOnly {
		return fault.Of(fault.Denied(v1alpha1.ReasonObserveOnly, fmt.Errorf("the management policy is ObserveOnly, and a check needs a temporary federation policy")))
	}
	return fault.Of(a.prober.Usable())
}

// Begun says whether temporary federation policies may exist.
func (a Adapter) Begun(p *v1alpha1.DataPolicy) bool {
	return len(p.Status.Probes) > 0 || a.prober.Run(p).Running
}
