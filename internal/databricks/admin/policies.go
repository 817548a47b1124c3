// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

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
	Issuer       string   `json:"issuer"`
	Audiences    []string `json:"audiences,omitempty"`
	Subject      string   `json:"subject"`
	SubjectClaim string   `json:"subject_claim,omitempty"`
	JWKSURI      string   `json:"jwks_uri,omitempty"`
	JWKSJSON     string   `json:"jwks_json,omitempty"`
}

type policyBody struct {
	PolicyID    string     `json:"policy_id,omitempty"`
	Name        string     `json:"name,omitempty"`
	Description string     `json:"description,omitempty"`
	OIDC        OIDCPolicy `json:"oidc_policy"`
	UpdatedAt   time.Time  `json:"update_time,omitzero"`
}

func (b policyBody) policy() FederationPolicy {
	id := b.PolicyID
	if id == "" {
		id = b.Name[strings.LastIndex(b.Name, "/")+1:]
	}
	return FederationPolicy{ID: id, Description: b.Description, OIDC: b.OIDC, UpdatedAt: b.UpdatedAt}
}

// policyMask names what an update replaces: all of it, also lists that became empty.
const policyMask = "description,oidc_policy"

func (c *Client) policyPath(principalID, rest string) (string, error) {
	p, err := wire.NumericID(principalID)
	return "/api/2.0/accounts/" + url.PathEscape(c.endpoint.AccountID) + "/servicePrincipals/" + string(p) + "/federationPolicies" + rest, err
}

func (c *Client) onePolicyPath(principalID, id string) (string, error) {
	p, err := wire.ObjectID(id)
	if err != nil {
		return "", err
	}
	return c.policyPath(principalID, "/"+string(p))
}

// Policy returns a policy of a service principal, or nil when either does not exist.
func (c *Client) Policy(ctx context.Context, principalID, id string) (*FederationPolicy, error) {
	path, err := c.onePolicyPath(principalID, id)
	if err != nil {
		return nil, err
	}
	var raw json.RawMessage
	err = c.account.do(ctx, http.MethodGet, path, nil, nil, &raw)
	if isMissing(err) {
		return nil, nil //nolint:nilnil // absence is a value here, as the doc comment says
	}
	if err != nil {
		return nil, err
	}
	var body policyBody
	if err := json.Unmarshal(raw, &body); err != nil || body.OIDC.Issuer == "" {
		return nil, fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	out := body.policy()
	return &out, nil
}

// CreatePolicy creates a policy. IsAlreadyExists tells that its id is taken.
func (c *Client) CreatePolicy(ctx context.Context, principalID string, p FederationPolicy) error {
	path, err := c.policyPath(principalID, "")
	if err != nil {
		return err
	}
	if _, err := wire.ObjectID(p.ID); err != nil {
		return err
	}
	defer c.cache.Written(policyThing(principalID, p.ID))
	err = c.account.do(ctx, http.MethodPost, path+"?policy_id="+url.QueryEscape(p.ID), nil, policyBody{Description: p.Description, OIDC: p.OIDC}, nil)
	if isMissing(err) {
		return fault.Waiting(wire.ReasonPrincipalNotVisible, err)
	}
	return err
}

// UpdatePolicy replaces what a policy says.
func (c *Client) UpdatePolicy(ctx context.Context, principalID string, p FederationPolicy) error {
	path, err := c.onePolicyPath(principalID, p.ID)
	if err != nil {
		return err
	}
	defer c.cache.Written(policyThing(principalID, p.ID))
	return c.account.do(ctx, http.MethodPatch, path+"?update_mask="+url.QueryEscape(policyMask), nil, policyBody{Description: p.Description, OIDC: p.OIDC}, nil)
}

// DeletePolicy deletes a policy. What does not exist is deleted.
func (c *Client) DeletePolicy(ctx context.Context, principalID, id string) error {
	path, err := c.onePolicyPath(principalID, id)
	if err != nil {
		return err
	}
	defer c.cache.Written(policyThing(principalID, id))
	if err := c.account.do(ctx, http.MethodDelete, path, nil, nil, nil); !isMissing(err) {
		return err
	}
	return nil
}
