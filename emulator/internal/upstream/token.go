// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

// tokenKey names a credential by what it is and not by its connection, so that a
// changed or renamed connection never gets another's token.
type tokenKey [sha256.Size]byte

type accessToken struct {
	value string
	until time.Time
}

const (
	// early is how long before its end a token is replaced.
	early = 30 * time.Second
	// maxTokenAnswer bounds what a token endpoint may answer, in bytes.
	maxTokenAnswer = 64 << 10
)

func keyOf(o metastore.Object) tokenKey {
	parts := []string{o.Options["token_endpoint"], o.Options["client_id"], string(o.Secrets["client_secret"]), o.Options["oauth_scope"]}
	return sha256.Sum256([]byte(strings.Join(parts, "\x00")))
}

// credential is the bearer token of a call.
func (c *Client) credential(ctx context.Context, o metastore.Object) (string, error) {
	switch o.CredentialType() {
	case metastore.CredentialBearer:
		return string(o.Secrets["bearer_token"]), nil
	case metastore.CredentialM2M:
	default:
		return "", ErrCredential
	}
	key := keyOf(o)
	c.mu.Lock()
	have, ok := c.tokens[key]
	c.mu.Unlock()
	if ok && time.Now().Before(have.until) {
		return have.value, nil
	}
	got, err := c.fetch(ctx, o)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens[key] = got
	return got.value, nil
}

func (c *Client) forget(o metastore.Object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.tokens, keyOf(o))
}

// fetch asks the token endpoint by the client credentials grant.
func (c *Client) fetch(ctx context.Context, o metastore.Object) (accessToken, error) {
	endpoint, err := url.Parse(o.Options["token_endpoint"])
	if err != nil || !c.permitted(endpoint) {
		return accessToken{}, ErrCredential
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	if scope := o.Options["oauth_scope"]; scope != "" {
		form.Set("scope", scope)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return accessToken{}, ErrCredential
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(o.Options["client_id"]), url.QueryEscape(string(o.Secrets["client_secret"])))
	res, err := c.http.Do(req)
	if err != nil {
		return accessToken{}, ErrTransport
	}
	defer res.Body.Close() //nolint:errcheck // read as far as it matters
	var out struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	err = json.NewDecoder(io.LimitReader(res.Body, maxTokenAnswer)).Decode(&out)
	if err != nil || res.StatusCode != http.StatusOK || out.AccessToken == "" || strings.ContainsAny(out.AccessToken, "\r\n") {
		return accessToken{}, ErrCredential
	}
	return accessToken{out.AccessToken, time.Now().Add(time.Duration(out.ExpiresIn)*time.Second - early)}, nil
}
