// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/databricks/databricks-sdk-go/service/catalog"

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

// connectionOf checks an answer: one about something else says nothing of this one.
func connectionOf(in *catalog.ConnectionInfo, name string) (*Connection, error) {
	if !strings.EqualFold(in.Name, name) || in.ConnectionId == "" {
		return nil, fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	options := maps.Clone(in.Options)
	maps.DeleteFunc(options, func(k, _ string) bool { return !slices.Contains(readable, k) })
	return &Connection{
		Name: name, ID: wire.Tidy(in.ConnectionId, 64), Comment: in.Comment, URL: in.Url, Type: string(in.ConnectionType),
		CredentialType: string(in.CredentialType), Options: options, UpdatedAt: in.UpdatedAt, UpdatedBy: wire.Tidy(in.UpdatedBy, 128),
	}, nil
}

// Connection returns a connection, or nil when there is none that the operator may see.
func (c *Client) Connection(ctx context.Context, name string) (*Connection, error) {
	if _, err := wire.SecurableName(name); err != nil {
		return nil, err
	}
	got, err := c.workspace.connections.Get(ctx, catalog.GetConnectionRequest{Name: name})
	if err = classify(err); err != nil {
		if isMissing(err) {
			return nil, nil //nolint:nilnil // none is not an error
		}
		return nil, err
	}
	return connectionOf(got, name)
}

// CreateConnection makes a connection to an HTTP service. IsAlreadyExists tells that its name is taken.
func (c *Client) CreateConnection(ctx context.Context, w ConnectionWrite) (*Connection, error) {
	if _, err := wire.SecurableName(w.Name); err != nil {
		return nil, err
	}
	got, err := c.workspace.connections.Create(ctx, catalog.CreateConnection{
		Name: w.Name, Comment: w.Comment, ConnectionType: catalog.ConnectionTypeHttp, Options: w.options(), ForceSendFields: []string{"Comment"},
	})
	return w.written(got, err)
}

// UpdateConnection replaces all options of a connection.
func (c *Client) UpdateConnection(ctx context.Context, w ConnectionWrite) (*Connection, error) {
	if _, err := wire.SecurableName(w.Name); err != nil {
		return nil, err
	}
	got, err := c.workspace.connections.Update(ctx, catalog.UpdateConnection{Name: w.Name, Options: w.options()})
	return w.written(got, err)
}

// written is what a write was answered with.
func (w ConnectionWrite) written(got *catalog.ConnectionInfo, err error) (*Connection, error) {
	if err != nil {
		return nil, withhold(classify(err), w.Secrets)
	}
	return connectionOf(got, w.Name)
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
	if _, err := wire.SecurableName(name); err != nil {
		return err
	}
	return unlessMissing(c.workspace.connections.Delete(ctx, catalog.DeleteConnectionRequest{Name: name}))
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
