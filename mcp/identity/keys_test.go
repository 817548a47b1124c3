// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/mcp/identity"
	"github.com/gatehouse-dev/gatehouse/mcp/identity/identitytest"
)

func TestKeysFoundByDiscoveryAreFetchedOnceForManyCallers(t *testing.T) {
	key := identitytest.NewKey(t, "k1")
	idp := identitytest.NewProvider(t, key.Published("RS256"))
	trusted := fetching(t, idp)
	trusted.Issuers[0].Issuer, trusted.Issuers[0].JWKSURI = idp.Issuer(), ""
	w := newWorld(t, trusted)
	var wg sync.WaitGroup
	for range 8 {
		token := key.Token(t, goodClaims("west").With("iss", idp.Issuer()))
		wg.Go(func() { w.expect(token, nil, "a token of the provider") })
	}
	wg.Wait()
	if n := idp.Fetches(); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
}

func TestFetchedKeysOutliveTheDocument(t *testing.T) {
	key := identitytest.NewKey(t, "k1")
	idp := identitytest.NewProvider(t, key.Published("RS256"))
	w := newWorld(t, fetching(t, idp))
	token := key.Token(t, goodClaims("west"))
	w.expect(token, nil, "under the first document")
	idp.Publish(true)
	next := fetching(t, idp)
	next.Issuers[0].Audiences = append(next.Issuers[0].Audiences, "https://other.example.com/mcp")
	w.serve(next)
	w.expect(token, nil, "under the next, with the provider down")
	if n := idp.Fetches(); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
	elsewhere := fetching(t, idp)
	elsewhere.Issuers[0].JWKSURI += "?another"
	w.serve(elsewhere)
	w.expect(token, identity.ErrKeysUnavailable, "with another source")
}

func TestAnUnknownKeyCausesOneFetchAMinute(t *testing.T) {
	key, stranger := identitytest.NewKey(t, "k1"), identitytest.NewKey(t, "unknown")
	idp := identitytest.NewProvider(t, key.Published("RS256"))
	w := newWorld(t, fetching(t, idp))
	w.expect(key.Token(t, goodClaims("west")), nil, "a known key")
	for range 3 {
		w.expect(stranger.Token(t, goodClaims("west")), identity.ErrInvalid, "an unknown key")
	}
	w.advance(61 * time.Second)
	for range 3 {
		w.expect(stranger.Token(t, goodClaims("west")), identity.ErrInvalid, "an unknown key, a minute later")
	}
	if n := idp.Fetches(); n != 2 {
		t.Errorf("the keys were fetched %d times, want 2", n)
	}
}

func TestKeysAreNotFetchedFromWhereTheyMustNot(t *testing.T) {
	key := identitytest.NewKey(t, "k1")
	idp := identitytest.NewProvider(t, key.Published("RS256"))
	w := newWorld(t, fetching(t, idp))
	w.issuers = identity.NewIssuers(identity.Options{Now: w.now}) // without the switch for tests
	w.serve(fetching(t, idp))
	w.expect(key.Token(t, goodClaims("west")), identity.ErrKeysUnavailable, "keys on loopback")
	if n := idp.Fetches(); n != 0 {
		t.Errorf("the keys were fetched %d times", n)
	}
}

func TestAPolicyThatCannotBeUsedIsAnErrorThatNamesIt(t *testing.T) {
	issuers := identity.NewIssuers(identity.Options{})
	for name, c := range map[string]struct{ jwks, bundle, want string }{
		"keys that are no JSON":   {"{", "", "policy sales/auth0: the key set is not JSON"},
		"keys without a key":      {`{"keys":[]}`, "", "policy sales/auth0: the key set holds no public key"},
		"a secret key":            {`{"keys":[{"kty":"oct","k":"AAAA"}]}`, "", "policy sales/auth0: the key set holds no public key"},
		"a bundle that holds nil": {"", "nothing", "policy sales/auth0: the CA bundle holds no certificate"},
	} {
		trusted := trust(t)
		trusted.Issuers[0].JWKS, trusted.Issuers[0].CABundle = c.jwks, c.bundle
		if _, err := issuers.Federation(trusted); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
