// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// together has those who want the same kind of thing of one object at the same time
// served by one call. Whoever comes first is served at once. Who comes while a call is
// under way waits until it has ended, and then one call serves all who came meanwhile:
// an answer is never of before it was asked for, and nobody waits for more than one
// other call. The zero value is ready to use.
//
// Q is what each of them asks, V what a call gives to all of them.
type together[Q, V any] struct {
	mu    sync.Mutex
	lanes map[string]*lane[Q, V]
}

// lane is what is under way for one object, and what waits for its end.
type lane[Q, V any] struct{ next *round[Q, V] }

// round is one call and those whom it serves.
type round[Q, V any] struct {
	askers []*asker[Q]
	// ctx carries the values of the first asker's, and ends when none of them waits any more.
	ctx    context.Context //nolint:containedctx // of the call, which belongs to several
	cancel context.CancelFunc
	done   chan struct{}
	value  V
	err    error
}

type asker[Q any] struct {
	question Q
	left     bool
}

// roundWithin bounds a call that serves several.
const roundWithin = 2 * time.Minute

// ask returns what a call gave that began after ask did. Who stops waiting before the
// call began is not among those that it is made for.
func (t *together[Q, V]) ask(ctx context.Context, key string, question Q, call func(context.Context, []Q) (V, error)) (V, error) {
	r, me := t.join(ctx, key, question, call)
	select {
	case <-r.done:
		return r.value, r.err
	case <-ctx.Done():
		t.leave(r, me)
		var none V
		return none, ctx.Err()
	}
}

func (t *together[Q, V]) join(ctx context.Context, key string, question Q, call func(context.Context, []Q) (V, error)) (*round[Q, V], *asker[Q]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	me := &asker[Q]{question: question}
	l := t.lanes[key]
	if l != nil && l.next != nil && l.next.ctx.Err() == nil {
		l.next.askers = append(l.next.askers, me)
		return l.next, me
	}
	r := &round[Q, V]{askers: []*asker[Q]{me}, done: make(chan struct{})}
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx)) //nolint:gosec // serve calls it
	if l != nil {
		l.next = r
		return r, me
	}
	if t.lanes == nil {
		t.lanes = map[string]*lane[Q, V]{}
	}
	l = &lane[Q, V]{}
	t.lanes[key] = l
	go t.run(key, l, r, call)
	return r, me
}

// leave takes an asker out of a round, and ends the round's call when it was the last.
func (t *together[Q, V]) leave(r *round[Q, V], me *asker[Q]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	me.left = true
	if !slices.ContainsFunc(r.askers, func(a *asker[Q]) bool { return !a.left }) {
		r.cancel()
	}
}

// run makes the calls of a lane until nobody waits for one.
func (t *together[Q, V]) run(key string, l *lane[Q, V], r *round[Q, V], call func(context.Context, []Q) (V, error)) {
	for r != nil {
		t.mu.Lock()
		r.askers = slices.DeleteFunc(r.askers, func(a *asker[Q]) bool { return a.left })
		questions := make([]Q, len(r.askers))
		for i, a := range r.askers {
			questions[i] = a.question
		}
		t.mu.Unlock()
		r.serve(questions, call)
		t.mu.Lock()
		if r = l.next; r == nil {
			delete(t.lanes, key)
		}
		l.next = nil
		t.mu.Unlock()
	}
}

// serve makes the call of a round. A call that panics has failed.
func (r *round[Q, V]) serve(questions []Q, call func(context.Context, []Q) (V, error)) {
	defer close(r.done)
	defer r.cancel()
	defer func() {
		if p := recover(); p != nil {
			r.err = fmt.Errorf("a call to Databricks panicked: %v", p)
		}
	}()
	if len(questions) > 0 {
		ctx, cancel := context.WithTimeout(r.ctx, roundWithin)
		defer cancel()
		r.value, r.err = call(ctx, questions)
	}
}

// changes are together for what changes something.
type changes[Q any] struct {
	together[*change[Q], struct{}]
}

// change is what one of several wants changed, and how that went.
type change[Q any] struct {
	want Q
	err  error
}

// mostInOne bounds what one call changes.
const mostInOne = 50

// make makes a change, in one call with those that others want of the same object. A call
// that is refused for what one of them wants says nothing of the others: each is then
// made by itself. Two changes for the same who are never in one call.
func (c *changes[Q]) make(ctx context.Context, key string, want Q, who func(Q) string, write func(context.Context, ...Q) error) error {
	mine := &change[Q]{want: want}
	_, err := c.ask(ctx, key, mine, func(ctx context.Context, all []*change[Q]) (struct{}, error) {
		for some := range slices.Chunk(all, mostInOne) {
			writeSome(ctx, some, who, write)
		}
		return struct{}{}, nil
	})
	if err != nil {
		return err
	}
	return mine.err
}

func writeSome[Q any](ctx context.Context, some []*change[Q], who func(Q) string, write func(context.Context, ...Q) error) {
	wants, whose := make([]Q, len(some)), map[string]bool{}
	for i, c := range some {
		wants[i] = c.want
		whose[who(c.want)] = true
	}
	if len(whose) == len(some) {
		err := write(ctx, wants...)
		if f := fault.Of(err); len(some) == 1 || f == nil || f.Class == fault.ClassTransient || f.Class == fault.ClassRateLimited {
			for _, c := range some {
				c.err = err
			}
			return
		}
	}
	for _, c := range some {
		c.err = write(ctx, c.want)
	}
}
