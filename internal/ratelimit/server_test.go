// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package ratelimit_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// TestSeveralProcessesShareALimitInARealServer has clients of their own, as pods have,
// take at once: as many are let through as the limit says, and what the others are
// told to wait is enough and not too much.
func TestSeveralProcessesShareALimitInARealServer(t *testing.T) {
	address := env.Redis(t, "secret")
	const pods = 4
	limit := ratelimit.Limit{Max: 5, Window: 1500 * time.Millisecond}
	var group sync.WaitGroup
	var through atomic.Int64
	var longest atomic.Int64
	for range pods {
		client := redis.NewClient(&redis.Options{Addr: address, Password: "secret"})
		t.Cleanup(func() { _ = client.Close() })
		l := ratelimit.NewRedis(client, "gatehouse:")
		for range 5 {
			group.Go(func() {
				wait, err := l.Take(context.Background(), "genie:main", limit)
				switch {
				case err != nil:
					t.Error(err)
				case wait == 0:
					through.Add(1)
				case wait > limit.Window:
					t.Errorf("told to wait %v of a window of %v", wait, limit.Window)
				default:
					longest.Store(max(longest.Load(), int64(wait)))
				}
			})
		}
	}
	group.Wait()
	if through.Load() != int64(limit.Max) {
		t.Fatalf("%d calls were let through; the limit is %d", through.Load(), limit.Max)
	}
	time.Sleep(time.Duration(longest.Load()) + 20*time.Millisecond)
	client := redis.NewClient(&redis.Options{Addr: address, Password: "secret"})
	t.Cleanup(func() { _ = client.Close() })
	for i := range limit.Max {
		for try := 0; ; try++ {
			wait, err := ratelimit.NewRedis(client, "gatehouse:").Take(t.Context(), "genie:main", limit)
			if err != nil || try > 20 {
				t.Fatalf("call %d is not let through after the times that were told: %v, %v", i, wait, err)
			}
			if wait == 0 {
				break
			}
			time.Sleep(wait)
		}
	}
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 1 {
		t.Fatalf("the server holds %v, %v", keys, err)
	}
	if ttl := client.PTTL(t.Context(), keys[0]).Val(); ttl <= 0 || ttl > limit.Window+time.Second {
		t.Errorf("the key lives for %v", ttl)
	}
}
