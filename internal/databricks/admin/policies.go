// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"strings"
	"time"

	"github.com/databricks/databricks-sdk-go/service/oauth2"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// FederationPolicy says whose JWT is exchanged for a token of a service principal.
type FederationPolicy struct {
	// ID is chosen by whoever creates the policy, so that a repeated create is a conflict and not a second policy.
	ID          string
	Description string
	OIDC        OIDCPolicy
	// UpdatedAt is when it was changed last, which Databricks sets.
	UpdatedAt time.Time
}

// OIDCPolicy is what a JWT is held against. Without keys the issuer's discovery document is used.
type OIDCPolicy struct {
	Issuer            string
	Audiences         []string
	Subject           string
	SubjectClaim      string
	JWKSURI, JWKSJSON string
}

// body is a policy as it is written.
func (p FederationPolicy) body() oauth2.FederationPolicy {
	return oauth2.FederationPolicy{Description: p.Description, OidcPolicy: &oauth2.OidcFederationPolicy{
		Issuer: p.OIDC.Issuer, Audiences: p.OIDC.Audiences, Subject: p.OIDC.Subject, SubjectClaim: p.OIDC.SubjectClaim,
		JwksUri: p.OIDC.JWKSURI, JwksJson: p.OIDC.JWKSJSON, ForceSendFields: []string{"Issuer", "Subject"},
	}}
}

func policyOf(b oauth2.FederationPolicy) FederationPolicy {
	id := b.PolicyId
	if id == "" {
		id = b.Name[strings.LastIndex(b.Name, "/")+1:]
	}
	out := FederationPolicy{ID: id, Description: b.Description}
	out.UpdatedAt, _ = time.Parse(time.RFC3339, b.UpdateTime) // absent is zero
	if o := b.OidcPolicy; o != nil {
		out.OIDC = OIDCPolicy{
			Issuer: o.Issuer, Audiences: o.Audiences, Subject: o.Subject, SubjectClaim: o.SubjectClaim, JWKSURI: o.JwksUri, JWKSJSON: o.JwksJson,
		}
	}
	return out
}

// policyMask names what an update replaces: all of it, also lists that became empty.
const policyMask = "description,oidc_policy"

// policyKey checks what names a policy. The number of the principal is part of the path.
func policyKey(principalID, id string) (int64, error) {
	if _, err := wire.ObjectID(id); err != nil {
		return 0, err
	}
	return wire.Number(principalID)
}

// Policy returns a policy of a service principal, or nil when either does not exist.
func (c *Client) Policy(ctx context.Context, principalID, id string) (*FederationPolicy, error) {
	principal, err := policyKey(principalID, id)
	if err != nil {
		return nil, err
	}
	p, err := c.account.policies.Get(ctx, oauth2.GetServicePrincipalFederationPolicyRequest{ServicePrincipalId: principal, PolicyId: id})
	return found(p, err, policyOf, func(out FederationPolicy) bool {
		return out.OIDC.Issuer != "" && (p.UpdateTime == "" || !out.UpdatedAt.IsZero())
	})
}

// CreatePolicy creates a policy. IsAlreadyExists tells that its id is taken.
func (c *Client) CreatePolicy(ctx context.Context, principalID string, p FederationPolicy) error {
	principal, err := policyKey(principalID, p.ID)
	if err != nil {
		return err
	}
	defer c.cache.Written(policyThing(principalID, p.ID))
	_, err = c.account.policies.Create(ctx, oauth2.CreateServicePrincipalFederationPolicyRequest{ServicePrincipalId: principal, PolicyId: p.ID, Policy: p.body()})
	if err = classify(err); isMissing(err) {
		return fault.Waiting(wire.ReasonPrincipalNotVisible, err)
	}
	return err
}

// UpdatePolicy replaces what a policy says.
func (c *Client) UpdatePolicy(ctx context.Context, principalID string, p FederationPolicy) error {
	principal, err := policyKey(principalID, p.ID)
	if err != nil {
		return err
	}
	defer c.cache.Written(policyThing(principalID, p.ID))
	_, err = c.account.policies.Update(ctx, oauth2.UpdateServicePrincipalFederationPolicyRequest{
		ServicePrincipalId: principal, PolicyId: p.ID, Policy: p.body(), UpdateMask: policyMask,
	})
	return classify(err)
}

// DeletePolicy deletes a policy. What does not exist is deleted.
func (c *Client) DeletePolicy(ctx context.Context, principalID, id string) error {
	principal, err := policyKey(principalID, id)
	if err != nil {
		return err
	}
	defer c.cache.Written(policyThing(principalID, id))
	return unlessMissing(c.account.policies.Delete(ctx, oauth2.DeleteServicePrincipalFederationPolicyRequest{ServicePrincipalId: principal, PolicyId: id}))
}
