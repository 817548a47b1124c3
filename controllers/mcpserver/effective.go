// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpserver

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// mostNested bounds how many groups are read for one group.
const mostNested = 64

// directory is what a comparison needs of Databricks.
type directory interface {
	EffectivePrivileges(ctx context.Context, s admin.Securable) ([]admin.EffectivePrivilege, error)
	EffectivePermissions(ctx context.Context, o admin.Object) ([]admin.Permission, error)
	FindGroup(ctx context.Context, displayName string) (*admin.Group, error)
	GroupByID(ctx context.Context, id string) (*admin.Group, error)
}

// effective reads who holds what on the objects of a comparison, each once, and who of
// its roles is in the groups among the holders.
func effective(ctx context.Context, d directory, a access.Audit) access.Effective {
	out := access.Effective{Holdings: map[access.AuditObject][]access.Holding{}, Unread: map[access.AuditObject]string{}, Members: map[string]map[string]bool{}}
	roles := map[string]string{} // application ids by numeric id
	known := map[string]bool{}
	for _, r := range a.Roles {
		roles[r.ID], known[r.ApplicationID] = r.ApplicationID, true
	}
	problems := map[string]error{} // by group
	for _, o := range a.Objects() {
		holdings, err := held(ctx, d, o)
		if f := fault.Of(err); f != nil && f.Reason == v1alpha1.ReasonSecurableNotFound {
			continue // nobody holds anything on it
		}
		if err != nil {
			out.Unread[o] = err.Error()
			continue
		}
		out.Holdings[o] = holdings
		for _, h := range holdings {
			if known[h.Principal] || !group(h.Principal) {
				continue
			}
			if _, read := out.Members[h.Principal]; !read {
				out.Members[h.Principal], problems[h.Principal] = members(ctx, d, h.Principal, roles)
			}
			if err := problems[h.Principal]; err != nil {
				out.Unread[o] = err.Error()
			}
		}
	}
	return out
}

// unreachable is what is known when nothing can be read.
func unreachable(a access.Audit, err error) access.Effective {
	out := access.Effective{Unread: map[access.AuditObject]string{}}
	for _, o := range a.Objects() {
		out.Unread[o] = err.Error()
	}
	return out
}

// group says whether a name is that of a group whose members matter. People have an @,
// service principals a UUID; every role is in those of everyone, and none in `admins`.
func group(name string) bool {
	return name != "" && name != "admins" && !slices.Contains(access.Everyone, name) && !strings.Contains(name, "@") && !uuid(name)
}

func uuid(s string) bool {
	return len(s) == 36 && strings.Count(s, "-") == 4 && strings.Trim(strings.ToLower(s), "0123456789abcdef-") == ""
}

// held are the holdings on one object.
func held(ctx context.Context, d directory, o access.AuditObject) ([]access.Holding, error) {
	kind, listed := map[string]admin.ObjectKind{
		boundary.Warehouse: admin.Warehouses, boundary.GenieSpace: admin.GenieSpaces, boundary.ServingEndpoint: admin.ServingEndpoints,
	}[o.Type]
	var out []access.Holding
	if listed {
		object := admin.Object{Kind: kind, Name: o.Name}
		list, err := d.EffectivePermissions(ctx, object)
		if err != nil {
			return nil, err
		}
		for _, p := range list {
			if object.Allows(p.Level) { // as the level that tools need, which it includes
				out = append(out, access.Holding{Privilege: object.Uses(), Principal: p.ServicePrincipalName + p.GroupName + p.UserName})
			}
		}
		return out, nil
	}
	list, err := d.EffectivePrivileges(ctx, admin.Securable{Type: strings.ToLower(o.Type), Name: o.Name})
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		h := access.Holding{Privilege: p.Privilege, Principal: p.Principal}
		if p.FromName != "" {
			h.From = access.AuditObject{Type: strings.ToUpper(p.FromType[:min(1, len(p.FromType))]) + strings.ToLower(p.FromType[min(1, len(p.FromType)):]), Name: p.FromName}
		}
		out = append(out, h)
	}
	return out, nil
}

// members are the roles in a group, by application id, also those in groups that are in it.
func members(ctx context.Context, d directory, name string, roles map[string]string) (map[string]bool, error) {
	out := map[string]bool{}
	g, err := d.FindGroup(ctx, name)
	if err != nil {
		return out, fmt.Errorf("read the group %s: %w", name, err)
	}
	if g == nil {
		return out, fmt.Errorf("%s is no account group, so that its members cannot be read", name)
	}
	seen := map[string]bool{g.ID: true}
	for todo := []*admin.Group{g}; len(todo) > 0; todo = todo[1:] {
		for _, id := range others(todo[0], roles, out) {
			if seen[id] {
				continue
			}
			if len(seen) >= mostNested {
				return out, fmt.Errorf("the group %s has more than %d members whose kind must be looked up", name, mostNested)
			}
			seen[id] = true
			nested, err := d.GroupByID(ctx, id)
			if err != nil {
				return out, fmt.Errorf("read a group in the group %s: %w", name, err)
			}
			if nested != nil {
				todo = append(todo, nested)
			}
		}
	}
	return out, nil
}

// others adds the roles among the members of a group to found, and returns the ids of the
// other members that can be groups.
func others(g *admin.Group, roles map[string]string, found map[string]bool) []string {
	var out []string
	for _, m := range g.Members {
		switch app := roles[m.Value]; {
		case app != "":
			found[app] = true
		case m.Ref == "" || strings.Contains(m.Ref, "Groups/"): // otherwise a user, or another service principal
			out = append(out, m.Value)
		}
	}
	return out
}
