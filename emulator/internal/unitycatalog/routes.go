// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package unitycatalog serves the REST side of Unity Catalog: grants and what exists.
package unitycatalog

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/uc"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// service serves a metastore.
type service struct{ store *uc.Store }

// Routes serve a metastore.
func Routes(store *uc.Store) []wire.Route {
	s := service{store}
	const at = "/api/2.1/unity-catalog"
	route := func(method, pattern string, h func(context.Context, *wire.Request) (any, error)) wire.Route {
		return wire.Route{Method: method, Pattern: at + pattern, Audience: wire.Workspace, Scopes: []string{"unity-catalog"}, Handle: h}
	}
	return []wire.Route{
		route("GET", "/permissions/{type}/{name}", s.direct),
		route("PATCH", "/permissions/{type}/{name}", s.update),
		route("GET", "/effective-permissions/{type}/{name}", s.effective),
		route("GET", "/catalogs", s.list(uc.TypeCatalog, "catalogs")),
		route("GET", "/catalogs/{name}", s.get(uc.TypeCatalog)),
		route("GET", "/schemas", s.list(uc.TypeSchema, "schemas", "catalog_name")),
		route("GET", "/schemas/{name}", s.get(uc.TypeSchema)),
		route("GET", "/tables", s.list(uc.TypeTable, "tables", "catalog_name", "schema_name")),
		route("GET", "/tables/{name}", s.get(uc.TypeTable)),
		route("GET", "/tables/{name}/exists", s.tableExists),
		route("GET", "/functions", s.list(uc.TypeFunction, "functions", "catalog_name", "schema_name")),
		route("GET", "/functions/{name}", s.get(uc.TypeFunction)),
		route("DELETE", "/functions/{name}", s.remove(uc.TypeFunction)),
	}
}

// known refuses query parameters that the emulator would ignore.
func known(r *wire.Request, names ...string) error {
	for k := range r.URL.Query() {
		if !slices.Contains(names, k) {
			return &wire.Error{Status: 501, Code: "NOT_IMPLEMENTED", Message: "the emulator does not implement the query parameter " + strconv.Quote(k) + " of " + r.URL.Path}
		}
	}
	return nil
}

// securable is the object of a request, if it exists.
func (s service) securable(r *wire.Request) (uc.Securable, error) {
	kinds := []string{uc.TypeCatalog, uc.TypeSchema, uc.TypeTable, uc.TypeFunction, uc.TypeConnection, uc.TypeMCPService, uc.TypeMetastore}
	o := uc.Securable{Type: r.PathValue("type"), Name: strings.ToLower(r.PathValue("name"))}
	if !slices.Contains(kinds, o.Type) {
		return o, &wire.Error{Status: 501, Code: "NOT_IMPLEMENTED", Message: "the emulator does not implement securables of the type " + strconv.Quote(o.Type)}
	}
	if _, ok := s.store.Get(o); !ok {
		return o, uc.Missing(o)
	}
	return o, nil
}

// page cuts a list of principals: 0 is a page of the server's choice, and absent is all.
func page[T any](r *wire.Request, all []T) ([]T, string, error) {
	raw := r.URL.Query().Get("max_results")
	if raw == "" {
		return all, "", nil
	}
	size, err := strconv.Atoi(raw)
	if err != nil || size < 0 || size > 0 && size < 150 {
		return nil, "", wire.BadParameter("max_results must be 0 or at least 150")
	}
	if size = min(size, 1000); size == 0 {
		size = 1000
	}
	start := 0
	if token := r.URL.Query().Get("page_token"); token != "" {
		if start, err = strconv.Atoi(token); err != nil || start < 0 || start > len(all) {
			return nil, "", wire.BadParameter("page_token is not valid")
		}
	}
	end := min(start+size, len(all))
	if end == len(all) {
		return all[start:end], "", nil
	}
	return all[start:end], strconv.Itoa(end), nil
}

func (s service) direct(_ context.Context, r *wire.Request) (any, error) {
	if err := known(r, "principal", "max_results", "page_token"); err != nil {
		return nil, err
	}
	o, err := s.securable(r)
	if err != nil {
		return nil, err
	}
	principal := r.URL.Query().Get("principal")
	if err := s.mayLook(r, o, principal); err != nil {
		return nil, err
	}
	entries, next, err := page(r, s.store.Direct(o, principal))
	if err != nil {
		return nil, err
	}
	return assignments(entries, next), nil
}

// mayLook lets principals see what they hold themselves, and managers all of it.
func (s service) mayLook(r *wire.Request, o uc.Securable, principal string) error {
	me := r.Caller.Principal()
	if principal == me || s.store.MayManage(me, o) {
		return nil
	}
	return wire.Denied("User does not have MANAGE on " + strings.ToUpper(o.Type[:1]) + o.Type[1:] + " '" + o.Name + "'.")
}

func assignments(entries []uc.Entry, next string) any {
	out := map[string]any{}
	list := []any{}
	for _, e := range entries {
		list = append(list, map[string]any{"principal": e.Principal, "privileges": e.Privileges})
	}
	out["privilege_assignments"] = list
	if next != "" {
		out["next_page_token"] = next
	}
	return out
}

func (s service) update(_ context.Context, r *wire.Request) (any, error) {
	o, err := s.securable(r)
	if err != nil {
		return nil, err
	}
	if me := r.Caller.Principal(); !s.store.MayManage(me, o) {
		return nil, wire.Denied("User does not have MANAGE on " + strings.ToUpper(o.Type[:1]) + o.Type[1:] + " '" + o.Name + "'.")
	}
	var in struct {
		Changes []uc.Change `json:"changes"`
		Omit    bool        `json:"omit_permissions_in_response"`
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
	return assignments(s.store.Direct(o, ""), ""), nil
}

func (s service) effective(_ context.Context, r *wire.Request) (any, error) {
	if err := known(r, "principal", "max_results", "page_token"); err != nil {
		return nil, err
	}
	o, err := s.securable(r)
	if err != nil {
		return nil, err
	}
	principal := r.URL.Query().Get("principal")
	if err := s.mayLook(r, o, principal); err != nil {
		return nil, err
	}
	held := s.store.Effective(o, principal)
	names, next, err := page(r, slices.Sorted(maps.Keys(held)))
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, n := range names {
		list = append(list, map[string]any{"principal": n, "privileges": held[n]})
	}
	out := map[string]any{"privilege_assignments": list}
	if next != "" {
		out["next_page_token"] = next
	}
	return out, nil
}

func (s service) list(kind, field string, parents ...string) func(context.Context, *wire.Request) (any, error) {
	return func(_ context.Context, r *wire.Request) (any, error) {
		if err := known(r, append([]string{"max_results", "page_token", "omit_columns", "omit_properties"}, parents...)...); err != nil {
			return nil, err
		}
		var names []string
		for _, p := range parents {
			v := strings.ToLower(r.URL.Query().Get(p))
			if v == "" {
				return nil, wire.BadParameter("Missing required field: " + p)
			}
			names = append(names, v)
		}
		parent := uc.Securable{Name: strings.Join(names, ".")}
		if len(names) > 0 {
			parent.Type = []string{uc.TypeCatalog, uc.TypeSchema}[len(names)-1]
			if _, ok := s.store.Get(parent); !ok {
				return nil, uc.Missing(parent)
			}
		}
		all := []any{}
		for _, o := range s.store.List(kind, parent) {
			if s.store.Visible(r.Caller.Principal(), o.Securable()) {
				all = append(all, info(o))
			}
		}
		some, next, err := page(r, all)
		if err != nil {
			return nil, err
		}
		out := map[string]any{field: some}
		if next != "" {
			out["next_page_token"] = next
		}
		return out, nil
	}
}

func (s service) get(kind string) func(context.Context, *wire.Request) (any, error) {
	return func(_ context.Context, r *wire.Request) (any, error) {
		if err := known(r); err != nil {
			return nil, err
		}
		name := uc.Securable{Type: kind, Name: strings.ToLower(r.PathValue("name"))}
		o, ok := s.store.Get(name)
		if !ok || !s.store.Visible(r.Caller.Principal(), name) {
			return nil, uc.Missing(name)
		}
		return info(o), nil
	}
}

func (s service) tableExists(_ context.Context, r *wire.Request) (any, error) {
	name := uc.Securable{Type: uc.TypeTable, Name: strings.ToLower(r.PathValue("name"))}
	_, ok := s.store.Get(name)
	return map[string]bool{"table_exists": ok && s.store.Visible(r.Caller.Principal(), name)}, nil
}

// info is an object as the API describes it.
func info(o uc.Object) map[string]any {
	parts := strings.Split(o.Name, ".")
	out := map[string]any{"name": parts[len(parts)-1], "full_name": o.Name, "owner": o.Owner, "created_at": o.Created.UnixMilli()}
	if o.Comment != "" {
		out["comment"] = o.Comment
	}
	if !o.Updated.IsZero() {
		out["updated_at"] = o.Updated.UnixMilli()
	}
	if o.UpdatedBy != "" {
		out["updated_by"] = o.UpdatedBy
	}
	if len(parts) > 1 {
		out["catalog_name"] = parts[0]
	}
	if len(parts) > 2 {
		out["schema_name"] = parts[1]
	}
	switch o.Type {
	case uc.TypeTable:
		out["table_type"], out["data_source_format"], out["columns"] = "MANAGED", "DELTA", columns(o.Columns, true)
		if o.Query != "" {
			out["table_type"], out["view_definition"] = "VIEW", o.Query
			delete(out, "data_source_format")
		}
		if o.Filter != "" {
			out["row_filter"] = map[string]any{"function_name": o.Filter, "input_column_names": o.FilterOn}
		}
	case uc.TypeFunction:
		functionInfo(o, out)
	case uc.TypeConnection:
		connectionInfo(o, out)
	}
	return out
}

// typeName is a type without its arguments, as type_name names it.
func typeName(t string) string {
	base := strings.SplitN(t, "(", 2)[0]
	if to, ok := typeNames[base]; ok {
		return to
	}
	return strings.SplitN(base, "<", 2)[0]
}

func columns(list []uc.Column, ofTable bool) []any {
	out := []any{}
	for i, c := range list {
		one := map[string]any{"name": c.Name, "type_text": strings.ToLower(c.Type), "type_name": typeName(c.Type), "position": i}
		if ofTable {
			one["nullable"] = !c.NotNull
		}
		if c.Comment != "" {
			one["comment"] = c.Comment
		}
		if c.Mask != "" {
			mask := map[string]any{"function_name": c.Mask}
			if len(c.MaskWith) > 0 {
				mask["using_column_names"] = c.MaskWith
			}
			one["mask"] = mask
		}
		out = append(out, one)
	}
	return out
}
