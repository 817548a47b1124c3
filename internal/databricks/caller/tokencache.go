// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

const (
	// tokenSkew is how long before its end a token is no longer handed out.
	tokenSkew = 10 * time.Second
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
	// epoch counts drops. Otter knows no key while it is loaded for the first time, so that
	// it cannot drop one by what is chosen: a token whose exchange began before a drop is not kept.
	epoch atomic.Uint64
}

type cachedToken struct {
	key     TokenKey
	token   Token
	refused error
	until   time.Time
}

// NewTokenCache makes a TokenCache.
func NewTokenCache(o TokenCacheOptions) (*TokenCache, error) {
	if o.MaximumSize <= 0 {
		o.MaximumSize = 100_000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &TokenCache{now: o.Now}
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
	return c.fetch(ctx, id, func(ctx context.Context) (cachedToken, error) {
		token, err := load(ctx)
		return c.entry(key, token, err, maxLifetime)
	})
}

// fetch waits for the exchange in flight for a key, or begins one, behind the caller's back:
// otter runs a load in the call that began it, which could not go away then.
func (c *TokenCache) fetch(ctx context.Context, id [sha256.Size]byte, load func(context.Context) (cachedToken, error)) (Token, error) {
	type result struct {
		cachedToken
		err error
	}
	done := make(chan result, 1)
	go func() {
		e, err := c.exchange(context.WithoutCancel(ctx), id, load)
		done <- result{e, err}
	}()
	select {
	case r := <-done:
		return r.token, cmp.Or(r.err, r.refused)
	case <-ctx.Done():
		return Token{}, ctx.Err()
	}
}

var errLoadFailed = errors.New("the token exchange did not finish")

func (c *TokenCache) exchange(ctx context.Context, id [sha256.Size]byte, load func(context.Context) (cachedToken, error)) (cachedToken, error) {
	c.invalidate(id, func(e cachedToken) bool { return !c.now().Before(e.until) })
	began, mine := uint64(0), false
	got, err := c.entries.Get(ctx, id, otter.LoaderFunc[[sha256.Size]byte, cachedToken](func(ctx context.Context, _ [sha256.Size]byte) (e cachedToken, err error) {
		ctx, cancel := context.WithTimeout(ctx, loadTimeout)
		defer cancel()
		defer func() {
			if recover() != nil {
				err = errLoadFailed
			}
		}()
		began, mine = c.epoch.Load(), true
		if e, err = load(ctx); began != c.epoch.Load() {
			e.until = time.Time{}
		}
		return e, err
	}))
	if mine && err == nil && (began != c.epoch.Load() || !c.now().Before(got.until)) {
		c.invalidate(id, func(e cachedToken) bool { return e.token.AccessToken == got.token.AccessToken })
	}
	return got, err
}

// invalidate drops an entry if it is one that should be dropped.
func (c *TokenCache) invalidate(id [sha256.Size]byte, should func(cachedToken) bool) {
	c.entries.ComputeIfPresent(id, func(e cachedToken) (cachedToken, otter.ComputeOp) {
		if should(e) {
			return e, otter.InvalidateOp
		}
		return e, otter.CancelOp
	})
}

// entry is what is kept of an exchange: a token until the earliest end, and a definitive
// refusal for a moment. Other errors are not kept.
func (c *TokenCache) entry(key TokenKey, token Token, err error, maxLifetime time.Duration) (cachedToken, error) {
	now := c.now()
	var ee *ExchangeError
	switch {
	case err == nil:
		until := token.Expiry.Add(-tokenSkew)
		if limit := now.Add(maxLifetime); limit.Before(until) {
			until = limit
		}
		return cachedToken{key: key, token: token, until: until}, nil
	case errors.As(err, &ee) && ee.Code == "invalid_grant" && ee.Status < http.StatusInternalServerError:
		return cachedToken{key: key, refused: err, until: now.Add(refusalTTL)}, nil
	}
	return cachedToken{}, err
}

// Drop forgets the token of a key.
func (c *TokenCache) Drop(key TokenKey) {
	c.epoch.Add(1)
	c.entries.Invalidate(key.id())
}

// DropIf forgets every token whose key is chosen, also those being fetched now.
func (c *TokenCache) DropIf(chosen func(TokenKey) bool) {
	c.epoch.Add(1)
	var ids [][sha256.Size]byte
	for id, e := range c.entries.All() {
		if chosen(e.key) {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		c.entries.Invalidate(id)
	}
}
