// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package unitycatalog

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// securable is the object of a request, if it exists.
func (s service) securable(r *wire.Request) (metastore.Securable, error) {
	kinds := []string{metastore.TypeCatalog, metastore.TypeSchema, metastore.TypeTable, metastore.TypeFunction, metastore.TypeConnection, metastore.TypeMCPService, metastore.TypeMetastore}
	o := metastore.Securable{Type: r.PathValue("type"), Name: strings.ToLower(r.PathValue("name"))}
	if !slices.Contains(kinds, o.Type) {
		return o, &wire.Error{Status: 501, Code: "NOT_IMPLEMENTED", Message: "the emulator does not implement securables of the type " + strconv.Quote(o.Type)}
	}
	if _, ok := s.store.Get(o); !ok {
		return o, metastore.Missing(o)
	}
	return o, nil
}

func (s service) direct(_ context.Context, r *wire.Request) (any, error) {
	o, principal, err := s.inspected(r)
	if err != nil {
		return nil, err
	}
	return listed(r, "privilege_assignments", assignments(s.store.Direct(o, principal)))
}

// inspected is the object of a request for grants, and the principal that it asks about,
// or "". Principals see what they hold themselves, and managers all of it.
func (s service) inspected(r *wire.Request) (metastore.Securable, string, error) {
	if err := known(r, "principal", "max_results", "page_token"); err != nil {
		return metastore.Securable{}, "", err
	}
	o, err := s.securable(r)
	if err != nil {
		return o, "", err
	}
	principal, me := r.URL.Query().Get("principal"), r.Caller.Principal()
	if principal != me && !s.store.MayManage(me, o) {
		return o, "", lacksManage(o)
	}
	return o, principal, nil
}

func lacksManage(o metastore.Securable) error {
	return wire.Denied("User does not have MANAGE on " + strings.ToUpper(o.Type[:1]) + o.Type[1:] + " '" + o.Name + "'.")
}

func assignments(entries []metastore.Entry) []any {
	list := []any{}
	for _, e := range entries {
		list = append(list, map[string]any{"principal": e.Principal, "privileges": e.Privileges})
	}
	return list
}

func (s service) update(_ context.Context, r *wire.Request) (any, error) {
	o, err := s.securable(r)
	if err != nil {
		return nil, err
	}
	if me := r.Caller.Principal(); !s.store.MayManage(me, o) {
		return nil, lacksManage(o)
	}
	var in struct {
		Changes []metastore.Change `json:"changes"`
		Omit    bool               `json:"omit_permissions_in_response"`
	}
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	if err := s.store.Apply(o, in.Changes); err != nil {
		return nil, err
	}
	if in.Omit {
		return map[string]any{}, nil
	}
	return map[string]any{"privilege_assignments": assignments(s.store.Direct(o, ""))}, nil
}

func (s service) effective(_ context.Context, r *wire.Request) (any, error) {
	o, principal, err := s.inspected(r)
	if err != nil {
		return nil, err
	}
	held := s.store.Effective(o, principal)
	all := []any{}
	for _, n := range slices.Sorted(maps.Keys(held)) {
		all = append(all, map[string]any{"principal": n, "privileges": held[n]})
	}
	return listed(r, "privilege_assignments", all)
}
