// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

// tokenwise is Object by the decoder of encoding/json: slow, and simple enough to be seen to be right.
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
			return ErrShape
		}
		seen[key] = true
		if err := tokenwiseValue(dec, depth); err != nil {
			return err
		}
	}
	if depth > maxDepth {
		return ErrShape
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
			return ErrShape
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

// shapes are documents, each with whether Object accepts it.
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

func TestObject(t *testing.T) {
	for raw, want := range shapes() {
		if got := Object([]byte(raw)) == nil; got != want || tokenwise([]byte(raw)) != want {
			t.Errorf("%.80q: got %v, by tokens %v, want %v", raw, got, tokenwise([]byte(raw)), want)
		}
	}
}

// FuzzObject compares the fast check with the simple one.
func FuzzObject(f *testing.F) {
	for raw := range shapes() {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if got, want := Object(raw) == nil, tokenwise(raw); got != want {
			t.Errorf("%q: got %v, by tokens %v", raw, got, want)
		}
	})
}

func TestACallIsCheckedWithFewAllocations(t *testing.T) {
	body := []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"name":"query","arguments":{"region":"WEST","limit":5}}}`)
	if n := testing.AllocsPerRun(100, func() {
		if Object(body) != nil {
			t.Error("refused")
		}
	}); n > 2 {
		t.Errorf("%v allocations", n)
	}
}
