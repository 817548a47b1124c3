// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"strconv"

	"github.com/databricks/databricks-sdk-go/service/iam"

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
	me, err := c.workspace.me.Me(ctx, iam.MeRequest{})
	if err != nil {
		return Identity{}, classify(err)
	}
	if me.UserName == "" {
		return Identity{}, fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	return Identity{Principal: me.UserName, Active: me.Active}, nil
}

// CheckAccount says whether the operator may read service principals and
// workspace assignments of the account, which everything else rests on.
func (c *Client) CheckAccount(ctx context.Context) error {
	var list scimPage[iam.AccountServicePrincipal]
	if err := c.scimPage(ctx, "ServicePrincipals", map[string]any{"startIndex": 1, "count": 1}, &list); err != nil {
		return err
	}
	if list.Total == nil {
		return fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	_, err := c.assignments(ctx)
	return err
}

// assignments maps numeric principal ids to permissions. Those who ask at the same time
// share a call, and the map.
func (c *Client) assignments(ctx context.Context) (map[string][]string, error) {
	return c.assigned.Do(ctx, allAssignments, struct{}{}, func(ctx context.Context, _ []struct{}) (map[string][]string, error) {
		return c.readAssignments(ctx)
	})
}

func (c *Client) readAssignments(ctx context.Context) (map[string][]string, error) {
	all, err := c.account.assignments.ListAll(ctx, iam.ListWorkspaceAssignmentRequest{WorkspaceId: c.workspaceID})
	if err != nil {
		return nil, classify(err)
	}
	found := make(map[string][]string, len(all))
	for _, a := range all {
		if a.Principal == nil {
			continue
		}
		var permissions []string
		for _, p := range a.Permissions {
			permissions = append(permissions, string(p))
		}
		found[strconv.FormatInt(a.Principal.PrincipalId, 10)] = permissions
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
	principal, err := wire.Number(principalID)
	if err != nil {
		return err
	}
	defer c.cache.Written(assignedThing(principalID))
	_, err = c.account.assignments.Update(ctx, iam.UpdateWorkspaceAssignments{
		WorkspaceId: c.workspaceID, PrincipalId: principal, Permissions: []iam.WorkspacePermission{iam.WorkspacePermissionUser},
	})
	if err = classify(err); fault.Is(err, fault.ClassInvalid) || isMissing(err) {
		return fault.Waiting(wire.ReasonPrincipalNotVisible, err)
	}
	return err
}

// Unassign ends an assignment. What is not assigned is unassigned.
func (c *Client) Unassign(ctx context.Context, principalID string) error {
	principal, err := wire.Number(principalID)
	if err != nil {
		return err
	}
	defer c.cache.Written(assignedThing(principalID))
	return unlessMissing(c.account.assignments.Delete(ctx, iam.DeleteWorkspaceAssignmentRequest{WorkspaceId: c.workspaceID, PrincipalId: principal}))
}
