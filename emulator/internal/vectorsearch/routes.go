// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package vectorsearch

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/store"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// Routes serve the service.
func (s *Service) Routes() []wire.Route {
	route := wire.Group{Prefix: "/api/2.0/vector-search", Scopes: s.opts.Scopes}.Route
	return []wire.Route{
		route("GET", "/endpoints", s.endpoints),
		route("GET", "/endpoints/{name}", s.endpoint),
		route("GET", "/indexes", s.list),
		route("POST", "/indexes", s.create),
		route("GET", "/indexes/{name}", s.get),
		route("DELETE", "/indexes/{name}", s.remove),
		route("POST", "/indexes/{name}/query", s.query),
		route("POST", "/indexes/{name}/query-next-page", s.nextPage),
	}
}

func (s *Service) endpoints(_ context.Context, r *wire.Request) (any, error) {
	out := []any{}
	for _, name := range s.opts.Endpoints {
		if s.mayEndpoint(r, name) {
			out = append(out, s.endpointBody(name))
		}
	}
	return map[string]any{"endpoints": out}, nil
}

func (s *Service) endpoint(_ context.Context, r *wire.Request) (any, error) {
	name := r.PathValue("name")
	if !slices.Contains(s.opts.Endpoints, name) {
		return nil, wire.NotFound("Vector search endpoint " + name + " does not exist.")
	}
	if !s.mayEndpoint(r, name) {
		return nil, wire.Denied("You do not have permission to use the vector search endpoint " + name + ".")
	}
	return s.endpointBody(name), nil
}

func (s *Service) mayEndpoint(r *wire.Request, name string) bool {
	return s.access.Allows(r.Caller.Principal(), EndpointID(name), "CAN_USE", "CAN_MANAGE")
}

func (s *Service) endpointBody(name string) any {
	n := 0
	for _, ix := range s.all() {
		if ix.Endpoint == name {
			n++
		}
	}
	return map[string]any{
		"id": EndpointID(name), "name": name, "endpoint_type": "STANDARD", "endpoint_status": map[string]any{"state": "ONLINE"}, "num_indexes": n,
	}
}

func (s *Service) list(_ context.Context, r *wire.Request) (any, error) {
	endpoint := r.URL.Query().Get("endpoint_name")
	if !slices.Contains(s.opts.Endpoints, endpoint) {
		return nil, wire.NotFound("Vector search endpoint " + endpoint + " does not exist.")
	}
	out := []any{}
	for _, name := range slices.Sorted(maps.Keys(s.all())) {
		ix, err := s.find(name)
		if err == nil && ix.Endpoint == endpoint && s.opts.Metastore.Visible(r.Caller.Principal(), ix.securable()) {
			out = append(out, s.summary(ix))
		}
	}
	return map[string]any{"vector_indexes": out}, nil
}

func (s *Service) summary(ix Index) map[string]any {
	o, _ := s.opts.Metastore.Get(ix.securable())
	return map[string]any{
		"name": ix.Name, "endpoint_name": ix.Endpoint, "endpoint_id": EndpointID(ix.Endpoint), "index_type": "DELTA_SYNC",
		"index_subtype": "VECTOR", "primary_key": ix.PrimaryKey, "creator": o.Owner,
	}
}

func (s *Service) get(ctx context.Context, r *wire.Request) (any, error) {
	ix, err := s.find(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	if !s.opts.Metastore.Visible(r.Caller.Principal(), ix.securable()) {
		return nil, lacks("SELECT", "Table", ix.Name)
	}
	return s.body(ctx, ix), nil
}

// body is an index with whether it can be queried now.
func (s *Service) body(ctx context.Context, ix Index) any {
	out := s.summary(ix)
	status := map[string]any{"ready": false, "index_url": "/api/2.0/vector-search/indexes/" + ix.Name}
	rows, err := s.rows(ctx, ix)
	if err != nil {
		status["message"] = err.Error()
	} else {
		n, text := 0, position(rows.Columns, ix.Text)
		for _, row := range rows.Rows {
			if row[text] != nil {
				n++
			}
		}
		status["ready"], status["message"], status["indexed_row_count"] = true, "Index is ready.", n
	}
	out["status"] = status
	spec := map[string]any{
		"source_table": ix.Source, "pipeline_type": "TRIGGERED", "embedding_source_columns": []any{map[string]any{"name": ix.Text}},
	}
	if len(ix.Columns) > 0 {
		spec["columns_to_sync"] = ix.Columns
	}
	out["delta_sync_index_spec"] = spec
	return out
}

var namePattern = regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+){2}$`)

// ValidName says whether an index can have a name: three parts of letters, digits and underscores.
func ValidName(name string) bool { return namePattern.MatchString(strings.ToLower(name)) }

// creation is the body of a create call for a delta sync index.
type creation struct {
	Name       string `json:"name"`
	Endpoint   string `json:"endpoint_name"`
	PrimaryKey string `json:"primary_key"`
	Type       string `json:"index_type"`
	Spec       *struct {
		Source   string `json:"source_table"`
		Pipeline string `json:"pipeline_type"` // rows are read at each query, whatever it says
		Text     []struct {
			Name  string `json:"name"`
			Model string `json:"embedding_model_endpoint_name"` // the embedding is the emulator's own, whatever it says
		} `json:"embedding_source_columns"`
		Columns []string `json:"columns_to_sync"`
	} `json:"delta_sync_index_spec"`
}

func (s *Service) create(ctx context.Context, r *wire.Request) (any, error) {
	var in creation
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	switch {
	case in.Type == "DIRECT_ACCESS":
		return nil, notImplemented("the index_type DIRECT_ACCESS")
	case in.Type != "DELTA_SYNC" || in.Spec == nil:
		return nil, wire.BadParameter("index_type must be DELTA_SYNC, with a delta_sync_index_spec")
	case !ValidName(in.Name):
		return nil, wire.BadParameter("name must have three parts of letters, digits and underscores")
	case in.PrimaryKey == "" || in.Spec.Source == "" || len(in.Spec.Text) != 1:
		return nil, wire.BadParameter("primary_key, source_table and one of embedding_source_columns must be set")
	case !slices.Contains(s.opts.Endpoints, in.Endpoint):
		return nil, wire.NotFound("Vector search endpoint " + in.Endpoint + " does not exist.")
	case !s.mayEndpoint(r, in.Endpoint):
		return nil, wire.Denied("You do not have permission to use the vector search endpoint " + in.Endpoint + ".")
	}
	ix := Index{
		Name: strings.ToLower(in.Name), Endpoint: in.Endpoint, Source: strings.ToLower(in.Spec.Source), PrimaryKey: strings.ToLower(in.PrimaryKey),
		Text: strings.ToLower(in.Spec.Text[0].Name), Owner: r.Caller.Principal(),
	}
	for _, c := range in.Spec.Columns {
		ix.Columns = append(ix.Columns, strings.ToLower(c))
	}
	if err := s.mayCreate(ix); err != nil {
		return nil, err
	}
	if _, err := s.source(ix); err != nil {
		return nil, err
	}
	err := s.opts.Metastore.Change(func(tx *store.Tx) error {
		if _, ok := s.opts.Metastore.GetIn(tx, ix.securable()); ok {
			return wire.Exists("Vector search index " + ix.Name + " already exists.")
		}
		s.indexes.Put(tx, ix.Name, ix)
		return s.opts.Metastore.PutIn(tx, ix.object())
	})
	if err != nil {
		return nil, err
	}
	return s.body(ctx, ix), nil
}

// mayCreate says whether an index's owner may put it into its schema and read its source.
func (s *Service) mayCreate(ix Index) error {
	m, schema := s.opts.Metastore, ix.securable().Parent()
	if _, ok := m.Get(schema); !ok {
		return metastore.Missing(schema)
	}
	source := metastore.Securable{Type: metastore.TypeTable, Name: ix.Source}
	if _, ok := m.Get(source); !ok {
		return metastore.Missing(source)
	}
	for _, at := range []metastore.Securable{schema, source.Parent()} {
		if err := s.mayUse(ix.Owner, at); err != nil {
			return err
		}
	}
	if !m.Holds(ix.Owner, schema, "CREATE_TABLE") {
		return lacks("CREATE TABLE", "Schema", schema.Name)
	}
	if !m.Holds(ix.Owner, source, "SELECT") {
		return lacks("SELECT", "Table", source.Name)
	}
	return nil
}

func (s *Service) remove(_ context.Context, r *wire.Request) (any, error) {
	ix, err := s.find(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	if !s.opts.Metastore.MayManage(r.Caller.Principal(), ix.securable()) {
		return nil, lacks("MANAGE", "Table", ix.Name)
	}
	err = s.opts.Metastore.Change(func(tx *store.Tx) error {
		s.indexes.Delete(tx, ix.Name)
		return s.opts.Metastore.DropIn(tx, ix.securable())
	})
	return map[string]any{}, err
}
