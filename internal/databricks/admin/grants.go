// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"slices"
	"strings"

	"github.com/databricks/databricks-sdk-go/service/catalog"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Securable names a Unity Catalog object. Type is catalog, schema, table, function
// or connection; a vector search index is a table.
type Securable struct{ Type, Name string }

// check refuses what cannot be part of a path: the SDK puts type and name into it as they are.
func (s Securable) check() error {
	if _, err := wire.SecurableType(s.Type); err != nil {
		return err
	}
	_, err := wire.SecurableName(s.Name)
	return err
}

// Grants returns the direct privileges of one principal on an object. An object
// that does not exist is a fault Waiting with ReasonSecurableNotFound. An empty
// principal holds nothing: the call then says only whether the object exists. Those who
// ask for the same object at the same time share a call.
func (c *Client) Grants(ctx context.Context, s Securable, principal string) ([]string, error) {
	all, err := c.grants.Do(ctx, grantsThing(s), principal, func(ctx context.Context, principals []string) (map[string][]string, error) {
		switch slices.Sort(principals); {
		case principals[0] != principals[len(principals)-1]:
			return c.allGrants(ctx, s)
		case principals[0] == "":
			return c.readGrants(ctx, s, catalog.GetGrantRequest{})
		}
		return c.readGrants(ctx, s, catalog.GetGrantRequest{Principal: principals[0]})
	})
	if principal == "" || err != nil {
		return nil, err
	}
	return slices.Clone(all[principal]), nil
}

// allGrants returns the direct privileges of all principals on an object, in pages whose
// size the server chooses.
func (c *Client) allGrants(ctx context.Context, s Securable) (map[string][]string, error) {
	return c.readGrants(ctx, s, catalog.GetGrantRequest{MaxResults: 0, ForceSendFields: []string{"MaxResults"}})
}

// readGrants returns direct privileges on an object by principal. Who is not known holds nothing.
func (c *Client) readGrants(ctx context.Context, s Securable, request catalog.GetGrantRequest) (map[string][]string, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	request.SecurableType, request.FullName = s.Type, s.Name
	out := map[string][]string{}
	for range mostPages {
		answer, err := c.workspace.grants.Get(ctx, request)
		err = classify(err)
		if request.Principal != "" && fault.Of(err) != nil && fault.Of(err).Reason == wire.ReasonPrincipalNotVisible {
			return out, nil
		}
		if err != nil {
			return nil, securableFault(err)
		}
		for _, a := range answer.PrivilegeAssignments {
			for _, p := range a.Privileges {
				out[a.Principal] = append(out[a.Principal], underscored(p))
			}
		}
		if answer.NextPageToken == "" {
			return out, nil
		}
		request.PageToken = answer.NextPageToken
	}
	return nil, fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
}

// underscored is a privilege as it is written; some services read it back with spaces.
func underscored(p catalog.Privilege) string { return strings.ReplaceAll(string(p), " ", "_") }

// grantChange is what is to change for one principal on an object.
type grantChange struct {
	Principal   string
	Add, Remove []string
}

func (g grantChange) body() catalog.PermissionsChange {
	return catalog.PermissionsChange{Principal: g.Principal, Add: privileges(g.Add), Remove: privileges(g.Remove), ForceSendFields: []string{"Principal"}}
}

func privileges(names []string) []catalog.Privilege {
	var out []catalog.Privilege
	for _, n := range names {
		out = append(out, catalog.Privilege(n))
	}
	return out
}

func (g grantChange) who() string { return g.Principal }

// ChangeGrants adds and removes direct privileges of one principal; those of
// others stay. Changes of the same object at the same time share a call.
func (c *Client) ChangeGrants(ctx context.Context, s Securable, principal string, add, remove []string) error {
	return c.grantChanges.Do(ctx, grantsThing(s), grantChange{principal, add, remove}, grantChange.who, func(ctx context.Context, all ...grantChange) error {
		if err := s.check(); err != nil {
			return err
		}
		things, bodies := make([]string, len(all)), make([]catalog.PermissionsChange, len(all))
		for i, g := range all {
			things[i], bodies[i] = grantThing(s, g.Principal), g.body()
		}
		defer c.cache.Written(things...)
		_, err := c.workspace.grants.Update(ctx, catalog.UpdatePermissions{
			SecurableType: s.Type, FullName: s.Name, Changes: bodies, OmitPermissionsInResponse: true,
		})
		return securableFault(classify(err))
	})
}

// RevokeGrants removes privileges; an object or a principal that does not exist has none.
func (c *Client) RevokeGrants(ctx context.Context, s Securable, principal string, remove []string) error {
	err := c.ChangeGrants(ctx, s, principal, nil, remove)
	if f := fault.Of(err); f != nil && (f.Reason == wire.ReasonPrincipalNotVisible || f.Reason == wire.ReasonSecurableNotFound) {
		return nil
	}
	return err
}

// securableFault says of a missing object that it is the object.
func securableFault(err error) error {
	if isMissing(err) {
		return fault.Waiting(wire.ReasonSecurableNotFound, err)
	}
	return err
}
