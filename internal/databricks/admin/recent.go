// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"slices"
	"time"

	"github.com/databricks/databricks-sdk-go/service/iam"

	"github.com/gatehouse-dev/gatehouse/internal/coalesce"
)

// Recent reads as the Client does, from answers that it shares with all who read the
// same: the service principals of the account and the assignments of the workspace are
// listed as a whole, a securable or an access control list is read once for all
// principals, a group once for all members. What this Client wrote to since is asked
// for by itself. What it tells may be some age old and is no ground for a write: look
// at the Client before one.
type Recent struct {
	client *Client
	age    time.Duration
}

// Recent returns a reader of answers that are at most so old.
func (c *Client) Recent(age time.Duration) *Recent { return &Recent{c, age} }

// Things that are read and written, as the cache knows them.
const (
	allPrincipals  = "principals"
	allAssignments = "assignments"
)

func principalThing(id string) string                  { return "principal/" + id }
func principalNameThing(name string) string            { return "principal-name/" + name }
func assignedThing(id string) string                   { return "assigned/" + id }
func groupThing(name string) string                    { return "group-name/" + name }
func groupIDThing(id string) string                    { return "group/" + id }
func grantsThing(s Securable) string                   { return "grants/" + s.Type + "/" + s.Name }
func grantThing(s Securable, principal string) string  { return grantsThing(s) + "/" + principal }
func policyThing(principalID, id string) string        { return "policy/" + principalID + "/" + id }
func objectThing(o Object) string                      { return "object/" + string(o.Kind) + "/" + o.Name }
func levelThing(o Object, applicationID string) string { return objectThing(o) + "/" + applicationID }

// directory is all service principals of an account.
type directory struct {
	byID   map[string]ServicePrincipal
	byName map[string][]ServicePrincipal
}

// directoryPage is how many service principals a page of the directory holds at most.
const directoryPage = 1000

func (r *Recent) directory(ctx context.Context) (directory, uint64, error) {
	return coalesce.Get(ctx, r.client.cache, r.age, allPrincipals, func(ctx context.Context) (directory, error) {
		d := directory{map[string]ServicePrincipal{}, map[string][]ServicePrincipal{}}
		err := scimPages(ctx, r.client, "ServicePrincipals", "", directoryPage, func(one iam.AccountServicePrincipal) {
			p := principalOf(one)
			if _, twice := d.byID[p.ID]; !twice { // a row that moved to the next page
				d.byID[p.ID] = p
				d.byName[p.DisplayName] = append(d.byName[p.DisplayName], p)
			}
		})
		return d, err
	})
}

// ServicePrincipals returns those with exactly this display name.
func (r *Recent) ServicePrincipals(ctx context.Context, displayName string) ([]ServicePrincipal, error) {
	d, asOf, err := r.directory(ctx)
	if err != nil {
		return nil, err
	}
	things := []string{principalNameThing(displayName)}
	for _, p := range d.byName[displayName] {
		things = append(things, principalThing(p.ID))
	}
	if r.client.cache.WrittenSince(asOf, things...) {
		return r.client.ServicePrincipals(ctx, displayName)
	}
	return slices.Clone(d.byName[displayName]), nil
}

// ServicePrincipal returns one by its numeric id, or nil when there is none.
func (r *Recent) ServicePrincipal(ctx context.Context, id string) (*ServicePrincipal, error) {
	d, asOf, err := r.directory(ctx)
	if err != nil {
		return nil, err
	}
	if r.client.cache.WrittenSince(asOf, principalThing(id)) {
		return r.client.ServicePrincipal(ctx, id)
	}
	if p, ok := d.byID[id]; ok {
		return &p, nil
	}
	return nil, nil //nolint:nilnil // absence is a value here, as the doc comment says
}

// FindGroup returns the account group with exactly this name, with its members, or nil.
func (r *Recent) FindGroup(ctx context.Context, displayName string) (*Group, error) {
	g, asOf, err := coalesce.Get(ctx, r.client.cache, r.age, groupThing(displayName), func(ctx context.Context) (*Group, error) {
		return r.client.FindGroup(ctx, displayName)
	})
	if err != nil || g == nil {
		return nil, err
	}
	if r.client.cache.WrittenSince(asOf, groupIDThing(g.ID)) {
		return r.client.FindGroup(ctx, displayName)
	}
	return g, nil
}

// Assigned says whether a principal is assigned to the workspace.
func (r *Recent) Assigned(ctx context.Context, principalID string) (bool, error) {
	all, asOf, err := coalesce.Get(ctx, r.client.cache, r.age, allAssignments, r.client.assignments)
	if err != nil {
		return false, err
	}
	if r.client.cache.WrittenSince(asOf, assignedThing(principalID)) {
		return r.client.Assigned(ctx, principalID)
	}
	return len(all[principalID]) > 0, nil
}

// Grants returns the direct privileges of one principal on an object; see Client.Grants.
func (r *Recent) Grants(ctx context.Context, s Securable, principal string) ([]string, error) {
	all, asOf, err := coalesce.Get(ctx, r.client.cache, r.age, grantsThing(s), func(ctx context.Context) (map[string][]string, error) {
		return r.client.allGrants(ctx, s)
	})
	if err != nil {
		return nil, err
	}
	if r.client.cache.WrittenSince(asOf, grantThing(s, principal)) {
		return r.client.Grants(ctx, s, principal)
	}
	return all[principal], nil
}

// Levels returns the levels that a service principal holds directly on an object; see Client.Levels.
func (r *Recent) Levels(ctx context.Context, o Object, applicationID string) ([]string, error) {
	all, asOf, err := coalesce.Get(ctx, r.client.cache, r.age, objectThing(o), func(ctx context.Context) ([]Permission, error) {
		return r.client.ObjectPermissions(ctx, o)
	})
	if err != nil {
		return nil, err
	}
	if r.client.cache.WrittenSince(asOf, levelThing(o, applicationID)) {
		return r.client.Levels(ctx, o, applicationID)
	}
	return levelsOf(all, applicationID), nil
}

// RecentPolicy is Policy by an answer that is at most so old. It is shared with those
// who ask for the same policy again, and for no other.
func (c *Client) RecentPolicy(ctx context.Context, age time.Duration, principalID, id string) (*FederationPolicy, error) {
	p, _, err := coalesce.Get(ctx, c.cache, age, policyThing(principalID, id), func(ctx context.Context) (*FederationPolicy, error) {
		return c.Policy(ctx, principalID, id)
	})
	return p, err
}

// Policy asks the Client: policies can only be listed for one service principal, and
// who may become one is worth a call.
func (r *Recent) Policy(ctx context.Context, principalID, id string) (*FederationPolicy, error) {
	return r.client.Policy(ctx, principalID, id)
}
