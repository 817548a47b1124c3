// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// adopting is what is gathered about a service principal that existed before the Role.
type adopting struct {
	// applicationID names it; empty means that the Role makes its own.
	applicationID string
	// allowed says that one without a mark may be taken over.
	allowed bool
	// displayName is the one that is declared; empty leaves it as it is.
	displayName string
	// rival is an older Role that takes over the same one.
	rival string
	// unusable says why no Role may be it.
	unusable error
	// assigned says that the operator made the assignment to the workspace.
	assigned bool
}

// adoptedKind is the kind in the marks of adopted service principals. It is another than
// that of those we made, so that one is never taken for the other, whatever was
// recorded: those we made are deleted, and adopted ones never.
const adoptedKind = "/adopted-role/"

func (a adapter) adoptedMark(r *v1alpha1.Role) string {
	return a.installation + adoptedKind + r.Namespace + "/" + r.Name
}

// adopting gathers. Of several Roles that take over one service principal, the oldest does.
func (a adapter) adopting(r *v1alpha1.Role, e access.Estate) adopting {
	id := r.Spec.ServicePrincipal
	if id == nil {
		return adopting{}
	}
	out := adopting{
		applicationID: id.ApplicationID, allowed: r.Spec.Adoption == v1alpha1.AdoptionAdopt, displayName: r.Spec.DisplayName,
		assigned: r.Status.ServicePrincipal.Assigned == "True",
	}
	for i := range e.Roles {
		o := &e.Roles[i]
		same := o.Spec.ServicePrincipal != nil && *o.Spec.ServicePrincipal == *id && o.Spec.Adoption == v1alpha1.AdoptionAdopt
		if same && o.UID != r.UID && o.DeletionTimestamp.IsZero() && access.Older(o, r) {
			out.rival = access.Key(o)
		}
	}
	return out
}

// usable refuses the operator's own service principal.
func (d *adopting) usable(ws *v1alpha1.Workspace) {
	if d.applicationID != "" && d.applicationID == ws.Spec.Authentication.ClientID {
		d.unusable = fault.Denied(v1alpha1.ReasonPrincipalNotUsable, fmt.Errorf("the service principal %s is the operator's own, which no Role may be", d.applicationID))
	}
}

// observeAdopted looks for the service principal that the Role names. It counts as the
// Role's when it carries the Role's mark, and as one that may become so when it has no
// external id at all.
func (in input) observeAdopted(ctx context.Context, out *state) error {
	id := in.adopting.applicationID
	p, err := in.client.ServicePrincipalOf(ctx, id)
	if err != nil {
		return err
	}
	// Without its mark it is still the Role's for a removal that has to end what was recorded.
	ended := in.deleting && (*in.known == "" || len(in.applied)+len(in.groups) == 0 && !in.adopting.assigned && !in.trust.observe)
	switch {
	case p == nil && in.deleting:
	case p == nil:
		out.Observed.Elsewhere = fault.Waiting(v1alpha1.ReasonPrincipalNotFound, fmt.Errorf("the service principal %s does not exist", id))
	case p.ExternalID == in.mark:
		out.Principal = adopted(p)
	case p.ExternalID == "" && ended:
	case p.ExternalID == "":
		out.Principal = adopted(p)
		out.Principal.Unmarked = true
	case in.deleting && *in.known == "":
	default:
		out.Observed.Elsewhere = fault.Conflict(v1alpha1.ReasonNotOurs, fmt.Errorf("the service principal %s %s", id, in.owner(p.ExternalID)))
	}
	if out.Principal != nil && !in.deleting {
		out.Observed.Elsewhere = in.unfit(p, out.Principal.Unmarked)
	}
	return nil
}

func adopted(p *admin.ServicePrincipal) *principal {
	return &principal{ID: p.ID, ApplicationID: p.ApplicationID, DisplayName: p.DisplayName, Active: p.Active, Adopted: true}
}

// unfit says why a service principal is not taken over, or not any more.
func (in input) unfit(p *admin.ServicePrincipal, unmarked bool) error {
	switch {
	case p.Administers():
		return fault.Denied(v1alpha1.ReasonPrincipalNotUsable, fmt.Errorf("the service principal %s administers the account, which no Role may", p.ApplicationID))
	case unmarked && in.adopting.rival != "":
		return fault.Conflict(v1alpha1.ReasonConflict, fmt.Errorf("the Role %s is older and takes over the service principal %s: it can be one Role's", in.adopting.rival, p.ApplicationID))
	}
	return nil
}

// owner says in words whose an external id is.
func (in input) owner(externalID string) string {
	for _, kind := range []string{adoptedKind, "/role/"} {
		if role, ours := strings.CutPrefix(externalID, in.installation+kind); ours {
			return "belongs to the Role " + role
		}
	}
	return "carries the external id of somebody else"
}

// adoption is the first step with an adopted service principal: our mark, and the display name if one is declared.
func adoption(want, have state) plan {
	p, name := have.Principal, want.Principal.DisplayName
	renamed := name != "" && name != p.DisplayName
	if !p.Unmarked && !renamed {
		return nil
	}
	var diff []external.Difference
	if p.Unmarked {
		diff = append(diff, external.Difference{Path: "externalId", Want: "the mark of this Role"})
	}
	if renamed {
		diff = append(diff, external.Difference{Path: "displayName", Have: p.DisplayName, Want: name})
	}
	return plan{{Verb: external.Update, Target: "the service principal " + p.ID, Want: about(owned{Principal: want.Principal}), Diff: diff}}
}

// release takes our mark off, and leaves the service principal.
func release(p principal) plan {
	if p.Unmarked {
		return nil
	}
	return plan{{
		Verb: external.Update, Target: "the service principal " + p.ID, Want: about(owned{Principal: &principal{ID: p.ID, Adopted: true, Unmarked: true}}),
		Diff: []external.Difference{{Path: "externalId", Have: "the mark of this Role"}},
	}}
}

// refusedAdoption says what taking over would do.
func refusedAdoption(p principal, would plan) error {
	return fault.Conflict(v1alpha1.ReasonNotOurs, fmt.Errorf(
		"the service principal %s exists and carries no mark; set `adoption` to Adopt to take it over, which would: %s", p.ApplicationID, would))
}

// applyAdopted puts the Role's mark on, or takes it off, unless it is another's by now.
func (in input) applyAdopted(ctx context.Context, have state, want principal) (state, error) {
	if have.Principal == nil {
		return have, nil // it is gone
	}
	p := *have.Principal
	one := in.claims.of(p.ApplicationID)
	one.Lock()
	defer one.Unlock()
	now, err := in.client.ServicePrincipal(ctx, p.ID)
	if err != nil {
		return have, err
	}
	mark := in.mark
	if want.Unmarked {
		mark = ""
	}
	switch owner := one.owner(now); {
	case now == nil && want.Unmarked:
		have.Principal = nil
		return have, nil
	case now == nil:
		return have, fault.Waiting(v1alpha1.ReasonPrincipalNotFound, fmt.Errorf("the service principal %s does not exist", p.ApplicationID))
	case want.Unmarked && owner != in.mark: // somebody else has it: theirs stays
	case owner != "" && owner != in.mark:
		return have, fault.Conflict(v1alpha1.ReasonNotOurs, fmt.Errorf("the service principal %s %s", p.ApplicationID, in.owner(owner)))
	default:
		err = in.client.AdoptServicePrincipal(ctx, p.ID, mark, want.DisplayName)
		if err == nil || fault.Is(err, fault.ClassTransient) && !want.Unmarked { // it may have taken effect
			one.put(mark)
		}
		if err != nil {
			return have, err
		}
	}
	p.Unmarked = want.Unmarked
	if want.DisplayName != "" {
		p.DisplayName = want.DisplayName
	}
	have.Principal = &p
	return have, nil
}

// reportedPrincipal is the record of a service principal.
func reportedPrincipal(before v1alpha1.RoleServicePrincipal, have state) v1alpha1.RoleServicePrincipal {
	out := v1alpha1.RoleServicePrincipal{ID: have.Principal.ID, ApplicationID: have.Principal.ApplicationID}
	if have.Principal.Adopted {
		out.Adopted, out.Assigned = "True", before.Assigned
	}
	return out
}

// onlyRecorded leaves out what an adopted service principal had before, which is not the Role's.
func onlyRecorded(have state, recorded []v1alpha1.RoleGrant) state {
	if have.Principal == nil || !have.Principal.Adopted {
		return have
	}
	have.Grants = slices.DeleteFunc(slices.Clone(have.Grants), func(g boundary.Grant) bool {
		return !slices.ContainsFunc(recorded, func(r v1alpha1.RoleGrant) bool { return grantOf(r) == g })
	})
	return have
}
