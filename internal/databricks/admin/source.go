// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

const (
	// refreshBefore is how long before its end the operator's own token is renewed.
	refreshBefore = 2 * time.Minute
	// failurePause keeps a refused credential from being tried at every call.
	failurePause = 5 * time.Second
)

// source gives the operator's own token for one endpoint. The SDK's is not used:
// it loses a private CA when it refreshes, trims no file, and tries a refused
// credential again at every call.
type source struct {
	endpoint Endpoint
	client   *http.Client
	tokenURL func(context.Context) (string, error)
	now      func() time.Time

	mu     sync.Mutex // held during an exchange: one at a time
	token  caller.Token
	failed error
	until  time.Time
}

func (s *source) get(ctx context.Context) (wire.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.token.AccessToken != "" && now.Before(s.token.Expiry.Add(-refreshBefore)) {
		return s.token.AccessToken, nil
	}
	if s.failed != nil && now.Before(s.until) {
		return "", s.failed
	}
	token, err := s.exchange(ctx)
	if err != nil {
		if s.token.AccessToken != "" && now.Before(s.token.Expiry.Add(-caller.TokenSkew)) {
			return s.token.AccessToken, nil // good for a little longer
		}
		if ctx.Err() == nil {
			s.failed, s.until = err, now.Add(failurePause)
		}
		return "", err
	}
	s.token, s.failed = token, nil
	return token.AccessToken, nil
}

// forget drops a token that was answered with 401.
func (s *source) forget(token wire.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token.AccessToken == token {
		s.token = caller.Token{}
	}
}

func (s *source) exchange(ctx context.Context) (caller.Token, error) {
	where, err := s.tokenURL(ctx)
	if err != nil {
		return caller.Token{}, err
	}
	if s.endpoint.TokenFile == "" {
		return caller.PostForToken(ctx, s.client, where, url.Values{"grant_type": {"client_credentials"}, "scope": {"all-apis"}},
			func(r *http.Request) {
				r.SetBasicAuth(url.QueryEscape(s.endpoint.ClientID), url.QueryEscape(s.endpoint.ClientSecret.Reveal()))
			}, s.now)
	}
	raw, err := os.ReadFile(s.endpoint.TokenFile) // kubelet rotates it: read at every exchange
	if err != nil {
		return caller.Token{}, errors.New("the operator's projected token cannot be read")
	}
	subject := strings.TrimSpace(string(raw))
	if subject == "" {
		return caller.Token{}, errors.New("the operator's projected token is empty")
	}
	return caller.PostForToken(ctx, s.client, where, url.Values{
		"grant_type":         {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"subject_token":      {subject},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"},
		"scope":              {"all-apis"},
		"client_id":          {s.endpoint.ClientID},
	}, nil, s.now)
}

// accountTokenURL is fixed: an account has no discovery document of its own host kind.
func accountTokenURL(e Endpoint) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
		return fmt.Sprintf("%s/oidc/accounts/%s/v1/token", e.AccountHost, url.PathEscape(e.AccountID)), nil
	}
}
