// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

const (
	// KeySize is the size of a key in bytes.
	KeySize = 32
	// IDFormat is the form of a key's id: the time at which it was made, in UTC.
	IDFormat = "20060102T150405Z"
	// Settle is how long a new key only opens: kubelet may take over a minute to bring it to every replica.
	Settle = 5 * time.Minute
	// MaxHandle is the length of the longest handle that is looked at.
	MaxHandle = 2048

	endSize = 8
)

var (
	// ErrForeign says that a handle was not sealed by us, or not for this holder, or was changed. Which one is not said.
	ErrForeign = errors.New("the handle was not given to this caller")
	// ErrEnded says that a handle is genuine and past its end.
	ErrEnded = errors.New("the handle has expired")
)

// NewKey makes a key and its id.
func NewKey(now time.Time) (id string, key []byte) {
	key = make([]byte, KeySize)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the program instead
	return now.UTC().Format(IDFormat), key
}

// Keyring holds the keys of a server. It is immutable and safe for concurrent use.
type Keyring struct {
	ids   []string // oldest first
	times map[string]time.Time
	keys  map[string]cipher.AEAD
}

// NewKeyring makes a Keyring of keys by their ids.
func NewKeyring(keys map[string][]byte) (*Keyring, error) {
	if len(keys) == 0 {
		return nil, errors.New("a keyring needs a key")
	}
	r := &Keyring{ids: slices.Sorted(maps.Keys(keys)), times: map[string]time.Time{}, keys: map[string]cipher.AEAD{}}
	for id, key := range keys {
		made, err := time.Parse(IDFormat, id)
		if err != nil || len(key) != KeySize {
			return nil, fmt.Errorf("the key %q must have a time as its id and %d bytes", id, KeySize)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("use the key %q: %w", id, err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, fmt.Errorf("use the key %q: %w", id, err)
		}
		r.times[id], r.keys[id] = made, aead
	}
	return r, nil
}

// sealing is the id of the key to seal with: the newest that has settled, or the
// oldest while none has.
func (r *Keyring) sealing(now time.Time) string {
	for _, id := range slices.Backward(r.ids) {
		if !r.times[id].Add(Settle).After(now) {
			return id
		}
	}
	return r.ids[0]
}

// Seal makes a handle that only the holder can use, until end. The holder is a list
// of what identifies it, such as issuer, subject and role.
func (r *Keyring) Seal(payload []byte, holder []string, now, end time.Time) string {
	id := r.sealing(now)
	aead := r.keys[id]
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce)
	plain := binary.BigEndian.AppendUint64(nil, uint64(end.Unix()))
	sealed := aead.Seal(append([]byte(id), nonce...), nonce, append(plain, payload...), bound(id, holder))
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// Open returns the payload of a handle, or ErrForeign, or ErrEnded.
func (r *Keyring) Open(handle string, holder []string, now time.Time) ([]byte, error) {
	if len(handle) > MaxHandle {
		return nil, ErrForeign
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(handle)
	if err != nil || len(raw) < len(IDFormat) {
		return nil, ErrForeign
	}
	id, rest := string(raw[:len(IDFormat)]), raw[len(IDFormat):]
	aead := r.keys[id]
	if aead == nil || len(rest) < aead.NonceSize() {
		return nil, ErrForeign
	}
	plain, err := aead.Open(nil, rest[:aead.NonceSize()], rest[aead.NonceSize():], bound(id, holder))
	if err != nil || len(plain) < endSize {
		return nil, ErrForeign
	}
	if end := time.Unix(int64(binary.BigEndian.Uint64(plain)), 0); !now.Before(end) {
		return nil, ErrEnded
	}
	return plain[endSize:], nil
}

// bound is what a handle is bound to. Lengths stand before the parts, so that no
// two lists read the same.
func bound(id string, holder []string) []byte {
	out := []byte(id)
	for _, h := range holder {
		out = binary.BigEndian.AppendUint32(out, uint32(len(h)))
		out = append(out, h...)
	}
	return out
}

// RootSize is the least size of a root in bytes.
const RootSize = 32

// Derive returns the keys that a server has at a time, from a root that nobody else
// has: one key for each period of every, beginning with the last that may have sealed
// something which still lives, and ending with the next one, so that it is everywhere
// before it is used. The same root, name and period give the same key, so that making
// them again changes nothing. Handles live for lifetime at most.
func Derive(root []byte, name string, now time.Time, every, lifetime time.Duration) (map[string][]byte, error) {
	if len(root) < RootSize || every < time.Minute || lifetime <= 0 {
		return nil, fmt.Errorf("keys need a root of %d bytes or more, a period of a minute or more and a lifetime", RootSize)
	}
	out := map[string][]byte{}
	next := now.UTC().Truncate(every).Add(every)
	for from := next; ; from = from.Add(-every) {
		if until := from.Add(every); until.Add(Settle + lifetime).Before(now) {
			return out, nil // its successor seals for so long that all of its handles have ended
		}
		id := from.Format(IDFormat)
		key, err := hkdf.Key(sha256.New, root, nil, "gatehouse sealing key\x00"+name+"\x00"+id, KeySize)
		if err != nil {
			return nil, fmt.Errorf("derive a key: %w", err)
		}
		out[id] = key
	}
}

// Fingerprint tells one list of secrets from another without telling what they are: it
// is keyed by the root, so that guesses cannot be tried without it. The same root, name
// and secrets give the same fingerprint.
func Fingerprint(root []byte, name string, secrets ...string) (string, error) {
	if len(root) < RootSize {
		return "", fmt.Errorf("a fingerprint needs a root of %d bytes or more", RootSize)
	}
	key, err := hkdf.Key(sha256.New, root, nil, "gatehouse fingerprint key\x00"+name, KeySize)
	if err != nil {
		return "", fmt.Errorf("derive a key: %w", err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(bound("", secrets))
	return hex.EncodeToString(mac.Sum(nil)[:16]), nil
}
