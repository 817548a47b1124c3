// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/access"
)

// Options are what Issuers are made of.
type Options struct {
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Loopback lets keys be fetched from loopback addresses. For tests.
	Loopback bool
}

// Issuers makes the authenticators of access documents. It outlives the documents: keys
// that were fetched under one are there under the next, when their source is the same.
// It is safe for concurrent use.
type Issuers struct {
	now      func() time.Time
	loopback bool

	mu      sync.Mutex // guards what follows
	sources map[[sha256.Size]byte]*remoteKeys
}

// NewIssuers makes Issuers.
func NewIssuers(o Options) *Issuers {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Issuers{now: o.Now, loopback: o.Loopback, sources: map[[sha256.Size]byte]*remoteKeys{}}
}

// Federation makes the authenticator of one access document. It fetches nothing: keys are
// fetched when the first token needs them.
func (i *Issuers) Federation(t Trust) (*Federation, error) {
	issuers, err := i.trusted(t.Issuers)
	if err != nil {
		return nil, err
	}
	verified, err := newCache(i.now)
	if err != nil {
		return nil, err
	}
	f := &Federation{
		now: i.now, issuers: issuers, denied: make(map[access.Subject]bool, len(t.Denied)),
		roles: t.Roles, keepClaims: t.KeepClaims, verified: verified,
	}
	for _, d := range t.Denied {
		f.denied[d] = true
	}
	return f, nil
}

// trusted groups the policies of a document by issuer.
func (i *Issuers) trusted(policies []access.Issuer) (map[string]*issuer, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	out, used := map[string]*issuer{}, map[[sha256.Size]byte]*remoteKeys{}
	for _, p := range policies {
		keys, err := i.keysOf(p, used)
		if err != nil {
			return nil, fmt.Errorf("policy %s: %w", p.Policy, err)
		}
		if out[p.Issuer] == nil {
			out[p.Issuer] = &issuer{url: p.Issuer}
		}
		out[p.Issuer].policies = append(out[p.Issuer].policies, policy{Issuer: p, keys: keys})
	}
	maps.Copy(i.sources, used)
	return out, nil
}

// keysOf returns the keys of a policy: those written in it, the source that an earlier
// document used, or a new one. It adds a source to used.
func (i *Issuers) keysOf(p access.Issuer, used map[[sha256.Size]byte]*remoteKeys) (keySource, error) {
	if p.JWKS != "" {
		return parseInlineKeys(p.JWKS)
	}
	id := sha256.Sum256([]byte(strings.Join([]string{p.Issuer, p.JWKSURI, p.Network, p.CABundle}, "\x00")))
	source := i.sources[id]
	if source == nil {
		client, err := keyClient(reach{private: p.Network == "Any", loopback: i.loopback}, p.CABundle)
		if err != nil {
			return nil, err
		}
		source = &remoteKeys{issuer: p.Issuer, uri: p.JWKSURI, client: client, now: i.now}
	}
	used[id] = source
	return source, nil
}
