// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package ratelimit

import (
	"context"
	"sync"
	"time"
)

// Limit is how many calls a window may hold. The zero Limit allows everything.
type Limit struct {
	Max    int
	Window time.Duration
}

// none says that nothing is limited.
func (l Limit) none() bool { return l.Max <= 0 || l.Window <= 0 }

// Limiter counts calls by key.
type Limiter interface {
	// Take counts a call, or says how long to wait for the next one; 0 means that it
	// was counted. A call that is not allowed is not counted.
	Take(ctx context.Context, key string, l Limit) (wait time.Duration, err error)
}

// maxKeys bounds what Memory remembers.
const maxKeys = 100_000

// Memory counts in this process. Its zero value is ready; it is safe for
// concurrent use.
type Memory struct {
	// Now is the clock. Default time.Now.
	Now func() time.Time

	mu   sync.Mutex
	logs map[string]*calls
}

// calls are the times of the calls that are in the window, oldest first.
type calls struct {
	times []time.Time
	// gone is how many of the times have left the window. They are moved out of the
	// slice when they are half of it, so that a call costs the same however many there are.
	gone   int
	window time.Duration
}

func (c *calls) len() int { return len(c.times) - c.gone }

// Take is that of Limiter; its error is always nil.
func (m *Memory) Take(_ context.Context, key string, l Limit) (time.Duration, error) {
	if l.none() {
		return 0, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	c := m.of(key, now)
	c.window = l.Window
	c.forget(now)
	if c.len() >= l.Max {
		// When a limit shrank there may be more than it allows: wait for as many to leave.
		return c.times[len(c.times)-l.Max].Add(l.Window).Sub(now), nil
	}
	c.times = append(c.times, now)
	return 0, nil
}

// Keys is how many keys are remembered.
func (m *Memory) Keys() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.logs)
}

func (m *Memory) now() time.Time {
	if m.Now == nil {
		return time.Now()
	}
	return m.Now()
}

// of returns the calls of a key, and makes room for it.
func (m *Memory) of(key string, now time.Time) *calls {
	if c := m.logs[key]; c != nil {
		return c
	}
	if m.logs == nil {
		m.logs = map[string]*calls{}
	}
	if len(m.logs) >= maxKeys {
		for k, c := range m.logs {
			if c.forget(now); c.len() == 0 {
				delete(m.logs, k)
			}
		}
	}
	c := &calls{}
	m.logs[key] = c
	return c
}

// forget drops the calls that have left the window.
func (c *calls) forget(now time.Time) {
	for c.gone < len(c.times) && !c.times[c.gone].Add(c.window).After(now) {
		c.gone++
	}
	if c.gone > 0 && c.gone >= len(c.times)/2 {
		c.times, c.gone = c.times[:copy(c.times, c.times[c.gone:])], 0
	}
}
