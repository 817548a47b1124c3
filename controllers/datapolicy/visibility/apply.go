// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package visibility

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// stopInterval is how soon to look whether a stopped run has ended.
const stopInterval = time.Second

// Intend records the policies of probes before the probes start.
func (a Adapter) Intend(p *v1alpha1.DataPolicy, _ State, s external.Step[State]) {
	if s.Verb == external.Create {
		id, _ := a.prober.PolicyOf(p)
		p.Status.Probes = records(s.Want.Due, id)
	}
}

// Apply deletes a policy, or starts or stops a run. It does not wait for a run.
func (a Adapter) Apply(ctx context.Context, in Input, have State, s external.Step[State]) (State, error) {
	switch {
	case s.Want.Running:
		a.prober.Stop(in.policy)
		return have, fault.Progressing(v1alpha1.ReasonPending, stopInterval, errors.New("a query as a Role is being cancelled, and its temporary federation policy removed"))
	case s.Verb == external.Create:
		id, _ := a.prober.PolicyOf(in.policy)
		a.prober.Start(ctx, in.Client, in.policy, s.Want.Due)
		have.Running, have.Policies = true, records(s.Want.Due, id)
		return have, nil
	}
	p := s.Want.Policies[0]
	if err := in.Client.DeletePolicy(ctx, p.PrincipalID, p.PolicyID); err != nil {
		return have, err
	}
	have.Policies = slices.DeleteFunc(slices.Clone(have.Policies), func(o v1alpha1.ProbePolicy) bool { return o == p })
	return have, nil
}
