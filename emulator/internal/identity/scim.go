// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
	"github.com/google/uuid"
)

const (
	listSchema  = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	patchSchema = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	// mostListed is the page size when none is asked for.
	mostListed = 10_000
)

// Routes serves account SCIM, workspace assignments, policies, secrets and Me.
func (st *Store) Routes(accountID, workspaceID string) []wire.Route {
	base := "/api/2.0/accounts/" + accountID
	admin := func(h wire.Handle) wire.Handle {
		return func(ctx context.Context, r *wire.Request) (any, error) {
			if !r.Caller.Admin {
				return nil, wire.Denied("Only account admins can perform this operation")
			}
			return h(ctx, r)
		}
	}
	account := func(method, pattern, scope string, h wire.Handle) wire.Route {
		return wire.Route{
			Method: method, Pattern: base + pattern, Audience: wire.Account, Scopes: []string{scope},
			SCIM: strings.HasPrefix(pattern, "/scim/"), Handle: admin(h),
		}
	}
	routes := []wire.Route{
		account("GET", "/scim/v2/ServicePrincipals", "scim", st.listPrincipals(true)),
		account("POST", "/scim/v2/ServicePrincipals", "scim", st.createServicePrincipal),
		account("GET", "/scim/v2/ServicePrincipals/{id}", "scim", st.getPrincipal(true)),
		account("PATCH", "/scim/v2/ServicePrincipals/{id}", "scim", st.patchPrincipal),
		account("DELETE", "/scim/v2/ServicePrincipals/{id}", "scim", st.deletePrincipal(true)),
		account("GET", "/scim/v2/Users", "scim", st.listPrincipals(false)),
		account("GET", "/scim/v2/Users/{id}", "scim", st.getPrincipal(false)),
		account("GET", "/scim/v2/Groups", "scim", st.listGroups),
		account("POST", "/scim/v2/Groups", "scim", st.createGroup),
		account("GET", "/scim/v2/Groups/{id}", "scim", st.getGroup),
		account("PATCH", "/scim/v2/Groups/{id}", "scim", st.patchGroup),
		account("DELETE", "/scim/v2/Groups/{id}", "scim", st.deleteGroup),
		{
			Method: "GET", Pattern: "/api/2.0/preview/scim/v2/Me", Audience: wire.Workspace, Scopes: []string{"iam.current-user:read", "scim"},
			SCIM: true, Handle: st.me(workspaceID),
		},
	}
	routes = append(routes, st.assignmentRoutes(account, workspaceID)...)
	return append(routes, st.policyRoutes(account, accountID)...)
}

// page cuts a list as SCIM pages do; past the end it is empty, which ends the SDK's loop.
func page[T any](r *wire.Request, all []T) (any, error) {
	start, count := 1, mostListed
	for name, into := range map[string]*int{"startIndex": &start, "count": &count} {
		if text := r.URL.Query().Get(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 {
				return nil, wire.BadParameter(name + " must be a number")
			}
			*into = n
		}
	}
	start = max(start, 1)
	from := min(start-1, len(all))
	items := all[from:min(from+count, len(all))]
	if items == nil {
		items = []T{}
	}
	return map[string]any{
		"schemas": []string{listSchema}, "totalResults": len(all), "startIndex": start, "itemsPerPage": len(items), "Resources": items,
	}, nil
}

// scimPrincipal is a principal on the wire.
type scimPrincipal struct {
	Schemas       []string `json:"schemas,omitempty"`
	ID            string   `json:"id,omitempty"`
	ApplicationID string   `json:"applicationId,omitempty"`
	UserName      string   `json:"userName,omitempty"`
	DisplayName   string   `json:"displayName,omitempty"`
	ExternalID    string   `json:"externalId,omitempty"`
	Active        *bool    `json:"active,omitempty"`
	Roles         []role   `json:"roles,omitempty"`
}

// role is a role in the account.
type role struct {
	Value string `json:"value"`
}

func shown(p Principal) scimPrincipal {
	active := p.Active
	out := scimPrincipal{ID: p.ID, ApplicationID: p.ApplicationID, UserName: p.UserName, DisplayName: p.DisplayName, ExternalID: p.ExternalID, Active: &active}
	if p.AccountAdmin {
		out.Roles = []role{{"account_admin"}}
	}
	return out
}

func byNumber(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

func (st *Store) listPrincipals(services bool) wire.Handle {
	return func(_ context.Context, r *wire.Request) (any, error) {
		filter, err := parseFilter(r.URL.Query().Get("filter"))
		if err != nil {
			return nil, err
		}
		s := st.read()
		defer s.end()
		var all []scimPrincipal
		for _, p := range s.principals.All(s.tx) {
			if (p.ApplicationID != "") != services || !st.visible(p.ID) {
				continue
			}
			ok, err := matches(filter, map[string]string{
				"displayname": p.DisplayName, "applicationid": p.ApplicationID, "username": p.UserName, "id": p.ID, "externalid": p.ExternalID,
			})
			if err != nil {
				return nil, err
			}
			if ok {
				all = append(all, shown(p))
			}
		}
		slices.SortFunc(all, func(a, b scimPrincipal) int { return byNumber(a.ID, b.ID) })
		return page(r, all)
	}
}

func (st *Store) getPrincipal(services bool) wire.Handle {
	return func(_ context.Context, r *wire.Request) (any, error) {
		s := st.read()
		defer s.end()
		p, ok := s.byID(r.PathValue("id"))
		if !ok || (p.ApplicationID != "") != services || !st.visible(p.ID) {
			return nil, notFound("Principal", r.PathValue("id"))
		}
		return shown(p), nil
	}
}

func notFound(what, id string) error {
	return wire.NotFound(fmt.Sprintf("%s with id %s not found.", what, id))
}

func (st *Store) createServicePrincipal(_ context.Context, r *wire.Request) (any, error) {
	var in scimPrincipal
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	switch {
	case in.DisplayName == "":
		return nil, wire.BadParameter("displayName is required")
	case len(in.Roles) > 0:
		return nil, wire.BadParameter("the emulator does not give roles")
	case in.ApplicationID != "" || in.UserName != "" || in.ID != "":
		return nil, wire.BadParameter("applicationId can be given on Azure only; id and userName never")
	}
	p := Principal{ApplicationID: uuid.NewString(), DisplayName: in.DisplayName, ExternalID: in.ExternalID, Active: in.Active == nil || *in.Active}
	err := st.change(func(s state) error {
		p.ID = s.newID()
		s.put(p) // display names are not unique
		st.born[p.ID] = time.Now()
		return nil
	})
	return wire.Reply{Status: http.StatusCreated, Body: shown(p)}, err
}

// patchBody is a SCIM PATCH.
type patchBody struct {
	Schemas    []string `json:"schemas"`
	Operations []struct {
		Op    string          `json:"op"`
		Path  string          `json:"path"`
		Value json.RawMessage `json:"value"`
	} `json:"Operations"`
}

func decodePatch(r *wire.Request) (patchBody, error) {
	var in patchBody
	if err := r.Decode(&in); err != nil {
		return in, err
	}
	if !slices.Contains(in.Schemas, patchSchema) {
		return in, wire.BadParameter("schemas must name " + patchSchema)
	}
	return in, nil
}

func (st *Store) patchPrincipal(_ context.Context, r *wire.Request) (any, error) {
	in, err := decodePatch(r)
	if err != nil {
		return nil, err
	}
	var out Principal
	err = st.change(func(s state) error {
		p, ok := s.byID(r.PathValue("id"))
		if !ok {
			return notFound("ServicePrincipal", r.PathValue("id"))
		}
		for _, o := range in.Operations {
			if strings.ToLower(o.Op) != "replace" {
				return badPath(o.Op + " " + o.Path)
			}
			text := strings.Trim(string(o.Value), `"`)
			switch o.Path {
			case "displayName":
				p.DisplayName = unquoted(o.Value)
			case "externalId":
				p.ExternalID = unquoted(o.Value)
			case "active":
				if text != "true" && text != "false" {
					return wire.BadParameter("active must be true or false")
				}
				p.Active = text == "true"
			default:
				return badPath(o.Path)
			}
		}
		s.put(p)
		out = p
		return nil
	})
	return shown(out), err
}

func unquoted(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s) // what is no text becomes empty
	return s
}

func badPath(path string) error {
	return &wire.Error{Status: http.StatusBadRequest, Code: "invalidPath", Message: "the emulator does not implement the operation " + path}
}

func (st *Store) deletePrincipal(services bool) wire.Handle {
	return func(_ context.Context, r *wire.Request) (any, error) {
		id := r.PathValue("id")
		err := st.change(func(s state) error {
			p, ok := s.byID(id)
			if !ok || (p.ApplicationID != "") != services {
				return notFound("Principal", id)
			}
			s.principals.Delete(s.tx, id) // and with it its policies and secrets; grants become orphans
			s.forget(id)
			return nil
		})
		return wire.Reply{Status: http.StatusNoContent}, err
	}
}

// forget ends memberships and the assignment of an id.
func (s state) forget(id string) {
	s.assignments.Delete(s.tx, id)
	for _, g := range s.groups.All(s.tx) {
		if i := slices.Index(g.Members, id); i >= 0 {
			g.Members = slices.Delete(slices.Clone(g.Members), i, i+1)
			s.putGroup(g)
		}
	}
}

// me answers who the caller is to the workspace.
func (st *Store) me(workspaceID string) wire.Handle {
	return func(_ context.Context, r *wire.Request) (any, error) {
		p, ok := st.Find(r.Caller.Principal())
		if !ok {
			return nil, wire.Unauthenticated("the principal of the token does not exist")
		}
		out := shown(p)
		if out.UserName == "" {
			out.UserName = p.ApplicationID
		}
		out.ApplicationID = ""
		return wire.Reply{Status: http.StatusOK, Header: http.Header{"X-Databricks-Org-Id": {workspaceID}}, Body: out}, nil
	}
}
