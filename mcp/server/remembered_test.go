// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/mcp/server"
)

// The tests of this file are about tokens that were verified before: each sees one
// answered, changes something, and sees it refused, although it is remembered.

// clock runs ahead of the true one.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// expect lists tools with a token, and wants a status.
func (g *gate) expect(token string, want int, when string) {
	g.t.Helper()
	for range 2 { // whatever the first one leaves behind must not change the second
		if res, body := g.post(token, listRequest, nil); res.StatusCode != want {
			g.t.Errorf("%s: answered %d %s, want %d", when, res.StatusCode, body, want)
		}
	}
}

func TestARememberedTokenEndsWhenItsTimeDoes(t *testing.T) {
	c := &clock{}
	g := start(t, func(o *server.Options) { o.Now = c.now })
	g.serve(document(t, g.key.public("RS256")))
	token := g.token("west")
	g.expect(token, http.StatusOK, "a good token")
	c.advance(11 * time.Minute)
	g.expect(token, http.StatusUnauthorized, "the same after its end")
	if _, body := g.post(token, listRequest, nil); !strings.Contains(body, "expired_token") {
		t.Errorf("answered %s", body)
	}
	c.advance(-22 * time.Minute)
	g.expect(token, http.StatusUnauthorized, "the same before it was issued")
	c.advance(11 * time.Minute)
	later := g.signed(goodClaims("west").with("nbf", time.Now().Unix()))
	g.expect(later, http.StatusOK, "a token with nbf")
	c.advance(-2 * time.Minute)
	g.expect(later, http.StatusUnauthorized, "the same before nbf")
}

func TestARememberedTokenIsJudgedByTheDocumentOfTheMoment(t *testing.T) {
	fresh := rsaSigner(t, "k2")
	for name, change := range map[string]func(*access.Document){
		"its subject is denied": func(d *access.Document) {
			d.DeniedSubjects = []access.Subject{{Issuer: issuerURL, Subject: "auth0|west"}}
		},
		"its key is withdrawn": func(d *access.Document) {
			raw, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{fresh.public("RS256")}})
			d.Issuers[0].JWKS = string(raw)
		},
		"its key is replaced under the same id": func(d *access.Document) {
			key := fresh.public("RS256")
			key.KeyID = "k1"
			raw, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}})
			d.Issuers[0].JWKS = string(raw)
		},
		"its issuer goes":    func(d *access.Document) { d.Issuers[0].Issuer = "https://other.example.com/" },
		"its audience goes":  func(d *access.Document) { d.Issuers[0].Audiences = []string{"https://other.example.com/mcp"} },
		"its client goes":    func(d *access.Document) { d.Issuers[0].AllowedClients = []string{"another"} },
		"its algorithm goes": func(d *access.Document) { d.Issuers[0].Algorithms = []string{"ES256"} },
		"what it must be is narrowed": func(d *access.Document) {
			d.Issuers[0].TokenType, d.Issuers[0].AllowedClients = "AccessToken", []string{""}
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := serving(t)
			token := g.token("west")
			g.expect(token, http.StatusOK, "at first")
			d := document(t, g.key.public("RS256"))
			change(&d)
			g.serve(d)
			g.expect(token, http.StatusUnauthorized, "afterwards")
			g.serve(document(t, g.key.public("RS256")))
			g.expect(token, http.StatusOK, "when it is taken back")
		})
	}
}

func TestARememberedTokenGivesTheRoleOfTheMoment(t *testing.T) {
	g := serving(t)
	token := g.token("west")
	if a := ask(t, g.client(token, "2025-11-25"), "check_identity", nil); a.Identity == nil || a.Identity.Role != "sales/west" {
		t.Fatalf("answered %+v", a)
	}
	d := document(t, g.key.public("RS256"))
	d.Issuers[0].Subjects = map[string]string{"west": "sales/exec"}
	g.serve(d)
	if a := ask(t, g.client(token, "2025-11-25"), "check_identity", nil); a.Identity == nil || a.Identity.Role != "sales/exec" {
		t.Errorf("answered %+v", a)
	}
	d.Issuers[0].Subjects = map[string]string{"somebody": "sales/exec"}
	g.serve(d)
	if a := ask(t, g.client(token, "2025-11-25"), "check_identity", nil); a.Error.Code != "ACCESS_DENIED" {
		t.Errorf("answered %+v", a)
	}
}

func TestATokenThatLooksLikeARememberedOneIsNotTakenForIt(t *testing.T) {
	g := serving(t)
	token := g.token("west")
	g.expect(token, http.StatusOK, "a good token")
	g.expect(tampered(token), http.StatusUnauthorized, "another payload under its signature")
	g.expect(token[:strings.LastIndex(token, ".")+1]+strings.Repeat("A", 342), http.StatusUnauthorized, "another signature")
	g.expect(token[:len(token)-4], http.StatusUnauthorized, "half a signature")
	g.expect(token+"=", http.StatusUnauthorized, "a padded signature")
	g.expect(token, http.StatusOK, "the good token again")
}

func TestARefusedTokenIsNotRemembered(t *testing.T) {
	c := &clock{}
	g := start(t, func(o *server.Options) { o.Now = c.now })
	g.serve(document(t, g.key.public("RS256")))
	token := g.signed(goodClaims("west").with("nbf", time.Now().Add(5*time.Minute).Unix()))
	g.expect(token, http.StatusUnauthorized, "before its time")
	c.advance(6 * time.Minute)
	g.expect(token, http.StatusOK, "when its time has come")
}

// provider is an identity provider whose published keys change.
type provider struct {
	*httptest.Server
	mu      sync.Mutex
	keys    []jose.JSONWebKey
	down    bool
	fetches int
}

func newProvider(t testing.TB, keys ...jose.JSONWebKey) *provider {
	t.Helper()
	p := &provider{keys: keys}
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.down {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		p.fetches++
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: p.keys})
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) publish(down bool, keys ...jose.JSONWebKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys, p.down = keys, down
}

func TestARememberedTokenGoesWithItsKey(t *testing.T) {
	old, next := rsaSigner(t, "old"), rsaSigner(t, "next")
	signedBy := func(s signer) string {
		claims := goodClaims("west").with("exp", time.Now().Add(2*time.Hour).Unix())
		return sign(t, s.key, jose.RS256, map[jose.HeaderKey]any{"kid": s.id, "typ": "at+jwt"}, claims.json(t))
	}
	setup := func(t *testing.T) (*gate, *provider, *clock) {
		t.Helper()
		c, idp := &clock{}, newProvider(t, old.public("RS256"))
		g := start(t, func(o *server.Options) { o.Now, o.LoopbackIssuers = c.now, true })
		d := document(t)
		d.Issuers[0].JWKS, d.Issuers[0].JWKSURI, d.Issuers[0].Network, d.Issuers[0].CABundle = "", idp.URL+"/jwks", "Any", pemOf(idp.Certificate().Raw)
		g.serve(d)
		return g, idp, c
	}
	t.Run("when the keys are due to be fetched again", func(t *testing.T) {
		g, idp, c := setup(t)
		token := signedBy(old)
		g.expect(token, http.StatusOK, "at first")
		idp.publish(false, next.public("RS256"))
		g.expect(token, http.StatusOK, "while the keys are fresh")
		c.advance(11 * time.Minute)
		g.expect(token, http.StatusUnauthorized, "when they are no longer")
	})
	t.Run("as soon as a token by a new key makes them be fetched", func(t *testing.T) {
		g, idp, c := setup(t)
		token := signedBy(old)
		g.expect(token, http.StatusOK, "at first")
		idp.publish(false, next.public("RS256"))
		c.advance(2 * time.Minute) // an unknown key may cause one fetch a minute
		g.expect(signedBy(next), http.StatusOK, "a token by the new key")
		g.expect(token, http.StatusUnauthorized, "the one by the old key")
	})
	t.Run("but not because its provider is down", func(t *testing.T) {
		g, idp, c := setup(t)
		token := signedBy(old)
		g.expect(token, http.StatusOK, "at first")
		idp.publish(true)
		c.advance(30 * time.Minute)
		g.expect(token, http.StatusOK, "with the provider down")
		idp.publish(false, next.public("RS256"))
		c.advance(2 * time.Minute)
		g.expect(token, http.StatusUnauthorized, "when it is up again, without the key")
	})
}
