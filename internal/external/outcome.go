// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/conditions"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

const (
	// waitingRequeue is how long to wait for a dependency if no watch reports it.
	waitingRequeue = 5 * time.Minute
	// blockedRequeue is how long to wait for an administrator.
	blockedRequeue = 10 * time.Minute
	// leastRateLimit is how long to wait at least after a 429.
	leastRateLimit = 30 * time.Second
)

// situation is what the outcome of a pass is decided from.
type situation struct {
	management           Management
	deleting             bool
	plan                 string
	generation, observed int64
	conditions           []metav1.Condition
	resync               time.Duration
	jitter               float64
}

// outcome is what the end of a pass means.
type outcome struct {
	conditions *conditions.Set
	observed   int64
	result     reconcile.Result
	err        error
	event      *conditionEvent
}

// conditionEvent is an event, emitted when its condition changed.
type conditionEvent struct{ condition, kind, reason, note string }

// decide is the one table of faults, and pure.
func decide(f *fault.Fault, s situation) outcome {
	o := outcome{conditions: conditions.From(s.conditions, s.generation), observed: s.observed}
	switch {
	case f == nil:
		o.converged(s)
	case s.deleting && f.Class == fault.ClassInvalid:
		// A deletion raises the generation once and brings no later one: keep trying.
		o.blocked(f)
		o.result, o.err = reconcile.Result{RequeueAfter: blockedRequeue}, nil
	default:
		o.failed(f, s)
	}
	return o
}

func (o *outcome) converged(s situation) {
	o.observed = s.generation
	o.conditions.Drop(v1alpha1.ConditionReconciling)
	o.conditions.Drop(v1alpha1.ConditionStalled)
	switch {
	case s.management.paused():
		note := capital(s.management.String()) + ": nothing is read or written"
		if s.deleting {
			note += ", and the deletion waits until it is another"
		}
		o.conditions.Put(v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonPaused, note)
		return
	case s.management.observeOnly() && s.plan != "":
		o.conditions.Put(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonObserveOnly, fmt.Sprintf("To do, but %s: %s", s.management, s.plan))
		o.conditions.Put(v1alpha1.ConditionSynced, metav1.ConditionFalse, v1alpha1.ReasonObserveOnly, s.plan)
		o.event = &conditionEvent{v1alpha1.ConditionSynced, corev1.EventTypeNormal, v1alpha1.EventReasonPlanned, s.plan}
	default:
		o.conditions.Put(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady, "Everything declared is in place")
		o.conditions.Put(v1alpha1.ConditionSynced, metav1.ConditionTrue, v1alpha1.ReasonSynced, "Databricks agrees with the spec")
	}
	o.conditions.Put(v1alpha1.ConditionReferencesResolved, metav1.ConditionTrue, v1alpha1.ReasonResolved, "Everything that the spec names was found")
	// Between 0.9 and 1.1 of the interval, which spreads the passes of many objects.
	o.result.RequeueAfter = time.Duration(float64(s.resync) * (0.9 + 0.2*s.jitter))
}

// capital makes the first letter of a sentence upper case.
func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func (o *outcome) failed(f *fault.Fault, s situation) {
	note := f.Error()
	switch f.Class {
	case fault.ClassWaiting:
		o.reconciling(f, metav1.ConditionFalse)
		o.conditions.Put(v1alpha1.ConditionReferencesResolved, metav1.ConditionFalse, f.Reason, note)
		o.event = &conditionEvent{v1alpha1.ConditionReady, corev1.EventTypeNormal, f.Reason, note}
		o.result.RequeueAfter = waitingRequeue
	case fault.ClassProgressing:
		o.reconciling(f, metav1.ConditionFalse)
		o.conditions.Put(v1alpha1.ConditionReferencesResolved, metav1.ConditionTrue, v1alpha1.ReasonResolved, "Everything that the spec names was found")
		o.event = &conditionEvent{v1alpha1.ConditionReady, corev1.EventTypeNormal, f.Reason, note}
		o.result.RequeueAfter = f.After
	case fault.ClassRateLimited:
		if ready := o.conditions.Get(v1alpha1.ConditionReady); ready == nil || ready.Status != metav1.ConditionTrue || ready.ObservedGeneration != s.generation {
			o.reconciling(f, metav1.ConditionFalse)
		}
		o.result.RequeueAfter = max(f.After, leastRateLimit)
	case fault.ClassDenied, fault.ClassConflict:
		o.blocked(f)
		o.resolved()
		o.observed = s.generation
		o.result.RequeueAfter = blockedRequeue
	case fault.ClassInvalid:
		o.blocked(f)
		o.resolved()
		o.observed = s.generation
		o.err = reconcile.TerminalError(f)
	case fault.ClassNotConverged:
		o.reconciling(f, metav1.ConditionFalse)
		o.conditions.Put(v1alpha1.ConditionSynced, metav1.ConditionFalse, f.Reason, note)
		o.event = &conditionEvent{v1alpha1.ConditionReady, corev1.EventTypeWarning, f.Reason, note}
		o.err = f
	default:
		status := metav1.ConditionUnknown
		if f.Writing {
			status = metav1.ConditionFalse
			o.event = &conditionEvent{v1alpha1.ConditionReady, corev1.EventTypeWarning, f.Reason, note}
		}
		o.reconciling(f, status)
		o.conditions.Put(v1alpha1.ConditionSynced, status, f.Reason, note)
		o.err = f
	}
}

func (o *outcome) reconciling(f *fault.Fault, ready metav1.ConditionStatus) {
	o.conditions.Drop(v1alpha1.ConditionStalled)
	o.conditions.Put(v1alpha1.ConditionReady, ready, f.Reason, f.Error())
	o.conditions.Put(v1alpha1.ConditionReconciling, metav1.ConditionTrue, f.Reason, f.Error())
}

// resolved drops an old message about what was missing: a pass that was refused got past
// it, or did not check.
func (o *outcome) resolved() {
	if c := o.conditions.Get(v1alpha1.ConditionReferencesResolved); c != nil && c.Status != metav1.ConditionTrue {
		o.conditions.Drop(v1alpha1.ConditionReferencesResolved)
	}
}

func (o *outcome) blocked(f *fault.Fault) {
	o.conditions.Drop(v1alpha1.ConditionReconciling)
	o.conditions.Put(v1alpha1.ConditionReady, metav1.ConditionFalse, f.Reason, f.Error())
	o.conditions.Put(v1alpha1.ConditionStalled, metav1.ConditionTrue, f.Reason, f.Error())
	o.event = &conditionEvent{v1alpha1.ConditionReady, corev1.EventTypeWarning, f.Reason, f.Error()}
}
