// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Securable names a Unity Catalog object. Type is catalog, schema, table, function
// or connection; a vector search index is a table.
type Securable struct{ Type, Name string }

func (s Securable) path(kind string) (string, error) {
	t, err := wire.SecurableType(s.Type)
	if err != nil {
		return "", err
	}
	n, err := wire.SecurableName(s.Name)
	return "/api/2.1/unity-catalog/" + kind + "/" + string(t) + "/" + string(n), err
}

type assignment struct {
	Principal  string   `json:"principal"`
	Privileges []string `json:"privileges"`
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
			return c.readGrants(ctx, s, map[string]any{})
		}
		return c.readGrants(ctx, s, map[string]any{"principal": principals[0]})
	})
	if principal == "" || err != nil {
		return nil, err
	}
	return slices.Clone(all[principal]), nil
}

// grantsPage lets the server choose the size of a page.
const grantsPage = 0

// allGrants returns the direct privileges of all principals on an object.
func (c *Client) allGrants(ctx context.Context, s Securable) (map[string][]string, error) {
	return c.readGrants(ctx, s, map[string]any{"max_results": grantsPage})
}

// readGrants returns direct privileges on an object by principal. Who is not known holds nothing.
func (c *Client) readGrants(ctx context.Context, s Securable, query map[string]any) (map[string][]string, error) {
	path, err := s.path("permissions")
	if err != nil {
		return nil, err
	}
	_, one := query["principal"]
	out := map[string][]string{}
	for range mostPages {
		var answer struct {
			Assignments []assignment `json:"privilege_assignments"`
			Next        string       `json:"next_page_token"`
		}
		err := c.workspace.do(ctx, http.MethodGet, path, query, nil, &answer)
		if one && fault.Of(err) != nil && fault.Of(err).Reason == wire.ReasonPrincipalNotVisible {
			return out, nil
		}
		if err != nil {
			return nil, securableFault(err)
		}
		for _, a := range answer.Assignments {
			for _, p := range a.Privileges {
				out[a.Principal] = append(out[a.Principal], strings.ReplaceAll(p, " ", "_"))
			}
		}
		if answer.Next == "" {
			return out, nil
		}
		query = maps.Clone(query)
		query["page_token"] = answer.Next
	}
	return nil, fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
}

// grantChange is what is to change for one principal on an object.
type grantChange struct {
	Principal string   `json:"principal"`
	Add       []string `json:"add,omitempty"`
	Remove    []string `json:"remove,omitempty"`
}

func (g grantChange) who() string { return g.Principal }

// ChangeGrants adds and removes direct privileges of one principal; those of
// others stay. Changes of the same object at the same time share a call.
func (c *Client) ChangeGrants(ctx context.Context, s Securable, principal string, add, remove []string) error {
	return c.grantChanges.Do(ctx, grantsThing(s), grantChange{principal, add, remove}, grantChange.who, func(ctx context.Context, all ...grantChange) error {
		path, err := s.path("permissions")
		if err != nil {
			return err
		}
		things := make([]string, len(all))
		for i, g := range all {
			things[i] = grantThing(s, g.Principal)
		}
		defer c.cache.Written(things...)
		return securableFault(c.workspace.do(ctx, http.MethodPatch, path, nil, map[string]any{"changes": all, "omit_permissions_in_response": true}, nil))
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
