// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package devidp_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/devidp"
)

const audience = "https://tools.example.com/mcp"

type site struct {
	t             *testing.T
	public, admin *httptest.Server
	issuer        string
}

func start(t *testing.T, state string, edit func(*devidp.Options)) site {
	t.Helper()
	public := httptest.NewUnstartedServer(nil)
	o := devidp.Options{
		Config: devidp.Config{
			Users:   []devidp.User{{Name: "ann", Password: "annpw", Email: "ann@example.com", FullName: "Ann", Claims: map[string]any{"https://gatehouse.dev/role": "west-sales"}}},
			Clients: []devidp.Client{{ID: "demo"}, {ID: "machine", Secret: "machinepw", Claims: map[string]any{"kind": "machine"}}}, Audiences: []string{audience, "https://other.example.com"},
		},
		Issuer: "http://" + public.Listener.Addr().String() + "/", StateDir: state, PasswordGrant: true, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	if edit != nil {
		edit(&o)
	}
	p, err := devidp.New(o)
	if err != nil {
		t.Fatal(err)
	}
	public.Config.Handler = p.Public
	public.Start()
	admin := httptest.NewServer(p.Admin)
	t.Cleanup(func() { public.Close(); admin.Close() })
	return site{t, public, admin, o.Issuer}
}

func (s site) form(form url.Values) (int, map[string]any) {
	s.t.Helper()
	res, err := http.PostForm(s.public.URL+"/oauth/token", form) //nolint:noctx // a test
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var out map[string]any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, out
}

func (s site) order(o map[string]any) string {
	s.t.Helper()
	raw, _ := json.Marshal(o)
	res, err := http.Post(s.admin.URL+"/admin/tokens", "application/json", bytes.NewReader(raw)) //nolint:noctx // a test
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var out struct{ Token, Error string }
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || out.Token == "" {
		s.t.Fatalf("%v %s", err, out.Error)
	}
	return out.Token
}

// verify is what a server does that knows the issuer alone.
func (s site) verify(token string) (map[string]any, error) {
	s.t.Helper()
	p, err := oidc.NewProvider(s.t.Context(), s.issuer)
	if err != nil {
		s.t.Fatal(err)
	}
	t, err := p.Verifier(&oidc.Config{ClientID: audience}).Verify(s.t.Context(), token)
	if err != nil {
		return nil, err
	}
	var claims map[string]any
	return claims, t.Claims(&claims)
}

func login(edit ...string) url.Values {
	v := url.Values{"grant_type": {"password"}, "username": {"ann"}, "password": {"annpw"}, "client_id": {"demo"}, "audience": {audience}}
	for i := 0; i+1 < len(edit); i += 2 {
		v.Set(edit[i], edit[i+1])
	}
	return v
}

func TestAPersonGetsATokenThatDiscoveryAloneVerifies(t *testing.T) {
	s := start(t, "", nil)
	status, body := s.form(login())
	token, _ := body["access_token"].(string)
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, body)
	}
	claims, err := s.verify(token)
	if err != nil {
		t.Fatal(err)
	}
	if claims["iss"] != s.issuer || claims["https://gatehouse.dev/role"] != "west-sales" || claims["email"] != "ann@example.com" || claims["sub"] != "dev|ann" || claims["azp"] != "demo" {
		t.Errorf("claims %v", claims)
	}
	if body["id_token"] != nil {
		t.Error("an ID token was handed out")
	}
}

func TestAClientGetsATokenOfItsOwn(t *testing.T) {
	s := start(t, "", nil)
	v := url.Values{"grant_type": {"client_credentials"}, "client_id": {"machine"}, "client_secret": {"machinepw"}, "audience": {audience}}
	status, body := s.form(v)
	token, _ := body["access_token"].(string)
	claims, err := s.verify(token)
	if status != http.StatusOK || err != nil || claims["sub"] != "machine@clients" || claims["kind"] != "machine" {
		t.Errorf("%d %v %v %v", status, body["error"], claims, err)
	}
	v.Set("client_secret", "wrong")
	if status, _ := s.form(v); status == http.StatusOK {
		t.Error("a wrong secret was taken")
	}
	v.Set("client_id", "demo")
	v.Set("client_secret", "")
	if status, _ := s.form(v); status == http.StatusOK {
		t.Error("a public client acted on its own")
	}
}

func TestLoginsThatAreRefused(t *testing.T) {
	s := start(t, "", nil)
	for name, v := range map[string]url.Values{
		"a wrong password": login("password", "x"), "an empty password": login("password", ""), "an unknown user": login("username", "bob"), "an empty user": login("username", "", "password", ""),
		"an unknown client": login("client_id", "x"), "an audience of nobody's": login("audience", "https://databricks.example.com"),
		"no audience where there are several": login("audience", ""),
		"a client without its secret":         login("client_id", "machine"),
	} {
		if status, body := s.form(v); status < 400 || body["access_token"] != nil {
			t.Errorf("%s: %d %v", name, status, body)
		}
	}
	off := start(t, "", func(o *devidp.Options) { o.PasswordGrant = false })
	if status, body := off.form(login()); status != http.StatusBadRequest || body["error"] != "unsupported_grant_type" {
		t.Errorf("the grant is off: %d %v", status, body)
	}
}

func TestTokensWrongOnPurposeAreWrong(t *testing.T) {
	s := start(t, "", nil)
	if _, err := s.verify(s.order(map[string]any{"user": "ann", "audience": []string{audience}})); err != nil {
		t.Fatalf("a right one: %v", err)
	}
	for name, c := range map[string]struct {
		order map[string]any
		want  string
	}{
		"another audience": {map[string]any{"audience": []string{"https://other.example.com"}}, "expected audience"},
		"another issuer":   {map[string]any{"claims": map[string]any{"iss": strings.TrimSuffix(s.issuer, "/")}}, "different provider"},
		"expired":          {map[string]any{"expires_in": -60}, "expired"},
		"unsigned":         {map[string]any{"alg": "none"}, "signature"},
		"HS256":            {map[string]any{"alg": "HS256"}, "signature"},
		"a foreign key":    {map[string]any{"foreign_key": true}, "signature"},
		"an unknown key":   {map[string]any{"kid": "nobody"}, "signature"},
	} {
		c.order["user"] = "ann"
		if _, err := s.verify(s.order(c.order)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestKeysSurviveARestartAndRotate(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir, nil)
	token := s.order(map[string]any{"user": "ann", "audience": []string{audience}})
	again := start(t, dir, func(o *devidp.Options) {})
	again.issuer = s.issuer // tokens name the first one, whose keys both have
	if _, err := s.verify(token); err != nil {
		t.Fatal(err)
	}
	rotate := func(query string) {
		res, err := http.Post(s.admin.URL+"/admin/rotate"+query, "", nil) //nolint:noctx // a test
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%v %v", res, err)
		}
		_ = res.Body.Close()
	}
	rotate("")
	if _, err := s.verify(token); err != nil {
		t.Errorf("after a rotation the old key is no longer published: %v", err)
	}
	if _, err := s.verify(s.order(map[string]any{"user": "ann", "audience": []string{audience}})); err != nil {
		t.Errorf("the new key is not published: %v", err)
	}
	rotate("?drop=true")
	if _, err := s.verify(token); err == nil {
		t.Error("a dropped key still verifies")
	}
}

func TestDiscoveryOffersOnlyWhatThereIs(t *testing.T) {
	s := start(t, "", nil)
	res, err := http.Get(s.public.URL + "/.well-known/openid-configuration") //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var d map[string]any
	if err := json.NewDecoder(res.Body).Decode(&d); err != nil {
		t.Fatal(err)
	}
	if d["issuer"] != s.issuer || d["authorization_endpoint"] != nil || d["token_endpoint"] != strings.TrimSuffix(s.issuer, "/")+"/oauth/token" {
		t.Errorf("%v", d)
	}
}
