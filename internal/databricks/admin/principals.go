// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// scimSchema marks the body of a SCIM PATCH.
const scimSchema = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

// ServicePrincipal is a service principal of the account. ID is numeric and used
// by SCIM, policies and assignments; ApplicationID is a UUID and used by grants
// and token exchange. DisplayName is not unique.
type ServicePrincipal struct {
	ID            string `json:"id,omitempty"`
	ApplicationID string `json:"applicationId,omitempty"`
	DisplayName   string `json:"displayName"`
	ExternalID    string `json:"externalId,omitempty"`
	Active        bool   `json:"active"`
	// Roles are those of the account, such as account_admin.
	Roles []AccountRole `json:"roles,omitempty"`
}

// AccountRole is a role that a principal or a group has in the account.
type AccountRole struct {
	Value string `json:"value"`
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
	ID          string `json:"id,omitempty"`
	DisplayName string `json:"displayName"`
	ExternalID  string `json:"externalId,omitempty"`
	// Members are numeric ids; only GetGroup fills them in.
	Members []Member `json:"members,omitempty"`
	// Roles are those of the account, such as account_admin.
	Roles []AccountRole `json:"roles,omitempty"`
}

// Member is a member of a group.
type Member struct {
	Value string `json:"value"`
	// Ref says of what kind the member is, such as `Groups/1`, where Databricks says it. It is never sent.
	Ref string `json:"$ref,omitempty"`
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

func (c *Client) scim(rest string) string {
	return "/api/2.0/accounts/" + url.PathEscape(c.endpoint.AccountID) + "/scim/v2/" + rest
}

// ServicePrincipals returns those with exactly this display name, page by page.
func (c *Client) ServicePrincipals(ctx context.Context, displayName string) ([]ServicePrincipal, error) {
	return scimList[ServicePrincipal](ctx, c, "ServicePrincipals", "displayName", displayName, func(p ServicePrincipal) string { return p.DisplayName })
}

// ServicePrincipal returns one by its numeric id, or nil when there is none.
func (c *Client) ServicePrincipal(ctx context.Context, id string) (*ServicePrincipal, error) {
	return scimGet(ctx, c, "ServicePrincipals", id, func(p ServicePrincipal) string { return p.ID })
}

// CreateServicePrincipal creates one. It is sent once: after an error it may exist,
// and must be looked for by its ExternalID.
func (c *Client) CreateServicePrincipal(ctx context.Context, p ServicePrincipal) (ServicePrincipal, error) {
	p.ID, p.ApplicationID, p.Active = "", "", true
	var out ServicePrincipal
	defer func() { c.cache.Written(principalNameThing(p.DisplayName), principalThing(out.ID)) }()
	err := c.account.do(ctx, http.MethodPost, c.scim("ServicePrincipals"), nil, p, &out)
	if err == nil && (out.ID == "" || out.ApplicationID == "") {
		err = fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	return out, err
}

// UpdateServicePrincipal sets the display name and that it is active.
func (c *Client) UpdateServicePrincipal(ctx context.Context, p ServicePrincipal) error {
	defer c.cache.Written(principalThing(p.ID), principalNameThing(p.DisplayName))
	return c.scimPatch(ctx, "ServicePrincipals", p.ID,
		scimOperation{Op: "replace", Path: "displayName", Value: p.DisplayName},
		scimOperation{Op: "replace", Path: "active", Value: fmt.Sprint(p.Active)})
}

// ServicePrincipalOf returns the one with an application id, or nil when there is none.
func (c *Client) ServicePrincipalOf(ctx context.Context, applicationID string) (*ServicePrincipal, error) {
	found, err := scimList(ctx, c, "ServicePrincipals", "applicationId", applicationID, func(p ServicePrincipal) string { return p.ApplicationID })
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return c.ServicePrincipal(ctx, found[0].ID)
}

// AdoptServicePrincipal sets the external id and, unless it is empty, the display name. An
// empty external id takes it away.
func (c *Client) AdoptServicePrincipal(ctx context.Context, id, externalID, displayName string) error {
	defer c.cache.Written(principalThing(id))
	operations := []scimOperation{{Op: "replace", Path: "externalId", Value: externalID}}
	if displayName != "" {
		operations = append(operations, scimOperation{Op: "replace", Path: "displayName", Value: displayName})
	}
	return c.scimPatch(ctx, "ServicePrincipals", id, operations...)
}

// DeleteServicePrincipal deletes one, everywhere. What does not exist is deleted.
func (c *Client) DeleteServicePrincipal(ctx context.Context, id string) error {
	defer c.cache.Written(principalThing(id), assignedThing(id))
	return c.scimDelete(ctx, "ServicePrincipals", id)
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
	found, err := scimList[Group](ctx, c, "Groups", "displayName", displayName, func(g Group) string { return g.DisplayName })
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return scimGet(ctx, c, "Groups", found[0].ID, func(g Group) string { return g.ID }) // lists leave members out
}

// GroupID returns the id of the account group with exactly this name, or "".
func (c *Client) GroupID(ctx context.Context, displayName string) (string, error) {
	found, err := scimList[Group](ctx, c, "Groups", "displayName", displayName, func(g Group) string { return g.DisplayName })
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0].ID, nil
}

// CreateGroup creates an account group. IsAlreadyExists tells that the name is taken.
func (c *Client) CreateGroup(ctx context.Context, displayName, externalID string) (Group, error) {
	var out Group
	defer c.cache.Written(groupThing(displayName))
	err := c.account.do(ctx, http.MethodPost, c.scim("Groups"), nil, Group{DisplayName: displayName, ExternalID: externalID}, &out)
	if err == nil && out.ID == "" {
		err = fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	return out, err
}

// MarkGroup sets the external id of an account group; an empty one takes it away.
func (c *Client) MarkGroup(ctx context.Context, id, externalID string) error {
	defer c.cache.Written(groupIDThing(id))
	return c.scimPatch(ctx, "Groups", id, scimOperation{Op: "replace", Path: "externalId", Value: externalID})
}

// DeleteGroup deletes an account group. What does not exist is deleted.
func (c *Client) DeleteGroup(ctx context.Context, id string) error {
	defer c.cache.Written(groupIDThing(id))
	return c.scimDelete(ctx, "Groups", id)
}

// AddMember makes a principal a member of a group; members that others added stay. Those
// who are added to a group at the same time share a call.
func (c *Client) AddMember(ctx context.Context, groupID, principalID string) error {
	return c.memberships.Do(ctx, groupIDThing(groupID), Member{Value: principalID}, Member.who, func(ctx context.Context, all ...Member) error {
		defer c.cache.Written(groupIDThing(groupID))
		return c.scimPatch(ctx, "Groups", groupID, scimOperation{Op: "add", Path: "members", Value: all})
	})
}

func (m Member) who() string { return m.Value }

// RemoveMember ends a membership. A group that does not exist has no members.
func (c *Client) RemoveMember(ctx context.Context, groupID, principalID string) error {
	if _, err := wire.NumericID(principalID); err != nil {
		return err
	}
	defer c.cache.Written(groupIDThing(groupID))
	err := c.scimPatch(ctx, "Groups", groupID, scimOperation{Op: "remove", Path: `members[value eq "` + principalID + `"]`})
	if isMissing(err) {
		return nil
	}
	return err
}

type scimOperation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

func (c *Client) scimPatch(ctx context.Context, kind, id string, operations ...scimOperation) error {
	p, err := wire.NumericID(id)
	if err != nil {
		return err
	}
	body := map[string]any{"schemas": []string{scimSchema}, "Operations": operations}
	return c.account.do(ctx, http.MethodPatch, c.scim(kind+"/"+string(p)), nil, body, nil)
}

func (c *Client) scimDelete(ctx context.Context, kind, id string) error {
	p, err := wire.NumericID(id)
	if err != nil {
		return err
	}
	if err := c.account.do(ctx, http.MethodDelete, c.scim(kind+"/"+string(p)), nil, nil, nil); !isMissing(err) {
		return err
	}
	return nil
}

func scimGet[T any](ctx context.Context, c *Client, kind, id string, answered func(T) string) (*T, error) {
	p, err := wire.NumericID(id)
	if err != nil {
		return nil, err
	}
	var out T
	err = c.account.do(ctx, http.MethodGet, c.scim(kind+"/"+string(p)), nil, nil, &out)
	switch {
	case isMissing(err):
		return nil, nil //nolint:nilnil // absence is a value here, as the doc comments say
	case err != nil:
		return nil, err
	case answered(out) != id: // such as {}, which would read as one without members that is not ours
		return nil, fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	return &out, nil
}

// mostPages ends a listing that a broken answer would keep going for ever.
const mostPages = 1000

// scimList reads all pages and keeps what has the value exactly: SCIM compares
// without regard to case.
func scimList[T any](ctx context.Context, c *Client, kind, attribute, wanted string, value func(T) string) ([]T, error) {
	text, err := wire.SCIMText(wanted)
	if err != nil {
		return nil, err
	}
	var out []T
	err = scimPages(ctx, c, kind, attribute+" eq "+text, 100, func(one T) {
		if value(one) == wanted {
			out = append(out, one)
		}
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// scimPages reads all pages of a list. An empty filter lists everything.
func scimPages[T any](ctx context.Context, c *Client, kind, filter string, size int, each func(T)) error {
	for start, page := 1, 0; page < mostPages; page++ {
		var list struct {
			Resources  []T  `json:"Resources"`
			Total      *int `json:"totalResults"`
			StartIndex int  `json:"startIndex"`
		}
		query := map[string]any{"startIndex": start, "count": size}
		if filter != "" {
			query["filter"] = filter
		}
		if err := c.account.do(ctx, http.MethodGet, c.scim(kind), query, nil, &list); err != nil {
			return err
		}
		if list.Total == nil {
			return fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
		}
		if len(list.Resources) == 0 && start <= *list.Total { // a page of what is there has something in it
			return fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
		}
		for _, r := range list.Resources {
			each(r)
		}
		start += len(list.Resources)
		if len(list.Resources) == 0 || start > *list.Total {
			return nil
		}
	}
	return fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
}
