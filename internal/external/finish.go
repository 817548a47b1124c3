// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/internal/conditions"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// finish turns the end of a pass into conditions, events, one status write and
// the time of the next pass.
func (p *pass[O, I, S]) finish(ctx context.Context, before O, err error) (reconcile.Result, error) {
	if p.removed {
		return reconcile.Result{}, nil
	}
	f := fault.Of(err)
	end := decide(f, situation{
		management: p.management,
		plan:       p.plan.String(), deleting: !p.obj.GetDeletionTimestamp().IsZero(),
		generation: p.obj.GetGeneration(), observed: p.obj.GetObservedGeneration(),
		conditions: p.obj.GetConditions(), resync: p.resync(), jitter: p.opts.Jitter(),
	})
	if p.kind.Conditions != nil && p.in != nil {
		for _, c := range p.kind.Conditions(*p.in) {
			end.conditions.Put(c.Type, c.Status, c.Reason, c.Message)
		}
	}
	p.putOutlook(end.conditions, before)
	p.reportPlan(f)
	p.obj.SetConditions(end.conditions.List())
	p.obj.SetObservedGeneration(end.observed)
	if f != nil {
		faults.WithLabelValues(p.kind.Name, string(f.Class), f.Reason).Inc()
	}
	if e := end.event; e != nil && transitioned(before.GetConditions(), end.conditions.Get(e.condition)) {
		p.opts.Recorder.Eventf(p.obj, nil, e.kind, e.reason, "Reconcile", "%s", conditions.Short(e.note))
	}
	if patchErr := ignoreGone(p.patchStatus(ctx)); patchErr != nil {
		// Alone: joined to a terminal error it would not be tried again.
		return reconcile.Result{}, fmt.Errorf("write the status: %w", patchErr)
	}
	if end.err != nil {
		return end.result, end.err
	}
	return p.sooner(end.result), nil
}

func (p *pass[O, I, S]) resync() time.Duration {
	if p.kind.Resync != nil && p.in != nil {
		if d := p.kind.Resync(*p.in); d > 0 {
			return d
		}
	}
	return p.opts.Resync
}

// transitioned says whether a condition is news.
func transitioned(before []metav1.Condition, now *metav1.Condition) bool {
	if now == nil {
		return false
	}
	for _, c := range before {
		if c.Type == now.Type {
			return c.Status != now.Status || c.Reason != now.Reason || c.Message != now.Message
		}
	}
	return true
}
