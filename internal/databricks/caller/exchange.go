// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/upstream"
)

// maxTokenAnswerBytes bounds what is read of a token endpoint's answer.
const maxTokenAnswerBytes = 256 << 10

// ExchangeRequest asks for a token of a service principal in exchange for a JWT
// that one of its federation policies accepts (RFC 8693).
type ExchangeRequest struct {
	SubjectToken wire.Secret
	// ClientID is the application id of the service principal.
	ClientID string
	// Scopes are asked for; never all-apis.
	Scopes []string
}

// Token is an access token with its end.
type Token struct {
	AccessToken wire.Secret
	Expiry      time.Time
	Scopes      []string
}

// ExchangeError is an answer of the token endpoint that is no token. Its text is
// made of OAuth's constant codes; the description, which may quote a token's
// claims, is not kept.
type ExchangeError struct {
	Code       string
	Status     int
	RetryAfter time.Duration
}

func (e *ExchangeError) Error() string {
	return fmt.Sprintf("token exchange refused: %s (HTTP %d)", e.Code, e.Status)
}

// Exchanger posts token exchanges to the token endpoint of one workspace, which
// it finds by discovery once. It is safe for concurrent use.
type Exchanger struct {
	host   string
	client *http.Client
	now    func() time.Time

	mu       sync.Mutex
	endpoint string
}

// NewExchanger makes an Exchanger for a workspace host such as https://dbc-1.cloud.databricks.com.
func NewExchanger(host string, client *http.Client) *Exchanger {
	return &Exchanger{host: strings.TrimSuffix(host, "/"), client: client, now: time.Now}
}

// Exchange returns a token, or an *ExchangeError when the endpoint refuses, or
// another error when it cannot be reached.
func (e *Exchanger) Exchange(ctx context.Context, r ExchangeRequest) (Token, error) {
	endpoint, err := e.TokenEndpoint(ctx)
	if err != nil {
		return Token{}, err
	}
	scopes := slices.Sorted(slices.Values(r.Scopes))
	form := url.Values{
		"grant_type":         {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"subject_token":      {r.SubjectToken.Reveal()},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"},
		"scope":              {strings.Join(scopes, " ")},
		"client_id":          {r.ClientID},
	}
	// An exchange changes nothing: one whose answer was lost may be made again.
	return postForToken(upstream.Repeatable(ctx), e.client, endpoint, form, nil, e.now)
}

// TokenEndpoint reads the workspace's OAuth metadata. It must name an endpoint of
// the same host: the caller's token goes there.
func (e *Exchanger) TokenEndpoint(ctx context.Context) (string, error) {
	e.mu.Lock()
	known := e.endpoint
	e.mu.Unlock()
	if known != "" {
		return known, nil
	}
	found, err := discoverTokenEndpoint(ctx, e.client, e.host+"/oidc/.well-known/oauth-authorization-server", e.host)
	if err != nil {
		return "", err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.endpoint = found
	return found, nil
}

func discoverTokenEndpoint(ctx context.Context, client *http.Client, from, host string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return "", fmt.Errorf("discover the token endpoint: %w", errShort(err))
	}
	res, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("discover the token endpoint: %w", errShort(err))
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxTokenAnswerBytes))
	if err != nil {
		return "", fmt.Errorf("discover the token endpoint: %w", errShort(err))
	}
	if res.StatusCode != http.StatusOK {
		return "", &ExchangeError{Code: "discovery_failed", Status: res.StatusCode, RetryAfter: upstream.RetryAfter(res.Header, time.Now())}
	}
	var d struct {
		TokenEndpoint string `json:"token_endpoint"`
	}
	if json.Unmarshal(raw, &d) != nil || !strings.HasPrefix(d.TokenEndpoint, host+"/") {
		return "", errors.New("discover the token endpoint: the metadata names none of this host")
	}
	return d.TokenEndpoint, nil
}

// postForToken posts a form to a token endpoint. Authorize, if given, adds client authentication.
func postForToken(ctx context.Context, client *http.Client, endpoint string, form url.Values,
	authorize func(*http.Request), now func() time.Time,
) (Token, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return Token{}, fmt.Errorf("post to the token endpoint: %w", errShort(err))
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if authorize != nil {
		authorize(req)
	}
	began := now()
	res, err := client.Do(req)
	if err != nil {
		return Token{}, fmt.Errorf("post to the token endpoint: %w", errShort(err))
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxTokenAnswerBytes))
	if err != nil {
		return Token{}, fmt.Errorf("read the token endpoint's answer: %w", errShort(err))
	}
	if res.StatusCode != http.StatusOK {
		var body struct {
			Error string `json:"error"`
		}
		_ = json.Unmarshal(raw, &body) // a body that is not JSON has no code
		return Token{}, Refusal(res, body.Error)
	}
	var a struct {
		AccessToken string          `json:"access_token"`
		ExpiresIn   json.RawMessage `json:"expires_in"`
		Scope       string          `json:"scope"`
	}
	if json.Unmarshal(raw, &a) != nil || a.AccessToken == "" {
		return Token{}, errors.New("the token endpoint's answer holds no token")
	}
	seconds, err := strconv.ParseInt(string(bytes.Trim(a.ExpiresIn, `"`)), 10, 64)
	if err != nil || seconds <= 0 {
		return Token{}, errors.New("the token endpoint's answer does not say when the token ends")
	}
	return Token{
		AccessToken: wire.Secret(a.AccessToken), Scopes: strings.Fields(a.Scope),
		Expiry: began.Add(time.Duration(min(seconds, 7*24*3600)) * time.Second),
	}, nil
}

// oauthCodes are the error codes that are repeated; another one is not, because
// it could carry anything.
var oauthCodes = []string{
	"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
	"invalid_scope", "access_denied", "temporarily_unavailable", "server_error",
}

// Refusal is an answer of a token endpoint that is no token, with OAuth's code for it.
func Refusal(res *http.Response, code string) *ExchangeError {
	if !slices.Contains(oauthCodes, code) {
		code = "unknown_error"
	}
	return &ExchangeError{Code: code, Status: res.StatusCode, RetryAfter: upstream.RetryAfter(res.Header, time.Now())}
}

// errShort drops the URL that net/http puts before its errors: it can hold a
// query, and says nothing that the caller does not know.
func errShort(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
