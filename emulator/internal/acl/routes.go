// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package acl

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// Routes serve the store. Their scope is access-management.
func (s *Store) Routes() []wire.Route {
	route := wire.Group{Prefix: "/api/2.0/permissions/", Scopes: []string{"access-management"}}.Route
	var out []wire.Route
	for _, path := range append([]string{s.kind.Path}, s.kind.MorePaths...) {
		at := path + "/{id}"
		out = append(out,
			route("GET", at, s.get(path)),
			route("PATCH", at, s.change(path, false)),
			route("PUT", at, s.change(path, true)),
			route("GET", at+"/permissionLevels", s.permissionLevels),
		)
	}
	return out
}

// managed is the id of a request's object if the caller may manage it.
func (s *Store) managed(r *wire.Request) (string, error) {
	id := r.PathValue("id")
	if !s.kind.Exists(id) {
		return "", wire.NotFound(s.kind.missing(id))
	}
	if !s.Allows(r.Caller.Principal(), id, s.kind.managers()...) {
		return "", wire.Denied("You do not have permission to manage this " + s.kind.Noun + ".")
	}
	return id, nil
}

func (s *Store) permissionLevels(_ context.Context, r *wire.Request) (any, error) {
	if _, err := s.managed(r); err != nil {
		return nil, err
	}
	out := []any{}
	for _, l := range s.kind.Levels {
		out = append(out, map[string]string{"permission_level": l, "description": ""})
	}
	return map[string]any{"permission_levels": out}, nil
}

func (s *Store) get(path string) wire.Handle {
	return func(_ context.Context, r *wire.Request) (any, error) {
		id, err := s.managed(r)
		if err != nil {
			return nil, err
		}
		return s.body(path, id), nil
	}
}

// body is the access list of an object as a path shows it.
func (s *Store) body(path, id string) any {
	type permission struct {
		Level     string   `json:"permission_level"`
		Inherited bool     `json:"inherited"`
		From      []string `json:"inherited_from_object"`
	}
	entry := func(kind, name, display string, p permission) map[string]any {
		out := map[string]any{kind: name, "all_permissions": []permission{p}}
		if display != "" {
			out["display_name"] = display
		}
		return out
	}
	list := []any{entry("group_name", "admins", "", permission{manage, true, []string{"/" + path + "/"}})}
	for _, e := range s.list(id) {
		if !s.directory.PrincipalExists(e.Name) {
			continue // who was deleted is on no list, and writing a list back must work
		}
		display := ""
		if e.Kind != "group_name" {
			display = s.directory.DisplayName(e.Name)
		}
		list = append(list, entry(e.Kind, e.Name, display, permission{e.Level, false, []string{}}))
	}
	return map[string]any{"object_id": "/" + path + "/" + id, "object_type": s.kind.Type, "access_control_list": list}
}

// change upserts entries, or replaces all direct ones.
func (s *Store) change(path string, replace bool) wire.Handle {
	return func(_ context.Context, r *wire.Request) (any, error) {
		id, err := s.managed(r)
		if err != nil {
			return nil, err
		}
		wanted, err := s.wanted(r)
		if err != nil {
			return nil, err
		}
		err = s.write(r.Caller.Principal(), id, wanted, replace)
		if errors.Is(err, errRetain) {
			return nil, wire.BadParameter("The caller must retain " + manage + " on the " + s.kind.Noun + ".")
		}
		if err != nil {
			return nil, err
		}
		return s.body(path, id), nil
	}
}

// UnknownPrincipal is the error for an entry, such as of the kind group_name, whose
// principal does not exist.
func UnknownPrincipal(kind, name string) error {
	words := map[string]string{"service_principal_name": "ServicePrincipalName", "user_name": "UserName", "group_name": "GroupName"}
	return wire.NotFound("Principal: " + words[kind] + "(" + name + ") does not exist")
}

// wanted reads the entries of a request; of several for one principal the last counts.
func (s *Store) wanted(r *wire.Request) (map[string]Entry, error) {
	var in struct {
		List []struct {
			ServicePrincipal string `json:"service_principal_name"`
			User             string `json:"user_name"`
			Group            string `json:"group_name"`
			Level            string `json:"permission_level"`
		} `json:"access_control_list"`
	}
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	out := map[string]Entry{}
	for _, e := range in.List {
		names := map[string]string{"service_principal_name": e.ServicePrincipal, "user_name": e.User, "group_name": e.Group}
		maps.DeleteFunc(names, func(_, name string) bool { return name == "" })
		if len(names) != 1 {
			return nil, wire.BadParameter("Exactly one principal must be named in each access control entry")
		}
		if to, ok := s.kind.Alias[e.Level]; ok {
			e.Level = to
		}
		if !slices.Contains(s.kind.Levels, e.Level) {
			return nil, wire.BadParameter(s.kind.lacksLevel())
		}
		for kind, name := range names {
			if !s.directory.PrincipalExists(name) {
				return nil, UnknownPrincipal(kind, name)
			}
			one := Entry{kind, name, e.Level}
			out[one.key()] = one
		}
	}
	return out, nil
}
