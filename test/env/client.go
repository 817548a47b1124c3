// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client speaks to one running emulator: to its control port, and to the Databricks API
// as a principal that signs in. It belongs to no test: the demo and the bench use it too.
type Client struct {
	AccountURL, WorkspaceURL string
	// AdminURL is the control port. It is empty where only the Databricks API is reached.
	AdminURL string
	HTTP     *http.Client
}

// Call is one call that the emulator recorded.
type Call struct {
	Seq       int64     `json:"seq"`
	At        time.Time `json:"at"`
	Host      string    `json:"host"`
	Method    string    `json:"method"`
	Path      string    `json:"path"`
	Query     string    `json:"query"`
	Principal string    `json:"principal"`
	Status    int       `json:"status"`
	Committed bool      `json:"committed"`
	Faults    []string  `json:"faults"`
}

// Writes says whether the call changed something, token requests apart.
func (c Call) Writes() bool { return c.Committed && !strings.HasPrefix(c.Path, "/oidc/") }

// Fault orders a failure; the fields are those of the emulator's control port.
type Fault struct {
	Match      FaultMatch `json:"match"`
	Stage      string     `json:"stage"`
	Action     string     `json:"action"`
	Status     int        `json:"status,omitempty"`
	RetryAfter string     `json:"retry_after,omitempty"`
	DelayMS    int        `json:"delay_ms,omitempty"`
	Body       string     `json:"body,omitempty"`
	HookURL    string     `json:"hook_url,omitempty"`
	Then       string     `json:"then,omitempty"`
}

// FaultMatch says which calls are struck.
type FaultMatch struct {
	Method    string `json:"method,omitempty"`
	PathRegex string `json:"path_regex,omitempty"`
	Nth       int    `json:"nth,omitempty"`
	// Times is how many calls are struck. 0 is one, -1 all.
	Times int `json:"times,omitempty"`
}

// Principal is a service principal in the emulator's state.
type Principal struct {
	ID            string            `json:"id"`
	ApplicationID string            `json:"applicationId"`
	DisplayName   string            `json:"displayName"`
	ExternalID    string            `json:"externalId"`
	Policies      []json.RawMessage `json:"policies"`
}

// Group is a group in the emulator's state.
type Group struct {
	ID          string   `json:"id"`
	DisplayName string   `json:"displayName"`
	ExternalID  string   `json:"externalId"`
	Members     []string `json:"members"`
}

// State is what the emulator holds of identities.
type State struct {
	Principals  map[string]Principal `json:"principals"`
	Groups      map[string]Group     `json:"groups"`
	Assignments map[string][]string  `json:"assignments"`
}

// Break orders a failure.
func (c *Client) Break(ctx context.Context, f Fault) error {
	return c.control(ctx, http.MethodPost, "/admin/faults", f, nil)
}

// Heal ends all failures and lets held calls go.
func (c *Client) Heal(ctx context.Context) error {
	return errors.Join(c.control(ctx, http.MethodDelete, "/admin/faults", nil, nil), c.control(ctx, http.MethodPost, "/admin/release", nil, nil))
}

// Lag has SCIM reads see an object that is created only after some time.
func (c *Client) Lag(ctx context.Context, by time.Duration) error {
	return c.control(ctx, http.MethodPut, "/admin/lag", map[string]int64{"ms": by.Milliseconds()}, nil)
}

// Holding waits at most so many seconds for a call to be held, and returns how many are.
func (c *Client) Holding(ctx context.Context, seconds int) (int, error) {
	var holds []json.RawMessage
	err := c.control(ctx, http.MethodGet, fmt.Sprintf("/admin/holds?wait=%d", seconds), nil, &holds)
	return len(holds), err
}

// Calls returns the calls after the one of a number.
func (c *Client) Calls(ctx context.Context, since int64) ([]Call, error) {
	var out []Call
	err := c.control(ctx, http.MethodGet, fmt.Sprintf("/admin/calls?since=%d", since), nil, &out)
	return out, err
}

// State returns the identities that exist.
func (c *Client) State(ctx context.Context) (State, error) {
	var out State
	err := c.control(ctx, http.MethodGet, "/admin/state", nil, &out)
	return out, err
}

func (c *Client) control(ctx context.Context, method, path string, body, out any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return send(ctx, c.HTTP, method, c.AdminURL+path, "", "application/json", raw, out)
}

// SignIn asks the token endpoint of a host, AccountURL or WorkspaceURL, for a token, and
// returns the API as the principal that it is for.
func (c *Client) SignIn(ctx context.Context, host string, form url.Values) (*API, error) {
	path := "/oidc/v1/token"
	if host == c.AccountURL {
		path = "/oidc/accounts/" + AccountID + "/v1/token"
	}
	token, err := requestToken(ctx, c.HTTP, host+path, form)
	if err != nil {
		return nil, err
	}
	return &API{Host: host, Token: token, HTTP: c.HTTP}, nil
}

// SignInWithSecret signs a service principal in by its secret, for all scopes.
func (c *Client) SignInWithSecret(ctx context.Context, host, applicationID, secret string) (*API, error) {
	return c.SignIn(ctx, host, url.Values{"grant_type": {"client_credentials"}, "scope": {"all-apis"}, "client_id": {applicationID}, "client_secret": {secret}})
}

// requestToken gets an access token from an OAuth token endpoint.
func requestToken(ctx context.Context, client *http.Client, endpoint string, form url.Values) (string, error) {
	var out struct {
		Token string `json:"access_token"`
	}
	err := send(ctx, client, http.MethodPost, endpoint, "", "application/x-www-form-urlencoded", []byte(form.Encode()), &out)
	if err == nil && out.Token == "" {
		err = errors.New("the token endpoint answered without a token")
	}
	return out.Token, err
}

// APIError is a call that was answered with an error, or a statement that failed.
type APIError struct {
	// Call is its method and address, or the statement.
	Call string
	// Status is that of HTTP. A statement that failed has 200.
	Status int
	// Code is Databricks' error_code, SQLState the one of a statement.
	Code, SQLState string
	// Message is the text of the error, or the whole answer.
	Message string
}

func (e *APIError) Error() string {
	return fmt.Sprintf("%s: %d %s%s %s", e.Call, e.Status, e.Code, e.SQLState, e.Message)
}

// Denied says whether Databricks denied the call for lack of a privilege or of a scope.
func Denied(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	return ok && (e.Code == "PERMISSION_DENIED" || e.SQLState == "42501")
}

// send makes one call. An answer above 299 is an APIError.
func send(ctx context.Context, client *http.Client, method, address, token, contentType string, body []byte, out any) error {
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", contentType)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, address, err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %d %w", method, address, res.StatusCode, err)
	}
	if res.StatusCode > 299 {
		return apiError(method+" "+address, res.StatusCode, raw)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("%s %s: %w in %.300s", method, address, err, raw)
	}
	return nil
}

func apiError(call string, status int, raw []byte) error {
	e := &APIError{Call: call, Status: status, Message: string(raw)}
	var out struct {
		Code string `json:"error_code"`
	}
	if json.Unmarshal(raw, &out) == nil {
		e.Code = out.Code
	}
	return e
}
