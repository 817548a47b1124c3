// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/mcp/identity"
	"github.com/gatehouse-dev/gatehouse/mcp/identity/identitytest"
)

const (
	issuerURL = "https://idp.example.com/"
	resource  = "https://tools.example.com/mcp"
	roleClaim = "https://gatehouse.dev/role"
)

// clock runs ahead of the true one.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

func goodClaims(role string) identitytest.Claims {
	now := time.Now().Unix()
	return identitytest.Claims{
		"iss": issuerURL, "sub": "auth0|" + role, "aud": resource, "iat": now, "exp": now + 600,
		"azp": "portal", "email": role + "@partner.example", "name": "A User", roleClaim: role,
	}
}

// trust is an issuer with one policy and two roles.
func trust(t testing.TB, keys ...identitytest.Key) identity.Trust {
	t.Helper()
	p := access.Issuer{
		Policy: "sales/auth0", Issuer: issuerURL, Audiences: []string{resource},
		Algorithms: []string{"RS256", "ES256"}, TokenType: "AccessToken", RoleClaim: roleClaim,
		EmailClaim: "email", NameClaim: "name", AllowedClients: []string{"portal"}, Network: "Public",
		Subjects: map[string]string{"west": "sales/west", "exec": "sales/exec", "pending": "sales/pending"},
	}
	for _, k := range keys {
		p.JWKS = identitytest.JWKS(t, k.Published("RS256"))
	}
	return identity.Trust{
		Issuers: []access.Issuer{p},
		Roles:   map[string]access.Role{"sales/west": {}, "sales/exec": {}},
	}
}

// fetching is trust, with keys that are fetched from a provider.
func fetching(t testing.TB, idp *identitytest.Provider) identity.Trust {
	t.Helper()
	out := trust(t)
	p := &out.Issuers[0]
	p.JWKSURI, p.Network, p.CABundle = idp.JWKSURI(), "Any", idp.CABundle()
	return out
}

// world is the Issuers of one server, with the authenticator of its document.
type world struct {
	testing.TB
	clock
	issuers       *identity.Issuers
	authenticator identity.Authenticator
}

func newWorld(t testing.TB, trusted identity.Trust) *world {
	t.Helper()
	w := &world{TB: t}
	w.issuers = identity.NewIssuers(identity.Options{Now: w.now, Loopback: true})
	w.serve(trusted)
	return w
}

// serve takes another document into use.
func (w *world) serve(trusted identity.Trust) {
	w.Helper()
	a, err := w.issuers.Federation(trusted)
	if err != nil {
		w.Fatal(err)
	}
	w.authenticator = a
}

func headers(token string) http.Header {
	return http.Header{"Authorization": {"Bearer " + token}}
}

// expect authenticates a token, and wants an error or none.
func (w *world) expect(token string, want error, when string) {
	w.Helper()
	for range 2 { // an effect of the first call must not change the second
		if c, err := w.authenticator.Authenticate(w.Context(), headers(token)); !errors.Is(err, want) || (c == nil) != (want != nil) {
			w.Errorf("%s: the result is %v, want %v", when, err, want)
		}
	}
}
