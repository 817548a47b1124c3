// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package devidp

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// key signs tokens. It is both halves of what op wants of a key.
type key struct {
	id      string
	private *rsa.PrivateKey
}

func (k key) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k key) Key() any                                    { return k.private }
func (k key) ID() string                                  { return k.id }

// public is the half that is published.
type public struct{ key }

func (p public) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (p public) Use() string                        { return "sig" }
func (p public) Key() any                           { return &p.private.PublicKey }

// keyring is the keys of a provider; the last one signs.
type keyring struct {
	mu   sync.RWMutex
	file string
	keys []key
}

// openKeys reads the keys of a folder, or makes the first.
func openKeys(dir string) (*keyring, error) {
	r := &keyring{}
	if dir != "" {
		r.file = filepath.Join(dir, "idp-keys.pem")
		raw, err := os.ReadFile(r.file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("read the keys: %w", err)
		}
		for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
			private, err := x509.ParsePKCS1PrivateKey(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("read the keys: %w", err)
			}
			r.keys = append(r.keys, key{block.Headers["kid"], private})
		}
	}
	if len(r.keys) > 0 {
		return r, nil
	}
	return r, r.rotate(false)
}

// rotate adds a key that signs from now on. The others stay published unless dropped.
func (r *keyring) rotate(drop bool) error {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if drop {
		r.keys = nil
	}
	r.keys = append(r.keys, key{uuid.NewString(), private})
	if r.file == "" {
		return nil
	}
	var raw []byte
	for _, k := range r.keys {
		raw = append(raw, pem.EncodeToMemory(&pem.Block{
			Type: "RSA PRIVATE KEY", Headers: map[string]string{"kid": k.id}, Bytes: x509.MarshalPKCS1PrivateKey(k.private),
		})...)
	}
	if err := os.WriteFile(r.file+".tmp", raw, 0o600); err != nil {
		return fmt.Errorf("keep the keys: %w", err)
	}
	return os.Rename(r.file+".tmp", r.file)
}

func (r *keyring) signing() key {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.keys[len(r.keys)-1]
}

func (r *keyring) published() []op.Key {
	r.mu.RLock()
	defer r.mu.RUnlock()
	out := make([]op.Key, len(r.keys))
	for i, k := range r.keys {
		out[i] = public{k}
	}
	return out
}
