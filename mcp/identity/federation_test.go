// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/mcp/identity"
	"github.com/gatehouse-dev/gatehouse/mcp/identity/identitytest"
)

func TestAuthenticateReturnsTheCaller(t *testing.T) {
	key := identitytest.NewKey(t, "k1")
	trusted := trust(t, key)
	w := newWorld(t, trusted)
	token := key.Token(t, goodClaims("west"))
	got, err := w.authenticator.Authenticate(t.Context(), headers(token))
	if err != nil {
		t.Fatal(err)
	}
	want := &identity.Caller{Issuer: issuerURL, Subject: "auth0|west", Email: "west@partner.example", Name: "A User", Role: "sales/west"}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(identity.Caller{}, "Expires", "Token", "TokenHash")); diff != "" {
		t.Error(diff)
	}
	if got.Token.Reveal() != token || time.Until(got.Expires) > 10*time.Minute || time.Until(got.Expires) < 9*time.Minute {
		t.Errorf("the token or its expiry %v is not that of the request", got.Expires)
	}
	trusted.KeepClaims = true
	w.serve(trusted)
	got, err = w.authenticator.Authenticate(t.Context(), headers(token))
	if err != nil || got.Claims["azp"] != "portal" || got.Claims["exp"].(json.Number) == "" {
		t.Errorf("the claims are %v, %v", got.Claims, err)
	}
}

func TestATokenWithoutARoleIsACallerWithoutOne(t *testing.T) {
	key := identitytest.NewKey(t, "k1")
	w := newWorld(t, trust(t, key))
	for name, claims := range map[string]identitytest.Claims{
		"no role claim":         goodClaims("west").With(roleClaim, nil),
		"a claim that is a set": goodClaims("west").With(roleClaim, []string{"west"}),
		"an unknown value":      goodClaims("nobody"),
		"a role not ready":      goodClaims("pending"),
	} {
		if c, err := w.authenticator.Authenticate(t.Context(), headers(key.Token(t, claims))); err != nil || c.Role != "" {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

func TestTheCredentialMustBeExactlyOneBearerToken(t *testing.T) {
	key := identitytest.NewKey(t, "k1")
	w := newWorld(t, trust(t, key))
	token := key.Token(t, goodClaims("west"))
	for name, h := range map[string]http.Header{
		"none":             {},
		"an empty one":     {"Authorization": {""}},
		"no token":         {"Authorization": {"Bearer "}},
		"another scheme":   {"Authorization": {"Basic " + token}},
		"no scheme":        {"Authorization": {token}},
		"two headers":      {"Authorization": {"Bearer " + token, "Bearer " + token}},
		"a proxy's header": {"X-Forwarded-Access-Token": {token}},
	} {
		if c, err := w.authenticator.Authenticate(t.Context(), h); !errors.Is(err, identity.ErrMissing) || c != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.authenticator.Authenticate(t.Context(), http.Header{"Authorization": {"bearer " + token}}); err != nil {
		t.Errorf("the scheme in lower case: %v", err)
	}
}

func TestTheRoleHeaderSelectsAndGrantsNothing(t *testing.T) {
	key := identitytest.NewKey(t, "k1")
	w := newWorld(t, trust(t, key))
	for name, c := range map[string]struct {
		selected []string
		want     error
	}{
		"the caller's own":  {[]string{"sales/west"}, nil},
		"another":           {[]string{"sales/exec"}, identity.ErrRoleNotHeld},
		"an empty one":      {[]string{""}, identity.ErrRoleNotHeld},
		"its own, twice":    {[]string{"sales/west", "sales/west"}, identity.ErrRoleNotHeld},
		"one that is not":   {[]string{"sales/none"}, identity.ErrRoleNotHeld},
		"no header at all":  {nil, nil},
		"its name, shouted": {[]string{"SALES/WEST"}, identity.ErrRoleNotHeld},
	} {
		h := headers(key.Token(t, goodClaims("west")))
		if c.selected != nil {
			h[identity.RoleHeader] = c.selected
		}
		if _, err := w.authenticator.Authenticate(t.Context(), h); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	h := headers(key.Token(t, goodClaims("west").With("iss", "https://evil.example/")))
	h.Set(identity.RoleHeader, "sales/exec")
	if _, err := w.authenticator.Authenticate(t.Context(), h); !errors.Is(err, identity.ErrInvalid) {
		t.Errorf("a role is compared before the token is verified: %v", err)
	}
}

func TestTokensThatAreNotValidAreRefusedByReason(t *testing.T) {
	key, foreign := identitytest.NewKey(t, "k1"), identitytest.NewKey(t, "k1")
	trusted := trust(t, key)
	trusted.Denied = []access.Subject{{Issuer: issuerURL, Subject: "auth0|denied"}}
	w := newWorld(t, trusted)
	good, now := goodClaims("west"), time.Now().Unix()
	signed := func(c identitytest.Claims) string { return key.Token(t, c) }
	with := func(signer any, alg jose.SignatureAlgorithm, h map[jose.HeaderKey]any) string {
		return identitytest.Sign(t, signer, alg, h, good.JSON(t))
	}
	typed := func(typ string) map[jose.HeaderKey]any { return map[jose.HeaderKey]any{"kid": "k1", "typ": typ} }
	public, err := json.Marshal(key.Published("RS256"))
	if err != nil {
		t.Fatal(err)
	}
	raw := string(good.JSON(t))
	part := base64.RawURLEncoding.EncodeToString
	for name, c := range map[string]struct {
		token string
		want  error
	}{
		"not a JWT":                       {"opaque", identity.ErrInvalid},
		"a good one":                      {signed(good), nil},
		"expired":                         {signed(good.With("exp", now-120)), identity.ErrExpired},
		"expired within the skew":         {signed(good.With("exp", now-10)), nil},
		"not valid yet":                   {signed(good.With("nbf", now+600)), identity.ErrInvalid},
		"issued in the future":            {signed(good.With("iat", now+600)), identity.ErrInvalid},
		"without exp":                     {signed(good.With("exp", nil)), identity.ErrInvalid},
		"without iat":                     {signed(good.With("iat", nil)), identity.ErrInvalid},
		"without sub":                     {signed(good.With("sub", nil)), identity.ErrInvalid},
		"without aud":                     {signed(good.With("aud", nil)), identity.ErrInvalid},
		"an audience that is no text":     {signed(good.With("aud", []any{resource, 1})), identity.ErrInvalid},
		"one of several audiences":        {signed(good.With("aud", []any{"https://other.example", resource})), nil},
		"exp as text":                     {signed(good.With("exp", "9999999999")), identity.ErrInvalid},
		"exp after the year 9999":         {signed(good.With("exp", 1e18)), identity.ErrInvalid},
		"exp before 1970":                 {signed(good.With("exp", -1)), identity.ErrInvalid},
		"another issuer":                  {signed(good.With("iss", "https://evil.example/")), identity.ErrInvalid},
		"the issuer without its slash":    {signed(good.With("iss", "https://idp.example.com")), identity.ErrInvalid},
		"another audience":                {signed(good.With("aud", "https://other.example/mcp")), identity.ErrInvalid},
		"another client":                  {signed(good.With("azp", "intruder")), identity.ErrInvalid},
		"a client by client_id":           {signed(good.With("azp", nil).With("client_id", "portal")), nil},
		"a denied subject":                {signed(goodClaims("denied")), identity.ErrDenied},
		"a denied subject, expired":       {signed(goodClaims("denied").With("exp", now-120)), identity.ErrExpired},
		"signed by another key":           {with(foreign.Signer, jose.RS256, typed("at+jwt")), identity.ErrInvalid},
		"unsigned":                        {part([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." + part([]byte(raw)) + ".", identity.ErrInvalid},
		"HS256 with the public key":       {with(public, jose.HS256, typed("at+jwt")), identity.ErrInvalid},
		"an algorithm not allowed":        {with(key.Signer, jose.PS256, typed("at+jwt")), identity.ErrInvalid},
		"an ID token's type":              {with(key.Signer, jose.RS256, typed("JWT")), identity.ErrInvalid},
		"the long form of the type":       {with(key.Signer, jose.RS256, typed("application/at+jwt")), nil},
		"crit":                            {with(key.Signer, jose.RS256, map[jose.HeaderKey]any{"kid": "k1", "typ": "at+jwt", "crit": []string{"x"}, "x": 1}), identity.ErrInvalid},
		"an unknown key id":               {with(key.Signer, jose.RS256, map[jose.HeaderKey]any{"kid": "other", "typ": "at+jwt"}), identity.ErrInvalid},
		"no key id":                       {with(key.Signer, jose.RS256, map[jose.HeaderKey]any{"typ": "at+jwt"}), nil},
		"a key of the token's own choice": {with(foreign.Signer, jose.RS256, map[jose.HeaderKey]any{"typ": "at+jwt", "jwk": foreign.Published("RS256"), "jku": "https://evil.example/jwks"}), identity.ErrInvalid},
		"duplicate members":               {identitytest.Sign(t, key.Signer, jose.RS256, typed("at+jwt"), []byte(`{"https://gatehouse.dev/role":"exec",`+raw[1:])), identity.ErrInvalid},
		"larger than 8 KiB":               {signed(good.With("pad", strings.Repeat("x", 9<<10))), identity.ErrInvalid},
		"another payload":                 {identitytest.Tampered(signed(good), "west", "exec"), identity.ErrInvalid},
	} {
		w.expect(c.token, c.want, name)
	}
}

func TestATokenThatMayBeAnIDTokenIsRefusedWherePlainJWTsAreTaken(t *testing.T) {
	key := identitytest.NewKey(t, "k1")
	trusted := trust(t, key)
	trusted.Issuers[0].TokenType = "JWT"
	w := newWorld(t, trusted)
	plain := func(c identitytest.Claims) string {
		return identitytest.Sign(t, key.Signer, jose.RS256, map[jose.HeaderKey]any{"kid": "k1", "typ": "JWT"}, c.JSON(t))
	}
	w.expect(plain(goodClaims("west")), nil, "a plain JWT")
	for _, claim := range []string{"nonce", "at_hash", "c_hash"} {
		w.expect(plain(goodClaims("west").With(claim, "x")), identity.ErrInvalid, "with "+claim)
	}
}

func TestAPolicyVerifiesWithItsOwnKeysOnly(t *testing.T) {
	own, others := identitytest.NewKey(t, "k1"), identitytest.NewKey(t, "other")
	trusted := trust(t, own)
	second := trust(t, others).Issuers[0]
	second.Policy, second.Subjects = "acme/auth0", map[string]string{"acme": "acme/viewer"}
	trusted.Issuers = append(trusted.Issuers, second)
	trusted.Roles["acme/viewer"] = access.Role{}
	w := newWorld(t, trusted)
	for name, c := range map[string]struct{ token, want string }{
		"the first policy's":           {own.Token(t, goodClaims("exec")), "sales/exec"},
		"the second policy's":          {others.Token(t, goodClaims("acme")), "acme/viewer"},
		"the first's, by second keys":  {others.Token(t, goodClaims("exec")), ""},
		"the second's, by first's key": {own.Token(t, goodClaims("acme")), ""},
	} {
		if got, err := w.authenticator.Authenticate(t.Context(), headers(c.token)); err != nil || got.Role != c.want {
			t.Errorf("%s: %+v, %v; want the role %q", name, got, err, c.want)
		}
	}
}
