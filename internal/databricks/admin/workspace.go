// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Identity is who the operator is to the workspace.
type Identity struct {
	// Principal is the application id of a service principal, or a user name.
	Principal string
	Active    bool
}

// Me asks the workspace who the operator is: the cheapest call that needs a token.
func (c *Client) Me(ctx context.Context) (Identity, error) {
	var out struct {
		UserName string `json:"userName"`
		Active   bool   `json:"active"`
	}
	err := c.workspace.do(ctx, http.MethodGet, "/api/2.0/preview/scim/v2/Me", nil, nil, &out)
	if err == nil && out.UserName == "" {
		err = fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	return Identity{Principal: out.UserName, Active: out.Active}, err
}

// CheckAccount says whether the operator may read service principals and
// workspace assignments of the account, which everything else rests on.
func (c *Client) CheckAccount(ctx context.Context) error {
	var list struct {
		Total *int `json:"totalResults"`
	}
	if err := c.account.do(ctx, http.MethodGet, c.scim("ServicePrincipals"), map[string]any{"startIndex": 1, "count": 1}, nil, &list); err != nil {
		return err
	}
	if list.Total == nil {
		return fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	_, err := c.assignments(ctx)
	return err
}

func (c *Client) assignmentPath(rest string) string {
	return "/api/2.0/accounts/" + url.PathEscape(c.endpoint.AccountID) + "/workspaces/" + url.PathEscape(c.endpoint.WorkspaceID) + "/permissionassignments" + rest
}

// assignments maps numeric principal ids to permissions. Those who ask at the same time
// share a call, and the map.
func (c *Client) assignments(ctx context.Context) (map[string][]string, error) {
	return c.assigned.Do(ctx, allAssignments, struct{}{}, func(ctx context.Context, _ []struct{}) (map[string][]string, error) {
		return c.readAssignments(ctx)
	})
}

func (c *Client) readAssignments(ctx context.Context) (map[string][]string, error) {
	var out struct {
		Assignments []struct {
			Principal struct {
				ID int64 `json:"principal_id"`
			} `json:"principal"`
			Permissions []string `json:"permissions"`
		} `json:"permission_assignments"`
	}
	if err := c.account.do(ctx, http.MethodGet, c.assignmentPath(""), nil, nil, &out); err != nil {
		return nil, err
	}
	found := make(map[string][]string, len(out.Assignments))
	for _, a := range out.Assignments {
		found[strconv.FormatInt(a.Principal.ID, 10)] = a.Permissions
	}
	return found, nil
}

// Assigned says whether a principal is assigned to the workspace.
func (c *Client) Assigned(ctx context.Context, principalID string) (bool, error) {
	all, err := c.assignments(ctx)
	if err != nil {
		return false, err
	}
	return len(all[principalID]) > 0, nil
}

// AssignedPrincipals are the numeric ids of all principals that are assigned to the workspace.
func (c *Client) AssignedPrincipals(ctx context.Context) (map[string]bool, error) {
	all, err := c.assignments(ctx)
	out := make(map[string]bool, len(all))
	for id, permissions := range all {
		out[id] = len(permissions) > 0
	}
	return out, err
}

// Assign assigns a principal to the workspace as a user. A new principal can take
// a moment before it is accepted: that is a fault Waiting.
func (c *Client) Assign(ctx context.Context, principalID string) error {
	p, err := wire.NumericID(principalID)
	if err != nil {
		return err
	}
	defer c.cache.Written(assignedThing(principalID))
	err = c.account.do(ctx, http.MethodPut, c.assignmentPath("/principals/"+string(p)), nil, map[string]any{"permissions": []string{"USER"}}, nil)
	if fault.Is(err, fault.ClassInvalid) || isMissing(err) {
		return fault.Waiting(wire.ReasonPrincipalNotVisible, err)
	}
	return err
}

// Unassign ends an assignment. What is not assigned is unassigned.
func (c *Client) Unassign(ctx context.Context, principalID string) error {
	p, err := wire.NumericID(principalID)
	if err != nil {
		return err
	}
	defer c.cache.Written(assignedThing(principalID))
	if err := c.account.do(ctx, http.MethodDelete, c.assignmentPath("/principals/"+string(p)), nil, nil, nil); !isMissing(err) {
		return err
	}
	return nil
}
