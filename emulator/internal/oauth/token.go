// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/identity"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

const (
	grantExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	grantClient   = "client_credentials"
	typeJWT       = "urn:ietf:params:oauth:token-type:jwt"
)

func (s *Service) token(ctx context.Context, r *wire.Request) (any, error) {
	form, err := url.ParseQuery(string(r.Body))
	if err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return nil, wire.OAuth(http.StatusBadRequest, "invalid_request", "the body must be a form")
	}
	for name := range form {
		if len(form[name]) > 1 {
			return nil, wire.OAuth(http.StatusBadRequest, "invalid_request", name+" is given twice")
		}
	}
	if form.Has("assume_group") {
		return nil, &wire.Error{Status: http.StatusNotImplemented, Code: "not_implemented", Message: "the emulator does not implement assume_group"}
	}
	scopes, err := scopesOf(r.Audience, form.Get("scope"))
	if err != nil {
		return nil, err
	}
	switch form.Get("grant_type") {
	case grantClient:
		return s.clientCredentials(r, form, scopes)
	case grantExchange:
		return s.exchange(ctx, r.Audience, form, scopes)
	case "":
		return nil, wire.OAuth(http.StatusBadRequest, "invalid_request", "grant_type is required")
	}
	return nil, wire.OAuth(http.StatusBadRequest, "unsupported_grant_type", "the grant type is not supported")
}

func (s *Service) clientCredentials(r *wire.Request, form url.Values, scopes []string) (any, error) {
	id, secret, ok := r.BasicAuth()
	if ok {
		id, secret = unescaped(id), unescaped(secret)
	} else {
		id, secret = form.Get("client_id"), form.Get("client_secret")
	}
	if !s.Store.CheckSecret(id, secret) {
		return nil, wire.OAuth(http.StatusUnauthorized, "invalid_client", "Client authentication failed")
	}
	p, err := s.usable(r.Audience, id)
	if err != nil {
		return nil, err
	}
	return s.issue(r.Audience, p, scopes, time.Now().Add(lifetime))
}

func unescaped(text string) string {
	if out, err := url.QueryUnescape(text); err == nil {
		return out
	}
	return text
}

// usable returns a service principal that may get a token from a host.
func (s *Service) usable(a wire.Audience, applicationID string) (identity.Principal, error) {
	p, ok := s.Store.Find(applicationID)
	if !ok || p.ApplicationID == "" || !p.Active {
		return p, wire.OAuth(http.StatusUnauthorized, "invalid_client", "the client does not exist")
	}
	if a == wire.Workspace && !s.UnassignedExchange && !s.Store.AssignedToWorkspace(applicationID) {
		return p, wire.OAuth(http.StatusBadRequest, "invalid_grant", "the service principal is not assigned to this workspace")
	}
	return p, nil
}

func (s *Service) exchange(ctx context.Context, a wire.Audience, form url.Values, scopes []string) (any, error) {
	subject := form.Get("subject_token")
	switch {
	case subject == "":
		return nil, wire.OAuth(http.StatusBadRequest, "invalid_request", "subject_token is required")
	case form.Get("subject_token_type") != typeJWT:
		return nil, wire.OAuth(http.StatusBadRequest, "invalid_request", "subject_token_type must be "+typeJWT)
	case form.Get("client_id") == "":
		return nil, &wire.Error{Status: http.StatusNotImplemented, Code: "not_implemented", Message: "the emulator does not implement account-wide federation policies"}
	}
	p, err := s.usable(a, form.Get("client_id"))
	if err != nil {
		return nil, err
	}
	reason := "no matching federation policy"
	for _, policy := range p.Policies {
		expires, err := s.match(ctx, subject, policy.OIDC)
		if err == nil {
			return s.issue(a, p, scopes, expires)
		}
		reason = err.Error()
	}
	return nil, wire.OAuth(http.StatusBadRequest, "invalid_grant", reason)
}

// match holds a JWT against one policy, and returns when it ends: the token that
// is issued ends with it.
func (s *Service) match(ctx context.Context, token string, policy identity.OIDCPolicy) (time.Time, error) {
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil || len(parsed.Signatures) != 1 {
		return time.Time{}, errors.New("the subject token is not a JWT signed with RS256 or ES256")
	}
	var c jwt.Claims
	raw, err := unverified(token)
	if err != nil || json.Unmarshal(raw, &c) != nil {
		return time.Time{}, errors.New("the subject token is not a JWT")
	}
	if c.Issuer != policy.Issuer {
		return time.Time{}, errors.New("no matching federation policy: the issuer differs")
	}
	keys, err := s.keys.of(ctx, policy, parsed.Signatures[0].Header.KeyID)
	if err != nil {
		return time.Time{}, errors.New("the keys of the issuer cannot be had")
	}
	payload, err := verified(parsed, keys)
	if err != nil {
		return time.Time{}, err
	}
	return judge(payload, policy, s.AccountID, time.Now())
}

func unverified(token string) ([]byte, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("not a JWT")
	}
	return base64.RawURLEncoding.DecodeString(parts[1])
}

func verified(parsed *jose.JSONWebSignature, keys []jose.JSONWebKey) ([]byte, error) {
	for _, k := range keys {
		if payload, err := parsed.Verify(k); err == nil {
			return payload, nil
		}
	}
	return nil, errors.New("the signature of the subject token is not valid")
}

// judge holds verified claims against a policy.
func judge(payload []byte, policy identity.OIDCPolicy, accountID string, now time.Time) (time.Time, error) {
	var c jwt.Claims
	var all map[string]any
	if json.Unmarshal(payload, &c) != nil || json.Unmarshal(payload, &all) != nil {
		return time.Time{}, errors.New("the subject token's claims cannot be read")
	}
	audiences := policy.Audiences
	if len(audiences) == 0 {
		audiences = []string{accountID}
	}
	claim := policy.SubjectClaim
	if claim == "" {
		claim = "sub"
	}
	subject, isText := all[claim].(string)
	switch {
	case c.Issuer != policy.Issuer:
		return time.Time{}, errors.New("no matching federation policy: the issuer differs")
	case c.Expiry == nil || !now.Before(c.Expiry.Time()):
		return time.Time{}, errors.New("the subject token has expired")
	case c.NotBefore != nil && now.Before(c.NotBefore.Time()):
		return time.Time{}, errors.New("the subject token is not valid yet")
	case !slices.ContainsFunc(c.Audience, func(a string) bool { return slices.Contains(audiences, a) }):
		return time.Time{}, errors.New("no matching federation policy: the audience differs")
	case !isText || subject != policy.Subject:
		return time.Time{}, errors.New("no matching federation policy: the subject differs")
	}
	return c.Expiry.Time(), nil
}
