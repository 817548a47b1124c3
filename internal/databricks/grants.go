// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"context"
	"net/http"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Securable names a Unity Catalog object. Type is catalog, schema, table, function
// or connection; a vector search index is a table.
type Securable struct{ Type, Name string }

func (s Securable) path(kind string) (string, error) {
	t, err := securableType(s.Type)
	if err != nil {
		return "", err
	}
	n, err := securableName(s.Name)
	return "/api/2.1/unity-catalog/" + kind + "/" + string(t) + "/" + string(n), err
}

type assignment struct {
	Principal  string   `json:"principal"`
	Privileges []string `json:"privileges"`
}

// Grants returns the direct privileges of one principal on an object. An object
// that does not exist is a fault Waiting with ReasonSecurableNotFound. An empty
// principal holds nothing: the call then says only whether the object exists.
func (c *Client) Grants(ctx context.Context, s Securable, principal string) ([]string, error) {
	path, err := s.path("permissions")
	if err != nil {
		return nil, err
	}
	var out []string
	for token, page := "", 0; page < mostPages; page++ {
		query := map[string]any{}
		if principal != "" {
			query["principal"] = principal
		}
		if token != "" {
			query["page_token"] = token
		}
		var answer struct {
			Assignments []assignment `json:"privilege_assignments"`
			Next        string       `json:"next_page_token"`
		}
		err := c.workspace.do(ctx, http.MethodGet, path, query, nil, &answer)
		if fault.Of(err) != nil && fault.Of(err).Reason == ReasonPrincipalNotVisible {
			return nil, nil // who is not known holds nothing
		}
		if err != nil {
			return nil, securableFault(err)
		}
		for _, a := range answer.Assignments {
			if principal != "" && a.Principal == principal {
				for _, p := range a.Privileges {
					out = append(out, strings.ReplaceAll(p, " ", "_"))
				}
			}
		}
		if token = answer.Next; token == "" {
			return out, nil
		}
	}
	return nil, fault.Transient(ReasonUnexpectedAnswer, errUnexpectedAnswer)
}

// ChangeGrants adds and removes direct privileges of one principal; those of
// others stay.
func (c *Client) ChangeGrants(ctx context.Context, s Securable, principal string, add, remove []string) error {
	path, err := s.path("permissions")
	if err != nil {
		return err
	}
	change := map[string]any{"principal": principal}
	if len(add) > 0 {
		change["add"] = add
	}
	if len(remove) > 0 {
		change["remove"] = remove
	}
	defer c.recently.wrote(grantThing(s, principal))
	return securableFault(c.workspace.do(ctx, http.MethodPatch, path, nil, map[string]any{"changes": []any{change}}, nil))
}

// RevokeGrants removes privileges; an object or a principal that does not exist has none.
func (c *Client) RevokeGrants(ctx context.Context, s Securable, principal string, remove []string) error {
	err := c.ChangeGrants(ctx, s, principal, nil, remove)
	if f := fault.Of(err); f != nil && (f.Reason == ReasonPrincipalNotVisible || f.Reason == ReasonSecurableNotFound) {
		return nil
	}
	return err
}

// securableFault says of a missing object that it is the object.
func securableFault(err error) error {
	if isMissing(err) {
		return fault.Waiting(ReasonSecurableNotFound, err)
	}
	return err
}
