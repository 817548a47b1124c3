// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func numbered(i int) [sha256.Size]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
}

// soon is a verification that expires within the test's time, not before its end.
func soon() *verification {
	return &verification{times: times{expires: time.Now().Add(time.Hour)}}
}

func testCache(t *testing.T) *cache {
	t.Helper()
	c, err := newCache(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// used does what verify does: it looks for a token, and puts it when it is not there.
func (c *cache) used(i int) (hit bool) {
	if c.get(numbered(i)) != nil {
		return true
	}
	c.put(numbered(i), soon())
	return false
}

func TestCachedTokensAreBounded(t *testing.T) {
	c := testCache(t)
	if c.get(numbered(0)) != nil {
		t.Fatal("an empty cache holds something")
	}
	first := soon()
	c.put(numbered(0), first)
	for i := 1; i < 3*maxVerified; i++ {
		c.put(numbered(i), soon())
		if i%100 == 0 && c.get(numbered(0)) != first { // in use all the time: it must stay
			t.Fatalf("after %d others, a token in use is gone", i)
		}
	}
	if c.get(numbered(3*maxVerified-1)) == nil {
		t.Error("the newest token is gone already")
	}
	c.entries.CleanUp()
	if n := c.entries.EstimatedSize(); n > maxVerified {
		t.Errorf("%d tokens are cached, want at most %d", n, maxVerified)
	}
}

func TestTokensInUseTakeThePlaceOfThoseThatAreNot(t *testing.T) {
	const inUse = maxVerified / 2
	c := testCache(t)
	for i := range maxVerified {
		c.used(i)
	}
	for range 5 {
		for i := range inUse {
			c.used(maxVerified + i)
		}
		c.entries.CleanUp()
	}
	hits, unused := 0, 0
	for i := range inUse {
		if c.get(numbered(maxVerified+i)) != nil {
			hits++
		}
	}
	for i := range maxVerified {
		if c.get(numbered(i)) != nil {
			unused++
		}
	}
	if hits < inUse*99/100 || hits+unused > maxVerified {
		t.Errorf("of %d tokens in use %d are cached, beside %d that nobody uses", inUse, hits, unused)
	}
}

func TestCachedTokensStayBoundedUnderConcurrentUse(t *testing.T) {
	c := testCache(t)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range maxVerified {
				sum, v := numbered(w*maxVerified+i), soon()
				v.edition = uint64(i)
				c.put(sum, v)
				if v := c.get(sum); v != nil && v.edition != uint64(i) {
					t.Errorf("found the verification of another token")
				}
			}
		})
	}
	wg.Wait()
	c.entries.CleanUp()
	if n := c.entries.EstimatedSize(); n > maxVerified {
		t.Errorf("%d tokens are cached, want at most %d", n, maxVerified)
	}
}

func TestACachedTokenIsFreedWhenItExpires(t *testing.T) {
	c := testCache(t)
	expired := &verification{times: times{expires: time.Now().Add(-ClockSkew - time.Hour)}}
	c.put(numbered(0), expired)
	time.Sleep(5 * time.Millisecond)
	if c.get(numbered(0)) != nil {
		t.Error("an expired token is still cached")
	}
}

type fixedKeys struct {
	keySource
	number uint64
	fresh  bool
}

func (f fixedKeys) edition(time.Time) (number uint64, fresh bool) { return f.number, f.fresh }

func TestTheEditionOfAnIssuerIsThatOfAllItsPolicies(t *testing.T) {
	of := func(keys ...fixedKeys) *issuer {
		i := &issuer{}
		for _, k := range keys {
			i.policies = append(i.policies, policy{keys: k})
		}
		return i
	}
	number, fresh := of(fixedKeys{number: 1, fresh: true}, fixedKeys{number: 4, fresh: true}).edition(time.Time{})
	if !fresh {
		t.Error("fresh keys of two policies are not fresh for their issuer")
	}
	if next, _ := of(fixedKeys{number: 1, fresh: true}, fixedKeys{number: 5, fresh: true}).edition(time.Time{}); next == number {
		t.Error("other keys of one policy have the same edition")
	}
	if _, fresh := of(fixedKeys{number: 1, fresh: true}, fixedKeys{number: 4}).edition(time.Time{}); fresh {
		t.Error("keys of which some are not fresh are fresh for their issuer")
	}
}

func TestACachedTokenIsFoundWithFewAllocations(t *testing.T) {
	now, token := time.Now(), strings.Repeat("x", 900)
	f := &Federation{verified: testCache(t), now: func() time.Time { return now }}
	f.verified.put(sha256.Sum256([]byte(token)), &verification{
		caller: &Caller{}, issuer: &issuer{policies: []policy{{keys: inlineKeys{}}}}, edition: 1,
		times: times{expires: now.Add(time.Hour), issuedAt: now},
	})
	h := http.Header{"Authorization": {"Bearer " + token}}
	if n := testing.AllocsPerRun(100, func() {
		if p, err := f.Authenticate(t.Context(), h); p == nil || err != nil {
			t.Error(err)
		}
	}); n > 2 { // the bytes to hash
		t.Errorf("%v allocations", n)
	}
}
