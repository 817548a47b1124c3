// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
	"github.com/google/uuid"
)

// mostPolicies is how many policies a service principal may have.
const mostPolicies = 20

var policyIDPattern = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)

// policyOnWire is a policy as requests and answers have it. Output-only fields are
// accepted in requests, because clients send back what they read.
type policyOnWire struct {
	Name               string      `json:"name,omitempty"`
	PolicyID           string      `json:"policy_id,omitempty"`
	UID                string      `json:"uid,omitempty"`
	ServicePrincipalID json.Number `json:"service_principal_id,omitempty"`
	Description        string      `json:"description,omitempty"`
	CreateTime         *time.Time  `json:"create_time,omitempty"`
	UpdateTime         *time.Time  `json:"update_time,omitempty"`
	OIDC               *OIDCPolicy `json:"oidc_policy,omitempty"`
}

func (st *Store) policyRoutes(account accountRoute, accountID string) []wire.Route {
	h := policies{st, accountID}
	const base = "/servicePrincipals/{sp}/federationPolicies"
	const secrets = "/servicePrincipals/{sp}/credentials/secrets"
	return []wire.Route{
		account("GET", base, "authentication", h.list),
		account("POST", base, "authentication", h.create),
		account("GET", base+"/{id}", "authentication", h.get),
		account("PATCH", base+"/{id}", "authentication", h.update),
		account("DELETE", base+"/{id}", "authentication", h.remove),
		account("GET", secrets, "authentication", h.listSecrets),
		account("POST", secrets, "authentication", h.createSecret),
		account("DELETE", secrets+"/{id}", "authentication", h.removeSecret),
	}
}

type policies struct {
	*Store
	accountID string
}

func (h policies) shown(sp string, p Policy) policyOnWire {
	oidc := p.OIDC
	if oidc.SubjectClaim == "" {
		oidc.SubjectClaim = "sub"
	}
	return policyOnWire{
		Name:     fmt.Sprintf("accounts/%s/servicePrincipals/%s/federationPolicies/%s", h.accountID, sp, p.PolicyID),
		PolicyID: p.PolicyID, UID: p.UID, ServicePrincipalID: json.Number(sp), Description: p.Description,
		CreateTime: &p.CreateTime, UpdateTime: &p.UpdateTime, OIDC: &oidc,
	}
}

// of returns the service principal of a request.
func (s state) of(r *wire.Request) (Principal, error) {
	p, ok := s.byID(r.PathValue("sp"))
	if !ok || p.ApplicationID == "" {
		return p, wire.NotFound("Service principal with id " + r.PathValue("sp") + " does not exist.")
	}
	return p, nil
}

func (h policies) list(_ context.Context, r *wire.Request) (any, error) {
	s := h.read()
	defer s.end()
	p, err := s.of(r)
	if err != nil {
		return nil, err
	}
	from, size := 0, 100
	if t := r.URL.Query().Get("page_token"); t != "" {
		if from, err = strconv.Atoi(t); err != nil || from < 0 || from > len(p.Policies) {
			return nil, wire.BadParameter("page_token is not valid")
		}
	}
	if t := r.URL.Query().Get("page_size"); t != "" {
		if size, err = strconv.Atoi(t); err != nil || size < 1 {
			return nil, wire.BadParameter("page_size must be a positive number")
		}
	}
	to := min(from+size, len(p.Policies))
	out := []policyOnWire{}
	for _, one := range p.Policies[from:to] {
		out = append(out, h.shown(p.ID, one))
	}
	answer := map[string]any{"policies": out}
	if to < len(p.Policies) {
		answer["next_page_token"] = strconv.Itoa(to)
	}
	return answer, nil
}

func (h policies) create(_ context.Context, r *wire.Request) (any, error) {
	var in policyOnWire
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	id := r.URL.Query().Get("policy_id")
	if id == "" {
		id = uuid.NewString()
	}
	if !policyIDPattern.MatchString(id) {
		return nil, wire.BadParameter("policy_id must consist of lower-case letters, digits and hyphens")
	}
	if in.OIDC == nil {
		return nil, wire.BadParameter("oidc_policy is required")
	}
	if err := valid(*in.OIDC); err != nil {
		return nil, err
	}
	var out policyOnWire
	err := h.change(func(s state) error {
		p, err := s.of(r)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(p.Policies, func(o Policy) bool { return o.PolicyID == id }) {
			return wire.Exists("Federation policy with id " + id + " already exists.")
		}
		if len(p.Policies) >= mostPolicies {
			return wire.Invalid("RESOURCE_LIMIT_EXCEEDED", fmt.Sprintf("a service principal may have %d federation policies", mostPolicies))
		}
		now := time.Now().UTC()
		one := Policy{PolicyID: id, UID: uuid.NewString(), Description: in.Description, CreateTime: now, UpdateTime: now, OIDC: *in.OIDC}
		p.Policies = append(slices.Clone(p.Policies), one)
		s.put(p)
		out = h.shown(p.ID, one)
		return nil
	})
	return out, err
}

// valid keeps the rules of a service principal's policy.
func valid(o OIDCPolicy) error {
	switch {
	case !strings.HasPrefix(o.Issuer, "https://"):
		return wire.BadParameter("oidc_policy.issuer must be an https URL")
	case o.Subject == "":
		return wire.BadParameter("oidc_policy.subject is required for a service principal's policy")
	case o.JWKSURI != "" && !strings.HasPrefix(o.JWKSURI, "https://"):
		return wire.BadParameter("oidc_policy.jwks_uri must be an https URL")
	case o.JWKSJSON != "" && !json.Valid([]byte(o.JWKSJSON)):
		return wire.BadParameter("oidc_policy.jwks_json must be JSON")
	}
	return nil
}

func (h policies) get(_ context.Context, r *wire.Request) (any, error) {
	s := h.read()
	defer s.end()
	p, i, err := s.policy(r)
	if err != nil {
		return nil, err
	}
	return h.shown(p.ID, p.Policies[i]), nil
}

// policy returns the principal of a request and the place of the policy in it.
func (s state) policy(r *wire.Request) (Principal, int, error) {
	p, err := s.of(r)
	if err != nil {
		return p, 0, err
	}
	i := slices.IndexFunc(p.Policies, func(o Policy) bool { return o.PolicyID == r.PathValue("id") })
	if i < 0 {
		return p, 0, wire.NotFound("Federation policy with id " + r.PathValue("id") + " does not exist.")
	}
	return p, i, nil
}

func (h policies) update(_ context.Context, r *wire.Request) (any, error) {
	var in policyOnWire
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	if in.OIDC == nil {
		in.OIDC = &OIDCPolicy{}
	}
	var out policyOnWire
	err := h.change(func(s state) error {
		p, i, err := s.policy(r)
		if err != nil {
			return err
		}
		p.Policies = slices.Clone(p.Policies)
		one := &p.Policies[i]
		if err := merge(one, in, r.URL.Query().Get("update_mask")); err != nil {
			return err
		}
		if err := valid(one.OIDC); err != nil {
			return err
		}
		one.UpdateTime = time.Now().UTC()
		s.put(p)
		out = h.shown(p.ID, *one)
		return nil
	})
	return out, err
}

// merge applies an update: what the mask names is replaced, also by nothing; an
// empty mask replaces what the body has.
func merge(p *Policy, in policyOnWire, mask string) error {
	if mask == "" {
		var paths []string
		for path, set := range map[string]bool{
			"description": in.Description != "", "oidc_policy.issuer": in.OIDC.Issuer != "", "oidc_policy.audiences": len(in.OIDC.Audiences) > 0,
			"oidc_policy.subject": in.OIDC.Subject != "", "oidc_policy.subject_claim": in.OIDC.SubjectClaim != "",
			"oidc_policy.jwks_json": in.OIDC.JWKSJSON != "", "oidc_policy.jwks_uri": in.OIDC.JWKSURI != "",
		} {
			if set {
				paths = append(paths, path)
			}
		}
		mask = strings.Join(paths, ",")
	}
	for _, path := range strings.FieldsFunc(mask, func(r rune) bool { return r == ',' }) {
		switch path {
		case "*":
			p.Description, p.OIDC = in.Description, *in.OIDC
		case "description":
			p.Description = in.Description
		case "oidc_policy":
			p.OIDC = *in.OIDC
		case "oidc_policy.issuer":
			p.OIDC.Issuer = in.OIDC.Issuer
		case "oidc_policy.audiences":
			p.OIDC.Audiences = in.OIDC.Audiences
		case "oidc_policy.subject":
			p.OIDC.Subject = in.OIDC.Subject
		case "oidc_policy.subject_claim":
			p.OIDC.SubjectClaim = in.OIDC.SubjectClaim
		case "oidc_policy.jwks_json":
			p.OIDC.JWKSJSON = in.OIDC.JWKSJSON
		case "oidc_policy.jwks_uri":
			p.OIDC.JWKSURI = in.OIDC.JWKSURI
		default:
			return wire.BadParameter("update_mask names the unknown field " + path)
		}
	}
	return nil
}

func (h policies) remove(_ context.Context, r *wire.Request) (any, error) {
	err := h.change(func(s state) error {
		p, i, err := s.policy(r)
		if err != nil {
			return err
		}
		p.Policies = slices.Delete(slices.Clone(p.Policies), i, i+1)
		s.put(p)
		return nil
	})
	return map[string]any{}, err
}
