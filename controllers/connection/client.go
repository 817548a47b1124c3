// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
)

// Databricks is what a Connection needs of it.
type Databricks interface {
	Connection(ctx context.Context, name string) (*admin.Connection, error)
	CreateConnection(ctx context.Context, w admin.ConnectionWrite) (*admin.Connection, error)
	UpdateConnection(ctx context.Context, w admin.ConnectionWrite) (*admin.Connection, error)
	DeleteConnection(ctx context.Context, name string) error
	MCPService(ctx context.Context, name string) (*admin.MCPService, error)
	CreateMCPService(ctx context.Context, s admin.MCPService) error
	UpdateMCPService(ctx context.Context, s admin.MCPService) error
	DeleteMCPService(ctx context.Context, name, etag string) error
}
