// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
	"github.com/gatehouse-dev/gatehouse/internal/databricks"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Observe reads what is ours: by the recorded id, and by our mark among those of
// the display names that we may have used.
func (a adapter) Observe(ctx context.Context, in input) (state, error) {
	out := state{Needs: in.needs, MemberOf: in.memberOf}
	if in.client == nil {
		return out, nil
	}
	if err := in.observePrincipals(ctx, &out); err != nil {
		return out, err
	}
	if err := in.observeGroups(ctx, &out); err != nil {
		return out, err
	}
	if out.Principal == nil {
		return out, nil
	}
	var err error
	if out.Assigned, err = in.client.Assigned(ctx, out.Principal.ID); err != nil {
		return out, err
	}
	return out, in.observeGrants(ctx, &out)
}

func (in input) observePrincipals(ctx context.Context, out *state) error {
	found := map[string]principal{}
	add := func(p databricks.ServicePrincipal) {
		if p.ExternalID == in.mark {
			found[p.ID] = principal{p.ID, p.ApplicationID, p.DisplayName, p.Active}
		}
	}
	if *in.known != "" {
		p, err := in.client.ServicePrincipal(ctx, *in.known)
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
		list, err := in.client.ServicePrincipals(ctx, name)
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
	slices.SortFunc(all, func(a, b principal) int {
		if recorded := *in.known; (a.ID == recorded) != (b.ID == recorded) {
			if a.ID == recorded {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(len(a.ID), len(b.ID)), strings.Compare(a.ID, b.ID))
	})
	if len(all) > 0 {
		out.Principal, out.Duplicates = &all[0], all[1:]
	}
	return nil
}

func (in input) observeGroups(ctx context.Context, out *state) error {
	names := slices.Concat(in.memberOf, in.groups)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		g, err := in.client.FindGroup(ctx, name)
		if err != nil {
			return err
		}
		if g == nil {
			continue
		}
		one := group{Name: name, ID: g.ID, Ours: g.ExternalID == in.groupMark(name), Keep: slices.Contains(in.shared, name), Empty: true}
		for _, m := range g.Members {
			if out.Principal != nil && m.Value == out.Principal.ID {
				one.Member = true
				continue
			}
			one.Empty = false
		}
		out.Groups = append(out.Groups, one)
	}
	return nil
}

func (in input) groupMark(name string) string { return in.installation + "/group/" + name }

// observeGrants reads the privileges of our service principal on the objects that
// are wanted or recorded. What others gave it there, and nobody recorded, stays theirs.
func (in input) observeGrants(ctx context.Context, out *state) error {
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
		held, err := in.held(ctx, ours[i], out.Principal.ApplicationID)
		if f := fault.Of(err); f != nil && f.Reason == v1alpha1.ReasonSecurableNotFound {
			out.Missing = append(out.Missing, ours[i])
		} else if err != nil {
			return err
		}
		for _, g := range ours[i:end] {
			if slices.Contains(held, g.Privilege) {
				out.Grants = append(out.Grants, g)
			}
		}
		i = end
	}
	return nil
}

func (in input) held(ctx context.Context, g boundary.Grant, applicationID string) ([]string, error) {
	if g.Type != boundary.Warehouse {
		return in.client.Grants(ctx, securable(g), applicationID)
	}
	entries, err := in.client.WarehousePermissions(ctx, g.Name)
	var out []string
	for _, e := range entries {
		if e.ServicePrincipalName == applicationID {
			out = append(out, e.Level)
		}
	}
	return out, err
}

func securable(g boundary.Grant) databricks.Securable {
	return databricks.Securable{Type: strings.ToLower(g.Type), Name: g.Name}
}
