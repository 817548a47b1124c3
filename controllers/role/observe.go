// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Observe reads what is ours: by the recorded id, and by our mark among those of
// the display names that we may have used.
func (a adapter) Observe(ctx context.Context, in input) (state, error) {
	out := state{Asked: asked{Needs: in.needs, MemberOf: in.memberOf}}
	if in.client == nil {
		return out, nil
	}
	find := in.observePrincipals
	if in.adopting.applicationID != "" {
		find = in.observeAdopted
	}
	if err := find(ctx, &out); err != nil {
		return out, err
	}
	if err := in.observeGroups(ctx, &out); err != nil {
		return out, err
	}
	switch {
	case out.Principal != nil:
		var err error
		if out.Assigned, err = in.reads.Assigned(ctx, out.Principal.ID); err != nil {
			return out, err
		}
		out.Observed.AssignedByOthers = out.Principal.Adopted && !in.adopting.assigned
	case in.deleting:
		return out, nil
	}
	if err := in.observeTrust(ctx, &out); err != nil {
		return out, err
	}
	return out, in.observeGrants(ctx, &out)
}

func (in input) observePrincipals(ctx context.Context, out *state) error {
	found := map[string]principal{}
	add := func(p admin.ServicePrincipal) {
		if p.ExternalID == in.mark {
			found[p.ID] = principal{ID: p.ID, ApplicationID: p.ApplicationID, DisplayName: p.DisplayName, Active: p.Active}
		}
	}
	if *in.known != "" {
		p, err := in.reads.ServicePrincipal(ctx, *in.known)
		if err != nil {
			return err
		}
		if p != nil {
			add(*p)
		}
	}
	names := []string{in.displayName}
	if in.intent != "" && in.intent != in.displayName {
		names = append(names, in.intent)
	}
	for _, name := range names {
		list, err := in.reads.ServicePrincipals(ctx, name)
		if err != nil {
			return err
		}
		for _, p := range list {
			add(p)
		}
	}
	all := make([]principal, 0, len(found))
	for _, p := range found {
		all = append(all, p)
	}
	// The recorded one stays; without a record the oldest, which has the lowest id.
	rank := func(p principal) int {
		if p.ID == *in.known {
			return 0
		}
		return len(p.ID)
	}
	slices.SortFunc(all, func(a, b principal) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.ID, b.ID))
	})
	if len(all) > 0 {
		out.Principal, out.Observed.Duplicates = &all[0], all[1:]
	}
	return nil
}

func (in input) observeGroups(ctx context.Context, out *state) error {
	names := slices.Concat(in.memberOf, in.groups, in.mentioned)
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		g, err := in.reads.FindGroup(ctx, name)
		if err != nil {
			return err
		}
		if g == nil {
			continue
		}
		one := group{Name: name, ID: g.ID, Administers: g.Administers(), Ours: g.ExternalID == in.groupMark(name), Keep: slices.Contains(in.shared, name), Empty: true,
			Adopted: g.ExternalID == in.adoptedGroupMark(name), Unmarked: g.ExternalID == ""}
		for _, m := range g.Members {
			if out.Principal != nil && m.Value == out.Principal.ID {
				one.Member = true
				continue
			}
			one.Empty = false
		}
		if recorded := slices.Contains(in.groups, name); in.deleting && !recorded && !one.Adopted && (!one.Ours || len(g.Members) > 0) {
			continue // of a group that is not in the record only what is left over is ours
		}
		out.Groups = append(out.Groups, one)
	}
	return nil
}

func (in input) groupMark(name string) string { return in.installation + "/group/" + name }

// adoptedGroupMark is what a group carries that existed before, and is never deleted.
func (in input) adoptedGroupMark(name string) string {
	return in.installation + "/adopted-group/" + name
}

// existsWithin is the maximum age of a cached read that an object exists.
const existsWithin = time.Minute

// observeGrants reads the privileges of our service principal on the objects that
// are wanted or recorded. What others gave it there, and nobody recorded, stays theirs.
// Without a service principal it says which objects are missing, so that the first
// pass does not stop at one of them with half of the grants made.
func (in input) observeGrants(ctx context.Context, out *state) error {
	// Whether an object is there decides the order of the steps and no more: a cached read will do.
	applicationID, reads := "", Reads(in.client.Recent(existsWithin))
	if out.Principal != nil {
		applicationID, reads = out.Principal.ApplicationID, in.reads
	}
	ours := slices.Clone(in.applied)
	for _, g := range in.needs.Grants {
		ours = append(ours, g.Grant)
	}
	ours = sorted(ours)
	for i := 0; i < len(ours); {
		end := i
		for end < len(ours) && ours[end].Type == ours[i].Type && ours[end].Name == ours[i].Name {
			end++
		}
		held, err := in.held(ctx, reads, ours[i], applicationID)
		f := fault.Of(err)
		switch {
		case err == nil:
		case f.Reason == v1alpha1.ReasonSecurableNotFound:
			out.Observed.Missing = append(out.Observed.Missing, ours[i])
		case ctx.Err() == nil && (f.Class == fault.ClassDenied || f.Class == fault.ClassTransient):
			// One object must not hold up what is to be given or taken away on the others.
			out.Observed.Unread = append(out.Observed.Unread, unread{ours[i], err})
		default:
			return err
		}
		for _, g := range ours[i:end] {
			if slices.Contains(held, g.Privilege) || out.isUnread(g) && slices.Contains(in.applied, g) {
				out.Grants = append(out.Grants, g)
			}
		}
		i = end
	}
	return nil
}

// held returns the privileges of a service principal on the object of a grant.
func (in input) held(ctx context.Context, reads Reads, g boundary.Grant, applicationID string) ([]string, error) {
	o, isObject := object(g)
	if !isObject {
		return reads.Grants(ctx, securable(g), applicationID)
	}
	levels, err := reads.Levels(ctx, o, applicationID)
	var out []string
	for _, level := range levels {
		out = append(out, level)
		if in.wants(g) && o.Allows(level) {
			// Somebody gave it more, which is enough. It is not ours: once the grant is not wanted, the other level stays.
			out = append(out, g.Privilege)
		}
	}
	return out, err
}

func (in input) wants(g boundary.Grant) bool {
	return slices.ContainsFunc(in.needs.Grants, func(n access.Grant) bool { return n.Grant == g })
}

func securable(g boundary.Grant) admin.Securable {
	if g.Type == string(v1alpha1.SecurableMCPService) {
		return admin.Securable{Type: "mcp_service", Name: g.Name}
	}
	return admin.Securable{Type: strings.ToLower(g.Type), Name: g.Name}
}

// objectKinds are the types of grants that access control lists hold, and not Unity Catalog.
var objectKinds = map[string]admin.ObjectKind{
	boundary.Warehouse: admin.Warehouses, boundary.GenieSpace: admin.GenieSpaces, boundary.ServingEndpoint: admin.ServingEndpoints,
}

func object(g boundary.Grant) (o admin.Object, isObject bool) {
	kind, isObject := objectKinds[g.Type]
	return admin.Object{Kind: kind, Name: g.Name, Level: g.Privilege}, isObject
}
