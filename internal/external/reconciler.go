// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/internal/conditions"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Finalizer holds an object back until what it owns outside is gone.
const Finalizer = "gatehouse.dev/external"

// DefaultResync is how often the outside is looked at without a reason.
const DefaultResync = 10 * time.Minute

// Options are what a Reconciler is made of.
type Options struct {
	// Client writes to the cluster. Required.
	Client client.Client
	// Recorder writes events. Required.
	Recorder events.EventRecorder
	// Kind names the kind in metrics. Required.
	Kind string
	// LeftBehind keeps inventories of what objects that go leave outside. Nil: only an event tells of it.
	LeftBehind LeftBehind
	// Resync is how often the outside is looked at. Default DefaultResync. An Adapter that is Scheduled decides itself.
	Resync time.Duration
	// Jitter draws a number in [0, 1). Default math/rand.
	Jitter func() float64
	// Now is the time. Default time.Now.
	Now func() time.Time
}

// Reconciler is the loop of one kind.
type Reconciler[O Object, I, S any] struct {
	opts    Options
	adapter Adapter[O, I, S]
	writes  writes
	memory  memory
	rested  rested
	// auxiliaries are driven in each pass, after the adapter.
	auxiliaries []auxiliary[O, I]
}

// NewReconciler makes the loop of a kind. It panics without the required options,
// which only start-up can leave out.
func NewReconciler[O Object, I, S any](o Options, a Adapter[O, I, S]) *Reconciler[O, I, S] {
	if o.Client == nil || o.Recorder == nil || o.Kind == "" {
		panic("external: Client, Recorder and Kind are required")
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
	return &Reconciler[O, I, S]{opts: o, adapter: a}
}

// pass is one run of the loop over one object.
type pass[O Object, I, S any] struct {
	*Reconciler[O, I, S]
	obj        O
	management Management
	in         *I
	plan       Plan[S]   // what ObserveOnly found to do
	looked     time.Time // when the outside was last looked at
	written    []byte    // the status as the API server has it
	outlook    Outlook   // what the auxiliaries reported
	removed    bool
}

// Reconcile runs one pass.
func (r *Reconciler[O, I, S]) Reconcile(ctx context.Context, obj O) (reconcile.Result, error) {
	if r.writes.ahead(obj) {
		return reconcile.Result{RequeueAfter: staleRequeue}, nil
	}
	deleting := !obj.GetDeletionTimestamp().IsZero()
	if deleting && !controllerutil.ContainsFinalizer(obj, Finalizer) {
		return reconcile.Result{}, nil
	}
	if _, watches := r.adapter.(Watcher); !deleting && !watches {
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
	if p.management, err = r.management(ctx, obj); err == nil {
		err = p.run(ctx, deleting)
	}
	// Not deferred: a pass that panics ends without an error, and must not be told as a success.
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
// changes no generation and so brings no event: the pass goes on.
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
	r.writes.note(obj)
	return nil
}

func (p *pass[O, I, S]) converge(ctx context.Context) error {
	in, err := p.adapter.Gather(ctx, p.obj)
	if err != nil {
		return fmt.Errorf("gather: %w", err)
	}
	p.in = &in
	want, err := p.adapter.Desired(in)
	if err != nil {
		p.assist(ctx, in, removal)
		return err
	}
	err = p.glanced(ctx, in, want, func() error { return p.drive(ctx, in, want) })
	if err != nil || p.management.observeOnly() {
		p.assist(ctx, in, deleteSteps)
	} else {
		p.assist(ctx, in, allSteps)
	}
	return err
}

// remove plans towards nothing and then lets the object go.
func (p *pass[O, I, S]) remove(ctx context.Context) error {
	p.rested.forget(p.obj)
	if err := p.assistRemoval(ctx); err != nil {
		return err
	}
	if p.obj.GetDeletionPolicy() == "Orphan" || p.management.observeOnly() {
		if err := p.leave(ctx); err != nil {
			return err
		}
	} else {
		in, err := p.adapter.Gather(ctx, p.obj)
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
	p.memory.forget(p.obj.GetUID())
	return nil
}

func (p *pass[O, I, S]) drive(ctx context.Context, in I, want S) error {
	have, plan, err := p.look(ctx, in, want)
	if err != nil {
		if !errors.Is(err, errNotSeen) {
			p.adapter.Report(p.obj, have)
		}
		return err
	}
	if len(plan) == 0 {
		p.adapter.Report(p.obj, have)
		p.agree(want, false)
		return nil
	}
	p.notice(want, have, plan)
	if p.management.observeOnly() {
		p.plan = plan
		p.adapter.Report(p.obj, have)
		return nil
	}
	return p.pursue(ctx, in, want, have, plan)
}

// mostRounds bounds how often a pass goes on with what its own writes, or others
// meanwhile, gave it to do.
const mostRounds = 4

// pursue takes the steps of a plan and looks again. What is left to do then is either
// new, such as a group that became empty or a pod that came, and done too, or something
// that was done already and is as if it had not been.
func (p *pass[O, I, S]) pursue(ctx context.Context, in I, want, have S, plan Plan[S]) error {
	taken := map[string]bool{}
	for range mostRounds {
		for _, step := range plan {
			var err error
			if have, err = p.take(ctx, in, have, step); err != nil {
				p.adapter.Report(p.obj, have) // what earlier steps learned is kept
				return err
			}
			taken[step.name()] = true
		}
		seen, left, err := p.look(ctx, in, want)
		if errors.Is(err, errNotSeen) {
			p.adapter.Report(p.obj, have)
			return err
		}
		p.adapter.Report(p.obj, seen)
		switch {
		case err != nil:
			return err
		case len(left) == 0:
			p.agree(want, true)
			return nil
		}
		have, plan = seen, left
		if slices.ContainsFunc(left, func(s Step[S]) bool { return taken[s.name()] }) {
			break
		}
	}
	return fault.NotConverged(fmt.Errorf("after writing there is still to do: %s", plan))
}

func (p *pass[O, I, S]) look(ctx context.Context, in I, want S) (S, Plan[S], error) {
	p.looked = p.opts.Now()
	have, err := p.adapter.Observe(ctx, in)
	if err != nil {
		return have, nil, &notSeen{fmt.Errorf("observe: %w", err)}
	}
	plan, err := p.adapter.Plan(want, have)
	return have, plan, err
}

// errNotSeen marks that the outside could not be looked at, as opposed to a plan
// that cannot be made of what was seen.
var errNotSeen = errors.New("not seen")

type notSeen struct{ error }

func (e *notSeen) Unwrap() error        { return e.error }
func (e *notSeen) Is(target error) bool { return target == errNotSeen }

// take announces a step, takes it and tells of it.
func (p *pass[O, I, S]) take(ctx context.Context, in I, have S, step Step[S]) (S, error) {
	if intender, ok := p.adapter.(Intender[O, S]); ok {
		intender.Intend(p.obj, have, step)
		if err := p.patchStatus(ctx); err != nil {
			return have, fmt.Errorf("record the intent to %s: %w", step, err)
		}
	}
	log.FromContext(ctx).Info("Writing", "verb", step.Verb, "target", step.Target)
	after, err := p.adapter.Apply(ctx, in, have, step)
	if err != nil {
		return after, fault.InWriting(string(step.Verb)+" "+step.Target, err)
	}
	p.opts.Recorder.Eventf(p.obj, nil, corev1.EventTypeNormal, step.Verb.past(), string(step.Verb), "%s", step.Target)
	return after, nil
}

// patchStatus writes what changed in status since it was written last. One writer
// owns it and begins with its own last write, so that it needs no lock.
func (p *pass[O, I, S]) patchStatus(ctx context.Context) error {
	now, err := statusOf(p.obj)
	if err != nil {
		return err
	}
	if bytes.Equal(p.written, now) {
		return nil
	}
	patch, err := jsonpatch.CreateMergePatch(p.written, now)
	if err != nil {
		return fmt.Errorf("compare the status: %w", err)
	}
	if string(patch) == "{}" {
		return nil
	}
	// The answer goes into a copy: it may carry a newer spec than this pass is about.
	answer, ok := p.obj.DeepCopyObject().(O)
	if !ok {
		return fmt.Errorf("copy %T", p.obj)
	}
	if err := p.opts.Client.Status().Patch(ctx, answer, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return err
	}
	p.obj.SetResourceVersion(answer.GetResourceVersion())
	p.writes.note(p.obj)
	p.written = now
	return nil
}

// statusOf returns an object that holds the status alone.
func statusOf(obj client.Object) ([]byte, error) {
	raw, err := json.Marshal(obj)
	if err != nil {
		return nil, fmt.Errorf("encode the status: %w", err)
	}
	var only struct {
		Status json.RawMessage `json:"status,omitempty"`
	}
	if err := json.Unmarshal(raw, &only); err != nil {
		return nil, fmt.Errorf("encode the status: %w", err)
	}
	return json.Marshal(only)
}

// finish turns the end of a pass into conditions, events, one status write and
// the time of the next pass.
func (p *pass[O, I, S]) finish(ctx context.Context, before O, err error) (reconcile.Result, error) {
	if p.removed {
		return reconcile.Result{}, nil
	}
	v := judge(fault.Of(err), situation{
		management: p.management,
		plan:       p.plan.String(), deleting: !p.obj.GetDeletionTimestamp().IsZero(),
		generation: p.obj.GetGeneration(), observed: p.obj.GetObservedGeneration(),
		conditions: p.obj.GetConditions(), resync: p.resync(), jitter: p.opts.Jitter(),
	})
	list := v.conditions
	if b, ok := p.adapter.(Bounded[I]); ok && p.in != nil {
		for _, c := range b.Conditions(*p.in) {
			list.Put(c.Type, c.Status, c.Reason, c.Message)
		}
	}
	p.put(list, before)
	p.tellPlan(fault.Of(err))
	p.obj.SetConditions(list.List())
	p.obj.SetObservedGeneration(v.observed)
	if f := fault.Of(err); f != nil {
		faults.WithLabelValues(p.opts.Kind, string(f.Class), f.Reason).Inc()
	}
	if n := v.notice; n != nil && transitioned(before.GetConditions(), list.Get(n.condition)) {
		p.opts.Recorder.Eventf(p.obj, nil, n.kind, n.reason, "Reconcile", "%s", conditions.Short(n.note))
	}
	if patchErr := ignoreGone(p.patchStatus(ctx)); patchErr != nil {
		// Alone: joined to a terminal error it would not be tried again.
		return reconcile.Result{}, fmt.Errorf("write the status: %w", patchErr)
	}
	if v.err != nil {
		return v.result, v.err
	}
	return p.sooner(v.result), nil
}

func (p *pass[O, I, S]) resync() time.Duration {
	if s, ok := p.adapter.(Scheduled[I]); ok && p.in != nil {
		if d := s.Resync(*p.in); d > 0 {
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

// ignoreGone takes an object that went in the meantime for success: there is
// nothing left to write to.
func ignoreGone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
