// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/conditions"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// auxiliaryRequeue is how soon a pass follows one in which an Auxiliary failed.
const auxiliaryRequeue = time.Minute

// Auxiliary is a second adapter over the objects of a kind. It owns temporary resources
// outside the cluster, such as those that a check in the background needs, and reports
// what the checks found. I is what the kind's Adapter gathered, J what the Auxiliary
// gathers, S its external state. The loop drives it in the pass of the Adapter:
//
//	the Adapter's part         the Auxiliary's part
//	everything is in place     every step is applied
//	failed after Desired       only Delete steps are applied
//	Desired failed             plans towards nothing, if Begun
//	the object is deleted      plans towards nothing first, if Begun, whatever the deletion policy
//
// A failure of an Auxiliary is logged and retried within a minute. It changes neither Ready nor
// Synced, and it delays a deletion only where the deletion policy is Delete. Its steps are
// neither drift nor events.
type Auxiliary[O Object, I, J, S any] interface {
	// Gather reads the cluster. In is what the Adapter gathered in the same pass.
	Gather(ctx context.Context, obj O, in I) (J, error)
	// Desired is pure.
	Desired(in J) (S, error)
	// Observe reads the outside. The state that it returns with an error is used for Outlook.
	Observe(ctx context.Context, in J) (S, error)
	// Plan is pure. Delete steps come first.
	Plan(desired, observed S) (Plan[S], error)
	// Intend changes the status of obj so that it covers the step; the loop writes it before the step.
	Intend(obj O, have S, step Step[S])
	// Apply writes one step, without waiting for the check that the step begins.
	Apply(ctx context.Context, in J, have S, step Step[S]) (S, error)
	// Report is pure: it fills in status fields.
	Report(obj O, observed S)
	// Outlook is pure: what the pass adds to conditions, and when the next pass is due.
	Outlook(in J, have S) Outlook
	// Begun says whether obj may have temporary resources outside. It makes no call.
	Begun(obj O) bool
}

// Outlook is what an Auxiliary adds to the end of a pass.
type Outlook struct {
	// Conditions are set beside those of the loop. One that becomes False, or is False with
	// another reason than before, brings a Warning event.
	Conditions []metav1.Condition
	// Next is the time until the next pass, where that is sooner than the pass would have
	// it. Zero adds nothing.
	Next time.Duration
}

// Attach makes an Auxiliary part of a Kind.
func Attach[O Object, I, J, S any](a Auxiliary[O, I, J, S]) Attached[O, I] {
	return attached[O, I, J, S]{a}
}

// Attached is an Auxiliary without its own types. Attach makes one.
type Attached[O Object, I any] interface {
	Begun(obj O) bool
	drive(ctx context.Context, obj O, in I, s scope, record func(context.Context) error) (Outlook, error)
}

// scope says which steps of an Auxiliary a pass applies.
type scope int

const (
	// allSteps applies every step.
	allSteps scope = iota
	// deleteSteps applies Delete steps only.
	deleteSteps
	// removal plans towards the zero state.
	removal
)

type attached[O Object, I, J, S any] struct{ Auxiliary[O, I, J, S] }

// drive runs the Auxiliary over one object.
func (a attached[O, I, J, S]) drive(ctx context.Context, obj O, in I, s scope, record func(context.Context) error) (Outlook, error) {
	gathered, err := a.Gather(ctx, obj, in)
	if err != nil {
		return Outlook{}, fmt.Errorf("gather: %w", err)
	}
	var want S
	if s != removal {
		if want, err = a.Desired(gathered); err != nil {
			return Outlook{}, err
		}
	}
	have, err := a.Observe(ctx, gathered)
	if err != nil {
		return a.Outlook(gathered, have), fmt.Errorf("observe: %w", err)
	}
	plan, err := a.Plan(want, have)
	if err == nil {
		have, err = a.apply(ctx, obj, gathered, have, plan, s, record)
	}
	a.Report(obj, have)
	return a.Outlook(gathered, have), err
}

// apply records and applies the steps that the scope allows, and returns the state after them.
func (a attached[O, I, J, S]) apply(ctx context.Context, obj O, in J, have S, plan Plan[S], s scope, record func(context.Context) error) (S, error) {
	for _, step := range plan {
		if s == deleteSteps && step.Verb != Delete {
			continue
		}
		a.Intend(obj, have, step)
		if err := record(ctx); err != nil {
			return have, fmt.Errorf("record the intent to %s: %w", step, err)
		}
		log.FromContext(ctx).Info("Writing", "verb", step.Verb, "target", step.Target)
		var err error
		if have, err = a.Apply(ctx, in, have, step); err != nil {
			return have, fault.InWriting(string(step.Verb)+" "+step.Target, err)
		}
	}
	return have, nil
}

// assist drives the auxiliaries after the Adapter's part of a pass, which ended with an
// error or not.
func (p *pass[O, I, S]) assist(ctx context.Context, in I, s scope) {
	for _, a := range p.kind.Auxiliaries {
		if s == removal && !a.Begun(p.obj) {
			continue
		}
		out, err := a.drive(ctx, p.obj, in, s, p.patchStatus)
		if f := fault.Of(err); fault.Is(err, fault.ClassProgressing) {
			out.Next = earlier(out.Next, f.After)
		} else if err != nil {
			log.FromContext(ctx).Error(err, "Reconciling temporary resources")
			out.Next = earlier(out.Next, auxiliaryRequeue)
		}
		if s != removal {
			p.outlook.Conditions = append(p.outlook.Conditions, out.Conditions...)
		}
		p.outlook.Next = earlier(p.outlook.Next, out.Next)
	}
}

// assistRemoval removes what the auxiliaries of a deleted object have outside. It returns the
// error that the deletion has to wait for.
func (p *pass[O, I, S]) assistRemoval(ctx context.Context) error {
	for _, a := range p.kind.Auxiliaries {
		if !a.Begun(p.obj) {
			continue
		}
		in, err := p.kind.Adapter.Gather(ctx, p.obj)
		if err == nil {
			_, err = a.drive(ctx, p.obj, in, removal, p.patchStatus)
		}
		switch {
		case err == nil:
		case p.obj.GetDeletionPolicy() != "Orphan" || fault.Is(err, fault.ClassProgressing):
			return fmt.Errorf("remove temporary resources: %w", err)
		default:
			p.opts.Recorder.Eventf(p.obj, nil, corev1.EventTypeWarning, v1alpha1.EventReasonLeftBehind, "Delete", "%s",
				conditions.Short("Temporary resources stay in Databricks: "+err.Error()))
		}
	}
	return nil
}

// putOutlook adds what the auxiliaries reported to the conditions of a pass, with an event for each that
// newly is False.
func (p *pass[O, I, S]) putOutlook(list *conditions.Set, before O) {
	for _, c := range p.outlook.Conditions {
		list.Put(c.Type, c.Status, c.Reason, c.Message)
		if c.Status == metav1.ConditionFalse && !holds(before.GetConditions(), c) {
			p.opts.Recorder.Eventf(p.obj, nil, corev1.EventTypeWarning, c.Reason, "Verify", "%s", conditions.Short(c.Message))
		}
	}
}

// holds says whether a list has a condition of the type, status and reason of c.
func holds(list []metav1.Condition, c metav1.Condition) bool {
	for _, o := range list {
		if o.Type == c.Type {
			return o.Status == c.Status && o.Reason == c.Reason
		}
	}
	return false
}

// sooner moves the next pass forward to where the auxiliaries need it.
func (p *pass[O, I, S]) sooner(r reconcile.Result) reconcile.Result {
	r.RequeueAfter = earlier(r.RequeueAfter, p.outlook.Next)
	return r
}

// earlier returns the shorter of two times; zero is no time at all.
func earlier(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
