// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"

	"github.com/databricks/databricks-sdk-go/service/catalog"

	"github.com/databricks/databricks-sdk-go/service/iam"

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
	if err := s.check(); err != nil {
		return nil, err
	}
	var out []EffectivePrivilege
	request := catalog.GetEffectiveRequest{SecurableType: s.Type, FullName: s.Name}
	for range mostPages {
		answer, err := c.workspace.grants.GetEffective(ctx, request)
		if err != nil {
			return nil, securableFault(classify(err))
		}
		for _, a := range answer.PrivilegeAssignments {
			for _, p := range a.Privileges {
				out = append(out, EffectivePrivilege{a.Principal, underscored(p.Privilege), string(p.InheritedFromType), p.InheritedFromName})
			}
		}
		if answer.NextPageToken == "" {
			return out, nil
		}
		request.PageToken = answer.NextPageToken
	}
	return nil, fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
}

// EffectivePermissions returns all entries of an object's access control list, those
// from what it is in too. An object that does not exist is a fault Waiting with
// ReasonSecurableNotFound.
func (c *Client) EffectivePermissions(ctx context.Context, o Object) ([]Permission, error) {
	at, err := c.listOf(ctx, o)
	if err != nil {
		return nil, err
	}
	return c.entries(ctx, at, true)
}

// GroupByID returns an account group with its members, or nil when there is none.
func (c *Client) GroupByID(ctx context.Context, id string) (*Group, error) {
	if _, err := wire.NumericID(id); err != nil {
		return nil, err
	}
	g, err := c.account.groups.Get(ctx, iam.GetAccountGroupRequest{Id: id})
	return found(g, err, groupOf, func(g Group) bool { return g.ID == id })
}
