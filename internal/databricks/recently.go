// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"
)

// recently keeps answers that many ask for. An answer is read once for all who ask at
// the same time, serves those who can do with one of its age, and is as of the moment
// its reading began: writes are counted, so that whoever asks for something that was
// written to since is never told how it was before.
type recently struct {
	now func() time.Time

	mu sync.Mutex
	// writes counts the writes, and written says with which of them something was written to last.
	writes  uint64
	written map[string]uint64
	// floor is the count below which no answer serves: what was written to before is forgotten.
	floor   uint64
	answers map[string]*reading
}

// reading is what was read, or is being read until done is closed.
type reading struct {
	began time.Time
	// asOf is the count of writes when the reading began.
	asOf  uint64
	done  chan struct{}
	value any
	err   error
}

const (
	// mostAnswers and mostWritten bound the memory; what is above is read anew.
	mostAnswers = 4096
	mostWritten = 1 << 15
	// oldestAnswer is how old an answer may be that somebody asks for, when there are too many.
	oldestAnswer = time.Minute
	// readWithin bounds a reading, which goes on when those who wait for it go away.
	readWithin = 2 * time.Minute
)

var errTooManyAnswers = errors.New("too many different things are looked at")

func newRecently() *recently {
	return &recently{now: time.Now, written: map[string]uint64{}, answers: map[string]*reading{}}
}

// wrote notes that things were written to. It is called when a write has ended, however it did.
func (r *recently) wrote(things ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes++
	for _, t := range things {
		r.written[t] = r.writes
	}
	if len(r.written) > mostWritten {
		clear(r.written)
		r.floor = r.writes
	}
}

// changed says whether something was written to since an answer.
func (r *recently) changed(asOf uint64, things ...string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range things {
		if r.written[t] > asOf {
			return true
		}
	}
	return asOf < r.floor
}

// recall returns an answer that is no older than age and began after the last write to
// its key, and as of when it is. A reading that failed is an answer too, and never an
// empty one: those who ask next are told of the failure and not sent after it.
func recall[V any](ctx context.Context, r *recently, age time.Duration, key string, read func(context.Context) (V, error)) (V, uint64, error) {
	var none V
	a, err := r.find(ctx, age, key, func(ctx context.Context) (any, error) { return read(ctx) })
	if err != nil {
		return none, 0, err
	}
	select {
	case <-ctx.Done():
		return none, 0, ctx.Err()
	case <-a.done:
	}
	if a.err != nil {
		return none, 0, a.err
	}
	v, _ := a.value.(V) // a key has one type
	return v, a.asOf, nil
}

// find returns the answer that serves, or begins to read one.
func (r *recently) find(ctx context.Context, age time.Duration, key string, read func(context.Context) (any, error)) (*reading, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if a := r.answers[key]; a != nil && now.Sub(a.began) < age && r.written[key] <= a.asOf && a.asOf >= r.floor {
		return a, nil
	}
	if len(r.answers) >= mostAnswers {
		maps.DeleteFunc(r.answers, func(_ string, a *reading) bool { return now.Sub(a.began) >= oldestAnswer })
	}
	_, known := r.answers[key]
	room := known || len(r.answers) < mostAnswers
	if !room && age > 0 {
		return nil, errTooManyAnswers
	}
	a := &reading{began: now, asOf: r.writes, done: make(chan struct{})}
	if room { // who asks for no age is answered in any case, and what others share stays
		r.answers[key] = a
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readWithin)
		defer cancel()
		defer close(a.done)
		a.err = errUnexpectedAnswer // of a reading that panics
		a.value, a.err = read(ctx)
	}()
	return a, nil
}
