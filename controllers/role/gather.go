// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
	"github.com/gatehouse-dev/gatehouse/internal/estate"
	"github.com/gatehouse-dev/gatehouse/internal/governed"
)

// input is what one pass decides from.
type input struct {
	client Databricks
	// reads are what Observe reads with: the client, or its read-through cache.
	reads Reads
	// mark is what our service principal carries.
	mark, installation string
	displayName        string
	deleting           bool
	// denial and violations say why the Boundary does not allow what is asked for.
	denial     *boundary.Denial
	violations []string
	memberOf   []string
	// refused says which tools are opened to the Role and not allowed by its Boundary.
	refused []string
	// confined says that the Role is to have nothing, because it asks for more than it may.
	confined bool
	// mayCreate are the groups of memberOf that may be created.
	mayCreate []string
	// adopts says that groups without a mark are taken over. One that the Role brings its own
	// service principal to can have had that as a member before.
	adopts bool
	// shared are the groups that other Roles ask for.
	shared []string
	needs  access.Needs
	trust  trustInput
	// adopting is about a service principal that existed before the Role.
	adopting adopting
	// claims are the service principals that Roles of this process take over.
	claims *adoptionClaims
	// The ownership record, as the pass found it.
	intent string
	groups []string
	// mentioned are the groups of the spec of a Role that is deleted. One of ours that is
	// not in its record may have been kept for others who went too.
	mentioned []string
	applied   []boundary.Grant
	// known is the recorded id of the service principal; it learns a new one.
	known *string
	// resync is the Workspace's.
	resync time.Duration
}

func (a adapter) Gather(ctx context.Context, r *v1alpha1.Role) (input, error) {
	in := input{
		mark: a.mark(r), installation: a.installation, displayName: r.Spec.DisplayName, deleting: !r.DeletionTimestamp.IsZero(),
		intent: r.Status.Intent, known: new(string), claims: a.claims,
		adopts: r.Spec.Adoption == v1alpha1.AdoptionAdopt && r.Spec.ServicePrincipal == nil,
	}
	if in.displayName == "" {
		in.displayName = access.Key(r)
	}
	if r.Spec.ServicePrincipal != nil {
		in.mark = a.adoptedMark(r)
	}
	*in.known = r.Status.ServicePrincipal.ID
	for _, g := range r.Status.Groups {
		in.groups = append(in.groups, g.Name)
	}
	for _, g := range r.Status.Applied {
		in.applied = append(in.applied, grantOf(g))
	}
	e, err := estate.Load(ctx, a.reader)
	if err != nil {
		return in, err
	}
	in.shared = a.shared(ctx, r, e.Roles)
	in.adopting = a.adopting(r, e)
	if in.deleting {
		for _, g := range r.Spec.MemberOf {
			in.mentioned = append(in.mentioned, string(g))
		}
	} else {
		e = e.Of(r) // what follows is of this Role alone
		cells, refusals := e.Cells()
		in.needs = e.Needs(r, cells)
		in.bound(e, r)
		if in.refusal() == nil {
			in.refused = refused(r, refusals)
		} else if !in.confine() {
			return in, nil // nothing outside is looked at or touched: Desired says why
		}
	}
	ws, err := a.connect.Named(ctx, r.Spec.WorkspaceRef.Name)
	if err != nil {
		if in.deleting && in.intent == "" && *in.known == "" && len(in.groups)+len(in.applied) == 0 {
			return in, nil // nothing was ever begun, so that nothing is left behind
		}
		return in, governed.CannotBeRemoved(r, "this Role has in Databricks", err)
	}
	in.adopting.usable(ws.Workspace)
	in.trust = a.gatherTrust(ctx, r, in.deleting || in.confined)
	in.client, in.reads, in.resync = ws.Client, ws.Client, ws.Resync()
	return in, nil
}

// gatherAgain reads the groups that other Roles ask for: one that is deleted together with
// this one may have been deleted after this pass began.
func (a adapter) gatherAgain(ctx context.Context, r *v1alpha1.Role, in input) (input, error) {
	var all v1alpha1.RoleList
	if err := a.reader.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		return in, fmt.Errorf("list the Roles: %w", err)
	}
	in.shared = a.shared(ctx, r, all.Items)
	return in, nil
}

// shared are the groups that Roles beside this one ask for.
func (a adapter) shared(ctx context.Context, r *v1alpha1.Role, all []v1alpha1.Role) []string {
	var out []string
	elsewhere := a.elsewhere(ctx, r)
	for i := range all {
		if o := &all[i]; len(o.Spec.MemberOf) > 0 && o.DeletionTimestamp.IsZero() && o.UID != r.UID && !elsewhere(o.Spec.WorkspaceRef.Name) {
			for _, g := range o.Spec.MemberOf {
				out = append(out, string(g))
			}
		}
	}
	return out
}

// elsewhere tells Workspaces of another account than the Role's, whose groups are others
// though they have the same names. What cannot be read counts as of the same.
func (a adapter) elsewhere(ctx context.Context, r *v1alpha1.Role) func(workspace string) bool {
	type account struct{ host, id string }
	known := map[string]*account{}
	of := func(name string) *account {
		if out, ok := known[name]; ok {
			return out
		}
		var ws v1alpha1.Workspace
		known[name] = nil
		if err := a.reader.Get(ctx, types.NamespacedName{Name: name}, &ws); err == nil {
			known[name] = &account{string(ws.Spec.AccountHost), ws.Spec.AccountID}
		}
		return known[name]
	}
	own := r.Spec.WorkspaceRef.Name
	return func(workspace string) bool {
		if workspace == own {
			return false
		}
		mine, theirs := of(own), of(workspace)
		return mine != nil && theirs != nil && *mine != *theirs
	}
}
