// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package seal_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/seal"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func ring(t *testing.T, made ...time.Time) (*seal.Keyring, map[string][]byte) {
	t.Helper()
	keys := map[string][]byte{}
	for _, m := range made {
		id, key := seal.NewKey(m)
		keys[id] = key
	}
	r, err := seal.NewKeyring(keys)
	if err != nil {
		t.Fatal(err)
	}
	return r, keys
}

func TestAHandleOpensForItsHolderAlone(t *testing.T) {
	r, _ := ring(t, noon.Add(-time.Hour))
	holder := []string{"https://idp/", "auth0|7", "sales/west"}
	handle := r.Seal([]byte("conversation 12"), holder, noon, noon.Add(10*time.Minute))
	if got, err := r.Open(handle, holder, noon.Add(9*time.Minute)); err != nil || string(got) != "conversation 12" {
		t.Fatalf("opened %q, %v", got, err)
	}
	if raw, err := base64.RawURLEncoding.DecodeString(handle); err != nil || strings.Contains(string(raw), "conversation") {
		t.Error("the handle shows what it holds")
	}
	other, _ := ring(t, noon.Add(-time.Hour))
	changed := []byte(handle)
	changed[len(changed)-3] ^= 1
	for name, c := range map[string]struct {
		ring   *seal.Keyring
		handle string
		holder []string
		at     time.Time
		want   error
	}{
		"another subject":              {r, handle, []string{"https://idp/", "auth0|8", "sales/west"}, noon, seal.ErrForeign},
		"another role":                 {r, handle, []string{"https://idp/", "auth0|7", "sales/exec"}, noon, seal.ErrForeign},
		"the same letters cut anew":    {r, handle, []string{"https://idp/auth0", "|7", "sales/west"}, noon, seal.ErrForeign},
		"another server's keys":        {other, handle, holder, noon, seal.ErrForeign},
		"a changed byte":               {r, string(changed), holder, noon, seal.ErrForeign},
		"cut short":                    {r, handle[:30], holder, noon, seal.ErrForeign},
		"not a handle":                 {r, "conversation 12", holder, noon, seal.ErrForeign},
		"nothing":                      {r, "", holder, noon, seal.ErrForeign},
		"too long":                     {r, strings.Repeat("A", 4096), holder, noon, seal.ErrForeign},
		"at its end":                   {r, handle, holder, noon.Add(10 * time.Minute), seal.ErrEnded},
		"past its end, another's hand": {r, handle, []string{"x"}, noon.Add(time.Hour), seal.ErrForeign},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := c.ring.Open(c.handle, c.holder, c.at); !errors.Is(err, c.want) || got != nil {
				t.Errorf("opened %q, %v, want %v", got, err, c.want)
			}
		})
	}
}

func TestANewKeySealsOnlyOnceEveryReplicaHasIt(t *testing.T) {
	old, fresh := noon.Add(-time.Hour), noon
	_, keys := ring(t, old, fresh)
	oldID := old.Format(seal.IDFormat)
	ahead, err := seal.NewKeyring(keys)
	if err != nil {
		t.Fatal(err)
	}
	behind, err := seal.NewKeyring(map[string][]byte{oldID: keys[oldID]})
	if err != nil {
		t.Fatal(err)
	}
	at := noon.Add(seal.Settle - time.Second)
	if _, err := behind.Open(ahead.Seal([]byte("x"), nil, at, at.Add(time.Hour)), nil, at); err != nil {
		t.Errorf("a replica that has not seen the new key cannot open: %v", err)
	}
	at = noon.Add(seal.Settle)
	if _, err := behind.Open(ahead.Seal([]byte("x"), nil, at, at.Add(time.Hour)), nil, at); !errors.Is(err, seal.ErrForeign) {
		t.Error("the old key still seals after the new one has settled")
	}
	if _, err := ahead.Open(behind.Seal([]byte("x"), nil, at, at.Add(time.Hour)), nil, at); err != nil {
		t.Errorf("the old key no longer opens: %v", err)
	}
}

func TestKeysThatCannotBeUsedAreRefused(t *testing.T) {
	for name, keys := range map[string]map[string][]byte{
		"none":           {},
		"a short key":    {noon.Format(seal.IDFormat): make([]byte, 16)},
		"an id, no time": {"current": make([]byte, 32)},
	} {
		if _, err := seal.NewKeyring(keys); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestKeysChangeWithThePeriodWithoutBreakingHandles(t *testing.T) {
	const every, lifetime = 24 * time.Hour, time.Hour
	root := bytes.Repeat([]byte{7}, seal.RootSize)
	var before map[string][]byte
	var handles []string
	var ends []time.Time
	sealedBy := map[string]bool{}
	for at := noon; at.Before(noon.Add(5 * 24 * time.Hour)); at = at.Add(20 * time.Minute) {
		keys, err := seal.Derive(root, "sales/tools", at, every, lifetime)
		if err != nil {
			t.Fatal(err)
		}
		for id := range keys {
			if before[id] != nil && !slices.Equal(before[id], keys[id]) {
				t.Fatalf("the key %s changed", id)
			}
		}
		if len(keys) < 2 || len(keys) > 3 {
			t.Fatalf("at %s there are %d keys: %v", at, len(keys), slices.Sorted(maps.Keys(keys)))
		}
		r, err := seal.NewKeyring(keys)
		if err != nil {
			t.Fatal(err)
		}
		for i, h := range handles {
			if _, err := r.Open(h, nil, at); at.Before(ends[i]) && err != nil {
				t.Fatalf("at %s a handle that is good until %s does not open: %v", at, ends[i], err)
			}
		}
		h := r.Seal([]byte("x"), nil, at, at.Add(lifetime))
		raw, err := base64.RawURLEncoding.DecodeString(h)
		if err != nil {
			t.Fatal(err)
		}
		id := string(raw[:len(seal.IDFormat)])
		if before != nil && before[id] == nil {
			t.Fatalf("at %s the key %s seals that was not there 20 minutes ago", at, id)
		}
		sealedBy[id] = true
		handles, ends, before = append(handles, h), append(ends, at.Add(lifetime)), keys
	}
	if len(sealedBy) < 5 {
		t.Errorf("in five days %d keys sealed", len(sealedBy))
	}
}

func TestKeysAreThoseOfOneServerAndOneRoot(t *testing.T) {
	derive := func(root byte, name string) map[string][]byte {
		keys, err := seal.Derive(bytes.Repeat([]byte{root}, seal.RootSize), name, noon, time.Hour, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	one := derive(1, "sales/tools")
	for what, other := range map[string]map[string][]byte{"another server": derive(1, "sales/other"), "another root": derive(2, "sales/tools")} {
		for id, key := range other {
			if slices.Equal(one[id], key) {
				t.Errorf("%s has the same key %s", what, id)
			}
		}
	}
	if !maps.EqualFunc(one, derive(1, "sales/tools"), slices.Equal) {
		t.Error("deriving twice gives other keys")
	}
	if _, err := seal.Derive(make([]byte, 16), "sales/tools", noon, time.Hour, time.Hour); err == nil {
		t.Error("a short root is taken")
	}
}

func TestFingerprint(t *testing.T) {
	root, other := bytes.Repeat([]byte{1}, seal.RootSize), bytes.Repeat([]byte{2}, seal.RootSize)
	of := func(root []byte, name string, secrets ...string) string {
		t.Helper()
		f, err := seal.Fingerprint(root, name, secrets...)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	first := of(root, "a", "x", "y")
	if first != of(root, "a", "x", "y") || len(first) != 32 {
		t.Errorf("not the same: %s", first)
	}
	for name, f := range map[string]string{
		"another root": of(other, "a", "x", "y"), "another name": of(root, "b", "x", "y"), "another secret": of(root, "a", "x", "z"), "joined otherwise": of(root, "a", "xy"),
	} {
		if f == first {
			t.Errorf("%s gives the same", name)
		}
	}
	if _, err := seal.Fingerprint(root[1:], "a", "x"); err == nil {
		t.Error("a short root is taken")
	}
}
