// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package unitycatalog

import (
	"context"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// service serves a metastore.
type service struct{ store *metastore.Store }

// Routes serve a metastore.
func Routes(store *metastore.Store) []wire.Route {
	s := service{store}
	route := wire.Group{Prefix: "/api/2.1/unity-catalog", Scopes: []string{"unity-catalog"}}.Route
	return []wire.Route{
		route("GET", "/permissions/{type}/{name}", s.direct),
		route("PATCH", "/permissions/{type}/{name}", s.update),
		route("GET", "/effective-permissions/{type}/{name}", s.effective),
		route("GET", "/catalogs", s.list(metastore.TypeCatalog, "catalogs")),
		route("GET", "/catalogs/{name}", s.get(metastore.TypeCatalog)),
		route("GET", "/schemas", s.list(metastore.TypeSchema, "schemas", "catalog_name")),
		route("GET", "/schemas/{name}", s.get(metastore.TypeSchema)),
		route("GET", "/tables", s.list(metastore.TypeTable, "tables", "catalog_name", "schema_name")),
		route("GET", "/tables/{name}", s.get(metastore.TypeTable)),
		route("GET", "/tables/{name}/exists", s.tableExists),
		route("GET", "/functions", s.list(metastore.TypeFunction, "functions", "catalog_name", "schema_name")),
		route("GET", "/functions/{name}", s.get(metastore.TypeFunction)),
		route("DELETE", "/functions/{name}", s.remove(metastore.TypeFunction)),
	}
}

func (s service) list(kind, field string, parents ...string) wire.Handle {
	return func(_ context.Context, r *wire.Request) (any, error) {
		if err := known(r, append([]string{"max_results", "page_token", "omit_columns", "omit_properties"}, parents...)...); err != nil {
			return nil, err
		}
		parent, err := s.parentOf(r, parents)
		if err != nil {
			return nil, err
		}
		all := []any{}
		for _, o := range s.store.List(kind, parent) {
			if s.store.Visible(r.Caller.Principal(), o.Securable()) {
				all = append(all, info(o))
			}
		}
		return listed(r, field, all)
	}
}

// parentOf is the catalog or schema that a request names by query parameters, which
// must exist; none is the zero value.
func (s service) parentOf(r *wire.Request, parameters []string) (metastore.Securable, error) {
	var names []string
	for _, p := range parameters {
		v := strings.ToLower(r.URL.Query().Get(p))
		if v == "" {
			return metastore.Securable{}, wire.BadParameter("Missing required field: " + p)
		}
		names = append(names, v)
	}
	if len(names) == 0 {
		return metastore.Securable{}, nil
	}
	parent := metastore.Securable{Type: []string{metastore.TypeCatalog, metastore.TypeSchema}[len(names)-1], Name: strings.Join(names, ".")}
	if _, ok := s.store.Get(parent); !ok {
		return parent, metastore.Missing(parent)
	}
	return parent, nil
}

func (s service) get(kind string) wire.Handle {
	return func(_ context.Context, r *wire.Request) (any, error) {
		if err := known(r); err != nil {
			return nil, err
		}
		name := metastore.Securable{Type: kind, Name: strings.ToLower(r.PathValue("name"))}
		o, ok := s.store.Get(name)
		if !ok || !s.store.Visible(r.Caller.Principal(), name) {
			return nil, metastore.Missing(name)
		}
		return info(o), nil
	}
}

func (s service) tableExists(_ context.Context, r *wire.Request) (any, error) {
	name := metastore.Securable{Type: metastore.TypeTable, Name: strings.ToLower(r.PathValue("name"))}
	_, ok := s.store.Get(name)
	return map[string]bool{"table_exists": ok && s.store.Visible(r.Caller.Principal(), name)}, nil
}
