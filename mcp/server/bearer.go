// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/oauthex"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/when"
	"github.com/gatehouse-dev/gatehouse/mcp/identity"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
)

// metadataPath is where RFC 9728 puts protected resource metadata.
const metadataPath = "/.well-known/oauth-protected-resource"

// principal is the verified caller of a request.
type principal struct {
	*identity.Caller
	// claims are those of the token, only under a document that has conditions.
	claims when.Values
}

// forTools is the caller as tools see it: without its token.
func (p *principal) forTools() tools.Caller {
	return tools.Caller{Issuer: p.Issuer, Subject: p.Subject, Email: p.Email, Name: p.Name, Role: p.Role}
}

// trust is the part of a document that decides who a caller is.
func trust(doc access.Document) identity.Trust {
	return identity.Trust{Issuers: doc.Issuers, Denied: doc.DeniedSubjects, Roles: doc.Roles, KeepClaims: len(doc.Conditions) > 0}
}

// authenticated lets verified callers through. It writes every refusal itself,
// because the SDK's has no error code and repeats the verifier's words; the SDK's
// middleware then only carries the result to where handlers can read it.
func (s *Server) authenticated(next http.Handler) http.Handler {
	next = auth.RequireBearerToken(func(ctx context.Context, _ string, _ *http.Request) (*auth.TokenInfo, error) {
		p := principalOf(ctx)
		return &auth.TokenInfo{Expiration: p.Expires, UserID: p.Issuer + "\x00" + p.Subject}, nil
	}, &auth.RequireBearerTokenOptions{ClockSkew: identity.ClockSkew})(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		snap := snapshotOf(r.Context())
		caller, err := snap.callers.Authenticate(r.Context(), r.Header)
		if err != nil {
			s.unidentified(w, r, snap, err)
			return
		}
		p := &principal{Caller: caller}
		if caller.Claims != nil {
			p.claims = when.ValuesOf(caller.Claims)
		}
		ctx, cancel := context.WithDeadline(r.Context(), p.Expires.Add(identity.ClockSkew))
		defer cancel()
		ctx = context.WithValue(ctx, keyPrincipal, p)
		next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, keyHTTPContext, ctx)))
	})
}

func principalOf(ctx context.Context) *principal {
	p, _ := ctx.Value(keyPrincipal).(*principal)
	return p
}

// unidentified answers a request whose caller is not known. A caller that is denied by
// name gets the answer of an invalid token.
func (s *Server) unidentified(w http.ResponseWriter, r *http.Request, snap *snapshot, err error) {
	switch {
	case errors.Is(err, identity.ErrMissing):
		s.challenge(w, r, snap, "invalid_request", "missing_token", "send a token of your identity provider as Authorization: Bearer")
	case errors.Is(err, identity.ErrKeysUnavailable):
		w.Header().Set("Retry-After", "5")
		s.refuse(w, r, http.StatusServiceUnavailable, "issuer_unavailable", "the keys of your identity provider cannot be had at the moment")
	case errors.Is(err, identity.ErrExpired):
		s.challenge(w, r, snap, "invalid_token", "expired_token", "the token has expired")
	case errors.Is(err, identity.ErrRoleNotHeld):
		s.refuse(w, r, http.StatusForbidden, "role_not_held", "the X-Gatehouse-Role header names a role that the token does not give")
	default:
		s.challenge(w, r, snap, "invalid_token", "invalid_token", "the token is not valid for this server")
	}
}

// challenge answers 401 and says where to get a token.
func (s *Server) challenge(w http.ResponseWriter, r *http.Request, snap *snapshot, code, reason, text string) {
	value := `Bearer resource_metadata="` + snap.metadataURL + `"`
	if reason != "missing_token" { // RFC 6750: no error code when no token was sent
		value += `, error="` + code + `", error_description="` + text + `"`
	}
	w.Header().Set("WWW-Authenticate", value)
	s.refuse(w, r, http.StatusUnauthorized, reason, text)
}

// metadata serves RFC 9728 protected resource metadata, to everybody.
func (s *Server) metadata(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	if r.Method == http.MethodOptions {
		w.Header().Set("Access-Control-Allow-Methods", "GET, OPTIONS")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	snap := snapshotOf(r.Context())
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(oauthex.ProtectedResourceMetadata{
		Resource: snap.doc.Resource, AuthorizationServers: snap.authorizationServers, BearerMethodsSupported: []string{"header"},
	})
}

// methodOf returns the JSON-RPC method of a body.
func methodOf(body []byte) string {
	var m struct {
		Method string `json:"method"`
	}
	_ = json.Unmarshal(body, &m) // a body that does not decode has no method
	return m.Method
}
