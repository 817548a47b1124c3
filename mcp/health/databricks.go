// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"net/http"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks"
)

// wire is a Workspace on the real wire.
type wire struct {
	*databricks.Exchanger
	presence *databricks.Presence
}

// Databricks is the Workspace over the real wire. The client should neither repeat
// requests nor share a breaker with anything: a probe must show what is, and must
// not keep tools from trying.
func Databricks(host string, client *http.Client) Workspace {
	return wire{databricks.NewExchanger(host, client), databricks.NewPresence(host, client)}
}

func (w wire) See(ctx context.Context, token databricks.Secret, d access.Dependency) error {
	ask := map[access.DependencyKind]func(context.Context, databricks.Secret, string) error{
		access.DependencyWarehouse: w.presence.Warehouse, access.DependencyGenieSpace: w.presence.Space, access.DependencyServingEndpoint: w.presence.Endpoint,
		access.DependencyIndex: w.presence.Index, access.DependencyConnection: w.presence.Connection, access.DependencyFunction: w.presence.Function,
	}[d.Kind]
	if ask == nil {
		return &databricks.CallError{Kind: databricks.CallFailed, Code: "UNKNOWN_KIND", Status: http.StatusNotImplemented}
	}
	return ask(ctx, token, d.Name)
}
