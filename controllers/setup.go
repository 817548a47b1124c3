// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controllers is the one list of controllers.
package controllers

import (
	"context"
	"fmt"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/gatehouse-dev/gatehouse/controllers/boundary"
	"github.com/gatehouse-dev/gatehouse/controllers/connection"
	"github.com/gatehouse-dev/gatehouse/controllers/datapolicy"
	"github.com/gatehouse-dev/gatehouse/controllers/federationpolicy"
	"github.com/gatehouse-dev/gatehouse/controllers/mcpserver"
	"github.com/gatehouse-dev/gatehouse/controllers/modelendpoint"
	"github.com/gatehouse-dev/gatehouse/controllers/role"
	"github.com/gatehouse-dev/gatehouse/controllers/tool"
	"github.com/gatehouse-dev/gatehouse/controllers/toolaccess"
	"github.com/gatehouse-dev/gatehouse/controllers/workspace"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/internal/index"
	"github.com/gatehouse-dev/gatehouse/internal/orphan"
)

// Options are what all controllers are made of.
type Options struct {
	Connect *connect.Connector
	// Installation names this installation in the marks that everything made in Databricks carries.
	Installation    string
	RoleConcurrency int
	// Issuer says who issues the cluster's tokens.
	Issuer role.Issuer
	// WorkloadAudience is that of tokens of service accounts that count as Roles. Default databricks.
	WorkloadAudience string
	Servers          mcpserver.Options
	// SecretPoll is how often the Secrets of Connections are asked for their versions. Default connection.DefaultSecretPoll.
	SecretPoll time.Duration
}

// Setup adds all controllers, and the indexes of the cache that they use, to a manager.
func Setup(ctx context.Context, mgr ctrl.Manager, o Options) error {
	if err := index.Register(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	orphans := orphan.Store{Live: mgr.GetAPIReader(), Writer: mgr.GetClient(), Namespace: o.Servers.Namespace}
	for _, c := range []struct {
		kind  string
		setup func() error
	}{
		{"Workspace", func() error { return workspace.Setup(mgr, workspace.Options{Connect: o.Connect}) }},
		{"Boundary", func() error { return boundary.Setup(mgr) }},
		{"Role", func() error {
			return role.Setup(mgr, role.Options{Connect: o.Connect, Installation: o.Installation, Concurrency: o.RoleConcurrency, Issuer: o.Issuer, Audience: o.WorkloadAudience, Orphans: orphans})
		}},
		{"FederationPolicy", func() error {
			return federationpolicy.Setup(mgr, federationpolicy.Options{Connect: o.Connect, Installation: o.Installation, Orphans: orphans})
		}},
		{"DataPolicy", func() error {
			return datapolicy.Setup(mgr, datapolicy.Options{Connect: o.Connect, Installation: o.Installation, Issuer: o.Issuer, Orphans: orphans})
		}},
		{"Connection", func() error {
			return connection.Setup(mgr, connection.Options{
				Connect: o.Connect, Installation: o.Installation, Namespace: o.Servers.Namespace, OperatorName: o.Servers.OperatorName, SecretPoll: o.SecretPoll, Orphans: orphans,
			})
		}},
		{"ModelEndpoint", func() error {
			return modelendpoint.Setup(mgr, modelendpoint.Options{Connect: o.Connect, Installation: o.Installation, Orphans: orphans})
		}},
		{"Tool", func() error { return tool.Setup(mgr) }},
		{"ToolAccess", func() error { return toolaccess.Setup(mgr) }},
		{"MCPServer", func() error {
			servers := o.Servers
			servers.Connect, servers.WorkloadAudience = o.Connect, o.WorkloadAudience
			return mcpserver.Setup(mgr, servers)
		}},
	} {
		if err := c.setup(); err != nil {
			return fmt.Errorf("set up the controller of %s: %w", c.kind, err)
		}
	}
	return nil
}
