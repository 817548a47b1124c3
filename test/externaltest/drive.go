// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package externaltest

import (
	"context"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/conditions"
)

// Pass makes one pass by an operator that has just started.
func (w *World[O]) Pass(ctx context.Context, o O) error { return w.Start()(ctx, o) }

// Find reads an object; nil when it is gone.
func (w *World[O]) Find(namespace, name string) O {
	w.T.Helper()
	o, _ := w.find(namespace, name)
	return o
}

func (w *World[O]) find(namespace, name string) (o O, found bool) {
	w.T.Helper()
	read := w.empty()
	err := w.Kube.Get(w.T.Context(), client.ObjectKey{Namespace: namespace, Name: name}, read)
	if apierrors.IsNotFound(err) {
		return o, false
	}
	if err != nil {
		w.T.Fatal(err)
	}
	return read, true
}

// Get reads an object of the kind's namespace; nil when it is gone.
func (w *World[O]) Get(name string) O { w.T.Helper(); return w.Find(w.Namespace, name) }

// Settle makes passes until the object is Ready for its generation, and returns it; nil
// when it is gone.
func (w *World[O]) Settle(name string) (settled O) {
	w.T.Helper()
	operator := w.Start()
	var last error
	for i := range w.Passes {
		if w.Restart && i > 0 {
			operator = w.Start()
		}
		o, found := w.find(w.Namespace, name)
		if !found {
			return settled
		}
		last = operator(w.T.Context(), o)
		if o, found = w.find(w.Namespace, name); !found {
			return settled
		}
		w.Rules(o)
		ready := meta.FindStatusCondition(o.GetConditions(), v1alpha1.ConditionReady)
		if ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == o.GetGeneration() && o.GetDeletionTimestamp().IsZero() {
			return o
		}
	}
	w.T.Fatalf("%s did not settle: %v %+v", name, last, w.Get(name).GetConditions())
	return settled
}

// Rules checks that the conditions of an object keep the rules of internal/conditions.
func (w *World[O]) Rules(o O) {
	w.T.Helper()
	if problems := conditions.Problems(o.GetConditions(), o.GetGeneration()); len(problems) > 0 {
		w.T.Errorf("conditions: %v", problems)
	}
}

// Ends makes a pass and returns the message of a condition that must have a status and a
// reason after it.
func (w *World[O]) Ends(o O, condition string, status metav1.ConditionStatus, reason string) string {
	w.T.Helper()
	if err := w.Pass(w.T.Context(), o); err != nil && reason != v1alpha1.ReasonInvalid {
		w.T.Errorf("%s: %v", o.GetName(), err)
	}
	o = w.Find(o.GetNamespace(), o.GetName())
	w.Rules(o)
	c := meta.FindStatusCondition(o.GetConditions(), condition)
	if c == nil || c.Status != status || c.Reason != reason {
		w.T.Fatalf("conditions of %s are %+v, want %s %s for %s", o.GetName(), o.GetConditions(), condition, status, reason)
	}
	return c.Message
}

// In lets a subtest be the running test while something is done.
func (w *World[O]) In(t *testing.T, do func()) {
	t.Helper()
	was := w.T
	w.T = t
	defer func() { w.T = was }()
	do()
}

// Steady checks that two more passes write nothing, neither to Databricks nor to the object.
func (w *World[O]) Steady(name string) {
	w.T.Helper()
	before, since := w.Get(name).GetResourceVersion(), w.Emulator.Last(w.T)
	w.Settle(name)
	w.Settle(name)
	w.WroteNothing(since)
	if after := w.Get(name).GetResourceVersion(); after != before {
		w.T.Errorf("the resource was written: %s, %s", before, after)
	}
}

// WroteNothing checks that nothing was written to Databricks since a call.
func (w *World[O]) WroteNothing(since int64) {
	w.T.Helper()
	if writes := w.Emulator.Writes(w.T, since); len(writes) > 0 {
		w.T.Errorf("written without a reason: %v", writes)
	}
}

// Edit changes an object of the kind's namespace.
func (w *World[O]) Edit(name string, change func(O)) {
	w.T.Helper()
	o := w.Get(name)
	change(o)
	w.update(o)
}

// EditStatus changes the status of an object, as if it were lost or written by somebody else.
func (w *World[O]) EditStatus(name string, change func(O)) {
	w.T.Helper()
	o := w.Get(name)
	change(o)
	if err := w.Kube.Status().Update(w.T.Context(), o); err != nil {
		w.T.Fatal(err)
	}
}

// Change reads an object of any kind, and writes it as it is after edit.
func (w *World[O]) Change(o client.Object, namespace, name string, edit func()) {
	w.T.Helper()
	if err := w.Kube.Get(w.T.Context(), client.ObjectKey{Namespace: namespace, Name: name}, o); err != nil {
		w.T.Fatal(err)
	}
	edit()
	w.update(o)
}

// Bound changes the Boundary of a tenant.
func (w *World[O]) Bound(tenant string, edit func(*v1alpha1.BoundarySpec)) {
	w.T.Helper()
	var b v1alpha1.Boundary
	w.Change(&b, "", tenant, func() { edit(&b.Spec) })
}

// Manage sets the management policy of the Workspace.
func (w *World[O]) Manage(policy v1alpha1.ManagementPolicy) {
	w.T.Helper()
	var ws v1alpha1.Workspace
	w.Change(&ws, "", "main", func() { ws.Spec.ManagementPolicy = policy })
}

func (w *World[O]) update(o client.Object) {
	w.T.Helper()
	if err := w.Kube.Update(w.T.Context(), o); err != nil {
		w.T.Fatal(err)
	}
}

// Delete deletes objects without waiting until they are gone.
func (w *World[O]) Delete(objects ...client.Object) {
	w.T.Helper()
	for _, o := range objects {
		if err := w.Kube.Delete(w.T.Context(), o); err != nil {
			w.T.Fatal(err)
		}
	}
}

// Remove deletes an object, if it is there, and makes passes until it is gone.
func (w *World[O]) Remove(name string) {
	w.T.Helper()
	if o, found := w.find(w.Namespace, name); found {
		w.Delete(o)
	}
	w.Settle(name)
	if _, found := w.find(w.Namespace, name); found {
		w.T.Errorf("%s is still there", name)
	}
}
