// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"net/http"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

// Presence asks whether what tools depend on is there and ready, as the owner of the
// token given with each call. It has no credential of its own, is safe for concurrent
// use, and keeps nothing of what it is told. Errors are *CallError or that of ctx.
type Presence struct {
	workspace
	statements *Statements
}

// NewPresence makes Presence for a workspace host.
func NewPresence(host string, client *http.Client) *Presence {
	return &Presence{newWorkspace(host, client), NewStatements(host, client)}
}

// notReady is what is there and cannot be used now.
func notReady() error {
	return &wire.CallError{Kind: wire.CallUnavailable, Code: "NOT_READY", Status: http.StatusOK}
}

// get asks for an object by its path, and holds the name in the answer against the one asked for.
func (p *Presence) get(ctx context.Context, token wire.Secret, folder string, id wire.Part, err error, into any, name func() (have, want string)) error {
	if err != nil {
		return &wire.CallError{Kind: wire.CallFailed, Code: "BAD_NAME"}
	}
	if err := (call{p.workspace, token, ""}).do(ctx, http.MethodGet, folder+string(id), nil, into); err != nil {
		return err
	}
	if have, want := name(); !strings.EqualFold(have, want) {
		return &wire.CallError{Kind: wire.CallUnavailable, Code: "BAD_ANSWER", Status: http.StatusOK}
	}
	return nil
}

// Warehouse runs a statement that reads nothing. A warehouse that sleeps is woken by it.
func (p *Presence) Warehouse(ctx context.Context, token wire.Secret, id string) error {
	_, err := p.statements.Execute(ctx, token, wire.StatementRequest{WarehouseID: id, Statement: "SELECT 1", RowLimit: 1})
	return err
}

// Space asks for a Genie space.
func (p *Presence) Space(ctx context.Context, token wire.Secret, id string) error {
	var a struct {
		ID string `json:"space_id"`
	}
	path, err := wire.ObjectID(id)
	return p.get(ctx, token, "/api/2.0/genie/spaces/", path, err, &a, func() (string, string) { return a.ID, id })
}

// Index asks for a vector search index.
func (p *Presence) Index(ctx context.Context, token wire.Secret, name string) error {
	var a struct {
		Name   string `json:"name"`
		Status struct {
			Ready bool `json:"ready"`
		} `json:"status"`
	}
	path, err := wire.SecurableName(name)
	err = p.get(ctx, token, "/api/2.0/vector-search/indexes/", path, err, &a, func() (string, string) { return a.Name, name })
	if err == nil && !a.Status.Ready {
		return notReady()
	}
	return err
}

// Endpoint asks for a serving endpoint.
func (p *Presence) Endpoint(ctx context.Context, token wire.Secret, name string) error {
	var a struct {
		Name  string `json:"name"`
		State struct {
			Ready string `json:"ready"`
		} `json:"state"`
	}
	path, err := wire.EndpointName(name)
	err = p.get(ctx, token, "/api/2.0/serving-endpoints/", path, err, &a, func() (string, string) { return a.Name, name })
	if err == nil && a.State.Ready != "READY" {
		return notReady()
	}
	return err
}

// Connection asks for a connection.
func (p *Presence) Connection(ctx context.Context, token wire.Secret, name string) error {
	var a struct {
		Name string `json:"name"`
	}
	path, err := wire.SecurableName(name)
	return p.get(ctx, token, "/api/2.1/unity-catalog/connections/", path, err, &a, func() (string, string) { return a.Name, name })
}

// Function asks for a function.
func (p *Presence) Function(ctx context.Context, token wire.Secret, name string) error {
	var a struct {
		Name string `json:"full_name"`
	}
	path, err := wire.SecurableName(name)
	return p.get(ctx, token, "/api/2.1/unity-catalog/functions/", path, err, &a, func() (string, string) { return a.Name, name })
}
