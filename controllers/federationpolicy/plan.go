// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package federationpolicy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// state is the policies of one FederationPolicy in Databricks, sorted.
type state struct {
	Policies []policy
	// Wanted are those that the spec asks for, for the report.
	Wanted []key
	// Unfinished says, of a wanted state, what is still missing from it when all of it is there.
	Unfinished error
}

// policy is a federation policy of one service principal.
type policy struct {
	Role, Subject   string
	PrincipalID, ID string
	Description     string
	OIDC            oidc
	Foreign         bool // without our mark
}

// oidc is databricks.OIDCPolicy in a form that can be compared.
type oidc struct{ Issuer, Audiences, Subject, SubjectClaim, JWKSURI, JWKSJSON string }

const separator = "\n"

func rules(o databricks.OIDCPolicy) oidc {
	audiences := slices.Sorted(slices.Values(o.Audiences))
	return oidc{o.Issuer, strings.Join(audiences, separator), o.Subject, o.SubjectClaim, o.JWKSURI, o.JWKSJSON}
}

func (o oidc) wire() databricks.OIDCPolicy {
	return databricks.OIDCPolicy{
		Issuer: o.Issuer, Audiences: strings.Split(o.Audiences, separator), Subject: o.Subject, SubjectClaim: o.SubjectClaim, JWKSURI: o.JWKSURI, JWKSJSON: o.JWKSJSON,
	}
}

// key names a policy in Databricks.
type key struct{ principal, id string }

func (p policy) key() key { return key{p.PrincipalID, p.ID} }

func (p policy) record() v1alpha1.BoundRole {
	return v1alpha1.BoundRole{Role: p.Role, Subject: p.Subject, ServicePrincipalID: p.PrincipalID, PolicyID: p.ID}
}

func (s *state) sort() {
	slices.SortFunc(s.Policies, func(a, b policy) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.PrincipalID, b.PrincipalID), cmp.Compare(a.ID, b.ID))
	})
}

func (s state) find(k key) *policy {
	if i := slices.IndexFunc(s.Policies, func(p policy) bool { return p.key() == k }); i >= 0 {
		return &s.Policies[i]
	}
	return nil
}

// description is the mark that our policies carry.
func description(installation string, p *v1alpha1.FederationPolicy) string {
	return "Managed by Gatehouse: " + installation + "/federationpolicy/" + access.Key(p)
}

// policyID is the same for the same installation, policy, role and subject, and different for all others.
func policyID(installation, name, role, subject string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{installation, name, role, subject}, "\x00")))
	return "gatehouse-" + hex.EncodeToString(sum[:16])
}

// policyOf is the policy that a binding is to have.
func policyOf(installation string, p *v1alpha1.FederationPolicy, b access.Binding) policy {
	wire := databricks.OIDCPolicy{
		Issuer: string(p.Spec.Issuer), Audiences: p.Spec.Audiences, Subject: b.Subject, SubjectClaim: string(p.Spec.Claims.Role),
	}
	if k := p.Spec.Keys; k != nil {
		wire.JWKSURI, wire.JWKSJSON = string(k.URI), k.Inline
	}
	return policy{
		Role: access.Key(b.Role), Subject: b.Subject, PrincipalID: b.Role.Status.ServicePrincipal.ID,
		ID: policyID(installation, access.Key(p), access.Key(b.Role), b.Subject), Description: description(installation, p), OIDC: rules(wire),
	}
}

type step = external.Step[state]

// planned is the writes that lead from one state to another: what ends trust first.
func planned(want, have state) (external.Plan[state], error) {
	var out external.Plan[state]
	for _, h := range have.Policies {
		if want.find(h.key()) == nil && !h.Foreign {
			out = append(out, step{Verb: external.Delete, Target: text(h), Want: state{Policies: []policy{h}}})
		}
	}
	for _, w := range want.Policies {
		h := have.find(w.key())
		switch {
		case h == nil:
			out = append(out, step{Verb: external.Create, Target: text(w), Want: state{Policies: []policy{w}}})
		case h.Foreign:
			return nil, fault.Conflict(v1alpha1.ReasonNotOurs, fmt.Errorf("the service principal of %s has a policy %s that does not carry our mark", w.Role, w.ID))
		case h.OIDC != w.OIDC:
			out = append(out, step{Verb: external.Update, Target: text(w), Want: state{Policies: []policy{w}}, Diff: differences(h.OIDC, w.OIDC)})
		}
	}
	if len(out) == 0 && want.Unfinished != nil {
		return nil, want.Unfinished
	}
	return out, nil
}

func text(p policy) string { return fmt.Sprintf("the federation policy %s of %s", p.ID, p.Role) }

func differences(have, want oidc) []external.Difference {
	var out []external.Difference
	for _, d := range []external.Difference{
		{Path: "issuer", Have: have.Issuer, Want: want.Issuer},
		{Path: "audiences", Have: have.Audiences, Want: want.Audiences},
		{Path: "subject", Have: have.Subject, Want: want.Subject},
		{Path: "subject_claim", Have: have.SubjectClaim, Want: want.SubjectClaim},
		{Path: "jwks_uri", Have: have.JWKSURI, Want: want.JWKSURI},
	} {
		if d.Have != d.Want {
			out = append(out, d)
		}
	}
	if have.JWKSJSON != want.JWKSJSON {
		out = append(out, external.Difference{Path: "jwks_json", Have: "other keys", Want: "the keys of the spec"})
	}
	return out
}
