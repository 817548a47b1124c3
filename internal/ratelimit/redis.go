// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package ratelimit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// slide counts one call. It runs as a whole on the server and takes its time
// there, so that the clocks of the callers do not matter.
//
// KEYS[1] the log, a sorted set of calls by their time in microseconds
// ARGV[1] the most calls, ARGV[2] the window in microseconds, ARGV[3] a name for this call
// answers 0 when the call was counted, otherwise the microseconds to wait
var slide = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local most, window = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - window))
local held = redis.call('ZCARD', KEYS[1])
if held >= most then
  local first = redis.call('ZRANGE', KEYS[1], held - most, held - most, 'WITHSCORES')
  return math.max(1, first[2] + window - now)
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[3])
redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
return 0
`)

// Redis counts for every process that names the same Redis or Valkey server. It is
// safe for concurrent use.
type Redis struct {
	client redis.UniversalClient
	prefix string
}

// NewRedis counts under keys that begin with prefix.
func NewRedis(client redis.UniversalClient, prefix string) *Redis {
	return &Redis{client: client, prefix: prefix}
}

// Take is that of Limiter. Its error says that the server could not be asked; what
// a caller makes of that is its own decision. It repeats no address and no key.
func (r *Redis) Take(ctx context.Context, key string, l Limit) (time.Duration, error) {
	if l.none() {
		return 0, nil
	}
	wait, err := slide.Run(ctx, r.client, []string{r.prefix + key}, l.Max, l.Window.Microseconds(), rand.Text()).Int64()
	if err != nil {
		if ctx.Err() != nil {
			return 0, fmt.Errorf("count a call: %w", ctx.Err())
		}
		return 0, errors.New("count a call: the Redis server did not answer")
	}
	return time.Duration(wait) * time.Microsecond, nil
}
