// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package externaltest

import (
	"bytes"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

// Running is a cluster in which an operator runs by itself. Its methods wait for what the
// operator does.
type Running struct {
	// T is the running test. A subtest may put itself there.
	T    testing.TB
	Kube client.Client
	// Patience is how long something may take at most. No test says how fast it must be.
	Patience time.Duration
}

// Eventually waits until something holds; what says which.
func (r *Running) Eventually(what func() string, holds func() bool) {
	r.T.Helper()
	deadline := time.Now().Add(r.Patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for ; !holds(); <-tick.C {
		if time.Now().After(deadline) {
			r.T.Fatalf("not within %v: %s", r.Patience, what())
		}
	}
}

// Fetch reads an object again.
func (r *Running) Fetch(o client.Object) error {
	return r.Kube.Get(r.T.Context(), client.ObjectKeyFromObject(o), o)
}

// Says waits until the condition Ready of an object has a status, and returns the condition.
func (r *Running) Says(o external.Object, status metav1.ConditionStatus) *metav1.Condition {
	r.T.Helper()
	var c *metav1.Condition
	r.Eventually(func() string { return o.GetName() + " says " + c.String() + ", want " + string(status) }, func() bool {
		if err := r.Fetch(o); err != nil {
			r.T.Fatal(err)
		}
		c = meta.FindStatusCondition(o.GetConditions(), v1alpha1.ConditionReady)
		return c != nil && c.Status == status && c.ObservedGeneration == o.GetGeneration()
	})
	return c
}

// Ready waits until objects are Ready for their generation.
func (r *Running) Ready(objects ...external.Object) {
	r.T.Helper()
	for _, o := range objects {
		r.Says(o, metav1.ConditionTrue)
	}
}

// Remove deletes objects, if they are there, without waiting.
func (r *Running) Remove(objects ...client.Object) {
	r.T.Helper()
	for _, o := range objects {
		if err := client.IgnoreNotFound(r.Kube.Delete(r.T.Context(), o)); err != nil {
			r.T.Fatal(err)
		}
	}
}

// Gone waits until objects do not exist.
func (r *Running) Gone(objects ...client.Object) {
	r.T.Helper()
	for _, o := range objects {
		r.Eventually(func() string { return o.GetName() + " is gone" }, func() bool { return apierrors.IsNotFound(r.Fetch(o)) })
	}
}

// Appears waits until an object that the operator makes is there.
func (r *Running) Appears(o client.Object) {
	r.T.Helper()
	r.Eventually(func() string { return o.GetName() + " appears" }, func() bool { return r.Fetch(o) == nil })
}

// Ask asks for a pass over objects.
func (r *Running) Ask(objects ...client.Object) {
	r.T.Helper()
	for _, o := range objects {
		patch := `{"metadata":{"annotations":{"` + v1alpha1.AnnotationReconcileRequestedAt + `":"` + time.Now().String() + `"}}}`
		if err := r.Kube.Patch(r.T.Context(), o, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
			r.T.Fatal(err)
		}
	}
}

// Log is a buffer that several writers may use at the same time.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
