// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"context"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// Routes serve the service. Their scope is model-serving.
func (s *Service) Routes() []wire.Route {
	route := wire.Group{Scopes: []string{"model-serving"}}.Route
	return []wire.Route{
		route("GET", "/api/2.0/serving-endpoints", s.list),
		route("GET", "/api/2.0/serving-endpoints/{name}", s.get),
		route("PUT", "/api/2.0/serving-endpoints/{name}/ai-gateway", s.putGateway),
		route("PATCH", "/api/2.0/serving-endpoints/{name}/tags", s.patchTags),
		route("POST", "/serving-endpoints/{name}/invocations", s.invoke),
	}
}

func (s *Service) list(_ context.Context, r *wire.Request) (any, error) {
	out := []any{}
	for _, e := range s.Endpoints {
		if s.level(r.Caller.Principal(), e.Name) != "" {
			out = append(out, s.body(e))
		}
	}
	return map[string]any{"endpoints": out}, nil
}

func (s *Service) get(_ context.Context, r *wire.Request) (any, error) {
	e, err := s.find(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	level := s.level(r.Caller.Principal(), e.Name)
	if level == "" {
		return nil, wire.Denied("You do not have permission to view the serving endpoint '" + e.Name + "'.")
	}
	out := s.body(e)
	out["permission_level"] = level
	return out, nil
}

// body is an endpoint without what differs from caller to caller.
func (s *Service) body(e Endpoint) map[string]any {
	state := s.gateways.get(EndpointID(e.Name))
	out := map[string]any{
		"id": EndpointID(e.Name), "name": e.Name, "creator": e.Creator, "task": e.task(),
		"state": map[string]string{"ready": "READY", "config_update": "NOT_UPDATING"},
		"config": map[string]any{
			"config_version": 1, "served_entities": []any{map[string]any{"name": e.served(), "entity_name": e.Name, "entity_version": "1"}},
		},
		"tags": state.tags(), "endpoint_url": strings.TrimSuffix(s.WorkspaceURL, "/") + "/serving-endpoints/" + e.Name + "/invocations",
	}
	if state.Gateway != nil {
		out["ai_gateway"] = state.Gateway
	}
	if e.Description != "" {
		out["description"] = e.Description
	}
	return out
}

func (e Endpoint) served() string { return e.Name + "-1" }

// takes are the shapes of request that an endpoint takes.
func (e Endpoint) takes() []string {
	switch {
	case e.Shape != "":
		return []string{e.Shape}
	case len(e.Agents) > 0:
		return []string{ShapeResponses, ShapeChat}
	}
	return []string{ShapeChat}
}

func (e Endpoint) task() string {
	kind := "llm"
	if len(e.Agents) > 0 {
		kind = "agent"
	}
	if slices.Contains(e.takes(), ShapeResponses) {
		return kind + "/v1/responses"
	}
	return kind + "/v1/chat"
}
