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
	// waitingRequeue is how long to wait for a dependency if no watch speaks up.
	waitingRequeue = 5 * time.Minute
	// blockedRequeue is how long to wait for an administrator.
	blockedRequeue = 10 * time.Minute
	// leastRateLimit is how long to wait at least after a 429.
	leastRateLimit = 30 * time.Second
)

// situation is what the end of a pass is judged by.
type situation struct {
	management           Management
	deleting             bool
	plan                 string
	generation, observed int64
	conditions           []metav1.Condition
	resync               time.Duration
	jitter               float64
}

// verdict is what the end of a pass means.
type verdict struct {
	conditions *conditions.Set
	observed   int64
	result     reconcile.Result
	err        error
	notice     *notice
}

// notice is an event, written when its condition changed.
type notice struct{ condition, kind, reason, note string }

// judge is the one table of faults, and pure.
func judge(f *fault.Fault, s situation) verdict {
	v := verdict{conditions: conditions.From(s.conditions, s.generation), observed: s.observed}
	switch {
	case f == nil:
		v.converged(s)
	case s.deleting && f.Class == fault.ClassInvalid:
		// A deletion raises the generation once and brings no later one: keep trying.
		v.blocked(f)
		v.result, v.err = reconcile.Result{RequeueAfter: blockedRequeue}, nil
	default:
		v.failed(f, s)
	}
	return v
}

func (v *verdict) converged(s situation) {
	v.observed = s.generation
	v.conditions.Drop(v1alpha1.ConditionReconciling)
	v.conditions.Drop(v1alpha1.ConditionStalled)
	switch {
	case s.management.paused():
		note := capital(s.management.String()) + ": nothing is read or written"
		if s.deleting {
			note += ", and the deletion waits until it is another"
		}
		v.conditions.Put(v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonPaused, note)
		return
	case s.management.observeOnly() && s.plan != "":
		v.conditions.Put(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonObserveOnly, fmt.Sprintf("To do, but %s: %s", s.management, s.plan))
		v.conditions.Put(v1alpha1.ConditionSynced, metav1.ConditionFalse, v1alpha1.ReasonObserveOnly, s.plan)
		v.notice = &notice{v1alpha1.ConditionSynced, corev1.EventTypeNormal, v1alpha1.EventReasonPlanned, s.plan}
	default:
		v.conditions.Put(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady, "Everything declared is in place")
		v.conditions.Put(v1alpha1.ConditionSynced, metav1.ConditionTrue, v1alpha1.ReasonSynced, "Databricks agrees with the spec")
	}
	v.conditions.Put(v1alpha1.ConditionReferencesResolved, metav1.ConditionTrue, v1alpha1.ReasonResolved, "Everything that the spec names was found")
	// Between 0.9 and 1.1 of the interval, so that the looks of many objects spread out.
	v.result.RequeueAfter = time.Duration(float64(s.resync) * (0.9 + 0.2*s.jitter))
}

// capital makes the first letter of a sentence upper case.
func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func (v *verdict) failed(f *fault.Fault, s situation) {
	note := f.Error()
	switch f.Class {
	case fault.ClassWaiting:
		v.reconciling(f, metav1.ConditionFalse)
		v.conditions.Put(v1alpha1.ConditionReferencesResolved, metav1.ConditionFalse, f.Reason, note)
		v.notice = &notice{v1alpha1.ConditionReady, corev1.EventTypeNormal, f.Reason, note}
		v.result.RequeueAfter = waitingRequeue
	case fault.ClassProgressing:
		v.reconciling(f, metav1.ConditionFalse)
		v.conditions.Put(v1alpha1.ConditionReferencesResolved, metav1.ConditionTrue, v1alpha1.ReasonResolved, "Everything that the spec names was found")
		v.notice = &notice{v1alpha1.ConditionReady, corev1.EventTypeNormal, f.Reason, note}
		v.result.RequeueAfter = f.After
	case fault.ClassRateLimited:
		if ready := v.conditions.Get(v1alpha1.ConditionReady); ready == nil || ready.Status != metav1.ConditionTrue || ready.ObservedGeneration != s.generation {
			v.reconciling(f, metav1.ConditionFalse)
		}
		v.result.RequeueAfter = max(f.After, leastRateLimit)
	case fault.ClassDenied, fault.ClassConflict:
		v.blocked(f)
		v.resolved()
		v.observed = s.generation
		v.result.RequeueAfter = blockedRequeue
	case fault.ClassInvalid:
		v.blocked(f)
		v.resolved()
		v.observed = s.generation
		v.err = reconcile.TerminalError(f)
	case fault.ClassNotConverged:
		v.reconciling(f, metav1.ConditionFalse)
		v.conditions.Put(v1alpha1.ConditionSynced, metav1.ConditionFalse, f.Reason, note)
		v.notice = &notice{v1alpha1.ConditionReady, corev1.EventTypeWarning, f.Reason, note}
		v.err = f
	default:
		status := metav1.ConditionUnknown
		if f.Writing {
			status = metav1.ConditionFalse
			v.notice = &notice{v1alpha1.ConditionReady, corev1.EventTypeWarning, f.Reason, note}
		}
		v.reconciling(f, status)
		v.conditions.Put(v1alpha1.ConditionSynced, status, f.Reason, note)
		v.err = f
	}
}

func (v *verdict) reconciling(f *fault.Fault, ready metav1.ConditionStatus) {
	v.conditions.Drop(v1alpha1.ConditionStalled)
	v.conditions.Put(v1alpha1.ConditionReady, ready, f.Reason, f.Error())
	v.conditions.Put(v1alpha1.ConditionReconciling, metav1.ConditionTrue, f.Reason, f.Error())
}

// resolved drops an old message about what was missing: a pass that was refused got past
// it, or did not look.
func (v *verdict) resolved() {
	if c := v.conditions.Get(v1alpha1.ConditionReferencesResolved); c != nil && c.Status != metav1.ConditionTrue {
		v.conditions.Drop(v1alpha1.ConditionReferencesResolved)
	}
}

func (v *verdict) blocked(f *fault.Fault) {
	v.conditions.Drop(v1alpha1.ConditionReconciling)
	v.conditions.Put(v1alpha1.ConditionReady, metav1.ConditionFalse, f.Reason, f.Error())
	v.conditions.Put(v1alpha1.ConditionStalled, metav1.ConditionTrue, f.Reason, f.Error())
	v.notice = &notice{v1alpha1.ConditionReady, corev1.EventTypeWarning, f.Reason, f.Error()}
}
