// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package statements

import (
	"context"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// Service is the API together with a door for other services that run statements
// for a caller: what they start has a statement id that the caller may use here too.
type Service struct{ s *service }

// New makes a Service.
func New(o Options) *Service {
	if o.ChunkRows <= 0 {
		o.ChunkRows = 10_000
	}
	return &Service{&service{Options: o, running: map[string]*statement{}}}
}

// Outcome is how a statement ended.
type Outcome struct {
	Canceled bool
	// Err is why it failed, or nil.
	Err error
	// Rows is how many rows it returned, and Truncated that there were more.
	Rows      int
	Truncated bool
}

// Run starts a statement as a principal and returns its id. The statement outlives
// the call. That the principal may use a warehouse is checked by whoever calls.
func (x *Service) Run(principal, statement string, rowLimit int64) string {
	return x.s.start(principal, request{Statement: statement, RowLimit: rowLimit}).id
}

// Wait waits until a statement has ended. It is false when the context ended
// before, or when there is no such statement.
func (x *Service) Wait(ctx context.Context, id string) (Outcome, bool) {
	x.s.mu.Lock()
	st, ok := x.s.running[id]
	x.s.mu.Unlock()
	if !ok {
		return Outcome{}, false
	}
	select {
	case <-st.done:
	case <-ctx.Done():
		return Outcome{}, false
	}
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	out := Outcome{Canceled: st.canceled, Err: st.err}
	if st.result != nil {
		out.Rows, out.Truncated = len(st.result.Rows), st.result.Truncated
	}
	return out, true
}

// Cancel ends a statement that still runs.
func (x *Service) Cancel(id string) {
	x.s.mu.Lock()
	st, ok := x.s.running[id]
	x.s.mu.Unlock()
	if ok {
		x.s.stop(st)
	}
}

// Response is a statement as the API answers it, with the first chunk of its result.
func (x *Service) Response(id string) (any, error) {
	x.s.mu.Lock()
	st, ok := x.s.running[id]
	x.s.mu.Unlock()
	if !ok {
		return nil, wire.NotFound("The statement " + id + " was not found.")
	}
	return x.s.state(st, 0)
}
