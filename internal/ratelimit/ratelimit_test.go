// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package ratelimit_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
)

// limiters runs a test on each Limiter, with a clock of the test's own.
func limiters(t *testing.T, test func(t *testing.T, l ratelimit.Limiter, advance func(time.Duration))) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	t.Run("memory", func(t *testing.T) {
		now := start
		test(t, &ratelimit.Memory{Now: func() time.Time { return now }}, func(d time.Duration) { now = now.Add(d) })
	})
	t.Run("redis", func(t *testing.T) {
		now, server := start, miniredis.RunT(t)
		server.SetTime(now)
		client := redis.NewClient(&redis.Options{Addr: server.Addr()})
		t.Cleanup(func() { _ = client.Close() })
		test(t, ratelimit.NewRedis(client, "test:"), func(d time.Duration) {
			now = now.Add(d)
			server.SetTime(now)
			server.FastForward(d)
		})
	})
}

func take(t *testing.T, l ratelimit.Limiter, key string, limit ratelimit.Limit, want time.Duration) {
	t.Helper()
	wait, err := l.Take(t.Context(), key, limit)
	if err != nil || wait != want {
		t.Errorf("%s: wait %v, %v; want %v", key, wait, err, want)
	}
}

func TestTheWindowSlidesAndSaysExactlyWhen(t *testing.T) {
	five := ratelimit.Limit{Max: 5, Window: time.Minute}
	limiters(t, func(t *testing.T, l ratelimit.Limiter, advance func(time.Duration)) {
		for range 5 {
			take(t, l, "main", five, 0)
			advance(10 * time.Second)
		}
		take(t, l, "main", five, 10*time.Second) // 50 s after the first
		take(t, l, "other", five, 0)
		advance(9999 * time.Millisecond)
		take(t, l, "main", five, time.Millisecond)
		advance(time.Millisecond)
		take(t, l, "main", five, 0)
		take(t, l, "main", five, 10*time.Second) // a refused call is not counted: the second one leaves next
	})
}

func TestABurstAcrossTheEdgeOfAMinuteDoesNotPass(t *testing.T) {
	five := ratelimit.Limit{Max: 5, Window: time.Minute}
	limiters(t, func(t *testing.T, l ratelimit.Limiter, advance func(time.Duration)) {
		advance(59 * time.Second)
		for range 5 {
			take(t, l, "main", five, 0)
		}
		advance(2 * time.Second)
		take(t, l, "main", five, 58*time.Second)
	})
}

func TestALimitThatShrinksCountsWhatWasTaken(t *testing.T) {
	limiters(t, func(t *testing.T, l ratelimit.Limiter, advance func(time.Duration)) {
		for range 4 {
			take(t, l, "main", ratelimit.Limit{Max: 5, Window: time.Minute}, 0)
			advance(time.Second)
		}
		// Two may be in the window; the third of the four must leave first.
		take(t, l, "main", ratelimit.Limit{Max: 2, Window: time.Minute}, 58*time.Second)
	})
}

func TestNoLimitAllowsEverything(t *testing.T) {
	limiters(t, func(t *testing.T, l ratelimit.Limiter, _ func(time.Duration)) {
		for range 100 {
			take(t, l, "main", ratelimit.Limit{}, 0)
		}
	})
}

func TestManyAtOnceGetNoMoreThanTheLimit(t *testing.T) {
	limiters(t, func(t *testing.T, l ratelimit.Limiter, _ func(time.Duration)) {
		var mu sync.Mutex
		var group sync.WaitGroup
		allowed := 0
		for range 50 {
			group.Go(func() {
				wait, err := l.Take(context.Background(), "main", ratelimit.Limit{Max: 7, Window: time.Minute})
				if err == nil && wait == 0 {
					mu.Lock()
					allowed++
					mu.Unlock()
				}
			})
		}
		group.Wait()
		if allowed != 7 {
			t.Errorf("%d calls were allowed, want 7", allowed)
		}
	})
}

func TestMemoryForgetsKeysThatAreNotUsed(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m := &ratelimit.Memory{Now: func() time.Time { return now }}
	for i := range 100_000 {
		take(t, m, strconv.Itoa(i), ratelimit.Limit{Max: 1, Window: time.Second}, 0)
	}
	now = now.Add(time.Minute)
	take(t, m, "new", ratelimit.Limit{Max: 1, Window: time.Second}, 0)
	take(t, m, "new", ratelimit.Limit{Max: 1, Window: time.Second}, time.Second)
	if n := m.Keys(); n != 1 {
		t.Errorf("%d keys are kept, want 1", n)
	}
}

func TestAServerThatDoesNotAnswerIsAnErrorThatSaysNothingMore(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	defer func() { _ = client.Close() }()
	_, err := ratelimit.NewRedis(client, "p:").Take(t.Context(), "secret", ratelimit.Limit{Max: 1, Window: time.Second})
	if err == nil || err.Error() != "count a call: the Redis server did not answer" {
		t.Errorf("the error is %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ratelimit.NewRedis(client, "p:").Take(ended, "k", ratelimit.Limit{Max: 1, Window: time.Second}); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

// TestManyCallsAreCountedAsOneByOne holds the counting against the plain reading of
// what a window is: the calls of the last so many seconds, looked at one by one.
func TestManyCallsAreCountedAsOneByOne(t *testing.T) {
	now, random := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), rand.New(rand.NewPCG(1, 2))
	memory := &ratelimit.Memory{Now: func() time.Time { return now }}
	limit := ratelimit.Limit{Max: 40, Window: time.Second}
	var counted []time.Time
	for i := range 20_000 {
		now = now.Add(time.Duration(random.IntN(50)) * time.Millisecond)
		if i%1000 == 0 {
			now = now.Add(3 * time.Second) // the window empties
		}
		counted = slices.DeleteFunc(counted, func(at time.Time) bool { return !at.Add(limit.Window).After(now) })
		want := time.Duration(0)
		if len(counted) >= limit.Max {
			want = counted[len(counted)-limit.Max].Add(limit.Window).Sub(now)
		} else {
			counted = append(counted, now)
		}
		if got, _ := memory.Take(t.Context(), "main", limit); got != want {
			t.Fatalf("call %d: wait %v, want %v", i, got, want)
		}
	}
}
