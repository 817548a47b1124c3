// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/mcp/identity"
	"github.com/gatehouse-dev/gatehouse/mcp/identity/identitytest"
)

// The tests of this file are about tokens that are cached: each sees one accepted,
// changes something, and sees it refused although it is in the cache.

func TestACachedTokenEndsWhenItsTimeDoes(t *testing.T) {
	key := identitytest.NewKey(t, "k1")
	w := newWorld(t, trust(t, key))
	token := key.Token(t, goodClaims("west"))
	w.expect(token, nil, "a good token")
	w.advance(11 * time.Minute)
	w.expect(token, identity.ErrExpired, "the same after its end")
	w.advance(-22 * time.Minute)
	w.expect(token, identity.ErrInvalid, "the same before it was issued")
	w.advance(11 * time.Minute)
	later := key.Token(t, goodClaims("west").With("nbf", time.Now().Unix()))
	w.expect(later, nil, "a token with nbf")
	w.advance(-2 * time.Minute)
	w.expect(later, identity.ErrInvalid, "the same before nbf")
}

func TestACachedTokenIsVerifiedAgainUnderAnotherDocument(t *testing.T) {
	key := identitytest.NewKey(t, "k1")
	first := newWorld(t, trust(t, key))
	token := key.Token(t, goodClaims("west"))
	first.expect(token, nil, "at first")
	denied := trust(t, key)
	denied.Denied = []access.Subject{{Issuer: issuerURL, Subject: "auth0|west"}}
	first.serve(denied)
	first.expect(token, identity.ErrDenied, "denied")
	other := trust(t, key)
	other.Issuers[0].Subjects = map[string]string{"west": "sales/exec"}
	first.serve(other)
	if c, err := first.authenticator.Authenticate(t.Context(), headers(token)); err != nil || c.Role != "sales/exec" {
		t.Errorf("the role is not that of the document: %+v, %v", c, err)
	}
}

func TestATokenThatResemblesACachedOneIsNotTakenForIt(t *testing.T) {
	key := identitytest.NewKey(t, "k1")
	w := newWorld(t, trust(t, key))
	token := key.Token(t, goodClaims("west"))
	w.expect(token, nil, "a good token")
	w.expect(identitytest.Tampered(token, "west", "exec"), identity.ErrInvalid, "another payload under its signature")
	w.expect(token[:strings.LastIndex(token, ".")+1]+strings.Repeat("A", 342), identity.ErrInvalid, "another signature")
	w.expect(token[:len(token)-4], identity.ErrInvalid, "half a signature")
	w.expect(token+"=", identity.ErrInvalid, "a padded signature")
	w.expect(token, nil, "the good token again")
}

func TestARefusedTokenIsNotCached(t *testing.T) {
	key := identitytest.NewKey(t, "k1")
	w := newWorld(t, trust(t, key))
	token := key.Token(t, goodClaims("west").With("nbf", time.Now().Add(5*time.Minute).Unix()))
	w.expect(token, identity.ErrInvalid, "before its time")
	w.advance(6 * time.Minute)
	w.expect(token, nil, "when its time has come")
}

func TestACachedTokenGoesWithItsKey(t *testing.T) {
	old, next := identitytest.NewKey(t, "old"), identitytest.NewKey(t, "next")
	signedBy := func(k identitytest.Key) string {
		return k.Token(t, goodClaims("west").With("exp", time.Now().Add(2*time.Hour).Unix()))
	}
	setup := func(t *testing.T) (*world, *identitytest.Provider) {
		t.Helper()
		idp := identitytest.NewProvider(t, old.Published("RS256"))
		return newWorld(t, fetching(t, idp)), idp
	}
	t.Run("when the keys are due to be fetched again", func(t *testing.T) {
		w, idp := setup(t)
		token := signedBy(old)
		w.expect(token, nil, "at first")
		idp.Publish(false, next.Published("RS256"))
		w.expect(token, nil, "while the keys are fresh")
		w.advance(11 * time.Minute)
		w.expect(token, identity.ErrInvalid, "when they are no longer")
	})
	t.Run("as soon as a token by a new key makes them be fetched", func(t *testing.T) {
		w, idp := setup(t)
		token := signedBy(old)
		w.expect(token, nil, "at first")
		idp.Publish(false, next.Published("RS256"))
		w.advance(2 * time.Minute) // an unknown key may cause one fetch a minute
		w.expect(signedBy(next), nil, "a token by the new key")
		w.expect(token, identity.ErrInvalid, "the one by the old key")
	})
	t.Run("but not because its provider is down", func(t *testing.T) {
		w, idp := setup(t)
		token := signedBy(old)
		w.expect(token, nil, "at first")
		idp.Publish(true)
		w.advance(30 * time.Minute)
		w.expect(token, nil, "with the provider down")
		idp.Publish(false, next.Published("RS256"))
		w.advance(2 * time.Minute)
		w.expect(token, identity.ErrInvalid, "when it is up again, without the key")
	})
}
