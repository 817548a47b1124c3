// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package warehouses

import (
	"context"
	"slices"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/acl"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/store"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// Warehouse is a SQL warehouse. It always runs.
type Warehouse struct{ ID, Name string }

// Store is the warehouses of a workspace. It is safe for concurrent use.
type Store struct {
	warehouses  []Warehouse
	permissions *acl.Store
}

// Levels of a warehouse. Each that manages also runs statements. Databricks does not
// document an order of CAN_VIEW and CAN_MONITOR: here neither runs anything.
const (
	canUse, canMonitor, canView, canManage, isOwner = "CAN_USE", "CAN_MONITOR", "CAN_VIEW", "CAN_MANAGE", "IS_OWNER"
)

var levels = []string{canUse, canMonitor, canView, canManage, isOwner}

// Open opens the access lists of the warehouses in a state.
func Open(s *store.Store, list []Warehouse, d acl.Directory) (*Store, error) {
	out := &Store{warehouses: list}
	var err error
	out.permissions, err = acl.Open(s, acl.Kind{
		Path: "warehouses", MorePaths: []string{"sql/warehouses"}, Type: "warehouses", Noun: "SQL warehouse", Plural: "SQL warehouses",
		Levels: levels, Owner: isOwner, MayResign: true, Missing: missing, Exists: out.Exists,
	}, d)
	return out, err
}

const missing = "SQL warehouse does not exist."

func (s *Store) find(id string) (Warehouse, bool) {
	i := slices.IndexFunc(s.warehouses, func(w Warehouse) bool { return w.ID == id })
	if i < 0 {
		return Warehouse{}, false
	}
	return s.warehouses[i], true
}

// Exists says whether there is a warehouse with the id.
func (s *Store) Exists(id string) bool { _, ok := s.find(id); return ok }

// MayUse says whether a principal may run statements on a warehouse.
func (s *Store) MayUse(principal, id string) bool {
	return s.permissions.Allows(principal, id, canUse, canManage, isOwner)
}

// Routes serve the warehouses and their access lists.
func (s *Store) Routes() []wire.Route {
	route := wire.Group{Prefix: "/api/2.0/sql/warehouses", Scopes: []string{"sql"}}.Route
	return append([]wire.Route{route("GET", "", s.list), route("GET", "/{id}", s.get)}, s.permissions.Routes()...)
}

func (w Warehouse) body() map[string]any {
	return map[string]any{"id": w.ID, "name": w.Name, "state": "RUNNING"}
}

func (s *Store) list(_ context.Context, r *wire.Request) (any, error) {
	out := []any{}
	for _, w := range s.warehouses {
		if s.permissions.Allows(r.Caller.Principal(), w.ID, levels...) {
			out = append(out, w.body())
		}
	}
	return map[string]any{"warehouses": out}, nil
}

func (s *Store) get(_ context.Context, r *wire.Request) (any, error) {
	w, ok := s.find(r.PathValue("id"))
	if !ok {
		return nil, wire.NotFound(missing)
	}
	if !s.permissions.Allows(r.Caller.Principal(), w.ID, levels...) {
		return nil, wire.Denied("You do not have permission to view this SQL warehouse.")
	}
	return w.body(), nil
}
