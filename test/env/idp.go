// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// IdentityProvider is a client of the OIDC provider for development.
type IdentityProvider struct {
	// Issuer is its URL, with a slash at the end.
	Issuer string
	// ClientID is the OAuth client that users sign in with.
	ClientID string
	HTTP     *http.Client
}

// Login returns the access token of a user for an audience.
func (p *IdentityProvider) Login(ctx context.Context, user, password, audience string) (string, error) {
	token, err := requestToken(ctx, p.HTTP, strings.TrimSuffix(p.Issuer, "/")+"/oauth/token", url.Values{
		"grant_type": {"password"}, "client_id": {p.ClientID}, "username": {user}, "password": {password}, "audience": {audience},
	})
	if err != nil {
		return "", fmt.Errorf("log in as %s: %w", user, err)
	}
	return token, nil
}
