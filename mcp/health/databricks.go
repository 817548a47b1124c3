// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"net/http"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

// workspaceAPI is a Workspace of Databricks.
type workspaceAPI struct {
	*caller.Exchanger
	presence *caller.Presence
}

// Databricks is the Workspace over the real wire. The client should neither repeat
// requests nor share a breaker with anything: a probe must show what is, and must
// not keep tools from trying.
func Databricks(host string, client *http.Client) Workspace {
	return workspaceAPI{caller.NewExchanger(host, client), caller.NewPresence(host, client)}
}

func (w workspaceAPI) See(ctx context.Context, token wire.Secret, d access.Dependency) error {
	ask := map[access.DependencyKind]func(context.Context, wire.Secret, string) error{
		access.DependencyWarehouse: w.presence.Warehouse, access.DependencyGenieSpace: w.presence.Space, access.DependencyServingEndpoint: w.presence.Endpoint,
		access.DependencyIndex: w.presence.Index, access.DependencyConnection: w.presence.Connection, access.DependencyFunction: w.presence.Function,
	}[d.Kind]
	if ask == nil {
		return &wire.CallError{Kind: wire.CallFailed, Code: "UNKNOWN_KIND", Status: http.StatusNotImplemented}
	}
	return ask(ctx, token, d.Name)
}
