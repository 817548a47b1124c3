// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"bytes"
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/dump"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Glancer is an Adapter that can look at the outside by what was read a moment ago for
// many objects together. The loop glances where it would otherwise look only because
// time has passed: nothing that the object is made from has changed since a pass of
// this process looked and ended with nothing to do. If a glance shows something to do,
// or anything that status does not say, the loop looks as it always does, and acts on
// that alone.
type Glancer[I, S any] interface {
	// Glance is Observe by shared answers. False means that they cannot tell.
	Glance(ctx context.Context, in I) (S, bool, error)
}

// MostGlanceAge is how old shared answers may be at most.
const MostGlanceAge = time.Minute

// quiet is what an object was made from when a pass looked and ended with nothing to do.
type quiet struct {
	uid        types.UID
	generation int64
	asked      string
	desired    [sha256.Size]byte
}

func quietOf[S any](obj Object, want S) quiet {
	return quiet{
		uid: obj.GetUID(), generation: obj.GetGeneration(), asked: obj.GetAnnotations()[v1alpha1.AnnotationReconcileRequestedAt],
		desired: sha256.Sum256([]byte(dump.ForHash(want))),
	}
}

// rested holds what the objects that came to rest in this process were made from. The
// zero value is ready to use.
type rested struct{ objects sync.Map }

func (m *rested) forget(obj Object) { m.objects.Delete(client.ObjectKeyFromObject(obj)) }

func (m *rested) holds(obj Object, q quiet) bool {
	last, ok := m.objects.Load(client.ObjectKeyFromObject(obj))
	return ok && last == q
}

// glanced does what is to be done for an object with a desired state: nothing, if a
// glance shows so, and otherwise the work, which looks.
func (p *pass[O, I, S]) glanced(ctx context.Context, in I, want S, work func() error) error {
	glancer, ok := p.adapter.(Glancer[I, S])
	if !ok {
		return work()
	}
	now := quietOf(p.obj, want)
	if p.rested.holds(p.obj, now) {
		if same, err := p.glance(ctx, glancer, in, want); same || err != nil {
			return err
		}
	}
	p.rested.forget(p.obj)
	err := work()
	if err == nil && len(p.plan) == 0 {
		p.rested.objects.Store(client.ObjectKeyFromObject(p.obj), now)
	}
	return err
}

// glance says whether everything is as it should be. An error means that Databricks
// asks for patience: looking at each thing by itself would only be more calls.
func (p *pass[O, I, S]) glance(ctx context.Context, g Glancer[I, S], in I, want S) (bool, error) {
	have, ok, err := g.Glance(ctx, in)
	if fault.Is(err, fault.ClassRateLimited) {
		return false, err
	}
	if err != nil || !ok {
		return false, ctx.Err()
	}
	if plan, err := p.adapter.Plan(want, have); err != nil || len(plan) > 0 {
		return false, nil //nolint:nilerr // what a look shows is what counts
	}
	// Status is what it was when somebody looked; one that was changed since is mended by a look.
	trial, ok := p.obj.DeepCopyObject().(O)
	if !ok {
		return false, nil
	}
	p.adapter.Report(trial, have)
	after, err := statusOf(trial)
	if err != nil || !bytes.Equal(after, p.written) {
		return false, nil //nolint:nilerr // a look mends the status
	}
	p.looked = p.opts.Now().Add(-MostGlanceAge) // shared answers can be as old as that
	p.agree(want, false)
	return true, nil
}
