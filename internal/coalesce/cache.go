// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package coalesce

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"
)

// Cache is a read-through cache with a maximum age that each caller chooses. A value is
// loaded once for all callers that want it at the same time, and is as of the moment its
// loading began. Writes are counted, so that a caller that asks for something that was
// written to since never gets the value of before.
type Cache struct {
	now func() time.Time

	mu sync.Mutex
	// writes counts the writes, and written is the count at the last write to each key.
	writes  uint64
	written map[string]uint64
	// floor is the count below which no value is used, because the writes before it are forgotten.
	floor  uint64
	values map[string]*value
}

// value is what was loaded, or is being loaded until done is closed.
type value struct {
	began time.Time
	// asOf is the count of writes when the loading began.
	asOf uint64
	done chan struct{}
	v    any
	err  error
}

const (
	// maxValues and maxWritten bound the memory; what is above is loaded anew.
	maxValues  = 4096
	maxWritten = 1 << 15
	// evictAfter is the age above which values are evicted when there are too many.
	evictAfter = time.Minute
	// loadTimeout bounds a load, which goes on when its callers go away.
	loadTimeout = 2 * time.Minute
)

var (
	errFull     = errors.New("the cache holds too many values")
	errPanicked = errors.New("the load of a cached value panicked")
)

// NewCache returns an empty Cache.
func NewCache() *Cache {
	return &Cache{now: time.Now, written: map[string]uint64{}, values: map[string]*value{}}
}

// Written records a write to keys. Call it when the write has ended, whatever its result.
func (c *Cache) Written(keys ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes++
	for _, k := range keys {
		c.written[k] = c.writes
	}
	if len(c.written) > maxWritten {
		clear(c.written)
		c.floor = c.writes
	}
}

// WrittenSince says whether one of the keys was written to after the count asOf.
func (c *Cache) WrittenSince(asOf uint64, keys ...string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range keys {
		if c.written[k] > asOf {
			return true
		}
	}
	return asOf < c.floor
}

// Get returns a value that is not older than maxAge and whose loading began after the last
// write to its key, and the count of writes that it is as of. A failed load is cached as
// well and never becomes an empty value: the next callers get the error and do not load again.
func Get[V any](ctx context.Context, c *Cache, maxAge time.Duration, key string, load func(context.Context) (V, error)) (V, uint64, error) {
	var none V
	got, err := c.find(ctx, maxAge, key, func(ctx context.Context) (any, error) { return load(ctx) })
	if err != nil {
		return none, 0, err
	}
	select {
	case <-ctx.Done():
		return none, 0, ctx.Err()
	case <-got.done:
	}
	if got.err != nil {
		return none, 0, got.err
	}
	v, _ := got.v.(V) // a key has one type
	return v, got.asOf, nil
}

// find returns the value to use, or begins to load one.
func (c *Cache) find(ctx context.Context, maxAge time.Duration, key string, load func(context.Context) (any, error)) (*value, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if v := c.values[key]; v != nil && now.Sub(v.began) < maxAge && c.written[key] <= v.asOf && v.asOf >= c.floor {
		return v, nil
	}
	if len(c.values) >= maxValues {
		maps.DeleteFunc(c.values, func(_ string, v *value) bool { return now.Sub(v.began) >= evictAfter })
	}
	_, known := c.values[key]
	room := known || len(c.values) < maxValues
	if !room && maxAge > 0 {
		return nil, errFull
	}
	v := &value{began: now, asOf: c.writes, done: make(chan struct{})}
	if room { // a caller that accepts no cached value always gets a fresh one; the values of others stay
		c.values[key] = v
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		defer close(v.done)
		defer func() {
			if recover() != nil {
				v.err = errPanicked
			}
		}()
		v.v, v.err = load(ctx)
	}()
	return v, nil
}
