// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/identity"
)

const (
	keysTTL   = 10 * time.Minute
	keysPause = 5 * time.Second
	mostKeys  = 1 << 20
)

// issuerKeys fetches and remembers the keys of issuers.
type issuerKeys struct {
	client *http.Client
	mu     sync.Mutex
	sets   map[string]fetched
}

type fetched struct {
	set jose.JSONWebKeySet
	at  time.Time
}

func newIssuerKeys(client *http.Client) *issuerKeys {
	return &issuerKeys{client: client, sets: map[string]fetched{}}
}

// of returns the keys that may have signed: given in the policy, at its URL, or
// where the issuer's discovery document points, in this order.
func (k *issuerKeys) of(ctx context.Context, p identity.OIDCPolicy, kid string) ([]jose.JSONWebKey, error) {
	if p.JWKSJSON != "" {
		var set jose.JSONWebKeySet
		if err := json.Unmarshal([]byte(p.JWKSJSON), &set); err != nil {
			return nil, err
		}
		return choose(set, kid), nil
	}
	source := p.Issuer + "\x00" + p.JWKSURI
	k.mu.Lock()
	known, ok := k.sets[source]
	k.mu.Unlock()
	age := time.Since(known.at)
	if ok && age < keysTTL && (len(choose(known.set, kid)) > 0 || age < keysPause) {
		return choose(known.set, kid), nil
	}
	set, err := k.fetch(ctx, p)
	if err != nil {
		if ok {
			return choose(known.set, kid), nil
		}
		return nil, err
	}
	k.mu.Lock()
	k.sets[source] = fetched{set, time.Now()}
	k.mu.Unlock()
	return choose(set, kid), nil
}

func choose(set jose.JSONWebKeySet, kid string) []jose.JSONWebKey {
	if kid == "" {
		return set.Keys
	}
	return set.Key(kid)
}

func (k *issuerKeys) fetch(ctx context.Context, p identity.OIDCPolicy) (jose.JSONWebKeySet, error) {
	uri := p.JWKSURI
	if uri == "" {
		var d struct {
			Issuer  string `json:"issuer"`
			JWKSURI string `json:"jwks_uri"`
		}
		if err := k.get(ctx, strings.TrimSuffix(p.Issuer, "/")+"/.well-known/openid-configuration", &d); err != nil {
			return jose.JSONWebKeySet{}, err
		}
		if d.Issuer != p.Issuer || d.JWKSURI == "" {
			return jose.JSONWebKeySet{}, errors.New("the discovery document is another issuer's")
		}
		uri = d.JWKSURI
	}
	var set jose.JSONWebKeySet
	if err := k.get(ctx, uri, &set); err != nil {
		return set, err
	}
	if len(set.Keys) == 0 {
		return set, errors.New("the key set is empty")
	}
	return set, nil
}

func (k *issuerKeys) get(ctx context.Context, uri string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return err
	}
	res, err := k.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the issuer answered %d", res.StatusCode)
	}
	return json.NewDecoder(io.LimitReader(res.Body, mostKeys)).Decode(into)
}
