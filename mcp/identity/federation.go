// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"context"
	"crypto/sha256"
	"net/http"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/access"
)

// Trust is the part of an access document that decides who a caller is.
type Trust struct {
	// Issuers are the federation policies, of which several may name one issuer.
	Issuers []access.Issuer
	// Denied are callers that are refused whatever their role.
	Denied []access.Subject
	// Roles are those that are ready. A policy that maps a caller to another gives it none.
	Roles map[string]access.Role
	// KeepClaims says that conditions need the claims of callers.
	KeepClaims bool
}

// Federation authenticates callers by a bearer token of their own identity provider. It
// belongs to one access document: another document starts with an empty cache.
type Federation struct {
	now        func() time.Time
	issuers    map[string]*issuer
	denied     map[access.Subject]bool
	roles      map[string]access.Role
	keepClaims bool
	verified   *cache
}

var _ Authenticator = (*Federation)(nil)

// Authenticate verifies the bearer token of a request and the role that it selects. A
// token that is valid and maps to no role gives a caller without one.
func (f *Federation) Authenticate(ctx context.Context, h http.Header) (*Caller, error) {
	token, ok := Bearer(h)
	if !ok {
		return nil, ErrMissing
	}
	caller, err := f.verify(ctx, token, f.now())
	if err != nil {
		return nil, err
	}
	if !selects(h, caller.Role) {
		return nil, ErrRoleNotHeld
	}
	return caller, nil
}

// verify checks a bearer token, as check does, and caches the caller: the signature of a
// token and its meaning under one document do not change while the keys of its issuer do
// not. Facts that do change are checked each time.
//
//	token -- SHA-256 --> cached? -- keys unchanged and fresh? -- times still valid? --> Caller
//	                      no |               no |
//	                         +------------------+--> check: keys, signature, claims, role
//
// Only valid tokens are cached: a stranger cannot fill the cache.
func (f *Federation) verify(ctx context.Context, token string, now time.Time) (*Caller, error) {
	if len(token) > maxTokenBytes {
		return nil, ErrInvalid
	}
	sum := sha256.Sum256([]byte(token))
	if v := f.verified.get(sum); v != nil {
		if edition, fresh := v.issuer.edition(now); fresh && edition == v.edition {
			if err := v.times.current(now); err != nil {
				return nil, err
			}
			if f.denied[access.Subject{Issuer: v.caller.Issuer, Subject: v.caller.Subject}] {
				return nil, ErrDenied
			}
			return v.caller, nil
		}
	}
	v, err := f.check(ctx, token, now)
	if err != nil {
		return nil, err
	}
	v.caller.TokenHash = sum
	f.verified.put(sum, v)
	return v.caller, nil
}
