// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package identitytest is an identity provider for tests: keys, tokens signed with them,
// and a JWKS endpoint whose keys change.
package identitytest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// Key is a key pair of an identity provider.
type Key struct {
	ID string
	crypto.Signer
}

// NewKey makes an RSA key.
func NewKey(t testing.TB, id string) Key {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return Key{ID: id, Signer: key}
}

// Published is the public key as a JWKS lists it.
func (k Key) Published(alg string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.Public(), KeyID: k.ID, Algorithm: alg, Use: "sig"}
}

// Token signs claims as an RS256 access token of RFC 9068.
func (k Key) Token(t testing.TB, c Claims) string {
	t.Helper()
	return Sign(t, k.Signer, jose.RS256, map[jose.HeaderKey]any{"kid": k.ID, "typ": "at+jwt"}, c.JSON(t))
}

// Sign makes a JWT of a payload, whatever the payload is.
func Sign(t testing.TB, key any, alg jose.SignatureAlgorithm, headers map[jose.HeaderKey]any, payload []byte) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, &jose.SignerOptions{ExtraHeaders: headers})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Claims are the claims of a token.
type Claims map[string]any

// With returns a copy with one claim changed; nil removes the claim.
func (c Claims) With(name string, value any) Claims {
	out := maps.Clone(c)
	if value == nil {
		delete(out, name)
	} else {
		out[name] = value
	}
	return out
}

// JSON is the payload of a token with these claims.
func (c Claims) JSON(t testing.TB) []byte {
	t.Helper()
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Tampered replaces text in the payload of a token and keeps its signature.
func Tampered(token, before, after string) string {
	parts := strings.Split(token, ".")
	raw, _ := base64.RawURLEncoding.DecodeString(parts[1]) // a payload that does not decode becomes an empty one
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.ReplaceAll(string(raw), before, after)))
	return strings.Join(parts, ".")
}

// JWKS is the text of a key set.
func JWKS(t testing.TB, keys ...jose.JSONWebKey) string {
	t.Helper()
	raw, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// Provider serves a JWKS over HTTPS at /jwks, and the discovery document that names it.
type Provider struct {
	*httptest.Server
	mu      sync.Mutex
	keys    []jose.JSONWebKey
	down    bool
	fetches int
}

// NewProvider starts a Provider.
func NewProvider(t testing.TB, keys ...jose.JSONWebKey) *Provider {
	t.Helper()
	p := &Provider{keys: keys}
	p.Server = httptest.NewTLSServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	return p
}

func (p *Provider) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		http.Error(w, "down", http.StatusBadGateway)
		return
	}
	if r.URL.Path == "/.well-known/openid-configuration" {
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": p.Issuer(), "jwks_uri": p.JWKSURI()})
		return
	}
	p.fetches++
	_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: p.keys})
}

// Issuer is the name that the discovery document gives.
func (p *Provider) Issuer() string { return p.URL + "/" }

// JWKSURI is where the keys are.
func (p *Provider) JWKSURI() string { return p.URL + "/jwks" }

// CABundle is the certificate that the provider is reached with.
func (p *Provider) CABundle() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw}))
}

// Publish replaces the keys, or stops the provider from answering.
func (p *Provider) Publish(down bool, keys ...jose.JSONWebKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys, p.down = keys, down
}

// Fetches counts how often the keys were fetched.
func (p *Provider) Fetches() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetches
}
