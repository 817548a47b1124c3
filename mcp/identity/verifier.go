// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/strictjson"
)

// header is what is read of a JOSE header.
type header struct {
	Algorithm string          `json:"alg"`
	KeyID     string          `json:"kid"`
	Type      string          `json:"typ"`
	Critical  json.RawMessage `json:"crit"`
}

// check verifies a bearer token against the issuers of the document and maps it to a
// role. A token that is valid but maps to none has an empty role. Nothing in the token
// decides where keys come from: jku, x5u and jwk are not read.
func (f *Federation) check(ctx context.Context, token string, now time.Time) (*verification, error) {
	h, unverified, err := peek(token)
	if err != nil {
		return nil, err
	}
	iss, ok := f.issuers[unverified]
	if !ok {
		return nil, ErrInvalid
	}
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil || len(parsed.Signatures) != 1 {
		return nil, ErrInvalid
	}
	edition, _ := iss.edition(now)
	unavailable := false
	var withoutRole *verification
	for _, p := range iss.policies {
		c, err := p.verify(ctx, parsed, h, now)
		switch {
		case errors.Is(err, ErrKeysUnavailable):
			unavailable = true
			continue
		case errors.Is(err, ErrExpired):
			return nil, err
		case err != nil:
			continue
		}
		if c.issuer != iss.url {
			return nil, ErrInvalid
		}
		if f.denied[access.Subject{Issuer: c.issuer, Subject: c.subject}] {
			return nil, ErrDenied
		}
		found := &verification{caller: f.caller(p, c, token), issuer: iss, edition: edition, times: c.times}
		if found.caller.Role != "" {
			return found, nil
		}
		withoutRole = found
	}
	switch {
	case withoutRole != nil:
		return withoutRole, nil
	case unavailable:
		return nil, ErrKeysUnavailable
	}
	return nil, ErrInvalid
}

// verify checks a token under one policy: its keys, its clocks, its demands. A policy
// uses its own keys only: nobody who may declare a policy for an issuer can sign for the
// roles of another.
func (p policy) verify(ctx context.Context, parsed *jose.JSONWebSignature, h header, now time.Time) (claims, error) {
	if !slices.Contains(p.Algorithms, h.Algorithm) {
		return claims{}, ErrInvalid
	}
	payload, err := p.signedBy(ctx, parsed, h)
	if err != nil {
		return claims{}, err
	}
	c, err := parseClaims(payload)
	if err != nil {
		return claims{}, ErrInvalid
	}
	if err := c.current(now); err != nil {
		return claims{}, err
	}
	if !p.admits(c, h.Type) {
		return claims{}, ErrInvalid
	}
	return c, nil
}

// caller maps claims to the role that the policy gives them; a value that the policy does
// not know gives none.
func (f *Federation) caller(p policy, c claims, token string) *Caller {
	out := &Caller{
		Issuer: c.issuer, Subject: c.subject, Email: c.text(p.EmailClaim), Name: c.text(p.NameClaim),
		Expires: c.expires, Token: NewToken(token),
	}
	role := p.Subjects[c.text(p.RoleClaim)]
	if _, ready := f.roles[role]; ready {
		out.Role = role
	}
	if f.keepClaims {
		out.Claims = c.all
	}
	return out
}

// signedBy returns the payload if one of the issuer's keys signed it.
func (p policy) signedBy(ctx context.Context, parsed *jose.JSONWebSignature, h header) ([]byte, error) {
	keys, err := p.keys.candidates(ctx, h.KeyID)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if k.Algorithm != "" && k.Algorithm != h.Algorithm || k.Use != "" && k.Use != "sig" {
			continue
		}
		if payload, err := parsed.Verify(k.Key); err == nil {
			return payload, nil
		}
	}
	return nil, ErrInvalid
}

// peek reads the header and the claimed issuer of a token before any
// cryptography: the issuer selects the keys and is compared again afterwards.
func peek(token string) (header, string, error) {
	if len(token) > maxTokenBytes || strings.Count(token, ".") != 2 {
		return header{}, "", ErrInvalid
	}
	parts := strings.Split(token, ".")
	rawHeader, err1 := base64.RawURLEncoding.DecodeString(parts[0])
	rawPayload, err2 := base64.RawURLEncoding.DecodeString(parts[1])
	if err1 != nil || err2 != nil || strictjson.Object(rawHeader) != nil || strictjson.Object(rawPayload) != nil {
		return header{}, "", ErrInvalid
	}
	var h header
	var c struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(rawHeader, &h) != nil || json.Unmarshal(rawPayload, &c) != nil {
		return header{}, "", ErrInvalid
	}
	if h.Critical != nil || h.Algorithm != "RS256" && h.Algorithm != "ES256" {
		return header{}, "", ErrInvalid
	}
	return h, c.Issuer, nil
}
