// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

func numbered(i int) [sha256.Size]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
}

func (c *verified) len() int {
	n := 0
	for _, h := range []*half{c.young.Load(), c.old.Load()} {
		if h != nil {
			h.entries.Range(func(any, any) bool { n++; return true })
		}
	}
	return n
}

func TestVerifiedTokensAreBounded(t *testing.T) {
	var c verified
	if c.get(numbered(0)) != nil {
		t.Fatal("an empty memory remembers something")
	}
	first := &verdict{}
	c.put(numbered(0), first)
	for i := 1; i < 3*maxVerified; i++ {
		c.put(numbered(i), &verdict{})
		if i%100 == 0 && c.get(numbered(0)) != first { // asked for all the time: it must stay
			t.Fatalf("after %d others a token in use is forgotten", i)
		}
	}
	if n := c.len(); n > maxVerified {
		t.Errorf("%d tokens are remembered, want at most %d", n, maxVerified)
	}
	if c.get(numbered(1)) != nil {
		t.Error("a token that nobody asked for is still remembered")
	}
	if c.get(numbered(3*maxVerified-1)) == nil {
		t.Error("the last token is forgotten already")
	}
}

func TestVerifiedTokensStayBoundedWhenMoreThanOneComeAtOnce(t *testing.T) {
	var c verified
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range maxVerified {
				sum := numbered(w*maxVerified + i)
				c.put(sum, &verdict{edition: uint64(i)})
				if v := c.get(sum); v != nil && v.edition != uint64(i) {
					t.Errorf("found the verdict of another token")
				}
			}
		})
	}
	wg.Wait()
	if n := c.len(); n > maxVerified+2*8 {
		t.Errorf("%d tokens are remembered, want at most some %d", n, maxVerified)
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
		t.Error("fresh keys are not fresh together")
	}
	if next, _ := of(fixedKeys{number: 1, fresh: true}, fixedKeys{number: 5, fresh: true}).edition(time.Time{}); next == number {
		t.Error("other keys of one policy have the same edition")
	}
	if _, fresh := of(fixedKeys{number: 1, fresh: true}, fixedKeys{number: 4}).edition(time.Time{}); fresh {
		t.Error("keys of which some are not fresh are fresh together")
	}
}

func TestARememberedTokenIsFoundWithoutMuchMemory(t *testing.T) {
	now, token := time.Now(), strings.Repeat("x", 900)
	s := &snapshot{}
	s.verified.put(sha256.Sum256([]byte(token)), &verdict{
		principal: &principal{}, issuer: &issuer{policies: []policy{{keys: inlineKeys{}}}}, edition: 1,
		times: claims{expires: now.Add(time.Hour), issuedAt: now},
	})
	if n := testing.AllocsPerRun(100, func() {
		if p, err := s.verify(t.Context(), token, now); p == nil || err != nil {
			t.Error(err)
		}
	}); n > 2 { // the bytes to hash, and the hash as a key
		t.Errorf("%v allocations", n)
	}
}

// tokenwise is singleObject by the decoder of encoding/json: slow, and plainly right.
func tokenwise(raw []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	first, err := dec.Token()
	if err != nil || first != json.Delim('{') || tokenwiseMembers(dec, 1) != nil {
		return false
	}
	_, err = dec.Token()
	return errors.Is(err, io.EOF)
}

func tokenwiseMembers(dec *json.Decoder, depth int) error {
	seen := map[any]bool{}
	for depth <= maxDepth && dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		if seen[key] {
			return errShape
		}
		seen[key] = true
		if err := tokenwiseValue(dec, depth); err != nil {
			return err
		}
	}
	if depth > maxDepth {
		return errShape
	}
	_, err := dec.Token()
	return err
}

func tokenwiseValue(dec *json.Decoder, depth int) error {
	t, err := dec.Token()
	switch {
	case err != nil:
		return err
	case t == json.Delim('{'):
		return tokenwiseMembers(dec, depth+1)
	case t == json.Delim('['):
		if depth+1 > maxDepth {
			return errShape
		}
		for dec.More() {
			if err := tokenwiseValue(dec, depth+1); err != nil {
				return err
			}
		}
		_, err = dec.Token()
		return err
	}
	return nil
}

// shapes are objects and what is none, with what singleObject says.
func shapes() map[string]bool {
	nested := func(before, after string, n int) string {
		return strings.Repeat(before, n) + "1" + strings.Repeat(after, n)
	}
	many := func(last string) string {
		var b strings.Builder
		for i := range 60 {
			b.WriteString(`"n` + strings.Repeat("x", i) + `":{"a":1,"b":2},`)
		}
		return "{" + b.String() + `"` + last + `":0}`
	}
	return map[string]bool{
		`{}`: true, " \n{\"a\":1}\t": true, `{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}`: true, `{"a":"{\"b\":1,\"b\":2}"}`: true, `{"a":"a","b":"a"}`: true,
		``: false, ` `: false, `1`: false, `null`: false, `"a"`: false, `[]`: false, `[{}]`: false, `{`: false, `{}}`: false, `{}{}`: false, `{} 1`: false, `{"a":1,}`: false, `{a:1}`: false,
		`{"a":1,"a":2}`: false, `{"x":{"a":1,"b":[],"a":2}}`: false, `{"x":[1,{"a":1,"a":2}]}`: false, `{"x":[[{"y":{"a":1,"a":2}}]]}`: false,
		`{"a":1,"\u0061":2}`: false, `{"\u0061":1,"a":2}`: false, `{"é":1,"\u00e9":2}`: false, `{"a\/b":1,"a/b":2}`: false, `{"a\\":1,"a\\":2}`: false, `{"a\"":1,"a":2}`: true, `{"a":1,"A":2}`: true,
		"{\"\xff\":1,\"\xfe\":2}": false, "{\"\xff\":1,\"\\ufffd\":2}": false, `{"\ud800":1,"\ufffd":2}`: false, `{"":1,"":2}`: false, `{"":1,"a":2}`: true,
		nested(`{"a":`, `}`, maxDepth): true, nested(`{"a":`, `}`, maxDepth+1): false, `{"a":` + nested(`[`, `]`, maxDepth-1) + `}`: true, `{"a":` + nested(`[`, `]`, maxDepth) + `}`: false,
		many("last"): true, many("n"): false, many("nxxxxxxxxxxxxxxxxxxxxx"): false, many(`\u006exx`): false,
	}
}

func TestSingleObject(t *testing.T) {
	for raw, want := range shapes() {
		if got := singleObject([]byte(raw)) == nil; got != want || tokenwise([]byte(raw)) != want {
			t.Errorf("%.80q: got %v, by tokens %v, want %v", raw, got, tokenwise([]byte(raw)), want)
		}
	}
}

// FuzzSingleObject holds the fast reading against the plain one.
func FuzzSingleObject(f *testing.F) {
	for raw := range shapes() {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if got, want := singleObject(raw) == nil, tokenwise(raw); got != want {
			t.Errorf("%q: got %v, by tokens %v", raw, got, want)
		}
	})
}

func TestTheShapeOfACallIsLookedAtWithoutMuchMemory(t *testing.T) {
	body := []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"name":"query","arguments":{"region":"WEST","limit":5}}}`)
	if n := testing.AllocsPerRun(100, func() {
		if singleObject(body) != nil {
			t.Error("refused")
		}
	}); n > 2 {
		t.Errorf("%v allocations", n)
	}
}
