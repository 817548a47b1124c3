// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Finalizer holds an object back until what it owns outside is gone.
const Finalizer = "gatehouse.dev/external"

// DefaultResync is how often an object is observed when nothing else asks for it.
const DefaultResync = 10 * time.Minute

// Options are what a Reconciler is made of, beside its Kind.
type Options struct {
	// Client writes to the cluster. Required.
	Client client.Client
	// Recorder writes events. Required.
	Recorder events.EventRecorder
	// Orphans keeps inventories of what deleted objects leave outside. Nil: only an event lists it.
	Orphans Orphans
	// Resync is the time between two observations, unless the Kind has another. Default DefaultResync.
	Resync time.Duration
	// Jitter draws a number in [0, 1). Default math/rand.
	Jitter func() float64
	// Now is the time. Default time.Now.
	Now func() time.Time
}

// Reconciler is the loop of one kind.
type Reconciler[O Object, I, S any] struct {
	opts     Options
	kind     Kind[O, I, S]
	versions versions
	synced   syncMemory
	steady   steadyObjects
}

// NewReconciler makes the loop of a kind. It panics without the required options,
// which only start-up can leave out.
func NewReconciler[O Object, I, S any](o Options, k Kind[O, I, S]) *Reconciler[O, I, S] {
	if o.Client == nil || o.Recorder == nil || k.Name == "" || k.Adapter == nil {
		panic("external: Client, Recorder, and the Name and Adapter of a Kind are required")
	}
	if o.Resync <= 0 {
		o.Resync = DefaultResync
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Reconciler[O, I, S]{opts: o, kind: k}
}

// pass is one run of the loop over one object.
type pass[O Object, I, S any] struct {
	*Reconciler[O, I, S]
	obj        O
	management Management
	in         *I
	plan       Plan[S]   // what ObserveOnly found to do
	observedAt time.Time // when the outside was last observed
	written    []byte    // the status as the API server has it
	outlook    Outlook   // what the auxiliaries reported
	removed    bool
}

// Reconcile runs one pass.
func (r *Reconciler[O, I, S]) Reconcile(ctx context.Context, obj O) (reconcile.Result, error) {
	if r.versions.newerThan(obj) {
		return reconcile.Result{RequeueAfter: staleRequeue}, nil
	}
	deleting := !obj.GetDeletionTimestamp().IsZero()
	if deleting && !controllerutil.ContainsFinalizer(obj, Finalizer) {
		return reconcile.Result{}, nil
	}
	if !deleting && !r.kind.OwnsNothing {
		if err := r.claim(ctx, obj); err != nil {
			return reconcile.Result{}, ignoreGone(err)
		}
	}
	before, ok := obj.DeepCopyObject().(O)
	if !ok {
		return reconcile.Result{}, fmt.Errorf("copy %T", obj)
	}
	p := &pass[O, I, S]{Reconciler: r, obj: obj}
	written, err := statusOf(obj)
	if err != nil {
		return reconcile.Result{}, err
	}
	p.written = written
	if p.management, err = r.managementOf(ctx, obj); err == nil {
		err = p.run(ctx, deleting)
	}
	// Not deferred: a pass that panics ends without an error, and must not be reported as a success.
	return p.finish(ctx, before, err)
}

func (p *pass[O, I, S]) run(ctx context.Context, deleting bool) error {
	switch {
	case p.management.paused():
		return nil
	case deleting:
		return p.remove(ctx)
	}
	return p.converge(ctx)
}

// claim puts the finalizer on before anything external happens. A metadata write
// changes no generation and brings no event: the pass goes on.
func (r *Reconciler[O, I, S]) claim(ctx context.Context, obj O) error {
	if controllerutil.ContainsFinalizer(obj, Finalizer) {
		return nil
	}
	before, ok := obj.DeepCopyObject().(O)
	if !ok {
		return fmt.Errorf("copy %T", obj)
	}
	controllerutil.AddFinalizer(obj, Finalizer)
	if err := r.opts.Client.Patch(ctx, obj, client.MergeFromWithOptions(client.Object(before), client.MergeFromWithOptimisticLock{})); err != nil {
		return err
	}
	r.versions.record(obj)
	return nil
}

// ignoreGone takes an object that went in the meantime for success: there is
// nothing left to write to.
func ignoreGone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
