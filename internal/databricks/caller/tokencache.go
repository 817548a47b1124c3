// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

const (
	// TokenSkew is how long before its end a token is no longer handed out.
	TokenSkew = 10 * time.Second
	// refusalTTL is how long a definitive refusal is remembered, so that a caller
	// whose token Databricks does not accept costs one exchange and not one a call.
	refusalTTL = time.Second
	// loadTimeout bounds an exchange, which outlives the caller that began it.
	loadTimeout = 30 * time.Second
)

// TokenKey says whose token it is, for what, and from which token it was made.
type TokenKey struct {
	Issuer, Subject, ServicePrincipal, Workspace string
	// Scopes are sorted.
	Scopes []string
	// Source is the SHA-256 of the token that was exchanged.
	Source [sha256.Size]byte
}

// id is a hash over the parts, each with its length before it: no separator
// that a part could contain.
func (k TokenKey) id() [sha256.Size]byte {
	var space [512]byte // enough for most, so that a hit takes no memory
	buf := space[:0]
	for _, s := range [...]string{k.Issuer, k.Subject, k.ServicePrincipal, k.Workspace} {
		buf = appendPart(buf, s)
	}
	for _, s := range k.Scopes {
		buf = appendPart(buf, s)
	}
	return sha256.Sum256(append(buf, k.Source[:]...))
}

func appendPart(buf []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(buf, uint32(len(s))), s...)
}

// TokenCacheOptions are what a TokenCache is made of.
type TokenCacheOptions struct {
	// MaximumSize is how many tokens are kept. Default 100,000.
	MaximumSize int
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// TokenCache keeps exchanged tokens, never past their end, with one exchange in
// flight for each key however many calls arrive at once. It is safe for
// concurrent use, and a hit takes no lock.
type TokenCache struct {
	now     func() time.Time
	entries *otter.Cache[[sha256.Size]byte, cachedToken]

	mu      sync.Mutex
	flights map[[sha256.Size]byte]*flight
	epoch   uint64 // counts drops: a load that began before one is not kept
}

type cachedToken struct {
	key     TokenKey
	token   Token
	refused error
	until   time.Time
}

type flight struct {
	leads atomic.Bool
	done  chan struct{}
	token Token
	err   error
}

// NewTokenCache makes a TokenCache.
func NewTokenCache(o TokenCacheOptions) (*TokenCache, error) {
	if o.MaximumSize <= 0 {
		o.MaximumSize = 100_000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &TokenCache{now: o.Now, flights: map[[sha256.Size]byte]*flight{}}
	entries, err := otter.New(&otter.Options[[sha256.Size]byte, cachedToken]{
		MaximumSize: o.MaximumSize,
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[[sha256.Size]byte, cachedToken]) time.Duration {
			return max(e.Value.until.Sub(o.Now()), time.Millisecond)
		}),
	})
	if err != nil {
		return nil, fmt.Errorf("make the token cache: %w", err)
	}
	c.entries = entries
	return c, nil
}

// Token returns the token for a key: the one kept, or a new one by load. It is
// kept until shortly before its end, at most for maxLifetime. A caller that goes
// away does not take the exchange from those who wait for it too.
func (c *TokenCache) Token(ctx context.Context, key TokenKey, maxLifetime time.Duration,
	load func(context.Context) (Token, error),
) (Token, error) {
	id := key.id()
	if e, ok := c.entries.GetIfPresent(id); ok && c.now().Before(e.until) {
		return e.token, e.refused
	}
	f, found := c.join(id)
	if found != nil {
		return found.token, found.refused
	}
	if f.leads.CompareAndSwap(false, true) {
		go c.lead(context.WithoutCancel(ctx), id, key, maxLifetime, f, load)
	}
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return Token{}, ctx.Err()
	}
}

// join returns the exchange in flight for a key, or a new one, or the entry that
// one left behind since the caller looked.
func (c *TokenCache) join(id [sha256.Size]byte) (*flight, *cachedToken) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flights[id]; f != nil {
		return f, nil
	}
	if e, ok := c.entries.GetIfPresent(id); ok && c.now().Before(e.until) {
		return nil, &e
	}
	f := &flight{done: make(chan struct{}), err: errLoadFailed}
	c.flights[id] = f
	return f, nil
}

var errLoadFailed = errors.New("the token exchange did not finish")

func (c *TokenCache) lead(ctx context.Context, id [sha256.Size]byte, key TokenKey, maxLifetime time.Duration,
	f *flight, load func(context.Context) (Token, error),
) {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	c.mu.Lock()
	epoch := c.epoch
	c.mu.Unlock()
	f.token, f.err = load(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, keep := c.entry(key, f, maxLifetime); keep && epoch == c.epoch {
		c.entries.Set(id, e)
	}
	delete(c.flights, id)
	close(f.done)
}

func (c *TokenCache) entry(key TokenKey, f *flight, maxLifetime time.Duration) (cachedToken, bool) {
	now := c.now()
	var ee *ExchangeError
	switch {
	case f.err == nil:
		until := f.token.Expiry.Add(-TokenSkew)
		if limit := now.Add(maxLifetime); limit.Before(until) {
			until = limit
		}
		return cachedToken{key: key, token: f.token, until: until}, until.After(now)
	case errors.As(f.err, &ee) && ee.Code == "invalid_grant" && ee.Status < http.StatusInternalServerError:
		return cachedToken{key: key, refused: f.err, until: now.Add(refusalTTL)}, true
	}
	return cachedToken{}, false
}

// Drop forgets the token of a key.
func (c *TokenCache) Drop(key TokenKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	c.entries.Invalidate(key.id())
}

// DropIf forgets every token whose key is chosen, also those being fetched now.
func (c *TokenCache) DropIf(chosen func(TokenKey) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	var ids [][sha256.Size]byte
	for id, e := range c.entries.All() {
		if chosen(e.key) {
			ids = append(ids, id)
		}
	}
	for id := range slices.Values(ids) {
		c.entries.Invalidate(id)
	}
}
