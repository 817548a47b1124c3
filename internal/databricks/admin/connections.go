// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// HTTPConnection is the type of connections to HTTP services.
const HTTPConnection = "HTTP"

// Names of options of a connection to an HTTP service. The bearer token and the client
// secret are never answered.
const (
	OptionHost          = "host"
	OptionPort          = "port"
	OptionBasePath      = "base_path"
	OptionMCP           = "is_mcp_connection"
	OptionClientID      = "client_id"
	OptionScope         = "oauth_scope"
	OptionTokenEndpoint = "token_endpoint"
	OptionBearerToken   = "bearer_token"
	OptionClientSecret  = "client_secret"
)

// readable are the options that are kept of an answer: whatever else is in one may be a secret.
var readable = []string{
	OptionHost, OptionPort, OptionBasePath, OptionMCP, OptionClientID, OptionScope, OptionTokenEndpoint,
	"authorization_endpoint", "oauth_credential_exchange_method",
}

// Connection is what Unity Catalog says of a connection.
type Connection struct {
	Name, ID, Comment, URL string
	// Type is HTTPConnection, or that of a connection to something else.
	Type string
	// CredentialType is BEARER_TOKEN, OAUTH_M2M or another.
	CredentialType string
	// Options are those that are no secrets.
	Options map[string]string
	// UpdatedAt is when it was changed last, in milliseconds since 1970, and UpdatedBy who did.
	UpdatedAt int64
	UpdatedBy string
}

// ConnectionWrite is what is written of a connection: always all of its options,
// because an update replaces them.
type ConnectionWrite struct {
	Name, Comment string
	Options       map[string]string
	Secrets       map[string]wire.Secret
}

type connectionBody struct {
	Name           string            `json:"name"`
	ID             string            `json:"connection_id"`
	Comment        string            `json:"comment"`
	URL            string            `json:"url"`
	Type           string            `json:"connection_type"`
	CredentialType string            `json:"credential_type"`
	Options        map[string]string `json:"options"`
	UpdatedAt      json.Number       `json:"updated_at"`
	UpdatedBy      string            `json:"updated_by"`
}

// connection checks an answer: one about something else says nothing of this one.
func (b connectionBody) connection(name string) (*Connection, error) {
	if !strings.EqualFold(b.Name, name) || b.ID == "" {
		return nil, fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	at, _ := b.UpdatedAt.Int64() // absent is 0
	options := maps.Clone(b.Options)
	maps.DeleteFunc(options, func(k, _ string) bool { return !slices.Contains(readable, k) })
	return &Connection{
		Name: name, ID: wire.Tidy(b.ID, 64), Comment: b.Comment, URL: b.URL, Type: b.Type, CredentialType: b.CredentialType, Options: options,
		UpdatedAt: at, UpdatedBy: wire.Tidy(b.UpdatedBy, 128),
	}, nil
}

const connectionsPath = "/api/2.1/unity-catalog/connections"

func connectionPath(name string) (string, error) {
	n, err := wire.SecurableName(name)
	return connectionsPath + "/" + string(n), err
}

// Connection returns a connection, or nil when there is none that the operator may see.
func (c *Client) Connection(ctx context.Context, name string) (*Connection, error) {
	path, err := connectionPath(name)
	if err != nil {
		return nil, err
	}
	var out connectionBody
	if err := c.workspace.do(ctx, http.MethodGet, path, nil, nil, &out); err != nil {
		if isMissing(err) {
			return nil, nil //nolint:nilnil // none is not an error
		}
		return nil, err
	}
	return out.connection(name)
}

// CreateConnection makes a connection to an HTTP service. IsAlreadyExists tells that its name is taken.
func (c *Client) CreateConnection(ctx context.Context, w ConnectionWrite) (*Connection, error) {
	if _, err := wire.SecurableName(w.Name); err != nil {
		return nil, err
	}
	return c.writeConnection(ctx, http.MethodPost, connectionsPath, w, map[string]any{
		"name": w.Name, "comment": w.Comment, "connection_type": HTTPConnection, "options": w.options(),
	})
}

// UpdateConnection replaces all options of a connection.
func (c *Client) UpdateConnection(ctx context.Context, w ConnectionWrite) (*Connection, error) {
	path, err := connectionPath(w.Name)
	if err != nil {
		return nil, err
	}
	return c.writeConnection(ctx, http.MethodPatch, path, w, map[string]any{"options": w.options()})
}

func (c *Client) writeConnection(ctx context.Context, method, path string, w ConnectionWrite, body any) (*Connection, error) {
	var out connectionBody
	if err := c.workspace.do(ctx, method, path, nil, body, &out); err != nil {
		return nil, withhold(err, w.Secrets)
	}
	return out.connection(w.Name)
}

// options are all options as they are sent.
func (w ConnectionWrite) options() map[string]string {
	out := maps.Clone(w.Options)
	for k, v := range w.Secrets {
		out[k] = v.Reveal()
	}
	return out
}

// DeleteConnection deletes a connection. What does not exist is deleted.
func (c *Client) DeleteConnection(ctx context.Context, name string) error {
	path, err := connectionPath(name)
	if err != nil {
		return err
	}
	if err := c.workspace.do(ctx, http.MethodDelete, path, nil, nil, nil); !isMissing(err) {
		return err
	}
	return nil
}

// withhold takes the message out of an error that repeats a part of a secret, as one
// about an option that is not taken may.
func withhold(err error, secrets map[string]wire.Secret) error {
	var a *answer
	if !errors.As(err, &a) {
		return err // a text of this package's own
	}
	for _, s := range secrets {
		if !repeats(a.Message, s.Reveal()) && !repeats(a.ErrorCode, s.Reveal()) {
			continue
		}
		known := ""
		if strings.Contains(a.Message, "already exists") { // by which IsAlreadyExists knows it
			known = "already exists "
		}
		redacted := *a.APIError
		redacted.Message = known + "(the message repeats the credential and is not shown)"
		if repeats(a.ErrorCode, s.Reveal()) {
			redacted.ErrorCode = "WITHHELD"
		}
		a.APIError = &redacted
	}
	return err
}

// window is how much of a secret counts as the secret.
const window = 8

// repeats says whether a text has a part of a secret in it, as it is or encoded.
func repeats(text, secret string) bool {
	quoted, _ := json.Marshal(secret) // a string always encodes
	for _, form := range []string{
		secret, strings.Trim(string(quoted), `"`), url.QueryEscape(secret), url.PathEscape(secret),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.URLEncoding.EncodeToString([]byte(secret)),
	} {
		size := min(window, len(form))
		for i := 0; size > 0 && i+size <= len(form); i++ {
			if strings.Contains(text, form[i:i+size]) {
				return true
			}
		}
	}
	return false
}
