// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/clusterissuer"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/trust"
)

// Issuer says who issues the tokens of the cluster's service accounts.
type Issuer interface {
	Issuer(ctx context.Context) (clusterissuer.Issuer, error)
}

// defaultAudience is what tokens of service accounts are issued for.
const defaultAudience = "databricks"

// trustInput is what is gathered about the tokens of a service account.
type trustInput struct {
	// id and description are those of the one policy that a Role can have.
	id, description string
	// subject is whose tokens count; empty means nobody's.
	subject string
	// observe says that the policy is to be read: it is wanted, or may be there.
	observe bool
	// rules are wanted, unless unknown says why they cannot be had.
	rules   trust.Rules
	unknown error
}

// gatherTrust gathers. The id is that of the Role and not of the service account, so
// that another one changes the policy and leaves no first one behind; and it is
// read when no status remembers what was made.
func (a adapter) gatherTrust(ctx context.Context, r *v1alpha1.Role, deleting bool) trustInput {
	t := trustInput{
		id: trust.ID(a.installation, "role", access.Key(r)), description: trust.Description(a.installation, "role", access.Key(r)),
		observe: r.Status.Trust.PolicyID != "" || r.Status.ServicePrincipal.ID == "",
	}
	if deleting || r.Spec.ServiceAccountName == "" {
		return t
	}
	t.observe, t.subject = true, access.ServiceAccountSubject(r.Namespace, r.Spec.ServiceAccountName)
	if a.issuer == nil {
		t.unknown = fault.Transient(v1alpha1.ReasonIssuerUnknown, errors.New("the operator cannot ask who issues the cluster's tokens"))
		return t
	}
	issuer, err := a.issuer.Issuer(ctx)
	t.unknown = err
	t.rules = trust.Rules{Issuer: issuer.URL, Audiences: a.audience, Subject: t.subject, SubjectClaim: "sub", JWKSJSON: issuer.JWKS}
	return t
}

// wanted is the policy that is to be there. With unknown keys the one that is there stays as it is.
func (t trustInput) wanted() (p *trust.Policy, keep bool) {
	if t.subject == "" || t.unknown != nil {
		return nil, t.subject != ""
	}
	return &trust.Policy{ID: t.id, Description: t.description, Rules: t.rules}, false
}

func (in input) observeTrust(ctx context.Context, out *state) error {
	out.Asked.Subject = in.trust.subject
	if !in.trust.observe || out.Principal == nil {
		return nil
	}
	var err error
	out.Trust, err = trust.Observe(ctx, in.reads, out.Principal.ID, in.trust.id, in.trust.description)
	if ctx.Err() == nil && (fault.Is(err, fault.ClassDenied) || fault.Is(err, fault.ClassTransient)) {
		// As with an object that cannot be read: nothing else waits for it.
		out.Observed.TrustUnread = err
		return nil
	}
	return err
}

// revokedTrust deletes what is ours and not wanted any more.
func revokedTrust(want, have state) plan {
	if h := have.Trust; h != nil && !h.Foreign && want.Trust == nil && !want.Wanted.KeepTrust {
		return plan{{Verb: external.Delete, Target: trustText(h), Want: about(owned{Trust: h})}}
	}
	return nil
}

// newTrust creates or updates the policy that is wanted.
func newTrust(want, have state) plan {
	switch w, h := want.Trust, have.Trust; {
	case w == nil, have.Observed.TrustUnread != nil:
	case h == nil:
		return plan{{Verb: external.Create, Target: trustText(w), Want: about(owned{Trust: w})}}
	case !h.Foreign && h.Rules != w.Rules:
		return plan{{Verb: external.Update, Target: trustText(w), Want: about(owned{Trust: w}), Diff: h.Rules.Differences(w.Rules)}}
	}
	return nil
}

// unfinished says what of the trust is missing when there is nothing left to do.
func unfinished(want, have state) error {
	if have.Observed.TrustUnread != nil {
		return have.Observed.TrustUnread
	}
	if have.Trust != nil && have.Trust.Foreign && (want.Trust != nil || want.Wanted.KeepTrust) {
		return fault.Conflict(v1alpha1.ReasonNotOurs, fmt.Errorf("the service principal has a federation policy %s that does not carry our mark", have.Trust.ID))
	}
	if p := have.Principal; want.Wanted.Unfinished == nil && p != nil && p.Adopted && !p.Active {
		return fault.Denied(v1alpha1.ReasonPrincipalNotUsable, fmt.Errorf("the service principal %s is deactivated, and the operator does not activate one that it has not made", p.ApplicationID))
	}
	return want.Wanted.Unfinished
}

func trustText(p *trust.Policy) string { return "the federation policy " + p.ID }

func (in input) applyTrust(ctx context.Context, have state, s external.Step[state]) (state, error) {
	if have.Principal == nil {
		return have, errors.New("there is no service principal to trust tokens for")
	}
	p := *s.Want.Trust
	p.PrincipalID = have.Principal.ID
	if err := trust.Apply(ctx, in.client, s.Verb, p); err != nil {
		return have, err
	}
	if have.Trust = &p; s.Verb == external.Delete {
		have.Trust = nil
	}
	return have, nil
}

// reportedTrust is the record after a pass. That of a policy which is wanted and was
// not seen stays: the answer to its create may have been lost.
func reportedTrust(recorded v1alpha1.RoleTrust, have state) v1alpha1.RoleTrust {
	switch h := have.Trust; {
	case have.Observed.TrustUnread != nil:
		return recorded
	case h != nil && !h.Foreign && h.Rules.Subject == have.Asked.Subject:
		return v1alpha1.RoleTrust{PolicyID: h.ID, Subject: h.Rules.Subject}
	case h != nil && !h.Foreign:
		return v1alpha1.RoleTrust{PolicyID: h.ID}
	case have.Asked.Subject != "":
		return v1alpha1.RoleTrust{PolicyID: recorded.PolicyID}
	}
	return v1alpha1.RoleTrust{}
}
