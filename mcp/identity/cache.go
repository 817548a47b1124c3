// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/maypok86/otter/v2"
)

// maxVerified bounds how many tokens are cached. At a usual kilobyte each they take some
// 6 MB, and at most 32.
const maxVerified = 4096

// verification is what is cached of a token.
type verification struct {
	caller *Caller
	issuer *issuer
	// edition is that of the issuer's keys before they were used.
	edition uint64
	times   times
}

// cache holds verifications by the SHA-256 of their token, until the token expires or
// there is no more room. A get takes no lock.
type cache struct {
	entries *otter.Cache[[sha256.Size]byte, *verification]
}

func newCache(now func() time.Time) (*cache, error) {
	entries, err := otter.New(&otter.Options[[sha256.Size]byte, *verification]{
		MaximumSize: maxVerified,
		// This frees memory only: verify compares the times of a token with the clock in each call.
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[[sha256.Size]byte, *verification]) time.Duration {
			return max(e.Value.times.expires.Add(ClockSkew).Sub(now()), time.Millisecond)
		}),
	})
	if err != nil {
		return nil, fmt.Errorf("make the cache of verified tokens: %w", err)
	}
	return &cache{entries: entries}, nil
}

func (c *cache) get(sum [sha256.Size]byte) *verification {
	v, _ := c.entries.GetIfPresent(sum)
	return v
}

func (c *cache) put(sum [sha256.Size]byte, v *verification) { c.entries.Set(sum, v) }
