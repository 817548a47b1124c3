// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/datapolicy"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/trust"
)

const (
	// forgetTimeout bounds the deletion of a policy, forgetTries how often it is tried before a later pass has to.
	forgetTimeout, forgetTries = 30 * time.Second, 3
)

// asker is what asking as a Role needs of Databricks.
type asker interface {
	trust.Client
	Ask(ctx context.Context, applicationID string, subject wire.Secret, r wire.StatementRequest) (*wire.StatementResult, error)
}

var _ asker = (*admin.Client)(nil)

// own is the operator's own token, and the rules by which it, and no other account's, is let in.
func (v *verifier) own(ctx context.Context) (wire.Secret, trust.Rules, error) {
	token, err := v.token()
	if err != nil {
		return "", trust.Rules{}, err
	}
	issuer, err := v.issuer.Issuer(ctx)
	if err != nil {
		return "", trust.Rules{}, err
	}
	claims, err := read(token)
	if err != nil {
		return "", trust.Rules{}, err
	}
	if claims.Issuer != issuer.URL {
		return "", trust.Rules{}, fault.Transient(v1alpha1.ReasonIssuerUnknown, errors.New("the operator's projected token is not of the cluster's issuer"))
	}
	rules := trust.RulesOf(admin.OIDCPolicy{Issuer: issuer.URL, Audiences: claims.Audience, Subject: claims.Subject, SubjectClaim: "sub", JWKSJSON: issuer.JWKS})
	return token, rules, nil
}

// claimed is what a token says of itself.
type claimed struct {
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

// read reads the operator's own token, which it trusts.
func read(token wire.Secret) (claimed, error) {
	unreadable := fault.Transient(v1alpha1.ReasonCredentialNotFound, errors.New("the operator's projected token is not that of a service account"))
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 {
		return claimed{}, unreadable
	}
	var out claimed
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(raw, &out) != nil || out.Subject == "" || len(out.Audience) == 0 {
		return claimed{}, unreadable
	}
	return out, nil
}

// policyOf are the id and the mark of the policies that a DataPolicy's questions need.
func (v *verifier) policyOf(p *v1alpha1.DataPolicy) (id, description string) {
	key := access.Key(p)
	return trust.ID(v.installation, "verify", key), trust.Description(v.installation, "verify", key)
}

// ask asks one Role about its groups: the operator lets itself in as the Role's service
// principal, asks, and shuts the door again whatever happened. Gone says that the door
// is shut.
func (v *verifier) ask(ctx context.Context, c asker, p *v1alpha1.DataPolicy, w witness) (said map[string]bool, gone bool, err error) {
	statement, err := datapolicy.Question(p.Spec.Groups, w.Groups)
	if err != nil {
		return nil, true, err
	}
	token, rules, err := v.own(ctx)
	if err != nil {
		return nil, true, err
	}
	ctx, end := context.WithTimeout(ctx, questionTimeout)
	defer end()
	id, description := v.policyOf(p)
	log.FromContext(ctx).V(1).Info("Asking whether groups are seen", "servicePrincipal", w.PrincipalID)
	err = trust.Apply(ctx, c, external.Create, trust.Policy{PrincipalID: w.PrincipalID, ID: id, Description: description, Rules: rules})
	made := err == nil
	defer func() {
		if failure := forget(ctx, c, w.PrincipalID, id, description, made); failure != nil {
			gone = false
			log.FromContext(ctx).Error(failure, "Leaving a federation policy to the next pass", "servicePrincipal", w.PrincipalID)
		}
	}()
	if !made {
		return nil, true, fmt.Errorf("let the operator in: %w", err)
	}
	out, err := c.Ask(ctx, w.ApplicationID, token, wire.StatementRequest{WarehouseID: string(p.Spec.WarehouseID), Statement: statement, Repeatable: true})
	if err != nil {
		return nil, true, fmt.Errorf("ask: %w", err)
	}
	said, err = heard(out, w)
	return said, true, err
}

// heard is an answer, if it is the Role's.
func heard(out *wire.StatementResult, w witness) (map[string]bool, error) {
	if len(out.Rows) != 1 || len(out.Rows[0]) != len(w.Groups)+1 {
		return nil, errors.New("the answer has not the expected form")
	}
	row := out.Rows[0]
	if row[0] == nil || *row[0] != w.ApplicationID {
		return nil, errors.New("the statement did not run as the Role's service principal")
	}
	said := map[string]bool{}
	for i, g := range w.Groups {
		cell := row[i+1]
		if cell == nil || *cell != "true" && *cell != "false" {
			return nil, errors.New("the answer has not the expected form")
		}
		said[g] = *cell == "true"
	}
	return said, nil
}

// forget deletes the policy of a question, also when ctx has ended. One that carries
// another mark is not ours and stays; that of a create which succeeded is not looked at,
// because reads may lag behind.
func forget(ctx context.Context, c trust.Client, principalID, id, description string, made bool) error {
	ctx, end := context.WithTimeout(context.WithoutCancel(ctx), forgetTimeout)
	defer end()
	var err error
	for try := range forgetTries {
		if try > 0 {
			time.Sleep(time.Duration(try) * time.Second)
		}
		if !made {
			var have *trust.Policy
			if have, err = trust.Observe(ctx, c, principalID, id, description); err != nil {
				continue
			}
			if have != nil && have.Foreign {
				return nil
			}
		}
		if err = c.DeletePolicy(ctx, principalID, id); err == nil {
			return nil
		}
	}
	return err
}
