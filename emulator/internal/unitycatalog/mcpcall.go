// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package unitycatalog

import (
	"context"
	"net/http"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/mcpproxy"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// call serves a message of MCP to a service. Databricks documents the privileges for it
// and not the scope that a token must have: the emulator asks for unity-catalog, which
// external MCP servers and everything else about MCP services need.
func (s mcpServices) call(ctx context.Context, r *wire.Request) (any, error) {
	if err := known(r); err != nil {
		return nil, err
	}
	o, err := s.callable(r)
	if err != nil {
		return nil, err
	}
	connection, ok := s.source(o)
	if !ok {
		return nil, &wire.Error{Status: http.StatusBadRequest, Code: "INVALID_STATE", Message: "The connection of MCP service '" + o.Name + "' does not exist any more."}
	}
	return mcpproxy.Service{Name: o.Name, Selectors: o.Tools, Upstream: s.upstreams.Through(connection)}.Serve(ctx, r)
}

// callable is the service of a request that the caller may call. Its owners may, and the
// owners of what it is in; administrators need grants like everybody, as for all use of
// securables. One that the caller may not see does not exist.
func (s mcpServices) callable(r *wire.Request) (metastore.Object, error) {
	at, me := metastore.Securable{Type: metastore.TypeMCPService, Name: strings.ToLower(r.PathValue("name"))}, r.Caller.Principal()
	o, ok := s.store.Get(at)
	if !ok || !s.sees(me, at) {
		return o, metastore.Missing(at)
	}
	schema := at.Parent()
	for _, need := range []struct {
		on               metastore.Securable
		privilege, words string
	}{
		{schema.Parent(), "USE_CATALOG", "USE CATALOG on Catalog"}, {schema, "USE_SCHEMA", "USE SCHEMA on Schema"}, {at, "EXECUTE", "EXECUTE on MCP service"},
	} {
		if !s.store.Holds(me, need.on, need.privilege) {
			return o, wire.Denied("User does not have " + need.words + " '" + need.on.Name + "'.")
		}
	}
	return o, nil
}

// sees says whether a principal who may use the schema knows of a service in it.
func (s mcpServices) sees(principal string, at metastore.Securable) bool {
	return s.store.Directory.IsAdmin(principal) || s.store.Holds(principal, at, "EXECUTE") || s.store.Holds(principal, at, "MANAGE")
}
