// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"context"
	"net/http"
	"strings"
)

// Presence asks whether what tools depend on is there and ready, as the owner of the
// token given with each call. It has no credential of its own, is safe for concurrent
// use, and keeps nothing of what it is told. Errors are *CallError or that of ctx.
type Presence struct {
	caller
	statements *Statements
}

// NewPresence makes Presence for a workspace host.
func NewPresence(host string, client *http.Client) *Presence {
	return &Presence{newCaller(host, client), NewStatements(host, client)}
}

// notReady is what is there and cannot be used now.
func notReady() error {
	return &CallError{Kind: CallUnavailable, Code: "NOT_READY", Status: http.StatusOK}
}

// get asks for an object by its path, and holds the name in the answer against the one asked for.
func (p *Presence) get(ctx context.Context, token Secret, folder string, id part, err error, into any, name func() (have, want string)) error {
	if err != nil {
		return &CallError{Kind: CallFailed, Code: "BAD_NAME"}
	}
	if err := (call{p.caller, token, ""}).do(ctx, http.MethodGet, folder+string(id), nil, into); err != nil {
		return err
	}
	if have, want := name(); !strings.EqualFold(have, want) {
		return &CallError{Kind: CallUnavailable, Code: "BAD_ANSWER", Status: http.StatusOK}
	}
	return nil
}

// Warehouse runs a statement that reads nothing. A warehouse that sleeps is woken by it.
func (p *Presence) Warehouse(ctx context.Context, token Secret, id string) error {
	_, err := p.statements.Execute(ctx, token, StatementRequest{WarehouseID: id, Statement: "SELECT 1", RowLimit: 1})
	return err
}

// Space asks for a Genie space.
func (p *Presence) Space(ctx context.Context, token Secret, id string) error {
	var a struct {
		ID string `json:"space_id"`
	}
	path, err := objectID(id)
	return p.get(ctx, token, "/api/2.0/genie/spaces/", path, err, &a, func() (string, string) { return a.ID, id })
}

// Index asks for a vector search index.
func (p *Presence) Index(ctx context.Context, token Secret, name string) error {
	var a struct {
		Name   string `json:"name"`
		Status struct {
			Ready bool `json:"ready"`
		} `json:"status"`
	}
	path, err := securableName(name)
	err = p.get(ctx, token, "/api/2.0/vector-search/indexes/", path, err, &a, func() (string, string) { return a.Name, name })
	if err == nil && !a.Status.Ready {
		return notReady()
	}
	return err
}

// Endpoint asks for a serving endpoint.
func (p *Presence) Endpoint(ctx context.Context, token Secret, name string) error {
	var a struct {
		Name  string `json:"name"`
		State struct {
			Ready string `json:"ready"`
		} `json:"state"`
	}
	path, err := endpointName(name)
	err = p.get(ctx, token, "/api/2.0/serving-endpoints/", path, err, &a, func() (string, string) { return a.Name, name })
	if err == nil && a.State.Ready != "READY" {
		return notReady()
	}
	return err
}

// Connection asks for a connection.
func (p *Presence) Connection(ctx context.Context, token Secret, name string) error {
	var a struct {
		Name string `json:"name"`
	}
	path, err := securableName(name)
	return p.get(ctx, token, "/api/2.1/unity-catalog/connections/", path, err, &a, func() (string, string) { return a.Name, name })
}

// Function asks for a function.
func (p *Presence) Function(ctx context.Context, token Secret, name string) error {
	var a struct {
		Name string `json:"full_name"`
	}
	path, err := securableName(name)
	return p.get(ctx, token, "/api/2.1/unity-catalog/functions/", path, err, &a, func() (string, string) { return a.Name, name })
}
