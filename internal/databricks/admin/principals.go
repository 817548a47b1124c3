// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/databricks/databricks-sdk-go/service/iam"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// ServicePrincipal is a service principal of the account. ID is numeric and used
// by SCIM, policies and assignments; ApplicationID is a UUID and used by grants
// and token exchange. DisplayName is not unique.
type ServicePrincipal struct {
	ID, ApplicationID, DisplayName, ExternalID string

	Active bool
	// Roles are those of the account, such as account_admin.
	Roles []AccountRole
}

func principalOf(p iam.AccountServicePrincipal) ServicePrincipal {
	return ServicePrincipal{
		ID: p.Id, ApplicationID: p.ApplicationId, DisplayName: p.DisplayName, ExternalID: p.ExternalId, Active: p.Active, Roles: rolesOf(p.Roles),
	}
}

// AccountRole is a role that a principal or a group has in the account.
type AccountRole struct{ Value string }

func rolesOf(values []iam.ComplexValue) []AccountRole {
	var out []AccountRole
	for _, v := range values {
		out = append(out, AccountRole{v.Value})
	}
	return out
}

// accountAdmin is the role that may do everything.
const accountAdmin = "account_admin"

// Administers says whether it may do everything in the account.
func (p ServicePrincipal) Administers() bool { return administers(p.Roles) }

// Administers says whether its members may do everything in the account.
func (g Group) Administers() bool { return administers(g.Roles) }

func administers(roles []AccountRole) bool {
	return slices.ContainsFunc(roles, func(r AccountRole) bool { return strings.EqualFold(r.Value, accountAdmin) })
}

// Group is an account group. DisplayName is unique in the account.
type Group struct {
	ID, DisplayName, ExternalID string
	// Members are filled in where one group is read, and not by lists.
	Members []Member
	// Roles are those of the account, such as account_admin.
	Roles []AccountRole
}

func groupOf(g iam.AccountGroup) Group {
	out := Group{ID: g.Id, DisplayName: g.DisplayName, ExternalID: g.ExternalId, Roles: rolesOf(g.Roles)}
	for _, m := range g.Members {
		out.Members = append(out.Members, Member{Value: m.Value, Ref: m.Ref})
	}
	return out
}

// Member is a member of a group.
type Member struct {
	// Value is a numeric id.
	Value string
	// Ref says of what kind the member is, such as `Groups/1`, where Databricks says it. It is never sent.
	Ref string
}

// Has says whether a principal is a direct member.
func (g Group) Has(id string) bool {
	for _, m := range g.Members {
		if m.Value == id {
			return true
		}
	}
	return false
}

// ServicePrincipals returns those with exactly this display name, page by page.
func (c *Client) ServicePrincipals(ctx context.Context, displayName string) ([]ServicePrincipal, error) {
	return scimList(ctx, c, "ServicePrincipals", "displayName", displayName, principalOf, func(p ServicePrincipal) string { return p.DisplayName })
}

// ServicePrincipal returns one by its numeric id, or nil when there is none.
func (c *Client) ServicePrincipal(ctx context.Context, id string) (*ServicePrincipal, error) {
	if _, err := wire.NumericID(id); err != nil {
		return nil, err
	}
	p, err := c.account.principals.Get(ctx, iam.GetAccountServicePrincipalRequest{Id: id})
	return found(p, err, principalOf, func(p ServicePrincipal) bool { return p.ID == id })
}

// CreateServicePrincipal creates one. It is sent once: after an error it may exist,
// and must be looked for by its ExternalID.
func (c *Client) CreateServicePrincipal(ctx context.Context, p ServicePrincipal) (ServicePrincipal, error) {
	var out ServicePrincipal
	defer func() { c.cache.Written(principalNameThing(p.DisplayName), principalThing(out.ID)) }()
	created, err := c.account.principals.Create(ctx, iam.CreateAccountServicePrincipalRequest{
		DisplayName: p.DisplayName, ExternalId: p.ExternalID, Active: true, ForceSendFields: []string{"DisplayName"},
	})
	if err != nil {
		return out, classify(err)
	}
	if out = principalOf(*created); out.ID == "" || out.ApplicationID == "" {
		return out, fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	return out, nil
}

// UpdateServicePrincipal sets the display name and that it is active.
func (c *Client) UpdateServicePrincipal(ctx context.Context, p ServicePrincipal) error {
	defer c.cache.Written(principalThing(p.ID), principalNameThing(p.DisplayName))
	return c.patchPrincipal(ctx, p.ID, replace("displayName", p.DisplayName), replace("active", strconv.FormatBool(p.Active)))
}

// ServicePrincipalOf returns the one with an application id, or nil when there is none.
func (c *Client) ServicePrincipalOf(ctx context.Context, applicationID string) (*ServicePrincipal, error) {
	found, err := scimList(ctx, c, "ServicePrincipals", "applicationId", applicationID, principalOf, func(p ServicePrincipal) string { return p.ApplicationID })
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return c.ServicePrincipal(ctx, found[0].ID)
}

// AdoptServicePrincipal sets the external id and, unless it is empty, the display name. An
// empty external id takes it away.
func (c *Client) AdoptServicePrincipal(ctx context.Context, id, externalID, displayName string) error {
	defer c.cache.Written(principalThing(id))
	operations := []iam.Patch{replace("externalId", externalID)}
	if displayName != "" {
		operations = append(operations, replace("displayName", displayName))
	}
	return c.patchPrincipal(ctx, id, operations...)
}

// DeleteServicePrincipal deletes one, everywhere. What does not exist is deleted.
func (c *Client) DeleteServicePrincipal(ctx context.Context, id string) error {
	defer c.cache.Written(principalThing(id), assignedThing(id))
	if _, err := wire.NumericID(id); err != nil {
		return err
	}
	return unlessMissing(c.account.principals.Delete(ctx, iam.DeleteAccountServicePrincipalRequest{Id: id}))
}

// FindGroup returns the account group with exactly this name, with its members, or nil.
// Those who ask for it at the same time share the calls.
func (c *Client) FindGroup(ctx context.Context, displayName string) (*Group, error) {
	g, err := c.groups.Do(ctx, groupThing(displayName), struct{}{}, func(ctx context.Context, _ []struct{}) (*Group, error) {
		return c.findGroup(ctx, displayName)
	})
	if g == nil || err != nil {
		return nil, err
	}
	own := *g
	own.Members = slices.Clone(g.Members)
	return &own, nil
}

func (c *Client) findGroup(ctx context.Context, displayName string) (*Group, error) {
	id, err := c.GroupID(ctx, displayName)
	if err != nil || id == "" {
		return nil, err
	}
	return c.GroupByID(ctx, id) // lists leave members out
}

// GroupID returns the id of the account group with exactly this name, or "".
func (c *Client) GroupID(ctx context.Context, displayName string) (string, error) {
	found, err := scimList(ctx, c, "Groups", "displayName", displayName, groupOf, func(g Group) string { return g.DisplayName })
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0].ID, nil
}

// CreateGroup creates an account group. IsAlreadyExists tells that the name is taken.
func (c *Client) CreateGroup(ctx context.Context, displayName, externalID string) (Group, error) {
	defer c.cache.Written(groupThing(displayName))
	created, err := c.account.groups.Create(ctx, iam.CreateAccountGroupRequest{
		DisplayName: displayName, ExternalId: externalID, ForceSendFields: []string{"DisplayName"},
	})
	if err != nil {
		return Group{}, classify(err)
	}
	if created.Id == "" {
		return groupOf(*created), fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	return groupOf(*created), nil
}

// MarkGroup sets the external id of an account group; an empty one takes it away.
func (c *Client) MarkGroup(ctx context.Context, id, externalID string) error {
	defer c.cache.Written(groupIDThing(id))
	return c.patchGroup(ctx, id, replace("externalId", externalID))
}

// DeleteGroup deletes an account group. What does not exist is deleted.
func (c *Client) DeleteGroup(ctx context.Context, id string) error {
	defer c.cache.Written(groupIDThing(id))
	if _, err := wire.NumericID(id); err != nil {
		return err
	}
	return unlessMissing(c.account.groups.Delete(ctx, iam.DeleteAccountGroupRequest{Id: id}))
}

// AddMember makes a principal a member of a group; members that others added stay. Those
// who are added to a group at the same time share a call.
func (c *Client) AddMember(ctx context.Context, groupID, principalID string) error {
	return c.memberships.Do(ctx, groupIDThing(groupID), Member{Value: principalID}, Member.who, func(ctx context.Context, all ...Member) error {
		defer c.cache.Written(groupIDThing(groupID))
		members := make([]iam.ComplexValue, len(all))
		for i, m := range all {
			members[i] = iam.ComplexValue{Value: m.Value, ForceSendFields: []string{"Value"}}
		}
		return c.patchGroup(ctx, groupID, iam.Patch{Op: iam.PatchOpAdd, Path: "members", Value: members})
	})
}

func (m Member) who() string { return m.Value }

// RemoveMember ends a membership. A group that does not exist has no members.
func (c *Client) RemoveMember(ctx context.Context, groupID, principalID string) error {
	if _, err := wire.NumericID(principalID); err != nil {
		return err
	}
	defer c.cache.Written(groupIDThing(groupID))
	err := c.patchGroup(ctx, groupID, iam.Patch{Op: iam.PatchOpRemove, Path: `members[value eq "` + principalID + `"]`})
	if isMissing(err) {
		return nil
	}
	return err
}

func replace(path, value string) iam.Patch {
	return iam.Patch{Op: iam.PatchOpReplace, Path: path, Value: value}
}

var patchSchemas = []iam.PatchSchema{iam.PatchSchemaUrnIetfParamsScimApiMessages20PatchOp}

func (c *Client) patchPrincipal(ctx context.Context, id string, operations ...iam.Patch) error {
	if _, err := wire.NumericID(id); err != nil {
		return err
	}
	return classify(c.account.principals.Patch(ctx, iam.PatchAccountServicePrincipalRequest{Id: id, Operations: operations, Schemas: patchSchemas}))
}

func (c *Client) patchGroup(ctx context.Context, id string, operations ...iam.Patch) error {
	if _, err := wire.NumericID(id); err != nil {
		return err
	}
	return classify(c.account.groups.Patch(ctx, iam.PatchAccountGroupRequest{Id: id, Operations: operations, Schemas: patchSchemas}))
}
