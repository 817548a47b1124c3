// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package warehouses serves SQL warehouses and who may use them.
package warehouses

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/acl"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// Warehouse is a SQL warehouse. It always runs.
type Warehouse struct{ ID, Name string }

// Entry is what one principal may do with a warehouse directly.
type Entry struct {
	// Kind is service_principal_name, user_name or group_name.
	Kind, Name, Level string
}

// Directory answers what the access lists must know of principals.
type Directory interface {
	GroupsOf(principal string) []string
	PrincipalExists(name string) bool
	IsAdmin(principal string) bool
	DisplayName(principal string) string
}

// Options are what a Store is made of.
type Options struct {
	Directory  Directory
	Warehouses []Warehouse
	// StateDir keeps the access lists over a restart; empty keeps none.
	StateDir string
}

// Store is the warehouses of a workspace. It is safe for concurrent use.
type Store struct {
	opts Options
	mu   sync.RWMutex
	acl  map[string][]Entry // by warehouse
}

// levels are those of a warehouse. Each allows CAN_USE's work but CAN_VIEW and CAN_MONITOR's order is not
// established: CAN_VIEW alone runs nothing.
var levels = []string{"CAN_USE", "CAN_MONITOR", "CAN_VIEW", "CAN_MANAGE", "IS_OWNER"}

// Open reads the access lists of a folder, or begins without any.
func Open(o Options) (*Store, error) {
	s := &Store{opts: o, acl: map[string][]Entry{}}
	if o.StateDir == "" {
		return s, nil
	}
	raw, err := os.ReadFile(s.file())
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &s.acl)
	}
	if err != nil {
		return nil, fmt.Errorf("read the warehouses' access lists: %w", err)
	}
	return s, nil
}

func (s *Store) file() string { return filepath.Join(s.opts.StateDir, "warehouses.json") }

func (s *Store) save() error {
	if s.opts.StateDir == "" {
		return nil
	}
	raw, err := json.MarshalIndent(s.acl, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.file()+".tmp", raw, 0o600); err != nil {
		return fmt.Errorf("keep the warehouses' access lists: %w", err)
	}
	return os.Rename(s.file()+".tmp", s.file())
}

func (s *Store) find(id string) (Warehouse, bool) {
	i := slices.IndexFunc(s.opts.Warehouses, func(w Warehouse) bool { return w.ID == id })
	if i < 0 {
		return Warehouse{}, false
	}
	return s.opts.Warehouses[i], true
}

// Exists says whether there is a warehouse with the id.
func (s *Store) Exists(id string) bool { _, ok := s.find(id); return ok }

// MayUse says whether a principal may run statements on a warehouse.
func (s *Store) MayUse(principal, id string) bool {
	return s.level(principal, id, levels[0], levels[3], levels[4])
}

func (s *Store) level(principal, id string, any ...string) bool {
	if s.opts.Directory.IsAdmin(principal) {
		return true
	}
	groups := s.opts.Directory.GroupsOf(principal)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.ContainsFunc(s.acl[id], func(e Entry) bool {
		mine := e.Kind != "group_name" && e.Name == principal || e.Kind == "group_name" && slices.Contains(groups, e.Name)
		return mine && slices.Contains(any, e.Level)
	})
}

// Routes serve the store.
func (s *Store) Routes() []wire.Route {
	workspace := func(method, pattern, scope string, h func(context.Context, *wire.Request) (any, error)) wire.Route {
		return wire.Route{Method: method, Pattern: pattern, Audience: wire.Workspace, Scopes: []string{scope}, Handle: h}
	}
	routes := []wire.Route{
		workspace("GET", "/api/2.0/sql/warehouses", "sql", s.list),
		workspace("GET", "/api/2.0/sql/warehouses/{id}", "sql", s.get),
	}
	for _, kind := range []string{"warehouses", "sql/warehouses"} {
		at := "/api/2.0/permissions/" + kind + "/{id}"
		routes = append(routes,
			workspace("GET", at, "access-management", s.permissions(kind)),
			workspace("PATCH", at, "access-management", s.change(kind, false)),
			workspace("PUT", at, "access-management", s.change(kind, true)),
			workspace("GET", at+"/permissionLevels", "access-management", s.permissionLevels),
		)
	}
	return routes
}

func (w Warehouse) body() map[string]any {
	return map[string]any{"id": w.ID, "name": w.Name, "state": "RUNNING"}
}

func (s *Store) list(_ context.Context, r *wire.Request) (any, error) {
	out := []any{}
	for _, w := range s.opts.Warehouses {
		if s.level(r.Caller.Principal(), w.ID, levels...) {
			out = append(out, w.body())
		}
	}
	return map[string]any{"warehouses": out}, nil
}

func (s *Store) get(_ context.Context, r *wire.Request) (any, error) {
	w, ok := s.find(r.PathValue("id"))
	if !ok {
		return nil, wire.NotFound("SQL warehouse does not exist.")
	}
	if !s.level(r.Caller.Principal(), w.ID, levels...) {
		return nil, wire.Denied("You do not have permission to view this SQL warehouse.")
	}
	return w.body(), nil
}

// managed finds the warehouse of a request whose caller may manage it.
func (s *Store) managed(r *wire.Request) (Warehouse, error) {
	w, ok := s.find(r.PathValue("id"))
	if !ok {
		return w, wire.NotFound("SQL warehouse does not exist.")
	}
	if !s.level(r.Caller.Principal(), w.ID, "CAN_MANAGE", "IS_OWNER") {
		return w, wire.Denied("You do not have permission to manage this SQL warehouse.")
	}
	return w, nil
}

func (s *Store) permissionLevels(_ context.Context, r *wire.Request) (any, error) {
	if _, err := s.managed(r); err != nil {
		return nil, err
	}
	out := []any{}
	for _, l := range levels {
		out = append(out, map[string]string{"permission_level": l, "description": ""})
	}
	return map[string]any{"permission_levels": out}, nil
}

func (s *Store) permissions(kind string) func(context.Context, *wire.Request) (any, error) {
	return func(_ context.Context, r *wire.Request) (any, error) {
		w, err := s.managed(r)
		if err != nil {
			return nil, err
		}
		return s.answer(kind, w), nil
	}
}

func (s *Store) answer(kind string, w Warehouse) any {
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
	list := []any{entry("group_name", "admins", "", permission{"CAN_MANAGE", true, []string{"/" + kind + "/"}})}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, e := range s.acl[w.ID] {
		if !s.opts.Directory.PrincipalExists(e.Name) {
			continue // who was deleted is on no list, and writing a list back must work
		}
		display := ""
		if e.Kind != "group_name" {
			display = s.opts.Directory.DisplayName(e.Name)
		}
		list = append(list, entry(e.Kind, e.Name, display, permission{e.Level, false, []string{}}))
	}
	return map[string]any{"object_id": "/" + kind + "/" + w.ID, "object_type": "warehouses", "access_control_list": list}
}

// change upserts entries, or replaces all direct ones.
func (s *Store) change(kind string, replace bool) func(context.Context, *wire.Request) (any, error) {
	return func(_ context.Context, r *wire.Request) (any, error) {
		w, err := s.managed(r)
		if err != nil {
			return nil, err
		}
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
		wanted := map[string]Entry{}
		for _, e := range in.List {
			names := map[string]string{"service_principal_name": e.ServicePrincipal, "user_name": e.User, "group_name": e.Group}
			maps.DeleteFunc(names, func(_, name string) bool { return name == "" })
			if len(names) != 1 {
				return nil, wire.BadParameter("Exactly one principal must be named in each access control entry")
			}
			if !slices.Contains(levels, e.Level) {
				return nil, wire.BadParameter("Permission level is not applicable to SQL warehouses")
			}
			for k, name := range names {
				if !s.opts.Directory.PrincipalExists(name) {
					return nil, acl.UnknownPrincipal(k, name)
				}
				wanted[k+":"+name] = Entry{k, name, e.Level}
			}
		}
		if err := s.write(w.ID, wanted, replace); err != nil {
			return nil, err
		}
		return s.answer(kind, w), nil
	}
}

func (s *Store) write(id string, wanted map[string]Entry, replace bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !replace {
		for _, e := range s.acl[id] {
			if _, ok := wanted[e.Kind+":"+e.Name]; !ok {
				wanted[e.Kind+":"+e.Name] = e
			}
		}
	}
	out := make([]Entry, 0, len(wanted))
	for _, k := range slices.Sorted(maps.Keys(wanted)) {
		out = append(out, wanted[k])
	}
	s.acl[id] = out
	return s.save()
}
