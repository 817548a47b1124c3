// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"context"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/access"
)

// issuer is one identity provider: the policies that trust it and where its
// keys come from. Policies of one issuer that fetch keys in different ways are
// kept apart by the key source each has.
type issuer struct {
	url      string
	policies []policy
}

// policy is one FederationPolicy as the verifier sees it.
type policy struct {
	access.Issuer
	keys keySource
}

// keySource finds the public keys of an issuer.
type keySource interface {
	// candidates returns the keys that may have signed a token with this key id; an
	// empty id asks for all. An error says that the keys cannot be had at the moment.
	candidates(ctx context.Context, kid string) ([]publicKey, error)
	// edition numbers the keys at hand; later ones have a higher number. Fresh says that
	// they may be used without being fetched again first. It takes no lock.
	edition(now time.Time) (number uint64, fresh bool)
}

// edition numbers the keys of all policies: no number falls, and the sum stays the same
// only while each number does.
func (i *issuer) edition(now time.Time) (number uint64, fresh bool) {
	fresh = true
	for _, p := range i.policies {
		n, f := p.keys.edition(now)
		number, fresh = number+n, fresh && f
	}
	return number, fresh
}

// admits says whether a token with these claims is valid under the policy.
func (p policy) admits(c claims, typ string) bool {
	switch {
	case !slices.ContainsFunc(c.audience, func(a string) bool { return slices.Contains(p.Audiences, a) }):
		return false
	case len(p.AllowedClients) > 0 && !slices.Contains(p.AllowedClients, c.client):
		return false
	case p.TokenType == "AccessToken" && !isAccessTokenType(typ):
		return false
	case p.TokenType != "AccessToken" && c.idToken:
		return false
	}
	return true
}
