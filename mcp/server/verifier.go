// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/when"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
)

// maxTokenBytes bounds a bearer token before anything is parsed.
const maxTokenBytes = 8 << 10

// errKeysUnavailable says that a token cannot be judged at the moment.
var errKeysUnavailable = errors.New("the keys of the issuer cannot be had")

// errInvalidToken stands for every reason to refuse a token. Callers are told no
// more than that, apart from expiry.
var errInvalidToken = errors.New("the token is not valid here")

// principal is a verified caller: who it is, its token and until when it counts.
type principal struct {
	tools.Caller
	token   string
	sum     [sha256.Size]byte // of the token
	expires time.Time
	// claims are those of the token, kept only under a document that has conditions.
	claims when.Values
}

// header is what is read of a JOSE header.
type header struct {
	Algorithm string          `json:"alg"`
	KeyID     string          `json:"kid"`
	Type      string          `json:"typ"`
	Critical  json.RawMessage `json:"crit"`
}

// check holds a bearer token against the issuers of the document and maps it to a
// role. A token that is valid but maps to none has an empty role. Nothing in
// the token says where keys come from: jku, x5u and jwk are not read.
func (s *snapshot) check(ctx context.Context, token string, now time.Time) (*verdict, error) {
	h, unverified, err := peek(token)
	if err != nil {
		return nil, err
	}
	iss, ok := s.issuers[unverified]
	if !ok {
		return nil, errInvalidToken
	}
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil || len(parsed.Signatures) != 1 {
		return nil, errInvalidToken
	}
	edition, _ := iss.edition(now)
	unavailable := false
	var withoutRole *verdict
	for _, p := range iss.policies {
		c, err := p.judge(ctx, parsed, h, now)
		switch {
		case errors.Is(err, errKeysUnavailable):
			unavailable = true
			continue
		case errors.Is(err, errExpired):
			return nil, err
		case err != nil:
			continue
		}
		if c.issuer != iss.url || s.denied[access.Subject{Issuer: c.issuer, Subject: c.subject}] {
			return nil, errInvalidToken
		}
		found := &verdict{
			principal: s.asPrincipal(p, c, token), issuer: iss, edition: edition,
			times: claims{expires: c.expires, notBefore: c.notBefore, issuedAt: c.issuedAt},
		}
		if found.principal.Role != "" {
			return found, nil
		}
		withoutRole = found
	}
	switch {
	case withoutRole != nil:
		return withoutRole, nil
	case unavailable:
		return nil, errKeysUnavailable
	}
	return nil, errInvalidToken
}

// judge holds a token against one policy: its keys, its clocks, its demands. A
// policy is judged by its own keys only, so that nobody who may declare a policy
// for an issuer can sign for the roles of another.
func (p policy) judge(ctx context.Context, parsed *jose.JSONWebSignature, h header, now time.Time) (claims, error) {
	if !slices.Contains(p.Algorithms, h.Algorithm) {
		return claims{}, errInvalidToken
	}
	payload, err := p.signedBy(ctx, parsed, h)
	if err != nil {
		return claims{}, err
	}
	c, err := parseClaims(payload)
	if err != nil {
		return claims{}, errInvalidToken
	}
	if err := c.current(now); err != nil {
		return claims{}, err
	}
	if !p.admits(c, h.Type) {
		return claims{}, errInvalidToken
	}
	return c, nil
}

// asPrincipal maps claims to the role that the policy gives them; a value that
// it does not know gives none.
func (s *snapshot) asPrincipal(p policy, c claims, token string) *principal {
	out := &principal{token: token, expires: c.expires, Caller: tools.Caller{
		Issuer: c.issuer, Subject: c.subject, Email: c.text(p.EmailClaim), Name: c.text(p.NameClaim),
	}}
	role := p.Subjects[c.text(p.RoleClaim)]
	if _, ready := s.doc.Roles[role]; ready {
		out.Role = role
	}
	if len(s.doc.Conditions) > 0 {
		out.claims = when.ValuesOf(c.all)
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
	return nil, errInvalidToken
}

// peek reads the header and the claimed issuer of a token before any
// cryptography: the issuer selects the keys and is compared again afterwards.
func peek(token string) (header, string, error) {
	if len(token) > maxTokenBytes || strings.Count(token, ".") != 2 {
		return header{}, "", errInvalidToken
	}
	parts := strings.Split(token, ".")
	rawHeader, err1 := base64.RawURLEncoding.DecodeString(parts[0])
	rawPayload, err2 := base64.RawURLEncoding.DecodeString(parts[1])
	if err1 != nil || err2 != nil || singleObject(rawHeader) != nil || singleObject(rawPayload) != nil {
		return header{}, "", errInvalidToken
	}
	var h header
	var c struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(rawHeader, &h) != nil || json.Unmarshal(rawPayload, &c) != nil {
		return header{}, "", errInvalidToken
	}
	if h.Critical != nil || h.Algorithm != "RS256" && h.Algorithm != "ES256" {
		return header{}, "", errInvalidToken
	}
	return h, c.Issuer, nil
}
