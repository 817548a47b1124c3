// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package unitycatalog

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/upstream"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// mcpServices serves MCP services: tools of an MCP server behind a connection.
type mcpServices struct {
	service
	upstreams *upstream.Client
}

// MCPServiceRoutes serve the MCP services of a metastore, and calls of their tools, which
// go to the MCP servers through upstreams. A missing that is not 0 is the status that is
// answered instead, as a workspace without that API does.
func MCPServiceRoutes(store *metastore.Store, upstreams *upstream.Client, missing int) []wire.Route {
	s := mcpServices{service{store}, upstreams}
	at := func(method, pattern string, h wire.Handle) wire.Route {
		if missing != 0 {
			h = func(_ context.Context, r *wire.Request) (any, error) {
				code := map[int]string{http.StatusNotFound: "ENDPOINT_NOT_FOUND", http.StatusNotImplemented: "NOT_IMPLEMENTED"}[missing]
				return nil, &wire.Error{Status: missing, Code: code, Message: "No API found for '" + r.Method + " " + strings.TrimPrefix(r.URL.Path, "/api/2.1") + "'"}
			}
		}
		return wire.Group{Scopes: []string{"unity-catalog"}}.Route(method, pattern, h)
	}
	const services, calls = "/api/2.1/unity-catalog/mcp-services", "/ai-gateway/mcp-services/{name}"
	return []wire.Route{
		at("GET", services, s.list),
		at("POST", services, s.create),
		at("GET", services+"/{name}", s.get),
		at("PATCH", services+"/{name}", s.patch),
		at("DELETE", services+"/{name}", s.remove),
		at("POST", calls, s.call),
		at("GET", calls, s.call),    // refused by the protocol: there is no stream to listen to,
		at("DELETE", calls, s.call), // and no session to end
	}
}

// mcpServiceBody is a service as clients send it.
type mcpServiceBody struct {
	Name    string `json:"name"`
	Comment string `json:"comment"`
	Config  *struct {
		Source *struct {
			Name string `json:"name"`
		} `json:"source_connection"`
		Tools  []string          `json:"include_tool_selectors"`
		Limits []json.RawMessage `json:"rate_limits"`
	} `json:"config"`
}

func (s mcpServices) body(r *wire.Request) (mcpServiceBody, error) {
	var in mcpServiceBody
	if err := r.Decode(&in); err != nil {
		return in, err
	}
	if in.Config != nil && len(in.Config.Limits) > 0 {
		return in, &wire.Error{Status: http.StatusNotImplemented, Code: "NOT_IMPLEMENTED", Message: "the emulator does not implement config.rate_limits of MCP services"}
	}
	return in, nil
}

// mayUse says whether a principal may use a schema and the catalog that it is in.
func (s mcpServices) mayUse(principal string, schema metastore.Securable) bool {
	return s.store.Directory.IsAdmin(principal) || s.store.Holds(principal, schema, "USE_SCHEMA") && s.store.Holds(principal, schema.Parent(), "USE_CATALOG")
}

func schemaOf(parent string) (metastore.Securable, error) {
	name, ok := strings.CutPrefix(parent, "schemas/")
	if !ok || strings.Count(name, ".") != 1 {
		return metastore.Securable{}, wire.BadParameter("parent must be schemas/{catalog}.{schema}")
	}
	return metastore.Securable{Type: metastore.TypeSchema, Name: strings.ToLower(name)}, nil
}

// parent is the schema of a request, which the caller must be able to use.
func (s mcpServices) parent(r *wire.Request) (metastore.Securable, error) {
	schema, err := schemaOf(r.URL.Query().Get("parent"))
	if err != nil {
		return schema, err
	}
	if _, ok := s.store.Get(schema); !ok {
		return schema, metastore.Missing(schema)
	}
	if !s.mayUse(r.Caller.Principal(), schema) {
		return schema, wire.Denied("User does not have USE SCHEMA on Schema '" + schema.Name + "'.")
	}
	return schema, nil
}

func (s mcpServices) create(_ context.Context, r *wire.Request) (any, error) {
	if err := known(r, "mcp_service_id", "parent"); err != nil {
		return nil, err
	}
	schema, err := s.parent(r)
	if err != nil {
		return nil, err
	}
	me, id := r.Caller.Principal(), r.URL.Query().Get("mcp_service_id")
	if !s.store.Directory.IsAdmin(me) && !s.store.Holds(me, schema, "CREATE_SERVICE") {
		return nil, wire.Denied("User does not have CREATE SERVICE on Schema '" + schema.Name + "'.")
	}
	in, err := s.body(r)
	if err != nil {
		return nil, err
	}
	switch {
	case !namePattern.MatchString(id):
		return nil, wire.BadParameter("mcp_service_id must be letters, digits, _ and -")
	case in.Name != "":
		return nil, wire.BadParameter("name is derived from parent and mcp_service_id")
	case in.Config == nil || in.Config.Source == nil:
		return nil, wire.BadParameter("Missing required field: config.source_connection")
	}
	o := metastore.Object{Type: metastore.TypeMCPService, Name: schema.Name + "." + strings.ToLower(id), Owner: me, CreatedBy: me, Comment: in.Comment, Created: time.Now().UTC()}
	if err := setSelectors(&o, in.Config.Tools); err != nil {
		return nil, err
	}
	if err := s.setSource(&o, in.Config.Source.Name); err != nil {
		return nil, err
	}
	if _, taken := s.store.Get(o.Securable()); taken {
		return nil, wire.Exists("MCP service '" + o.Name + "' already exists")
	}
	return s.info(o), s.store.Put(o)
}

// setSource points a service to a connection, which its owner must be able to use. A
// schema-scoped name is what is documented; the emulator has connections of the
// metastore only, and takes connections/{connection} for them.
func (s mcpServices) setSource(o *metastore.Object, source string) error {
	name, ok := strings.CutPrefix(source, "connections/")
	if !ok || name == "" {
		return wire.BadParameter("config.source_connection.name must be connections/ and the name of a connection")
	}
	if strings.Contains(name, ".") {
		return &wire.Error{Status: http.StatusNotImplemented, Code: "NOT_IMPLEMENTED", Message: "the emulator does not implement connections in a schema"}
	}
	at := metastore.Securable{Type: metastore.TypeConnection, Name: strings.ToLower(name)}
	connection, ok := s.store.Get(at)
	if !ok || !s.store.Visible(o.Owner, at) {
		return metastore.Missing(at)
	}
	if !s.store.Directory.IsAdmin(o.Owner) && !s.store.Holds(o.Owner, at, "USE_CONNECTION") {
		return wire.Denied("User does not have USE CONNECTION on Connection '" + at.Name + "'.")
	}
	if connection.Options["is_mcp_connection"] != "true" {
		return wire.BadParameter("Connection '" + at.Name + "' is not an MCP connection.")
	}
	o.Source, o.SourceID = at.Name, identifier(connection)
	return nil
}

// setSelectors checks what tools a service has. None at all means all of them.
func setSelectors(o *metastore.Object, tools []string) error {
	if len(tools) > 1024 {
		return wire.BadParameter("include_tool_selectors can have 1024 entries at most")
	}
	for _, t := range tools {
		if t == "" || len(t) > 256 || strings.Contains(strings.TrimSuffix(t, "*"), "*") || t == "*" {
			return wire.BadParameter("include_tool_selectors has " + strconv.Quote(t) + ": it must be the name of a tool, or a prefix that ends in *, of 256 characters at most")
		}
	}
	o.Tools = slices.Clone(tools)
	return nil
}

// named is the service of a request that the caller may see, and with manage may change.
func (s mcpServices) named(r *wire.Request, manage bool) (metastore.Object, error) {
	name, me := metastore.Securable{Type: metastore.TypeMCPService, Name: strings.ToLower(r.PathValue("name"))}, r.Caller.Principal()
	o, ok := s.store.Get(name)
	if !ok || !s.mayUse(me, name.Parent()) || !s.sees(me, name) {
		return o, metastore.Missing(name)
	}
	if manage && !s.store.MayManage(me, name) {
		return o, wire.Denied("User does not have MANAGE on MCP service '" + name.Name + "'.")
	}
	if etag := r.URL.Query().Get("etag"); etag != "" && etag != etagOf(o) {
		return o, &wire.Error{Status: http.StatusConflict, Code: "ABORTED", Message: "MCP service '" + name.Name + "' has changed since it was read."}
	}
	return o, nil
}

func (s mcpServices) get(_ context.Context, r *wire.Request) (any, error) {
	if err := known(r); err != nil {
		return nil, err
	}
	o, err := s.named(r, false)
	if err != nil {
		return nil, err
	}
	return s.info(o), nil
}

func (s mcpServices) patch(_ context.Context, r *wire.Request) (any, error) {
	if err := known(r, "update_mask", "etag"); err != nil {
		return nil, err
	}
	o, err := s.named(r, true)
	if err != nil {
		return nil, err
	}
	in, err := s.body(r)
	if err != nil {
		return nil, err
	}
	if in.Name != "" && in.Name != "mcp-services/"+o.Name {
		return nil, wire.BadParameter("name cannot be changed")
	}
	for _, field := range strings.Split(r.URL.Query().Get("update_mask"), ",") {
		if err := s.patchField(&o, in, field); err != nil {
			return nil, err
		}
	}
	o.Updated, o.UpdatedBy = time.Now().UTC(), r.Caller.Principal()
	return s.info(o), s.store.Put(o)
}

// patchField changes what one entry of an update mask names.
func (s mcpServices) patchField(o *metastore.Object, in mcpServiceBody, field string) error {
	if strings.HasPrefix(field, "config") && in.Config == nil {
		return wire.BadParameter("Missing required field: config")
	}
	switch field {
	case "comment":
		o.Comment = in.Comment
	case "config.include_tool_selectors":
		return setSelectors(o, in.Config.Tools)
	case "config.rate_limits": // none is what there is
	case "config", "config.source_connection.name":
		if in.Config.Source == nil {
			return wire.BadParameter("Missing required field: config.source_connection")
		}
		if field == "config" {
			if err := setSelectors(o, in.Config.Tools); err != nil {
				return err
			}
		}
		return s.setSource(o, in.Config.Source.Name)
	default:
		return wire.BadParameter("update_mask has " + strconv.Quote(field) + ", which cannot be updated")
	}
	return nil
}

func (s mcpServices) remove(_ context.Context, r *wire.Request) (any, error) {
	if err := known(r, "etag"); err != nil {
		return nil, err
	}
	o, err := s.named(r, true)
	if err != nil {
		return nil, err
	}
	return map[string]any{}, s.store.Drop(o.Securable())
}

func (s mcpServices) list(_ context.Context, r *wire.Request) (any, error) {
	if err := known(r, "parent", "page_size", "page_token"); err != nil {
		return nil, err
	}
	schema, err := s.parent(r)
	if err != nil {
		return nil, err
	}
	size := 100
	if raw := r.URL.Query().Get("page_size"); raw != "" {
		if size, err = strconv.Atoi(raw); err != nil || size < 0 || size > 100 {
			return nil, wire.BadParameter("page_size must be 100 at most")
		}
		if size == 0 {
			size = 100
		}
	}
	me, all := r.Caller.Principal(), []any{}
	for _, o := range s.store.List(metastore.TypeMCPService, schema) {
		if s.sees(me, o.Securable()) {
			all = append(all, s.info(o))
		}
	}
	some, next, err := cut(r, all, size)
	if err != nil {
		return nil, err
	}
	return pageBody("mcp_services", some, next), nil
}
