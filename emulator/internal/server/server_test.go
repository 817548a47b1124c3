// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/server"
)

const (
	accountID   = "11111111-2222-4333-8444-555555555555"
	workspaceID = "1234567890123456"
	adminApp    = "0a0a0a0a-0000-4000-8000-000000000001"
	warehouseID = "0123456789abcdef"
	issuer      = "https://idp.example.com/"
)

// site is a running emulator with an administrator who can sign in.
type site struct {
	t                         testing.TB
	account, workspace, admin *httptest.Server
	key                       *rsa.PrivateKey
	token                     string
	state                     string
}

func start(t testing.TB, state string) *site { return startWith(t, state, nil) }

// options are those of an emulator behind two listeners, with an administrator's secret in a folder.
func options(account, workspace *httptest.Server, folder, state string) (server.Options, error) {
	secret := filepath.Join(folder, "secret")
	return server.Options{
		Config: server.Config{
			AccountID: accountID, Workspace: server.Workspace{ID: workspaceID}, Groups: []string{"sales_west"},
			Warehouses: []server.Warehouse{{ID: warehouseID, Name: "Test"}},
			Principals: []server.Principal{{DisplayName: "operator", ApplicationID: adminApp, AccountAdmin: true, Workspace: "ADMIN", SecretFile: secret}},
		},
		AccountURL: "http://" + account.Listener.Addr().String(), WorkspaceURL: "http://" + workspace.Listener.Addr().String(),
		StateDir: state, IssuerClient: http.DefaultClient, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}, os.WriteFile(secret, []byte("dosesecret\n"), 0o600)
}

// startWith changes the options before it starts.
func startWith(t testing.TB, state string, change func(*server.Options)) *site {
	t.Helper()
	account, workspace := httptest.NewUnstartedServer(nil), httptest.NewUnstartedServer(nil)
	o, err := options(account, workspace, t.TempDir(), state)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&o)
	}
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	account.Config.Handler, workspace.Config.Handler = s.Account, s.Workspace
	account.Start()
	workspace.Start()
	e := visit(t, account, workspace)
	e.admin, e.state = httptest.NewServer(s.Admin), state
	t.Cleanup(func() { account.Close(); workspace.Close(); e.admin.Close() })
	return e
}

// visit signs the administrator in at an emulator that runs.
func visit(t testing.TB, account, workspace *httptest.Server) *site {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e := &site{t: t, account: account, workspace: workspace, key: key}
	e.token = e.signIn(account.URL + "/oidc/accounts/" + accountID + "/v1/token")
	return e
}

func (e *site) signIn(endpoint string) string {
	e.t.Helper()
	status, body := e.form(endpoint, url.Values{"grant_type": {"client_credentials"}, "scope": {"all-apis"}, "client_id": {adminApp}, "client_secret": {"dosesecret"}})
	if status != http.StatusOK {
		e.t.Fatalf("sign in: %d %v", status, body)
	}
	return body["access_token"].(string)
}

func (e *site) form(endpoint string, form url.Values) (int, map[string]any) {
	e.t.Helper()
	res, err := http.PostForm(endpoint, form) //nolint:noctx // a test
	if err != nil {
		e.t.Fatal(err)
	}
	return res.StatusCode, decode(e.t, res)
}

func decode(t testing.TB, res *http.Response) map[string]any {
	t.Helper()
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if len(raw) == 0 {
		return nil
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("%d: %s", res.StatusCode, raw)
	}
	return out
}

// call is a call of the administrator at the account.
func (e *site) call(method, path, body string) (int, map[string]any) {
	e.t.Helper()
	res, err := e.try(method, path, body)
	if err != nil {
		e.t.Fatal(err)
	}
	return res.StatusCode, decode(e.t, res)
}

func (e *site) try(method, path, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(e.t.Context(), method, e.account.URL+"/api/2.0/accounts/"+accountID+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+e.token)
	return http.DefaultClient.Do(req)
}

func (e *site) servicePrincipal(name string) (id, app string) {
	e.t.Helper()
	status, body := e.call("POST", "/scim/v2/ServicePrincipals", fmt.Sprintf(`{"displayName":%q,"externalId":"mark","active":true}`, name))
	if status != http.StatusCreated {
		e.t.Fatalf("%d %v", status, body)
	}
	return body["id"].(string), body["applicationId"].(string)
}

func TestServicePrincipals(t *testing.T) {
	e := start(t, "")
	first, app := e.servicePrincipal("West Sales")
	second, _ := e.servicePrincipal("West Sales")
	if first == second {
		t.Error("display names must not be unique")
	}
	status, list := e.call("GET", "/scim/v2/ServicePrincipals?filter="+url.QueryEscape(`displayName eq "west sales"`)+"&startIndex=1&count=1", "")
	if status != 200 || list["totalResults"] != float64(2) || list["startIndex"] != float64(1) || len(list["Resources"].([]any)) != 1 {
		t.Errorf("listed %v", list)
	}
	_, past := e.call("GET", "/scim/v2/ServicePrincipals?startIndex=99", "")
	if rows, ok := past["Resources"].([]any); !ok || len(rows) != 0 || past["startIndex"] != float64(99) {
		t.Errorf("past the end: %v", past)
	}
	if status, body := e.call("GET", "/scim/v2/ServicePrincipals?filter="+url.QueryEscape(`color eq "x"`), ""); status != 400 || body["scimType"] != "invalidFilter" {
		t.Errorf("an unknown attribute: %d %v", status, body)
	}
	patch := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"displayName","value":"East"},{"op":"replace","path":"active","value":"false"}]}`
	if status, body := e.call("PATCH", "/scim/v2/ServicePrincipals/"+first, patch); status != 200 || body["displayName"] != "East" || body["active"] != false {
		t.Errorf("patched %d %v", status, body)
	}
	if status, _ := e.call("DELETE", "/scim/v2/ServicePrincipals/"+first, ""); status != http.StatusNoContent {
		t.Errorf("deleted %d", status)
	}
	if status, _ := e.call("GET", "/scim/v2/ServicePrincipals/"+first, ""); status != 404 || app == "" {
		t.Errorf("a deleted one answers %d", status)
	}
}

func TestGroupsAndMemberships(t *testing.T) {
	e := start(t, "")
	id, _ := e.servicePrincipal("west")
	_, list := e.call("GET", "/scim/v2/Groups?filter="+url.QueryEscape(`displayName eq "sales_west"`), "")
	group := list["Resources"].([]any)[0].(map[string]any)["id"].(string)
	add := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":[{"value":"` + id + `"}]}]}`
	for range 2 { // adding twice is adding once
		if status, body := e.call("PATCH", "/scim/v2/Groups/"+group, add); status != 200 || len(body["members"].([]any)) != 1 {
			t.Errorf("%d %v", status, body)
		}
	}
	_, list = e.call("GET", "/scim/v2/Groups", "")
	if _, has := list["Resources"].([]any)[0].(map[string]any)["members"]; has {
		t.Error("a list of groups must leave members out")
	}
	if status, _ := e.call("POST", "/scim/v2/Groups", `{"displayName":"SALES_WEST"}`); status != 409 {
		t.Errorf("a second group of that name: %d", status)
	}
	remove := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"members[value eq \"` + id + `\"]"}]}`
	if status, body := e.call("PATCH", "/scim/v2/Groups/"+group, remove); status != 200 || body["members"] != nil {
		t.Errorf("%d %v", status, body)
	}
}

// jwt signs claims with the test's identity provider.
func (e *site) jwt(claims map[string]any, key any, alg jose.SignatureAlgorithm) string {
	e.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", "k1"))
	if err != nil {
		e.t.Fatal(err)
	}
	raw, err := json.Marshal(claims)
	if err != nil {
		e.t.Fatal(err)
	}
	signed, err := signer.Sign(raw)
	if err != nil {
		e.t.Fatal(err)
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		e.t.Fatal(err)
	}
	return out
}

// trust gives a service principal a federation policy for the test's identity provider.
func (e *site) trust(id string) {
	e.t.Helper()
	jwks, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: e.key.Public(), KeyID: "k1", Algorithm: "RS256"}}})
	if err != nil {
		e.t.Fatal(err)
	}
	policy, err := json.Marshal(map[string]any{"description": "mark", "oidc_policy": map[string]any{
		"issuer": issuer, "audiences": []string{"https://tools.example/mcp"}, "subject": "west", "subject_claim": "role", "jwks_json": string(jwks),
	}})
	if err != nil {
		e.t.Fatal(err)
	}
	if status, body := e.call("POST", "/servicePrincipals/"+id+"/federationPolicies?policy_id=p1", string(policy)); status != 200 || body["policy_id"] != "p1" {
		e.t.Fatalf("%d %v", status, body)
	}
	if status, _ := e.call("POST", "/servicePrincipals/"+id+"/federationPolicies?policy_id=p1", string(policy)); status != 409 {
		e.t.Errorf("a second policy of that id: %d", status)
	}
}

func TestTokenExchangeReallyVerifies(t *testing.T) {
	e := start(t, "")
	id, app := e.servicePrincipal("west")
	e.trust(id)
	end := time.Now().Add(10 * time.Minute).Unix()
	good := map[string]any{"iss": issuer, "sub": "u", "aud": "https://tools.example/mcp", "exp": end, "iat": end - 600, "role": "west"}
	with := func(k string, v any) map[string]any {
		out := maps.Clone(good)
		out[k] = v
		return out
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	endpoint := e.workspace.URL + "/oidc/v1/token"
	exchange := func(token, client, scope string) (int, map[string]any) {
		return e.form(endpoint, url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"},
			"subject_token": {token}, "client_id": {client}, "scope": {scope},
		})
	}
	if status, body := exchange(e.jwt(good, e.key, jose.RS256), app, "sql"); status != 400 || body["error"] != "invalid_grant" {
		t.Errorf("a service principal that is not assigned: %d %v", status, body)
	}
	if status, body := e.call("PUT", "/workspaces/"+workspaceID+"/permissionassignments/principals/"+id, `{"permissions":["USER"]}`); status != 200 {
		t.Fatalf("%d %v", status, body)
	}
	for name, c := range map[string]struct {
		token, client, scope string
		wantStatus           int
		wantError            string
	}{
		"a good token":           {e.jwt(good, e.key, jose.RS256), app, "sql", 200, ""},
		"another audience":       {e.jwt(with("aud", "https://other"), e.key, jose.RS256), app, "sql", 400, "invalid_grant"},
		"the issuer's slash":     {e.jwt(with("iss", "https://idp.example.com"), e.key, jose.RS256), app, "sql", 400, "invalid_grant"},
		"another subject":        {e.jwt(with("role", "exec"), e.key, jose.RS256), app, "sql", 400, "invalid_grant"},
		"a list as subject":      {e.jwt(with("role", []string{"west"}), e.key, jose.RS256), app, "sql", 400, "invalid_grant"},
		"expired":                {e.jwt(with("exp", time.Now().Add(-time.Second).Unix()), e.key, jose.RS256), app, "sql", 400, "invalid_grant"},
		"another key":            {e.jwt(good, other, jose.RS256), app, "sql", 400, "invalid_grant"},
		"HS256":                  {e.jwt(good, []byte(strings.Repeat("k", 32)), jose.HS256), app, "sql", 400, "invalid_grant"},
		"not a JWT":              {"x", app, "sql", 400, "invalid_grant"},
		"an unknown client":      {e.jwt(good, e.key, jose.RS256), "00000000-0000-4000-8000-000000000000", "sql", 401, "invalid_client"},
		"an unknown scope":       {e.jwt(good, e.key, jose.RS256), app, "serving", 400, "invalid_scope"},
		"without a policy of it": {e.jwt(good, e.key, jose.RS256), adminApp, "sql", 400, "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := exchange(c.token, c.client, c.scope)
			if status != c.wantStatus || c.wantError != "" && body["error"] != c.wantError {
				t.Errorf("answered %d %v", status, body)
			}
			if left, _ := body["expires_in"].(float64); status == 200 && (left > 600 || left < 500) {
				t.Errorf("the token lives %v s; it must end with its source", left)
			}
		})
	}
}

func TestTokensCountWhereTheyWereIssued(t *testing.T) {
	e := start(t, "")
	workspaceToken := e.signIn(e.workspace.URL + "/oidc/v1/token")
	me := func(token string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.workspace.URL+"/api/2.0/preview/scim/v2/Me?", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body := decode(t, res)
		if res.StatusCode == 200 && (body["userName"] != adminApp || res.Header.Get("X-Databricks-Org-Id") != workspaceID) {
			t.Errorf("Me says %v", body)
		}
		return res.StatusCode
	}
	if got := me(workspaceToken); got != 200 {
		t.Errorf("a workspace token: %d", got)
	}
	if got := me(e.token); got != 401 {
		t.Errorf("an account token at the workspace: %d", got)
	}
	if got := me(""); got != 401 {
		t.Errorf("no token: %d", got)
	}
}

func TestWhatIsNotImplementedSaysSo(t *testing.T) {
	e := start(t, "")
	status, body := e.call("GET", "/budgets", "")
	if status != 501 || !strings.Contains(body["message"].(string), "GET /api/2.0/accounts/"+accountID+"/budgets") {
		t.Errorf("%d %v", status, body)
	}
	if status, body := e.call("POST", "/scim/v2/ServicePrincipals", `{"displayName":"x","entitlements":[]}`); status != 501 {
		t.Errorf("an unknown field: %d %v", status, body)
	}
}

func TestStateSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	first := start(t, dir)
	id, _ := first.servicePrincipal("kept")
	second := start(t, dir)
	if status, body := second.call("GET", "/scim/v2/ServicePrincipals/"+id, ""); status != 200 || body["displayName"] != "kept" {
		t.Errorf("%d %v", status, body)
	}
	_, list := second.call("GET", "/scim/v2/Groups", "")
	if list["totalResults"] != float64(1) {
		t.Errorf("bootstrapped twice: %v", list)
	}
}
