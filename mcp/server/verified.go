// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/access"
)

// verify checks a bearer token and maps it to a role, as check does, and remembers
// the outcome: the signature of a token and its meaning under one document do not
// change while the keys of its issuer do not. What changes is looked at each time.
//
//	token -- SHA-256 --> remembered? -- keys as then, and fresh? -- times still right? --> principal
//	                        no |                 no |
//	                           +--------------------+--> check: keys, signature, claims, role
//
// Only tokens that count are remembered, so that nobody without one can fill the
// memory. It belongs to the snapshot: another document starts with none.
func (s *snapshot) verify(ctx context.Context, token string, now time.Time) (*principal, error) {
	if len(token) > maxTokenBytes {
		return nil, errInvalidToken
	}
	sum := sha256.Sum256([]byte(token))
	if v := s.verified.get(sum); v != nil {
		if edition, fresh := v.issuer.edition(now); fresh && edition == v.edition {
			if err := v.times.current(now); err != nil {
				return nil, err
			}
			if s.denied[access.Subject{Issuer: v.principal.Issuer, Subject: v.principal.Subject}] {
				return nil, errInvalidToken
			}
			return v.principal, nil
		}
	}
	v, err := s.check(ctx, token, now)
	if err != nil {
		return nil, err
	}
	v.principal.sum = sum
	s.verified.put(sum, v)
	return v.principal, nil
}

// verdict is what is remembered of a token.
type verdict struct {
	principal *principal
	// times are the claims that say when the token counts, and no others.
	times  claims
	issuer *issuer
	// edition is that of the issuer's keys before they were used.
	edition uint64
}

// maxVerified bounds how many tokens are remembered. At a usual kilobyte each they
// take some 6 MB, and at most 32.
const maxVerified = 4096

// verified remembers verdicts by the SHA-256 of their token. What is not asked for
// goes when there is no more room: entries are put into the young half, a full young
// half becomes the old one, and what is found in the old one is young again. Its zero
// value is ready; it takes no lock to find one.
type verified struct {
	young, old atomic.Pointer[half]
}

type half struct {
	entries sync.Map // of [sha256.Size]byte to *verdict
	size    atomic.Int64
}

func (h *half) get(sum [sha256.Size]byte) *verdict {
	if h == nil {
		return nil
	}
	found, _ := h.entries.Load(sum)
	v, _ := found.(*verdict)
	return v
}

func (c *verified) get(sum [sha256.Size]byte) *verdict {
	if v := c.young.Load().get(sum); v != nil {
		return v
	}
	v := c.old.Load().get(sum)
	if v != nil {
		c.put(sum, v)
	}
	return v
}

func (c *verified) put(sum [sha256.Size]byte, v *verdict) {
	young := c.young.Load()
	if young == nil {
		c.young.CompareAndSwap(nil, &half{})
		young = c.young.Load()
	}
	if _, replaced := young.entries.Swap(sum, v); replaced {
		return
	}
	if young.size.Add(1) >= maxVerified/2 && c.young.CompareAndSwap(young, &half{}) {
		c.old.Store(young)
	}
}
