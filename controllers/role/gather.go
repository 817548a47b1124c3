// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/estate"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/trust"
)

// input is what one pass decides from.
type input struct {
	client Databricks
	// reads are what is looked with: the client, or for a glance what it read lately.
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
	// shared returns the groups that other Roles ask for, as of now: one that is on its
	// way out with this one may have begun later.
	shared func(context.Context) ([]string, error)
	needs  access.Needs
	trust  trusting
	// adopting is about a service principal that existed before the Role.
	adopting adopting
	// takings are the service principals that Roles of this process take over.
	takings *takings
	// The ownership record, as the pass found it.
	intent string
	groups []string
	// mentioned are the groups of the spec of a Role that is deleted. One of ours that is
	// not in its record may have been kept for others who went too.
	mentioned []string
	applied   []boundary.Grant
	// known is the recorded id of the service principal; it learns a new one.
	known  *string
	resync time.Duration
}

// Above is the policy of the Workspace.
func (a adapter) Above(ctx context.Context, r *v1alpha1.Role) (external.Management, error) {
	return external.WorkspaceManagement(ctx, a.reader, r.Spec.WorkspaceRef.Name)
}

func (a adapter) Gather(ctx context.Context, r *v1alpha1.Role) (input, error) {
	in := input{
		mark: a.mark(r), installation: a.installation, displayName: r.Spec.DisplayName, deleting: !r.DeletionTimestamp.IsZero(),
		intent: r.Status.Intent, known: new(string), takings: a.takings,
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
	in.shared = func(ctx context.Context) ([]string, error) { return a.shared(ctx, r) }
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
	ws, client, err := a.connect.Named(ctx, r.Spec.WorkspaceRef.Name)
	if err != nil {
		if in.deleting && in.intent == "" && *in.known == "" && len(in.groups)+len(in.applied) == 0 {
			return in, nil // nothing was ever begun, so that nothing is left behind
		}
		if in.deleting && fault.Is(err, fault.ClassWaiting) {
			err = fmt.Errorf("%w: what this Role has in Databricks cannot be removed; set `deletionPolicy` to Orphan to leave it there", err)
		}
		return in, err
	}
	in.adopting.usable(ws)
	in.trust = a.trusting(ctx, r, in.deleting || in.confined)
	in.client, in.reads, in.resync = client, client, time.Duration(ws.Spec.ResyncIntervalSeconds)*time.Second
	return in, nil
}

// shared are the groups that Roles beside this one ask for.
func (a adapter) shared(ctx context.Context, r *v1alpha1.Role) ([]string, error) {
	var all v1alpha1.RoleList
	if err := a.reader.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list the Roles: %w", err)
	}
	var out []string
	elsewhere := a.elsewhere(ctx, r)
	for i := range all.Items {
		if o := &all.Items[i]; len(o.Spec.MemberOf) > 0 && o.DeletionTimestamp.IsZero() && o.UID != r.UID && !elsewhere(o.Spec.WorkspaceRef.Name) {
			for _, g := range o.Spec.MemberOf {
				out = append(out, string(g))
			}
		}
	}
	return out, nil
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

// refusal says why the Boundary does not allow what the Role asks for; nil means it does.
func (in input) refusal() error {
	switch {
	case in.denial != nil:
		return fault.Denied(in.denial.Reason, fmt.Errorf("%s", in.denial.Message))
	case len(in.violations) > 0:
		return fault.Denied(v1alpha1.ReasonOutsideBoundary, fmt.Errorf("the Role %s", strings.Join(in.violations, "; and ")))
	}
	return nil
}

// confine says whether there is something to take away from a Role that asks for more
// than it may, and if so makes it want nothing: a Boundary shrank, or is gone. A
// Boundary that has not taken note of the namespace yet takes nothing away.
func (in *input) confine() bool {
	pending := in.denial != nil && in.denial.Reason == v1alpha1.ReasonPending
	in.confined = !pending && (*in.known != "" || in.intent != "" || len(in.groups)+len(in.applied) > 0)
	if in.confined {
		in.needs, in.memberOf = access.Needs{}, nil
	}
	return in.confined
}

// refused are the tools that a ToolAccess opens to the Role and its Boundary does not.
func refused(r *v1alpha1.Role, all []access.Refusal) []string {
	var out []string
	for _, f := range all {
		if f.Role == access.Key(r) && f.Reason == v1alpha1.ReasonOutsideBoundary {
			out = append(out, f.Message)
		}
	}
	return out
}

// bound compares what the Role asks for with the Boundary.
func (in *input) bound(e access.Estate, r *v1alpha1.Role) {
	for _, g := range r.Spec.MemberOf {
		in.memberOf = append(in.memberOf, string(g))
	}
	slices.Sort(in.memberOf)
	limits, denial := e.Limits(r.Namespace)
	if in.denial = denial; denial != nil {
		return
	}
	ask := boundary.Request{Workspace: r.Spec.WorkspaceRef.Name, MemberOf: in.memberOf, Scopes: in.needs.Scopes, ServicePrincipal: in.adopting.applicationID}
	for _, g := range in.needs.Grants {
		ask.Grants = append(ask.Grants, g.Grant)
	}
	in.violations = limits.Check(ask)
	if name := r.Spec.ServiceAccountName; name != "" && !limits.Hosting() {
		in.violations = append(in.violations, fmt.Sprintf("asks for tokens of the ServiceAccount %s to count as it; the Boundary %s must have `hosting` Allowed for that", name, limits.Name))
	}
	for _, g := range in.memberOf {
		if limits.Create(g) {
			in.mayCreate = append(in.mayCreate, g)
		}
	}
}

// Conditions say whether the Boundary allows what is asked for.
func (adapter) Conditions(in input) []metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionWithinBoundary, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAllowed, Message: "The Boundary allows what is asked for"}
	switch {
	case in.denial != nil:
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, in.denial.Reason, in.denial.Message
	case len(in.violations) > 0:
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, v1alpha1.ReasonOutsideBoundary, strings.Join(in.violations, "; ")
	case len(in.refused) > 0:
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, v1alpha1.ReasonOutsideBoundary, strings.Join(in.refused, "; ")
	}
	if in.confined {
		c.Message += "; what it had in Databricks is taken away"
	}
	return []metav1.Condition{c}
}

// Resync is the workspace's.
func (adapter) Resync(in input) time.Duration { return in.resync }

// Desired is pure.
func (adapter) Desired(in input) (state, error) {
	switch refusal := in.refusal(); {
	case refusal != nil && in.confined:
		return state{Confined: refusal}, nil
	case refusal != nil:
		return state{}, refusal
	}
	if in.adopting.unusable != nil {
		return state{}, in.adopting.unusable
	}
	out := state{Principal: &principal{DisplayName: in.displayName, Active: true}, Assigned: true, Needs: in.needs}
	if in.adopting.applicationID != "" {
		out.Principal, out.Adopt = &principal{DisplayName: in.adopting.displayName, Adopted: true}, in.adopting.allowed
	}
	for _, g := range in.memberOf {
		mayCreate := slices.Contains(in.mayCreate, g)
		out.Groups = append(out.Groups, group{Name: g, Member: true, MayCreate: mayCreate, Adopt: in.adopts && mayCreate})
	}
	for _, g := range in.needs.Grants {
		out.Grants = append(out.Grants, g.Grant)
	}
	out.Trust, out.KeepTrust = in.trust.wanted()
	out.Unfinished = in.trust.unknown
	if out.Unfinished == nil && len(in.refused) > 0 {
		out.Unfinished = fault.Denied(v1alpha1.ReasonOutsideBoundary, errors.New(strings.Join(in.refused, "; ")))
	}
	return out, nil
}

// Reads are what a look at a Role needs of Databricks.
type Reads interface {
	trust.Reads
	ServicePrincipals(ctx context.Context, displayName string) ([]admin.ServicePrincipal, error)
	ServicePrincipal(ctx context.Context, id string) (*admin.ServicePrincipal, error)
	FindGroup(ctx context.Context, displayName string) (*admin.Group, error)
	Assigned(ctx context.Context, principalID string) (bool, error)
	Levels(ctx context.Context, o admin.Object, applicationID string) ([]string, error)
	Grants(ctx context.Context, s admin.Securable, principal string) ([]string, error)
}

// Databricks is what a Role needs of it.
type Databricks interface {
	Reads
	trust.Client
	// Recent reads from answers that are shared with other Roles and at most so old.
	Recent(age time.Duration) *admin.Recent
	ServicePrincipalOf(ctx context.Context, applicationID string) (*admin.ServicePrincipal, error)
	AdoptServicePrincipal(ctx context.Context, id, externalID, displayName string) error
	CreateServicePrincipal(ctx context.Context, p admin.ServicePrincipal) (admin.ServicePrincipal, error)
	UpdateServicePrincipal(ctx context.Context, p admin.ServicePrincipal) error
	DeleteServicePrincipal(ctx context.Context, id string) error
	CreateGroup(ctx context.Context, displayName, externalID string) (admin.Group, error)
	DeleteGroup(ctx context.Context, id string) error
	AddMember(ctx context.Context, groupID, principalID string) error
	RemoveMember(ctx context.Context, groupID, principalID string) error
	MarkGroup(ctx context.Context, id, externalID string) error
	Assign(ctx context.Context, principalID string) error
	Unassign(ctx context.Context, principalID string) error
	GrantObject(ctx context.Context, o admin.Object, applicationID string) error
	RevokeObject(ctx context.Context, o admin.Object, applicationID string) error
	ChangeGrants(ctx context.Context, s admin.Securable, principal string, add, remove []string) error
	RevokeGrants(ctx context.Context, s admin.Securable, principal string, remove []string) error
}
