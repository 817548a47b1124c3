// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Policy is a federation policy of one service principal, in a form that can be compared.
type Policy struct {
	PrincipalID, ID string
	Description     string
	Rules           Rules
	// UpdatedAt is when one that exists was changed last.
	UpdatedAt time.Time
	// Foreign says, of one that exists, that it is without our mark.
	Foreign bool
}

// Is says whether a policy is as wanted, whenever it was changed.
func (p Policy) Is(want Policy) bool {
	p.UpdatedAt, want.UpdatedAt = time.Time{}, time.Time{}
	return p == want
}

// Rules are databricks.OIDCPolicy in a form that can be compared.
type Rules struct{ Issuer, Audiences, Subject, SubjectClaim, JWKSURI, JWKSJSON string }

const separator = "\n"

// RulesOf makes rules comparable: the order of audiences does not count.
func RulesOf(o admin.OIDCPolicy) Rules {
	audiences := slices.Sorted(slices.Values(o.Audiences))
	return Rules{o.Issuer, strings.Join(audiences, separator), o.Subject, o.SubjectClaim, o.JWKSURI, o.JWKSJSON}
}

func (r Rules) wire() admin.OIDCPolicy {
	return admin.OIDCPolicy{
		Issuer: r.Issuer, Audiences: strings.Split(r.Audiences, separator), Subject: r.Subject, SubjectClaim: r.SubjectClaim, JWKSURI: r.JWKSURI, JWKSJSON: r.JWKSJSON,
	}
}

// Differences are what differs, keys without their text.
func (r Rules) Differences(want Rules) []external.Difference {
	var out []external.Difference
	for _, d := range []external.Difference{
		{Path: "issuer", Have: r.Issuer, Want: want.Issuer},
		{Path: "audiences", Have: r.Audiences, Want: want.Audiences},
		{Path: "subject", Have: r.Subject, Want: want.Subject},
		{Path: "subject_claim", Have: r.SubjectClaim, Want: want.SubjectClaim},
		{Path: "jwks_uri", Have: r.JWKSURI, Want: want.JWKSURI},
	} {
		if d.Have != d.Want {
			out = append(out, d)
		}
	}
	if r.JWKSJSON != want.JWKSJSON {
		out = append(out, external.Difference{Path: "jwks_json", Have: "other keys", Want: "the keys that are declared"})
	}
	return out
}

// ID is the same for the same parts, and different for all others.
func ID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return "gatehouse-" + hex.EncodeToString(sum[:16])
}

// Description is the mark that policies made for an object carry.
func Description(installation, kind, key string) string {
	return "Managed by Gatehouse: " + installation + "/" + kind + "/" + key
}

// Reads are what looking at a policy needs of Databricks.
type Reads interface {
	Policy(ctx context.Context, principalID, id string) (*admin.FederationPolicy, error)
}

// Client is what policies need of Databricks.
type Client interface {
	Reads
	CreatePolicy(ctx context.Context, principalID string, p admin.FederationPolicy) error
	UpdatePolicy(ctx context.Context, principalID string, p admin.FederationPolicy) error
	DeletePolicy(ctx context.Context, principalID, id string) error
}

// Observe returns a policy as it is, or nil when there is none. One that does not
// carry the description is foreign.
func Observe(ctx context.Context, c Reads, principalID, id, description string) (*Policy, error) {
	found, err := c.Policy(ctx, principalID, id)
	if err != nil || found == nil {
		return nil, err
	}
	return &Policy{
		PrincipalID: principalID, ID: id, Description: found.Description, Rules: RulesOf(found.OIDC), Foreign: found.Description != description,
		UpdatedAt: found.UpdatedAt,
	}, nil
}

// Apply creates, updates or deletes a policy.
func Apply(ctx context.Context, c Client, verb external.Verb, p Policy) error {
	policy := admin.FederationPolicy{ID: p.ID, Description: p.Description, OIDC: p.Rules.wire()}
	switch verb {
	case external.Create:
		err := c.CreatePolicy(ctx, p.PrincipalID, policy)
		if admin.IsAlreadyExists(err) {
			// The answer to an earlier create was lost, or reads lag: the next look decides whose it is.
			err = fault.Waiting(v1alpha1.ReasonConflict, fmt.Errorf("a policy with the id %s appeared in the meantime", p.ID))
		}
		return err
	case external.Update:
		return c.UpdatePolicy(ctx, p.PrincipalID, policy)
	default:
		return c.DeletePolicy(ctx, p.PrincipalID, p.ID)
	}
}
