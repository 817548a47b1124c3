// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package roleprobe

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/trust"
)

// Usable says why no probe can run; nil if one can.
func (p *Prober) Usable() error {
	if _, err := p.opts.Token(); err != nil {
		return err
	}
	if p.opts.Issuer == nil {
		return fault.Transient(v1alpha1.ReasonIssuerUnknown, errors.New("the operator cannot ask who issues the cluster's tokens"))
	}
	return nil
}

// credential returns the operator's own token, and the rules by which that account, and no other, is admitted.
func (p *Prober) credential(ctx context.Context) (wire.Secret, trust.Rules, error) {
	token, err := p.opts.Token()
	if err != nil {
		return "", trust.Rules{}, err
	}
	issuer, err := p.opts.Issuer.Issuer(ctx)
	if err != nil {
		return "", trust.Rules{}, err
	}
	claims, err := parse(token)
	if err != nil {
		return "", trust.Rules{}, err
	}
	if claims.Issuer != issuer.URL {
		return "", trust.Rules{}, fault.Transient(v1alpha1.ReasonIssuerUnknown, errors.New("the operator's projected token is not of the cluster's issuer"))
	}
	rules := trust.RulesOf(admin.OIDCPolicy{Issuer: issuer.URL, Audiences: claims.Audience, Subject: claims.Subject, SubjectClaim: "sub", JWKSJSON: issuer.JWKS})
	return token, rules, nil
}

// tokenClaims are the claims of the operator's token that a policy is made of.
type tokenClaims struct {
	Issuer   string     `json:"iss"`
	Subject  string     `json:"sub"`
	Audience stringList `json:"aud"`
}

// stringList is a text or a list of texts.
type stringList []string

// UnmarshalJSON takes both.
func (l *stringList) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*l = stringList{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(l))
}

// parse reads the claims of the operator's own token. It verifies no signature: the token comes
// from the operator's own file system.
func parse(token wire.Secret) (tokenClaims, error) {
	unreadable := fault.Transient(v1alpha1.ReasonCredentialNotFound, errors.New("the operator's projected token is not that of a service account"))
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 {
		return tokenClaims{}, unreadable
	}
	var out tokenClaims
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(raw, &out) != nil || out.Subject == "" || len(out.Audience) == 0 {
		return tokenClaims{}, unreadable
	}
	return out, nil
}
