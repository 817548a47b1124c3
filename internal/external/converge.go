// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// converge leads to what the object declares.
func (p *pass[O, I, S]) converge(ctx context.Context) error {
	in, err := p.kind.Adapter.Gather(ctx, p.obj)
	if err != nil {
		return fmt.Errorf("gather: %w", err)
	}
	p.in = &in
	want, err := p.kind.Adapter.Desired(in)
	if err != nil {
		p.assist(ctx, in, removal)
		return err
	}
	err = p.unlessSteady(ctx, in, want, func() error { return p.drive(ctx, in, want) })
	if err != nil || p.management.observeOnly() {
		p.assist(ctx, in, deleteSteps)
	} else {
		p.assist(ctx, in, allSteps)
	}
	return err
}

// remove plans towards nothing and then lets the object go.
func (p *pass[O, I, S]) remove(ctx context.Context) error {
	p.steady.forget(p.obj)
	if err := p.assistRemoval(ctx); err != nil {
		return err
	}
	if p.obj.GetDeletionPolicy() == "Orphan" || p.management.observeOnly() {
		if err := p.orphan(ctx); err != nil {
			return err
		}
	} else {
		in, err := p.kind.Adapter.Gather(ctx, p.obj)
		if err != nil {
			return fmt.Errorf("gather: %w", err)
		}
		var nothing S
		if err := p.drive(ctx, in, nothing); err != nil {
			return err
		}
	}
	before, ok := p.obj.DeepCopyObject().(O)
	if !ok {
		return fmt.Errorf("copy %T", p.obj)
	}
	controllerutil.RemoveFinalizer(p.obj, Finalizer)
	if err := p.opts.Client.Patch(ctx, p.obj, client.MergeFromWithOptions(client.Object(before), client.MergeFromWithOptimisticLock{})); ignoreGone(err) != nil {
		return fmt.Errorf("release the finalizer: %w", err)
	}
	p.removed = true
	p.synced.forget(p.obj.GetUID())
	return nil
}

// drive observes, plans and applies the plan.
func (p *pass[O, I, S]) drive(ctx context.Context, in I, want S) error {
	have, plan, err := p.observe(ctx, in, want)
	if err != nil {
		if !errors.Is(err, errNotObserved) {
			p.kind.Adapter.Report(p.obj, have)
		}
		return err
	}
	if len(plan) == 0 {
		p.kind.Adapter.Report(p.obj, have)
		p.recordInSync(want, false)
		return nil
	}
	p.reportDrift(want, have, plan)
	if p.management.observeOnly() {
		p.plan = plan
		p.kind.Adapter.Report(p.obj, have)
		return nil
	}
	return p.applyUntilConverged(ctx, in, want, have, plan)
}

// mostRounds bounds how often a pass goes on with what its own writes, or others
// meanwhile, gave it to do.
const mostRounds = 4

// applyUntilConverged applies the steps of a plan and observes again. A remaining step is
// either new, such as a group that became empty or a pod that came, and is applied too, or
// it was applied already without effect.
func (p *pass[O, I, S]) applyUntilConverged(ctx context.Context, in I, want, have S, plan Plan[S]) error {
	applied := map[string]bool{}
	for range mostRounds {
		for _, step := range plan {
			var err error
			if have, err = p.applyStep(ctx, in, have, step); err != nil {
				p.kind.Adapter.Report(p.obj, have) // what earlier steps learned is kept
				return err
			}
			applied[step.name()] = true
		}
		var err error
		if in, err = p.gatherAgain(ctx, in); err != nil {
			p.kind.Adapter.Report(p.obj, have)
			return err
		}
		observed, remaining, err := p.observe(ctx, in, want)
		if errors.Is(err, errNotObserved) {
			p.kind.Adapter.Report(p.obj, have)
			return err
		}
		p.kind.Adapter.Report(p.obj, observed)
		switch {
		case err != nil:
			return err
		case len(remaining) == 0:
			p.recordInSync(want, true)
			return nil
		}
		have, plan = observed, remaining
		if slices.ContainsFunc(remaining, func(s Step[S]) bool { return applied[s.name()] }) {
			break
		}
	}
	return fault.NotConverged(fmt.Errorf("after writing there is still to do: %s", plan))
}

func (p *pass[O, I, S]) gatherAgain(ctx context.Context, in I) (I, error) {
	if p.kind.GatherAgain == nil {
		return in, nil
	}
	in, err := p.kind.GatherAgain(ctx, p.obj, in)
	if err != nil {
		return in, fmt.Errorf("gather: %w", err)
	}
	return in, nil
}

// observe reads the outside and plans.
func (p *pass[O, I, S]) observe(ctx context.Context, in I, want S) (S, Plan[S], error) {
	p.observedAt = p.opts.Now()
	have, err := p.kind.Adapter.Observe(ctx, in)
	if err != nil {
		return have, nil, &notObserved{fmt.Errorf("observe: %w", err)}
	}
	plan, err := p.kind.Adapter.Plan(want, have)
	return have, plan, err
}

// errNotObserved marks that the outside could not be observed, as opposed to a plan
// that cannot be made of what was.
var errNotObserved = errors.New("not observed")

type notObserved struct{ error }

func (e *notObserved) Unwrap() error        { return e.error }
func (e *notObserved) Is(target error) bool { return target == errNotObserved }
