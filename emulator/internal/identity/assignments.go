// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

type accountRoute func(method, pattern, scope string, h wire.Handle) wire.Route

func (st *Store) assignmentRoutes(account accountRoute, workspaceID string) []wire.Route {
	base := "/workspaces/" + workspaceID + "/permissionassignments"
	return []wire.Route{
		account("GET", base, "access-management", st.listAssignments),
		account("PUT", base+"/principals/{id}", "access-management", st.assign),
		account("DELETE", base+"/principals/{id}", "access-management", st.unassign),
	}
}

func (st *Store) listAssignments(_ context.Context, _ *wire.Request) (any, error) {
	s := st.read()
	defer s.end()
	out := []any{}
	all := maps.Collect(s.assignments.All(s.tx))
	for _, id := range slices.SortedFunc(maps.Keys(all), byNumber) {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			return nil, err
		}
		principal := map[string]any{"principal_id": n}
		if g, ok := s.group(id); ok {
			principal["display_name"], principal["group_name"] = g.DisplayName, g.DisplayName
		} else if p, _ := s.byID(id); p.ApplicationID != "" {
			principal["display_name"], principal["service_principal_name"] = p.DisplayName, p.ApplicationID
		} else {
			principal["display_name"], principal["user_name"] = p.DisplayName, p.UserName
		}
		out = append(out, map[string]any{"principal": principal, "permissions": all[id]})
	}
	return map[string]any{"permission_assignments": out}, nil
}

func (st *Store) assign(_ context.Context, r *wire.Request) (any, error) {
	var in struct {
		Permissions []string `json:"permissions"`
	}
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	for _, p := range in.Permissions {
		if p != "USER" && p != "ADMIN" {
			return nil, wire.BadParameter(fmt.Sprintf("Permission %q is not USER or ADMIN", p))
		}
	}
	id := r.PathValue("id")
	err := st.change(func(s state) error {
		if !s.exists(id) {
			return wire.NotFound("Principal " + id + " does not exist in the account")
		}
		if len(in.Permissions) == 0 {
			s.assignments.Delete(s.tx, id)
			return nil
		}
		s.assignments.Put(s.tx, id, in.Permissions)
		return nil
	})
	return map[string]any{"permissions": in.Permissions}, err
}

func (st *Store) unassign(_ context.Context, r *wire.Request) (any, error) {
	id := r.PathValue("id")
	err := st.change(func(s state) error {
		if _, ok := s.assignments.Get(s.tx, id); !ok {
			return wire.NotFound("Principal " + id + " is not assigned to the workspace")
		}
		s.assignments.Delete(s.tx, id)
		return nil
	})
	return wire.Reply{Status: http.StatusOK, Body: map[string]any{}}, err
}
