// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package devidp

import (
	"context"
	"crypto/subtle"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// errBrowser answers the flows that need a browser, which discovery does not offer.
var errBrowser = errors.New("this provider has no login page: use the password or the client credentials grant")

// storage is what op asks for everything. It is safe for concurrent use.
type storage struct {
	keys     *keyring
	lifetime time.Duration
	mu       sync.RWMutex
	config   Config
}

// grant is a token being asked for.
type grant struct {
	subject, client string
	audience        []string
	scopes          []string
	at              time.Time
}

func (g grant) GetSubject() string     { return g.subject }
func (g grant) GetAudience() []string  { return g.audience }
func (g grant) GetScopes() []string    { return g.scopes }
func (g grant) GetAMR() []string       { return []string{"pwd"} }
func (g grant) GetAuthTime() time.Time { return g.at }
func (g grant) GetClientID() string    { return g.client }

// client is an application as op sees it.
type client struct {
	Client
	lifetime time.Duration
}

func (c client) GetID() string                       { return c.ID }
func (c client) RedirectURIs() []string              { return nil }
func (c client) PostLogoutRedirectURIs() []string    { return nil }
func (c client) ApplicationType() op.ApplicationType { return op.ApplicationTypeNative }
func (c client) AuthMethod() oidc.AuthMethod {
	if c.Secret == "" {
		return oidc.AuthMethodNone
	}
	return oidc.AuthMethodBasic
}
func (c client) ResponseTypes() []oidc.ResponseType { return nil }
func (c client) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeClientCredentials}
}
func (c client) LoginURL(string) string              { return "" }
func (c client) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }
func (c client) IDTokenLifetime() time.Duration      { return c.lifetime }
func (c client) DevMode() bool                       { return false }
func (c client) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return func(s []string) []string { return s }
}

func (c client) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(s []string) []string { return s }
}
func (c client) IsScopeAllowed(string) bool           { return false }
func (c client) IDTokenUserinfoClaimsAssertion() bool { return true }
func (c client) ClockSkew() time.Duration             { return 0 }

func (s *storage) user(match func(User) bool) (User, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i := slices.IndexFunc(s.config.Users, match)
	if i < 0 {
		return User{}, false
	}
	return s.config.Users[i], true
}

func (s *storage) client(id string) (client, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i := slices.IndexFunc(s.config.Clients, func(c Client) bool { return c.ID == id })
	if i < 0 {
		return client{}, oidc.ErrInvalidClient().WithDescription("the client is not known")
	}
	return client{s.config.Clients[i], s.lifetime}, nil
}

// put adds a user or replaces the one of that name.
func (s *storage) put(u User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config.Users = append(slices.DeleteFunc(slices.Clone(s.config.Users), func(o User) bool { return o.Name == u.Name }), u)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// audience picks what a token is asked for: one of those allowed, and the only one by default.
func (s *storage) audience(asked []string) ([]string, error) {
	asked = slices.DeleteFunc(slices.Clone(asked), func(a string) bool { return a == "" })
	if len(asked) == 0 && len(s.config.Audiences) == 1 {
		return s.config.Audiences, nil
	}
	if len(asked) == 0 {
		return nil, oidc.ErrInvalidRequest().WithDescription("audience must be one of those of this provider")
	}
	for _, a := range asked {
		if !slices.Contains(s.config.Audiences, a) {
			return nil, oidc.ErrInvalidTarget().WithDescription("this provider issues no tokens for that audience")
		}
	}
	return asked, nil
}

// GetPrivateClaimsFromScopes are a user's claims, or a client's own.
func (s *storage) GetPrivateClaimsFromScopes(_ context.Context, subject, clientID string, _ []string) (map[string]any, error) {
	if u, ok := s.user(func(u User) bool { return u.subject() == subject }); ok {
		out := map[string]any{"email": u.Email, "azp": clientID}
		if u.FullName != "" {
			out["name"] = u.FullName
		}
		maps.Copy(out, u.Claims)
		return out, nil
	}
	c, err := s.client(strings.TrimSuffix(subject, "@clients"))
	return maps.Clone(c.Claims), err
}

// ClientCredentials checks a client's secret.
func (s *storage) ClientCredentials(_ context.Context, id, secret string) (op.Client, error) {
	c, err := s.client(id)
	if err != nil {
		return nil, err
	}
	if c.Secret == "" || !same(c.Secret, secret) {
		return nil, oidc.ErrInvalidClient().WithDescription("the client's secret is wrong")
	}
	return c, nil
}

// ClientCredentialsTokenRequest asks for a token for the client itself.
func (s *storage) ClientCredentialsTokenRequest(ctx context.Context, id string, scopes []string) (op.TokenRequest, error) {
	asked, _ := ctx.Value(audienceKey{}).([]string)
	audience, err := s.audience(asked)
	if err != nil {
		return nil, err
	}
	return grant{subject: id + "@clients", client: id, audience: audience, scopes: scopes, at: time.Now()}, nil
}

// CreateAccessToken names a token and says when it ends.
func (s *storage) CreateAccessToken(context.Context, op.TokenRequest) (string, time.Time, error) {
	return uuid.NewString(), time.Now().Add(s.lifetime), nil
}

// GetClientByClientID finds a client.
func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	return s.client(id)
}

// AuthorizeClientIDSecret checks a client's secret.
func (s *storage) AuthorizeClientIDSecret(ctx context.Context, id, secret string) error {
	_, err := s.ClientCredentials(ctx, id, secret)
	return err
}

// SigningKey is the key that signs now.
func (s *storage) SigningKey(context.Context) (op.SigningKey, error) { return s.keys.signing(), nil }

// SignatureAlgorithms are those in use.
func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256}, nil
}

// KeySet is what is published.
func (s *storage) KeySet(context.Context) ([]op.Key, error) { return s.keys.published(), nil }

// Health is always good: there is nothing behind the provider.
func (s *storage) Health(context.Context) error { return nil }

func (s *storage) CreateAuthRequest(context.Context, *oidc.AuthRequest, string) (op.AuthRequest, error) {
	return nil, errBrowser
}

func (s *storage) AuthRequestByID(context.Context, string) (op.AuthRequest, error) {
	return nil, errBrowser
}

func (s *storage) AuthRequestByCode(context.Context, string) (op.AuthRequest, error) {
	return nil, errBrowser
}
func (s *storage) SaveAuthCode(context.Context, string, string) error { return errBrowser }
func (s *storage) DeleteAuthRequest(context.Context, string) error    { return errBrowser }
func (s *storage) CreateAccessAndRefreshTokens(context.Context, op.TokenRequest, string) (string, string, time.Time, error) {
	return "", "", time.Time{}, errBrowser
}

func (s *storage) TokenRequestByRefreshToken(context.Context, string) (op.RefreshTokenRequest, error) {
	return nil, errBrowser
}
func (s *storage) TerminateSession(context.Context, string, string) error { return errBrowser }
func (s *storage) RevokeToken(context.Context, string, string, string) *oidc.Error {
	return oidc.ErrInvalidRequest().WithDescription("%s", errBrowser.Error())
}

func (s *storage) GetRefreshTokenInfo(context.Context, string, string) (string, string, error) {
	return "", "", op.ErrInvalidRefreshToken
}

func (s *storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

func (s *storage) SetUserinfoFromToken(context.Context, *oidc.UserInfo, string, string, string) error {
	return errBrowser
}

func (s *storage) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errBrowser
}

func (s *storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errBrowser
}

func (s *storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errBrowser
}
