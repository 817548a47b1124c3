// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/mcp/identity/identitytest"
	"github.com/gatehouse-dev/gatehouse/mcp/server"
)

func TestTokensThatDoNotCountAreRefusedWithAChallenge(t *testing.T) {
	g := serving(t)
	good := goodClaims("west")
	foreign := rsaSigner(t, "k1")
	typed := func(typ string) map[jose.HeaderKey]any { return map[jose.HeaderKey]any{"kid": g.key.id, "typ": typ} }
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(good.json(t)) + "."
	publicKey, err := json.Marshal(g.key.public("RS256"))
	if err != nil {
		t.Fatal(err)
	}
	raw := string(good.json(t))
	now := time.Now().Unix()
	for name, token := range map[string]string{
		"none at all":                     "",
		"not a JWT":                       "opaque",
		"expired":                         g.signed(good.with("exp", now-120)),
		"not valid yet":                   g.signed(good.with("nbf", now+600)),
		"issued in the future":            g.signed(good.with("iat", now+600)),
		"without exp":                     g.signed(good.with("exp", nil)),
		"without iat":                     g.signed(good.with("iat", nil)),
		"without sub":                     g.signed(good.with("sub", nil)),
		"without aud":                     g.signed(good.with("aud", nil)),
		"exp as text":                     g.signed(good.with("exp", "9999999999")),
		"another issuer":                  g.signed(good.with("iss", "https://evil.example/")),
		"the issuer without its slash":    g.signed(good.with("iss", "https://idp.example.com")),
		"another audience":                g.signed(good.with("aud", "https://other.example/mcp")),
		"the audience with a slash":       g.signed(good.with("aud", resource+"/")),
		"another client":                  g.signed(good.with("azp", "intruder")),
		"signed by another key":           sign(t, foreign.key, jose.RS256, typed("at+jwt"), good.json(t)),
		"unsigned":                        unsigned,
		"HS256 with the public key":       sign(t, publicKey, jose.HS256, typed("at+jwt"), good.json(t)),
		"an algorithm not allowed":        sign(t, g.key.key, jose.PS256, typed("at+jwt"), good.json(t)),
		"an ID token's type":              sign(t, g.key.key, jose.RS256, typed("JWT"), good.json(t)),
		"no type":                         sign(t, g.key.key, jose.RS256, map[jose.HeaderKey]any{"kid": g.key.id}, good.json(t)),
		"crit":                            sign(t, g.key.key, jose.RS256, map[jose.HeaderKey]any{"kid": g.key.id, "typ": "at+jwt", "crit": []string{"x"}, "x": 1}, good.json(t)),
		"an unknown key id":               sign(t, g.key.key, jose.RS256, map[jose.HeaderKey]any{"kid": "other", "typ": "at+jwt"}, good.json(t)),
		"duplicate members":               sign(t, g.key.key, jose.RS256, typed("at+jwt"), []byte(`{"https://gatehouse.dev/role":"exec",`+raw[1:])),
		"larger than 8 KiB":               g.signed(good.with("pad", strings.Repeat("x", 9<<10))),
		"a changed payload":               tampered(g.token("west")),
		"a key of the token's own choice": sign(t, foreign.key, jose.RS256, map[jose.HeaderKey]any{"typ": "at+jwt", "jwk": foreign.public("RS256"), "jku": "https://evil.example/jwks"}, good.json(t)),
	} {
		t.Run(name, func(t *testing.T) {
			res, body := g.post(token, listRequest, nil)
			if res.StatusCode != http.StatusUnauthorized {
				t.Fatalf("answered %d %s", res.StatusCode, body)
			}
			challenge := res.Header.Get("WWW-Authenticate")
			if !strings.Contains(challenge, `resource_metadata="https://tools.example.com/.well-known/oauth-protected-resource/mcp"`) {
				t.Errorf("the challenge reads %q", challenge)
			}
			if hasCode := strings.Contains(challenge, `error="invalid_token"`); hasCode == (token == "") {
				t.Errorf("the challenge reads %q", challenge)
			}
			if token != "" && (strings.Contains(body, token) || strings.Contains(g.logs.String(), token)) {
				t.Error("the token is repeated")
			}
		})
	}
	if exchanges, statements := g.workspace.counts(); exchanges+statements != 0 {
		t.Errorf("%d exchanges and %d statements", exchanges, statements)
	}
}

// tampered swaps the payload for that of another role and keeps the signature.
func tampered(token string) string { return identitytest.Tampered(token, "west", "exec") }

func TestDeniedSubjectsAreRefused(t *testing.T) {
	g := serving(t, func(d *access.Document) {
		d.DeniedSubjects = []access.Subject{{Issuer: issuerURL, Subject: "auth0|west"}}
	})
	if res, _ := g.post(g.token("west"), listRequest, nil); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a denied subject got %d", res.StatusCode)
	}
	if res, _ := g.post(g.token("exec"), listRequest, nil); res.StatusCode != http.StatusOK {
		t.Errorf("another subject got %d", res.StatusCode)
	}
}

func TestOneTenantsKeysCannotSignForTheRolesOfAnother(t *testing.T) {
	g := start(t)
	own, others := g.key, rsaSigner(t, "other")
	d := document(t, own.public("RS256"))
	second := document(t, others.public("RS256")).Issuers[0]
	second.Policy, second.Subjects = "acme/auth0", map[string]string{"acme": "acme/viewer"}
	d.Issuers = append(d.Issuers, second)
	d.Roles["acme/viewer"] = access.Role{ApplicationID: "aaaaaaaa-0000-4000-8000-000000000009", Scopes: []string{"sql"}}
	d.Matrix["acme/viewer"] = []string{"check_identity"}
	g.serve(d)
	forged := sign(t, others.key, jose.RS256, map[jose.HeaderKey]any{"kid": "other", "typ": "at+jwt"}, goodClaims("exec").json(t))
	s := g.client(forged, "2025-11-25")
	if list, err := s.ListTools(t.Context(), nil); err != nil || len(list.Tools) != 0 {
		t.Errorf("a token signed with the other policy's keys lists %v, %v", list, err)
	}
	honest := sign(t, others.key, jose.RS256, map[jose.HeaderKey]any{"kid": "other", "typ": "at+jwt"}, goodClaims("acme").json(t))
	if a := ask(t, g.client(honest, "2025-11-25"), "check_identity", nil); a.Status != "ok" || a.Identity.Role != "acme/viewer" {
		t.Errorf("answered %+v", a)
	}
}

func TestHeadersGrantNothing(t *testing.T) {
	g := serving(t)
	for _, name := range []string{
		"X-Forwarded-Access-Token", "X-Forwarded-Email", "X-Forwarded-User", "X-Databricks-Token", "X-Caller-Role", "X-Caller-Email",
		"x_forwarded_access_token", "X_Caller_Role",
	} {
		_, body := g.post(g.token("west"), `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query_audit_log","arguments":{}}}`,
			map[string]string{name: "exec"})
		if !strings.Contains(body, "ACCESS_DENIED") {
			t.Errorf("with %s: %s", name, body)
		}
		if res, _ := g.post("", listRequest, map[string]string{name: g.token("exec")}); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s instead of a bearer token got %d", name, res.StatusCode)
		}
	}
	if res, _ := g.post(g.token("west"), listRequest, map[string]string{"X-Gatehouse-Role": "sales/exec"}); res.StatusCode != http.StatusForbidden {
		t.Errorf("selecting a role that the token does not give got %d", res.StatusCode)
	}
	if res, _ := g.post(g.token("west"), listRequest, map[string]string{"X-Gatehouse-Role": "sales/west"}); res.StatusCode != http.StatusOK {
		t.Errorf("selecting the token's own role got %d", res.StatusCode)
	}
}

func TestRequestsThatKeepNoRulesAreRefused(t *testing.T) {
	g := serving(t)
	for name, c := range map[string]struct {
		body    string
		headers map[string]string
		want    int
	}{
		"broken JSON":          {`{"jsonrpc":`, nil, http.StatusBadRequest},
		"no JSON":              {`hello`, nil, http.StatusBadRequest},
		"a batch":              {`[` + listRequest + `]`, nil, http.StatusBadRequest},
		"something after":      {listRequest + listRequest, nil, http.StatusBadRequest},
		"duplicate members":    {`{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{}}`, nil, http.StatusBadRequest},
		"duplicates within":    {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"check_identity","name":"query_audit_log","arguments":{}}}`, nil, http.StatusBadRequest},
		"no version":           {listRequest, map[string]string{"Mcp-Protocol-Version": ""}, http.StatusBadRequest},
		"an old version":       {listRequest, map[string]string{"Mcp-Protocol-Version": "2025-03-26"}, http.StatusBadRequest},
		"too large":            {`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"x":"` + strings.Repeat("x", 5000) + `"}}`, nil, http.StatusRequestEntityTooLarge},
		"deeper than 100":      {strings.Repeat(`{"a":`, 120) + `1` + strings.Repeat(`}`, 120), nil, http.StatusBadRequest},
		"not announced JSON":   {listRequest, map[string]string{"Content-Type": "text/plain"}, http.StatusUnsupportedMediaType},
		"another host":         {listRequest, map[string]string{"Host": "evil.example"}, http.StatusForbidden},
		"another site's page":  {listRequest, map[string]string{"Origin": "https://evil.example"}, http.StatusForbidden},
		"two tokens":           {listRequest, map[string]string{"Authorization": "Basic abc"}, http.StatusUnauthorized},
		"accepting only JSON":  {listRequest, map[string]string{"Accept": "application/json"}, http.StatusBadRequest},
		"and a request of use": {listRequest, nil, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			if res, body := g.post(g.token("west"), c.body, c.headers); res.StatusCode != c.want {
				t.Errorf("answered %d %s, want %d", res.StatusCode, body, c.want)
			}
		})
	}
}

func TestMetadataSaysWhereTokensComeFrom(t *testing.T) {
	g := serving(t)
	for _, path := range []string{"/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"} {
		res, err := http.Get(g.main.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		var m struct {
			Resource string   `json:"resource"`
			Servers  []string `json:"authorization_servers"`
		}
		if err := json.NewDecoder(res.Body).Decode(&m); err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if m.Resource != resource || len(m.Servers) != 1 || m.Servers[0] != issuerURL || res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s says %+v", path, m)
		}
	}
}

func TestEachAnswerCarriesItsRequestID(t *testing.T) {
	g := serving(t)
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"check_identity","arguments":{}}}`
	res, body := g.post(g.token("west"), call, map[string]string{"X-Request-Id": "portal-12345"})
	if res.Header.Get("X-Request-Id") != "portal-12345" || !strings.Contains(body, "portal-12345") || g.workspace.asked[0].RequestID != "portal-12345" {
		t.Errorf("the id was lost: %v %s", res.Header, body)
	}
	for _, bad := range []string{"short", "with blank in it", strings.Repeat("x", 65), "bad\"quote-12"} {
		if res, _ := g.post(g.token("west"), call, map[string]string{"X-Request-Id": bad}); res.Header.Get("X-Request-Id") == bad || res.Header.Get("X-Request-Id") == "" {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestKeysAreFetchedRotatedAndKept(t *testing.T) {
	g := start(t, func(o *server.Options) { o.LoopbackIssuers = true })
	up, published := true, []jose.JSONWebKey{g.key.public("RS256")}
	fetches := 0
	idp := httptest.NewUnstartedServer(nil)
	idp.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !up {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			_ = json.NewEncoder(w).Encode(map[string]string{"issuer": idp.URL + "/", "jwks_uri": idp.URL + "/jwks"})
		case "/jwks":
			fetches++
			_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: published})
		}
	})
	idp.StartTLS()
	defer idp.Close()
	d := document(t)
	d.Issuers[0].JWKS, d.Issuers[0].Issuer, d.Issuers[0].Network = "", idp.URL+"/", "Any"
	d.Issuers[0].CABundle = pemOf(idp.Certificate().Raw)
	g.serve(d)
	token := func(s signer) string {
		return sign(t, s.key, jose.RS256, map[jose.HeaderKey]any{"kid": s.id, "typ": "at+jwt"}, goodClaims("west").with("iss", idp.URL+"/").json(t))
	}
	for range 3 {
		if res, body := g.post(token(g.key), listRequest, nil); res.StatusCode != http.StatusOK {
			t.Fatalf("answered %d %s", res.StatusCode, body)
		}
	}
	if fetches != 1 {
		t.Errorf("%d fetches for three calls, want 1", fetches)
	}
	up = false
	if res, _ := g.post(token(g.key), listRequest, nil); res.StatusCode != http.StatusOK {
		t.Errorf("with the provider down, a known key got %d", res.StatusCode)
	}
	stranger := rsaSigner(t, "unknown")
	for range 3 {
		if res, _ := g.post(token(stranger), listRequest, nil); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("an unknown key got %d", res.StatusCode)
		}
	}
}

func TestAnIssuerThatCannotBeReachedIsNotTheCallersFault(t *testing.T) {
	g := start(t)
	d := document(t)
	// Without the switch for tests, loopback is refused: the provider cannot be reached.
	d.Issuers[0].JWKS, d.Issuers[0].JWKSURI, d.Issuers[0].Network = "", "https://127.0.0.1:1/jwks", "Any"
	g.serve(d)
	res, body := g.post(g.token("west"), listRequest, nil)
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || strings.Contains(body, "127.0.0.1") {
		t.Errorf("answered %d %s", res.StatusCode, body)
	}
}

// What the fixtures of the conformance suites are served by is the same door: it
// has no way in without a token either.
func TestAnotherServerIsBehindTheSameDoor(t *testing.T) {
	g := serving(t)
	other := httptest.NewServer(g.server.HandlerFor(func(o mcp.ServerOptions) *mcp.Server {
		srv := mcp.NewServer(&mcp.Implementation{Name: "other", Version: "1"}, &o)
		srv.AddTool(&mcp.Tool{Name: "panics", InputSchema: json.RawMessage(`{"type":"object"}`)},
			func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) { panic("a row of data") })
		return srv
	}))
	defer other.Close()
	g.main.URL = other.URL // g.main itself is closed as it was made
	if res, _ := g.post("", listRequest, nil); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %d", res.StatusCode)
	}
	if res, _ := g.post(g.signed(goodClaims("west").with("aud", "https://elsewhere.example.com")), listRequest, nil); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("with a token for another server: %d", res.StatusCode)
	}
	for name, headers := range map[string]map[string]string{
		"host": {"Host": "evil.example.com"}, "origin": {"Origin": "https://evil.example.com"},
	} {
		if res, _ := g.post(g.token("west"), listRequest, headers); res.StatusCode != http.StatusForbidden {
			t.Errorf("with another %s: %d", name, res.StatusCode)
		}
	}
	if res, _ := g.post(g.token("west"), listRequest, map[string]string{"Mcp-Protocol-Version": ""}); res.StatusCode != http.StatusBadRequest {
		t.Errorf("without a version: %d", res.StatusCode)
	}
	if res, body := g.post(g.token("west"), listRequest, nil); res.StatusCode != http.StatusOK || !strings.Contains(body, `"panics"`) {
		t.Errorf("with a token: %d %s", res.StatusCode, body)
	}
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"panics","arguments":{}}}`
	if res, body := g.post(g.token("west"), call, nil); res.StatusCode != http.StatusOK || !strings.Contains(body, "internal error") || strings.Contains(body, "a row") {
		t.Errorf("a panic: %d %s", res.StatusCode, body)
	}
}
