// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/mcp/identity/identitytest"
)

// FuzzAuthenticate sends tokens that nobody signed. Nothing but the signed ones is
// accepted, each error is one of the package's, and none repeats the token.
func FuzzAuthenticate(f *testing.F) {
	key, now := identitytest.NewKey(f, "k1"), time.Unix(1_800_000_000, 0)
	claims := identitytest.Claims{"iss": "https://idp.example.com/", "sub": "auth0|west", "aud": "a", "iat": now.Unix(), "exp": now.Unix() + 600, "role": "west"}
	federation, err := NewIssuers(Options{Now: func() time.Time { return now }}).Federation(Trust{
		Issuers: []access.Issuer{{
			Policy: "p", Issuer: "https://idp.example.com/", Audiences: []string{"a"}, JWKS: identitytest.JWKS(f, key.Published("RS256")),
			Algorithms: []string{"RS256"}, TokenType: "AccessToken", RoleClaim: "role", Subjects: map[string]string{"west": "sales/west", "exec": "sales/exec"},
		}},
		Roles: map[string]access.Role{"sales/west": {}, "sales/exec": {}},
	})
	if err != nil {
		f.Fatal(err)
	}
	signed := key.Token(f, claims)
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	for _, token := range []string{
		signed, identitytest.Tampered(signed, "west", "exec"), signed[:len(signed)-1], signed + ".", "..", "a.b.c", "",
		none + "." + strings.Split(signed, ".")[1] + ".", key.Token(f, claims.With("exp", 1)),
		identitytest.Sign(f, key.Signer, jose.RS256, map[jose.HeaderKey]any{"kid": "k1", "typ": "JWT"}, claims.JSON(f)),
	} {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token string) {
		caller, err := federation.Authenticate(t.Context(), http.Header{"Authorization": {"Bearer " + token}})
		switch {
		case err == nil:
			// Base64 has bits that mean nothing, so that other texts can be the signed token.
			if caller.Subject != "auth0|west" || caller.Role != "sales/west" {
				t.Errorf("%q is accepted as %+v", token, caller)
			}
		case caller != nil:
			t.Errorf("%q: a caller and the error %v", token, err)
		case !errors.Is(err, ErrMissing) && !errors.Is(err, ErrExpired) && !errors.Is(err, ErrInvalid):
			t.Errorf("%q: the error %v is none of the package's", token, err)
		case len(token) > 40 && strings.Contains(err.Error(), token):
			t.Errorf("the error repeats the token: %v", err)
		}
	})
}

// FuzzParseClaims reads payloads of any shape. Claims that are accepted have an issuer, a
// subject, an audience, and times between 1970 and 9999.
func FuzzParseClaims(f *testing.F) {
	for _, payload := range []string{
		`{"iss":"i","sub":"s","aud":"a","exp":2000000000,"iat":1700000000}`,
		`{"iss":"i","sub":"s","aud":["a","b"],"exp":2e9,"iat":1.7e9,"nbf":0,"azp":"c","nonce":"n"}`,
		`{"iss":"i","sub":"s","aud":[],"exp":1,"iat":1}`, `{"iss":1,"sub":"s","aud":[1],"exp":"1","iat":null}`,
		`{"iss":"i","sub":"s","aud":"a","exp":1e400,"iat":-1}`, `{"iss":"i","iss":"j"}`, `{"a":{"a":[[[1]]]}}`, `[]`, `null`, ``,
	} {
		f.Add([]byte(payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := parseClaims(payload)
		if err != nil {
			return
		}
		if c.issuer == "" || c.subject == "" || len(c.audience) == 0 {
			t.Errorf("%q is accepted as %+v", payload, c)
		}
		for _, at := range []time.Time{c.expires, c.issuedAt} {
			if at.Unix() < 0 || at.Year() > 9999 {
				t.Errorf("%q has the time %v", payload, at)
			}
		}
	})
}
