// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"context"
	"errors"
	"testing"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// lock answers every write with an error or none.
type lock struct {
	resourcelock.Interface
	err  error
	take func()
}

func (l *lock) Identity() string { return "me" }

func (l *lock) Create(context.Context, resourcelock.LeaderElectionRecord) error {
	return l.write()
}

func (l *lock) Update(context.Context, resourcelock.LeaderElectionRecord) error {
	return l.write()
}

func (l *lock) write() error {
	if l.take != nil {
		l.take()
	}
	return l.err
}

func TestOnlyAFreshLeaseLetsWrite(t *testing.T) {
	now := time.Now()
	l := &lock{}
	f := New(l, 10*time.Second)
	f.now = func() time.Time { return now }
	me, nobody := resourcelock.LeaderElectionRecord{HolderIdentity: "me"}, resourcelock.LeaderElectionRecord{}
	may := func(want bool, why string) {
		t.Helper()
		if err := f.Check(); (err == nil) != want {
			t.Errorf("%s: %v", why, err)
		}
	}
	renew := func(r resourcelock.LeaderElectionRecord) {
		t.Helper()
		if err := f.Update(t.Context(), r); !errors.Is(err, l.err) {
			t.Fatal(err)
		}
	}
	may(false, "before the lease was taken")
	if err := f.Create(t.Context(), me); err != nil {
		t.Fatal(err)
	}
	may(true, "taken")
	now = now.Add(9 * time.Second)
	may(true, "renewed 9 seconds ago")
	l.err = errors.New("conflict")
	renew(me)
	now = now.Add(2 * time.Second)
	may(false, "a renewal that failed does not count")
	l.err = nil
	renew(me)
	may(true, "renewed")
	l.take = func() { now = now.Add(11 * time.Second) }
	renew(me)
	may(false, "the call took longer than the renewal is good for")
	l.take = nil
	renew(me)
	l.err = errors.New("cut off")
	renew(nobody)
	may(false, "given back, and the answer lost")
	l.err = nil
	renew(me)
	now = now.Round(0).Add(time.Hour) // a suspended machine: no monotonic clock
	may(false, "an hour later on the wall")
}
