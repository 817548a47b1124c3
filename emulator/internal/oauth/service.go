// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/identity"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/store"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// Options are what a Service is made of.
type Options struct {
	AccountURL, AccountID     string
	WorkspaceURL, WorkspaceID string
	// State keeps the signing key.
	State *store.Store
	Store *identity.Store
	// Client fetches the keys of issuers.
	Client *http.Client
	// UnassignedExchange lets service principals that are not assigned to the
	// workspace get a token there. What the real service does is not established.
	UnassignedExchange bool
}

// Service issues and reads tokens.
type Service struct {
	Options
	key  *rsa.PrivateKey
	kid  string
	keys *issuerKeys
}

// lifetime is that of a token for client credentials.
const lifetime = time.Hour

// New makes a Service.
func New(o Options) (*Service, error) {
	key, err := signingKey(o.State)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(x509.MarshalPKCS1PublicKey(&key.PublicKey))
	return &Service{Options: o, key: key, kid: hex.EncodeToString(sum[:]), keys: newIssuerKeys(o.Client)}, nil
}

// signingKey is the key of a state; it is made once.
func signingKey(s *store.Store) (*rsa.PrivateKey, error) {
	// Keys are in the form of PKCS #1.
	keys, err := store.Collect[[]byte](s, "oauth.keys")
	if err != nil {
		return nil, err
	}
	const signing = "signing"
	tx := s.Read()
	kept, ok := keys.Get(tx, signing)
	tx.End()
	if ok {
		return x509.ParsePKCS1PrivateKey(kept)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	return key, s.Change(func(tx *store.Tx) error {
		keys.Put(tx, signing, x509.MarshalPKCS1PrivateKey(key))
		return nil
	})
}

// Routes serves metadata, discovery, keys and the token endpoints.
func (s *Service) Routes() []wire.Route {
	get := func(pattern string, a wire.Audience, answer func() any) wire.Route {
		return wire.Route{Method: "GET", Pattern: pattern, Audience: a, Handle: func(context.Context, *wire.Request) (any, error) { return answer(), nil }}
	}
	accountDiscovery := func() any { return s.discovery(s.AccountURL + "/oidc/accounts/" + s.AccountID) }
	workspaceDiscovery := func() any { return s.discovery(s.WorkspaceURL + "/oidc") }
	routes := []wire.Route{
		get("/.well-known/databricks-config", wire.Account, func() any {
			return map[string]string{"oidc_endpoint": s.AccountURL + "/oidc/accounts/{account_id}", "account_id": s.AccountID, "host_type": "account"}
		}),
		get("/.well-known/databricks-config", wire.Workspace, func() any {
			return map[string]string{"oidc_endpoint": s.WorkspaceURL + "/oidc", "account_id": s.AccountID, "workspace_id": s.WorkspaceID, "cloud": "AWS", "host_type": "workspace"}
		}),
		get("/oidc/jwks.json", wire.Both, func() any { return s.jwks() }),
		{Method: "POST", Pattern: "/oidc/v1/token", Audience: wire.Workspace, Form: true, Handle: s.token},
		{Method: "POST", Pattern: "/oidc/accounts/" + s.AccountID + "/v1/token", Audience: wire.Account, Form: true, Handle: s.token},
	}
	for _, name := range []string{"oauth-authorization-server", "openid-configuration"} {
		routes = append(routes,
			get("/oidc/.well-known/"+name, wire.Workspace, workspaceDiscovery),
			get("/oidc/accounts/"+s.AccountID+"/.well-known/"+name, wire.Account, accountDiscovery))
	}
	return routes
}

func (s *Service) discovery(issuer string) any {
	base := strings.TrimSuffix(issuer, "/")
	host := base[:strings.Index(base, "/oidc")]
	return map[string]any{
		"issuer": issuer, "authorization_endpoint": base + "/v1/authorize", "token_endpoint": base + "/v1/token",
		"jwks_uri":         host + "/oidc/jwks.json",
		"scopes_supported": []string{"all-apis", "email", "offline_access", "openid", "profile", "sql"}, "response_types_supported": []string{"code", "id_token"},
		"response_modes_supported": []string{"query", "fragment", "form_post"},
		"grant_types_supported":    []string{"client_credentials", "authorization_code", "refresh_token"}, "code_challenge_methods_supported": []string{"S256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post", "none"},
		"subject_types_supported":               []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"},
	}
}

func (s *Service) jwks() any {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &s.key.PublicKey, KeyID: s.kid, Algorithm: "RS256", Use: "sig"}}}
}

// issued are the claims of the emulator's tokens.
type issued struct {
	jwt.Claims
	ClientID string `json:"client_id,omitempty"`
	Scope    string `json:"scope"`
}

func (s *Service) audienceOf(a wire.Audience) (issuer, audience string) {
	if a == wire.Account {
		return s.AccountURL + "/oidc/accounts/" + s.AccountID, s.AccountID
	}
	return s.WorkspaceURL + "/oidc", s.WorkspaceID
}

// issue signs a token for a principal.
func (s *Service) issue(a wire.Audience, p identity.Principal, scopes []string, expires time.Time) (any, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: s.key},
		(&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", s.kid))
	if err != nil {
		return nil, err
	}
	issuer, audience := s.audienceOf(a)
	now := time.Now()
	raw, err := jwt.Signed(signer).Claims(issued{
		Claims: jwt.Claims{
			Issuer: issuer, Subject: p.Name(), Audience: jwt.Audience{audience}, ID: uuid.NewString(),
			IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(expires),
		},
		ClientID: p.ApplicationID, Scope: strings.Join(scopes, " "),
	}).Serialize()
	if err != nil {
		return nil, err
	}
	return wire.Reply{Status: http.StatusOK, Header: http.Header{"Cache-Control": {"no-store"}}, Body: map[string]any{
		"access_token": raw, "token_type": "Bearer", "scope": strings.Join(scopes, " "),
		"expires_in": max(int(expires.Sub(now).Round(time.Second).Seconds()), 1),
	}}, nil
}

// Authenticate turns a token into its caller. A token stops counting when its
// principal is deleted or deactivated, and at the workspace when it is no longer assigned.
func (s *Service) Authenticate(token string, a wire.Audience) (wire.Caller, error) {
	bad := wire.Unauthenticated("Invalid access token.")
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return wire.Caller{}, bad
	}
	var c issued
	if err := parsed.Claims(&s.key.PublicKey, &c); err != nil {
		return wire.Caller{}, bad
	}
	issuer, audience := s.audienceOf(a)
	if err := c.ValidateWithLeeway(jwt.Expected{Issuer: issuer, AnyAudience: jwt.Audience{audience}, Time: time.Now()}, 0); err != nil {
		return wire.Caller{}, bad
	}
	p, ok := s.Store.Find(c.Subject)
	if !ok || !p.Active {
		return wire.Caller{}, bad
	}
	caller := wire.Caller{ID: p.ID, ApplicationID: p.ApplicationID, UserName: p.UserName, Scopes: strings.Fields(c.Scope), Admin: p.AccountAdmin}
	if a == wire.Workspace {
		if !s.Store.AssignedToWorkspace(p.Name()) {
			return wire.Caller{}, wire.Denied("The principal is not assigned to this workspace.")
		}
		caller.Admin = s.Store.IsAdmin(p.Name())
	}
	return caller, nil
}

// known scopes by host; openid and its kind give no access to APIs.
var (
	oidcScopes    = []string{"openid", "email", "profile", "offline_access"}
	accountScopes = []string{"all-apis", "access-management", "authentication", "billing", "identity", "networking", "provisioning", "scim", "settings", "unity-catalog"}
	workspaceAll  = []string{
		"all-apis", "access-management", "dashboards", "alerts", "apps", "authentication", "cleanrooms", "clusters", "command-execution",
		"dataclassification", "dataquality", "sql", "workspace", "sharing", "files", "genie", "dashboards.genie", "global-init-scripts", "identity",
		"instance-pools", "jobs", "knowledge-assistants", "libraries", "marketplace", "mlflow", "model-serving", "networking", "notifications",
		"pipelines", "postgres", "qualitymonitor", "query-history", "scim", "secrets", "settings", "tags", "unity-catalog", "vector-search",
		"iam.current-user:read",
	}
)

// scopesOf checks the scopes that are asked for; none asked for means all.
func scopesOf(a wire.Audience, text string) ([]string, error) {
	asked := strings.Fields(text)
	if len(asked) == 0 {
		return []string{"all-apis"}, nil
	}
	known := workspaceAll
	if a == wire.Account {
		known = accountScopes
	}
	for _, scope := range asked {
		if !slices.Contains(known, scope) && !slices.Contains(oidcScopes, scope) {
			return nil, wire.OAuth(http.StatusBadRequest, "invalid_scope", fmt.Sprintf("the scope %q is not supported", scope))
		}
	}
	slices.Sort(asked)
	return slices.Compact(asked), nil
}
