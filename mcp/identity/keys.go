// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

// publicKey is a key of an issuer.
type publicKey = jose.JSONWebKey

const (
	// keysTTL is how long a fetched key set is used before it is fetched again.
	keysTTL = 10 * time.Minute
	// refreshPause is how often an unknown key id may cause a fetch.
	refreshPause = time.Minute
	// retryPause is how long a failed fetch is remembered while there are no keys at all.
	retryPause = 2 * time.Second
	// maxKeySetBytes bounds discovery documents and key sets.
	maxKeySetBytes = 512 << 10
	fetchTimeout   = 10 * time.Second
)

// inlineKeys are keys written into the policy.
type inlineKeys jose.JSONWebKeySet

func parseInlineKeys(raw string) (inlineKeys, error) {
	set, err := parseKeySet([]byte(raw))
	return inlineKeys(set), err
}

func (k inlineKeys) candidates(_ context.Context, kid string) ([]publicKey, error) {
	return byID(k.Keys, kid), nil
}

// edition is always the same: other keys come with another document.
func (inlineKeys) edition(time.Time) (number uint64, fresh bool) { return 1, true }

// remoteKeys fetches keys from a pinned URL, or from where the discovery
// document of the issuer points. A last good set is kept when a fetch fails.
type remoteKeys struct {
	issuer string
	uri    string // empty: found by discovery
	client *http.Client
	now    func() time.Time
	flight singleflight.Group

	mu      sync.Mutex
	keys    []publicKey
	fetched time.Time
	tried   time.Time

	latest atomic.Pointer[keysEdition] // set beside keys and fetched
}

// keysEdition says which keys are at hand, without their lock.
type keysEdition struct {
	number  uint64
	fetched time.Time
}

func (r *remoteKeys) edition(now time.Time) (number uint64, fresh bool) {
	e := r.latest.Load()
	if e == nil {
		return 0, false
	}
	return e.number, now.Sub(e.fetched) < keysTTL
}

func (r *remoteKeys) candidates(ctx context.Context, kid string) ([]publicKey, error) {
	keys, fetch := r.cached(kid)
	if !fetch {
		if keys == nil {
			return nil, ErrKeysUnavailable
		}
		return byID(keys, kid), nil
	}
	// The fetch outlives a caller that goes away: others wait for the same one.
	done := r.flight.DoChan("", func() (any, error) { return nil, r.refresh() }) //nolint:contextcheck // on purpose, see above
	select {
	case <-ctx.Done():
		return nil, ErrKeysUnavailable
	case <-done:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys == nil {
		return nil, ErrKeysUnavailable
	}
	return byID(r.keys, kid), nil
}

// cached returns the keys at hand, and whether they should be fetched first.
func (r *remoteKeys) cached(kid string) ([]publicKey, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	switch {
	case r.keys == nil:
		return nil, now.Sub(r.tried) >= retryPause
	case now.Sub(r.fetched) >= keysTTL && now.Sub(r.tried) >= refreshPause:
		return r.keys, true
	case len(byID(r.keys, kid)) == 0:
		return r.keys, now.Sub(r.tried) >= refreshPause
	}
	return r.keys, false
}

func (r *remoteKeys) refresh() error {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout) //nolint:forbidigo // it outlives the caller that began it
	defer cancel()
	keys, err := r.fetch(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tried = r.now()
	if err != nil {
		return err
	}
	r.keys, r.fetched = keys, r.tried
	next := &keysEdition{number: 1, fetched: r.fetched}
	if before := r.latest.Load(); before != nil {
		next.number += before.number
	}
	r.latest.Store(next)
	return nil
}

func (r *remoteKeys) fetch(ctx context.Context) ([]publicKey, error) {
	uri := r.uri
	if uri == "" {
		raw, err := r.get(ctx, strings.TrimSuffix(r.issuer, "/")+"/.well-known/openid-configuration")
		if err != nil {
			return nil, err
		}
		var d struct {
			Issuer  string `json:"issuer"`
			JWKSURI string `json:"jwks_uri"`
		}
		if err := json.Unmarshal(raw, &d); err != nil {
			return nil, errors.New("the discovery document is not JSON")
		}
		if d.Issuer != r.issuer {
			return nil, errors.New("the discovery document names another issuer")
		}
		if uri = d.JWKSURI; !strings.HasPrefix(uri, "https://") {
			return nil, errors.New("the discovery document names no https jwks_uri")
		}
	}
	raw, err := r.get(ctx, uri)
	if err != nil {
		return nil, err
	}
	set, err := parseKeySet(raw)
	return set.Keys, err
}

func (r *remoteKeys) get(ctx context.Context, uri string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	res, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the identity provider answered %d", res.StatusCode)
	}
	if kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); strings.Contains(kind, "html") {
		return nil, errors.New("the identity provider answered HTML")
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxKeySetBytes+1))
	if err != nil || len(raw) > maxKeySetBytes {
		return nil, errors.New("the answer of the identity provider cannot be read")
	}
	return raw, nil
}

// parseKeySet reads a JWKS and keeps the public asymmetric keys. A set without
// one is an error, so that it never replaces a good one.
func parseKeySet(raw []byte) (jose.JSONWebKeySet, error) {
	var loose struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &loose); err != nil {
		return jose.JSONWebKeySet{}, errors.New("the key set is not JSON")
	}
	set := jose.JSONWebKeySet{}
	for _, one := range loose.Keys {
		var k jose.JSONWebKey
		// Keys of a kind that is not known are no reason to refuse the others.
		if k.UnmarshalJSON(one) == nil && k.Valid() && k.IsPublic() {
			set.Keys = append(set.Keys, k)
		}
	}
	if len(set.Keys) == 0 {
		return jose.JSONWebKeySet{}, errors.New("the key set holds no public key")
	}
	return set, nil
}

// byID returns the keys with this id; without an id, all of them.
func byID(keys []publicKey, kid string) []publicKey {
	if kid == "" {
		return keys
	}
	var out []publicKey
	for _, k := range keys {
		if k.KeyID == kid {
			out = append(out, k)
		}
	}
	return out
}
