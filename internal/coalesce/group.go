// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package coalesce

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Group lets callers that want the same kind of thing of one object at the same time
// share one call. The first caller is served at once. Callers that arrive while that
// call is in flight wait until it has ended; then one call serves all of them. So a
// result is never older than the request for it, and nobody waits for more than one
// other call. The zero value is ready to use.
//
// Q is what each caller asks for, V the result that all of them share.
type Group[Q, V any] struct {
	mu    sync.Mutex
	lanes map[string]*lane[Q, V]
}

// lane is the call in flight for one object, and the one that waits for its end.
type lane[Q, V any] struct{ next *round[Q, V] }

// round is one call and its callers.
type round[Q, V any] struct {
	callers []*caller[Q]
	// ctx has the values of the first caller's context, and ends when no caller waits any more.
	ctx    context.Context //nolint:containedctx // of the call, which belongs to several
	cancel context.CancelFunc
	done   chan struct{}
	value  V
	err    error
}

type caller[Q any] struct {
	request Q
	gone    bool
}

// callTimeout bounds a call that serves several callers.
const callTimeout = 2 * time.Minute

// Do returns the result of a call that began after Do did. A caller that stops waiting
// before the call begins is not among those that it is made for.
func (g *Group[Q, V]) Do(ctx context.Context, key string, request Q, call func(context.Context, []Q) (V, error)) (V, error) {
	r, me := g.join(ctx, key, request, call)
	select {
	case <-r.done:
		return r.value, r.err
	case <-ctx.Done():
		g.leave(r, me)
		var none V
		return none, ctx.Err()
	}
}

func (g *Group[Q, V]) join(ctx context.Context, key string, request Q, call func(context.Context, []Q) (V, error)) (*round[Q, V], *caller[Q]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	me := &caller[Q]{request: request}
	l := g.lanes[key]
	if l != nil && l.next != nil && l.next.ctx.Err() == nil {
		l.next.callers = append(l.next.callers, me)
		return l.next, me
	}
	r := &round[Q, V]{callers: []*caller[Q]{me}, done: make(chan struct{})}
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx)) //nolint:gosec // serve calls it
	if l != nil {
		l.next = r
		return r, me
	}
	if g.lanes == nil {
		g.lanes = map[string]*lane[Q, V]{}
	}
	l = &lane[Q, V]{}
	g.lanes[key] = l
	go g.run(key, l, r, call)
	return r, me
}

// leave takes a caller out of a round, and ends the round's call when it was the last.
func (g *Group[Q, V]) leave(r *round[Q, V], me *caller[Q]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	me.gone = true
	if !slices.ContainsFunc(r.callers, func(a *caller[Q]) bool { return !a.gone }) {
		r.cancel()
	}
}

// run makes the calls of a lane until nobody waits for one.
func (g *Group[Q, V]) run(key string, l *lane[Q, V], r *round[Q, V], call func(context.Context, []Q) (V, error)) {
	for r != nil {
		g.mu.Lock()
		r.callers = slices.DeleteFunc(r.callers, func(a *caller[Q]) bool { return a.gone })
		requests := make([]Q, len(r.callers))
		for i, a := range r.callers {
			requests[i] = a.request
		}
		g.mu.Unlock()
		r.serve(requests, call)
		g.mu.Lock()
		if r = l.next; r == nil {
			delete(g.lanes, key)
		}
		l.next = nil
		g.mu.Unlock()
	}
}

// serve makes the call of a round. A call that panics has failed.
func (r *round[Q, V]) serve(requests []Q, call func(context.Context, []Q) (V, error)) {
	defer close(r.done)
	defer r.cancel()
	defer func() {
		if p := recover(); p != nil {
			r.err = fmt.Errorf("the shared call panicked: %v", p)
		}
	}()
	if len(requests) > 0 {
		ctx, cancel := context.WithTimeout(r.ctx, callTimeout)
		defer cancel()
		r.value, r.err = call(ctx, requests)
	}
}
