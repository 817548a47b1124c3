// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-dev/gatehouse/internal/access"
)

// The tests of this file are about tokens that mcp/identity has cached: each sees one
// answered, changes the access document, and sees the answer that the new one gives.

// expect lists tools with a token, and wants a status.
func (g *gate) expect(token string, want int, when string) {
	g.t.Helper()
	for range 2 { // an effect of the first call must not change the second
		if res, body := g.post(token, listRequest, nil); res.StatusCode != want {
			g.t.Errorf("%s: answered %d %s, want %d", when, res.StatusCode, body, want)
		}
	}
}

func TestACachedTokenIsVerifiedUnderTheCurrentDocument(t *testing.T) {
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

func TestACachedTokenGivesTheRoleOfTheCurrentDocument(t *testing.T) {
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
