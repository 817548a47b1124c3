// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"time"
)

// Authenticator says who sent a request.
type Authenticator interface {
	// Authenticate returns the verified caller, or an error that is, by errors.Is, one of
	// the errors of this package. No error holds a value that the caller sent.
	Authenticate(ctx context.Context, h http.Header) (*Caller, error)
}

// The reasons to refuse a caller. ErrInvalid and ErrDenied must be answered in the same
// words, so that a caller cannot find out that it is denied by name.
var (
	// ErrMissing says that the request has no credential of the expected form.
	ErrMissing = errors.New("the request has no bearer token")
	// ErrExpired says that the credential was valid and no longer is.
	ErrExpired = errors.New("the token has expired")
	// ErrInvalid stands for every other reason to refuse a credential.
	ErrInvalid = errors.New("the token is not valid here")
	// ErrDenied says that the access document denies the caller by name.
	ErrDenied = errors.New("the caller is denied by name")
	// ErrKeysUnavailable says that the credential cannot be verified at the moment, which
	// is not the caller's fault.
	ErrKeysUnavailable = errors.New("the keys of the issuer are not available")
	// ErrRoleNotHeld says that the caller asked for a role that its credential does not give.
	ErrRoleNotHeld = errors.New("the requested role is not one of the caller's")
)

// Caller is a verified caller. It is shared by all requests with the same token: nobody
// may change it.
type Caller struct {
	Issuer  string
	Subject string
	Email   string
	Name    string
	// Role is `<namespace>/<name>`, or empty when the token gives none.
	Role string
	// Expires is when the token expires. Clocks may differ by ClockSkew.
	Expires time.Time
	// Token is the caller's own token, for the token endpoint of Databricks only.
	Token Token
	// TokenHash is the SHA-256 of the token.
	TokenHash [sha256.Size]byte
	// Claims are all claims of the token, with numbers as json.Number. They are nil
	// unless Trust.KeepClaims is set.
	Claims map[string]any
}

// ClockSkew is how far the clocks of an issuer and of the server may be apart.
const ClockSkew = 30 * time.Second
