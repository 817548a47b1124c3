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

	"github.com/databricks/databricks-sdk-go/config/experimental/auth/oidc"
	"github.com/databricks/databricks-sdk-go/credentials/u2m"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

const (
	// refreshBefore is how long before its end the operator's own token is renewed.
	refreshBefore = 2 * time.Minute
	// tokenSkew is how long before its end a token is no longer used.
	tokenSkew = 10 * time.Second
	// longestToken bounds what an answer says of the life of a token.
	longestToken = 7 * 24 * time.Hour
	// failurePause keeps a refused credential from being tried at every call.
	failurePause = 5 * time.Second
)

// source gives the operator's own token for one host. The SDK exchanges it; keeping it is
// done here. The SDK's own strategies (file-oidc, oauth-m2m) drop no token that was
// answered with 401, try a refused credential again at every call, sleep for up to a minute
// in a worker, do not trim the file, and lose the context of the call and with it the
// private CA when they refresh.
type source struct {
	endpoint Endpoint
	client   *http.Client
	tokenURL func(context.Context) (string, error)
	now      func() time.Time

	mu     sync.Mutex // held during an exchange: one at a time
	token  wire.Secret
	expiry time.Time
	failed error
	until  time.Time
}

// Token returns the token that is kept, or a new one.
func (s *source) Token(ctx context.Context) (wire.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.token != "" && now.Before(s.expiry.Add(-refreshBefore)) {
		return s.token, nil
	}
	if s.failed != nil && now.Before(s.until) {
		return "", s.failed
	}
	token, err := s.exchange(ctx)
	if err != nil {
		if s.token != "" && now.Before(s.expiry.Add(-tokenSkew)) {
			return s.token, nil // good for a little longer
		}
		if ctx.Err() == nil {
			s.failed, s.until = err, now.Add(failurePause)
		}
		return "", err
	}
	s.token, s.expiry, s.failed = wire.Secret(token.AccessToken), token.Expiry, nil
	return s.token, nil
}

// Forget drops a token that was answered with 401.
func (s *source) Forget(token wire.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token == token {
		s.token = ""
	}
}

// exchange gets a token for the client secret or for the projected token.
func (s *source) exchange(ctx context.Context) (*oauth2.Token, error) {
	where, err := s.tokenURL(ctx)
	if err != nil {
		return nil, err
	}
	tokens, err := s.credential(where)
	if err != nil {
		return nil, err
	}
	token, err := tokens(context.WithValue(ctx, oauth2.HTTPClient, s.client))
	switch {
	case ctx.Err() != nil && err != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, withoutBody(err)
	case !token.Expiry.After(time.Now()): // one without an end reads as one that never ends
		return nil, errors.New("the token endpoint's answer does not say when the token ends")
	}
	if most := time.Now().Add(longestToken); token.Expiry.After(most) {
		token.Expiry = most
	}
	return token, nil
}

// credential is what is exchanged at a token endpoint.
func (s *source) credential(where string) (func(context.Context) (*oauth2.Token, error), error) {
	if s.endpoint.TokenFile == "" {
		secret := clientcredentials.Config{ // as the SDK's oauth-m2m
			ClientID: s.endpoint.ClientID, ClientSecret: s.endpoint.ClientSecret.Reveal(), TokenURL: where,
			Scopes: []string{"all-apis"}, AuthStyle: oauth2.AuthStyleInHeader,
		}
		return secret.Token, nil
	}
	raw, err := os.ReadFile(s.endpoint.TokenFile) // kubelet rotates it: read at every exchange
	if err != nil {
		return nil, errors.New("the operator's projected token cannot be read")
	}
	subject := strings.TrimSpace(string(raw))
	if subject == "" {
		return nil, errors.New("the operator's projected token is empty")
	}
	return oidc.NewDatabricksOIDCTokenSource(oidc.DatabricksOIDCTokenSourceConfig{
		Host: s.endpoint.WorkspaceHost, ClientID: s.endpoint.ClientID,
		TokenEndpointProvider: func(context.Context) (*u2m.OAuthAuthorizationServer, error) {
			return &u2m.OAuthAuthorizationServer{TokenEndpoint: where}, nil
		},
		IDTokenSource: oidc.IDTokenSourceFn(func(context.Context, string) (*oidc.IDToken, error) {
			return &oidc.IDToken{Value: subject}, nil
		}),
	}).Token, nil
}

// withoutBody takes out of an error what the token endpoint answered: it may quote a token.
func withoutBody(err error) error {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return caller.Refusal(refused.Response, refused.ErrorCode)
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		if u.Timeout() { // of the client, and not the end of the call's context
			return errors.New("the token endpoint did not answer in time")
		}
		return fmt.Errorf("post to the token endpoint: %w", u.Err)
	}
	return errors.New("the token endpoint's answer holds no token")
}

// accountTokenURL is fixed: an account has no discovery document of its own host kind.
func accountTokenURL(e Endpoint) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
		return fmt.Sprintf("%s/oidc/accounts/%s/v1/token", e.AccountHost, url.PathEscape(e.AccountID)), nil
	}
}
