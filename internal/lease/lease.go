// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package lease lets only the process write that surely holds the lease.
//
//	renewed ----- good for ------|            the lease's end
//	   |                         |                   |
//	   +-- writes ---------------+-- none of ours ---+-- another one's writes
//
// The elector tells the controllers of a lost lease some time after it was lost: a
// process that was stopped meanwhile, or starved, goes on in the middle of a pass. So
// each write asks how old the last renewal is.
package lease

import (
	"context"
	"errors"
	"sync"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// errStale says that the lease was not renewed in time.
var errStale = errors.New("the lease of the leader was not renewed in time: another operator may hold it")

// Fence is a lock of a leader election that remembers when it was renewed. It is safe
// for concurrent use.
type Fence struct {
	resourcelock.Interface
	good time.Duration
	now  func() time.Time

	mu      sync.Mutex
	renewed time.Time
}

// New makes a Fence around a lock. A renewal is good for a time that must be shorter
// than the lease by as long as a write may be under way.
func New(lock resourcelock.Interface, good time.Duration) *Fence {
	return &Fence{Interface: lock, good: good, now: time.Now}
}

// Create takes a lease that nobody ever held.
func (f *Fence) Create(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return f.keep(r, func() error { return f.Interface.Create(ctx, r) })
}

// Update takes, renews or gives back the lease.
func (f *Fence) Update(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return f.keep(r, func() error { return f.Interface.Update(ctx, r) })
}

// keep counts from before the call: others count from when they see it, which is later.
func (f *Fence) keep(r resourcelock.LeaderElectionRecord, write func() error) error {
	before := f.now()
	ours := r.HolderIdentity == f.Identity()
	if !ours {
		f.set(time.Time{}) // given back, whatever becomes of the call
	}
	if err := write(); err != nil {
		return err
	}
	if ours {
		f.set(before)
	}
	return nil
}

func (f *Fence) set(t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.renewed = t
}

// Check says whether this process may write. The clock of the wall counts too: the
// other one stands still while a machine is suspended.
func (f *Fence) Check() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if f.renewed.IsZero() || max(now.Sub(f.renewed), now.Round(0).Sub(f.renewed.Round(0))) >= f.good {
		return errStale
	}
	return nil
}
