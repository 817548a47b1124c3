// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

// metadataPath is where RFC 9728 puts protected resource metadata.
const metadataPath = "/.well-known/oauth-protected-resource"

// authenticated lets verified callers through. It writes every refusal itself,
// because the SDK's has no error code and repeats the verifier's words; the SDK's
// middleware then only carries the result to where handlers can read it.
func (s *Server) authenticated(next http.Handler) http.Handler {
	next = auth.RequireBearerToken(func(ctx context.Context, _ string, _ *http.Request) (*auth.TokenInfo, error) {
		p := principalOf(ctx)
		return &auth.TokenInfo{Expiration: p.expires, UserID: p.Issuer + "\x00" + p.Subject}, nil
	}, &auth.RequireBearerTokenOptions{ClockSkew: skew})(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		snap := snapshotOf(r.Context())
		token, ok := bearer(r.Header)
		if !ok {
			s.challenge(w, r, snap, "invalid_request", "missing_token", "send a token of your identity provider as Authorization: Bearer")
			return
		}
		p, err := snap.verify(r.Context(), token, s.now())
		switch {
		case err == nil:
		case errors.Is(err, errKeysUnavailable):
			w.Header().Set("Retry-After", "5")
			s.refuse(w, r, http.StatusServiceUnavailable, "issuer_unavailable", "the keys of your identity provider cannot be had at the moment")
			return
		case errors.Is(err, errExpired):
			s.challenge(w, r, snap, "invalid_token", "expired_token", "the token has expired")
			return
		default:
			s.challenge(w, r, snap, "invalid_token", "invalid_token", "the token is not valid for this server")
			return
		}
		if selected := r.Header.Values("X-Gatehouse-Role"); len(selected) > 0 && (len(selected) > 1 || selected[0] != p.Role) {
			// The header selects among verified roles and never grants one.
			s.refuse(w, r, http.StatusForbidden, "role_not_held", "the X-Gatehouse-Role header names a role that the token does not give")
			return
		}
		ctx, cancel := context.WithDeadline(r.Context(), p.expires.Add(skew))
		defer cancel()
		ctx = context.WithValue(ctx, keyPrincipal, p)
		next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, keyHTTPContext, ctx)))
	})
}

func principalOf(ctx context.Context) *principal {
	p, _ := ctx.Value(keyPrincipal).(*principal)
	return p
}

// bearer returns the token of exactly one Authorization header.
func bearer(h http.Header) (string, bool) {
	values := h.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	return token, ok && strings.EqualFold(scheme, "Bearer") && token != ""
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
	servers := slices.Sorted(maps.Keys(snap.issuers))
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(oauthex.ProtectedResourceMetadata{
		Resource: snap.doc.Resource, AuthorizationServers: servers, BearerMethodsSupported: []string{"header"},
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
