// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package coalesce_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/coalesce"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// TestCallersShareTheNextCall: the first is served at once, and those who come meanwhile by one call.
func TestCallersShareTheNextCall(t *testing.T) {
	var g coalesce.Group[int, int]
	began, release := make(chan struct{}), make(chan struct{})
	var calls atomic.Int32
	call := func(_ context.Context, requests []int) (int, error) {
		if calls.Add(1) == 1 {
			close(began)
			<-release
		}
		return len(requests), nil
	}
	var group sync.WaitGroup
	group.Go(func() {
		if n, err := g.Do(t.Context(), "k", 0, call); n != 1 || err != nil {
			t.Errorf("the first shares with %d: %v", n, err)
		}
	})
	<-began
	if n, err := g.Do(t.Context(), "other", 0, call); n != 1 || err != nil {
		t.Errorf("another key waits or shares: %d %v", n, err)
	}
	impatient, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := g.Do(impatient, "k", 99, call)
		left <- err
	}()
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("one that left got %v", err)
	}
	for i := range 20 {
		group.Go(func() {
			if n, err := g.Do(t.Context(), "k", i, call); n > 20 || err != nil {
				t.Errorf("%d callers, one of whom left, or %v", n, err)
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	close(release)
	group.Wait()
	if n := calls.Load(); n > 12 {
		t.Errorf("%d calls for 22 callers", n)
	}
}

func TestACallThatPanicsHasFailed(t *testing.T) {
	var g coalesce.Group[int, int]
	if _, err := g.Do(t.Context(), "k", 0, func(context.Context, []int) (int, error) { panic("x") }); err == nil {
		t.Error("no error")
	}
	if n, err := g.Do(t.Context(), "k", 0, func(context.Context, []int) (int, error) { return 7, nil }); n != 7 || err != nil {
		t.Errorf("after it: %d %v", n, err)
	}
	c := coalesce.NewCache()
	if _, _, err := coalesce.Get(t.Context(), c, time.Hour, "k", func(context.Context) (int, error) { panic("x") }); err == nil {
		t.Error("no error of a load")
	}
}

// TestChangesOfOneObject: what is refused for one of them is made for the others, two of
// one subject are two calls, and one call has at most fifty.
func TestChangesOfOneObject(t *testing.T) {
	var w coalesce.Writes[string]
	var mu sync.Mutex
	var sent [][]string
	began, release := make(chan struct{}), make(chan struct{})
	write := func(_ context.Context, all ...string) error {
		mu.Lock()
		sent = append(sent, slices.Clone(all))
		first := len(sent) == 1
		mu.Unlock()
		if first {
			close(began)
			<-release
		}
		if slices.Contains(all, "p07") {
			return fault.Invalid("Rejected", errors.New("no such principal"))
		}
		return nil
	}
	subject := func(s string) string { return strings.TrimSuffix(s, "'") }
	var group sync.WaitGroup
	group.Go(func() { _ = w.Do(t.Context(), "k", "first", subject, write) })
	<-began
	for i := range 120 {
		group.Go(func() {
			err := w.Do(t.Context(), "k", fmt.Sprintf("p%02d", i), subject, write)
			if (i == 7) != (err != nil) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	time.Sleep(100 * time.Millisecond)
	close(release)
	group.Wait()
	for _, all := range sent {
		if len(all) > 50 {
			t.Errorf("%d in one call", len(all))
		}
	}
	if len(sent) > 70 {
		t.Errorf("%d calls for 121 changes", len(sent))
	}
}

// TestACachedValue is used while it is young enough and nobody wrote to its key.
func TestACachedValue(t *testing.T) {
	c, loads := coalesce.NewCache(), 0
	get := func(maxAge time.Duration) uint64 {
		t.Helper()
		n, asOf, err := coalesce.Get(t.Context(), c, maxAge, "k", func(context.Context) (int, error) { loads++; return loads, nil })
		if err != nil || n != loads {
			t.Errorf("%d after %d loads: %v", n, loads, err)
		}
		return asOf
	}
	get(time.Hour)
	asOf := get(time.Hour)
	c.Written("other")
	if get(time.Hour); loads != 1 || !c.WrittenSince(asOf, "x", "other") || c.WrittenSince(asOf, "k") {
		t.Errorf("%d loads", loads)
	}
	c.Written("k")
	if get(time.Hour); loads != 2 {
		t.Errorf("%d loads after a write", loads)
	}
	if get(0); loads != 3 {
		t.Errorf("%d loads, the last of which must be fresh", loads)
	}
}

// TestAFailureIsCachedToo, and is no empty value.
func TestAFailureIsCachedToo(t *testing.T) {
	c, loads := coalesce.NewCache(), 0
	for range 3 {
		if _, _, err := coalesce.Get(t.Context(), c, time.Hour, "k", func(context.Context) (int, error) { loads++; return 0, errors.New("x") }); err == nil {
			t.Error("no error")
		}
	}
	if loads != 1 {
		t.Errorf("%d loads", loads)
	}
}

// TestWritesThatAreForgotten: when too many keys were written to, no value of before is used.
func TestWritesThatAreForgotten(t *testing.T) {
	c, loads := coalesce.NewCache(), 0
	get := func() uint64 {
		_, asOf, _ := coalesce.Get(t.Context(), c, time.Hour, "k", func(context.Context) (int, error) { loads++; return 0, nil })
		return asOf
	}
	asOf := get()
	for i := range 1<<15 + 1 {
		c.Written(fmt.Sprint(i))
	}
	if get(); loads != 2 || !c.WrittenSince(asOf, "whatever") {
		t.Errorf("%d loads", loads)
	}
}
