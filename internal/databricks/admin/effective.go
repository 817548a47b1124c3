// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"net/http"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// EffectivePrivilege is a privilege that a principal has on an object, directly or from
// an object above it, whose type and name are then set.
type EffectivePrivilege struct {
	Principal, Privilege string
	FromType, FromName   string
}

// EffectivePrivileges returns those of every principal on an object. What a principal
// has as a member of a group stands under the name of the group. An object that does not
// exist is a fault Waiting with ReasonSecurableNotFound.
func (c *Client) EffectivePrivileges(ctx context.Context, s Securable) ([]EffectivePrivilege, error) {
	path, err := s.path("effective-permissions")
	if err != nil {
		return nil, err
	}
	var out []EffectivePrivilege
	for token, page := "", 0; page < mostPages; page++ {
		query := map[string]any{}
		if token != "" {
			query["page_token"] = token
		}
		var answer struct {
			Assignments []struct {
				Principal  string `json:"principal"`
				Privileges []struct {
					Privilege string `json:"privilege"`
					FromType  string `json:"inherited_from_type"`
					FromName  string `json:"inherited_from_name"`
				} `json:"privileges"`
			} `json:"privilege_assignments"`
			Next string `json:"next_page_token"`
		}
		if err := c.workspace.do(ctx, http.MethodGet, path, query, nil, &answer); err != nil {
			return nil, securableFault(err)
		}
		for _, a := range answer.Assignments {
			for _, p := range a.Privileges {
				out = append(out, EffectivePrivilege{a.Principal, strings.ReplaceAll(p.Privilege, " ", "_"), p.FromType, p.FromName})
			}
		}
		if token = answer.Next; token == "" {
			return out, nil
		}
	}
	return nil, fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
}

// EffectivePermissions returns all entries of an object's access control list, those
// from what it is in too. An object that does not exist is a fault Waiting with
// ReasonSecurableNotFound.
func (c *Client) EffectivePermissions(ctx context.Context, o Object) ([]Permission, error) {
	path, err := c.permissionsPath(ctx, o)
	if err != nil {
		return nil, err
	}
	return c.entries(ctx, path, true)
}

// GroupByID returns an account group with its members, or nil when there is none.
func (c *Client) GroupByID(ctx context.Context, id string) (*Group, error) {
	return scimGet(ctx, c, "Groups", id, func(g Group) string { return g.ID })
}
