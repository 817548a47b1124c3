// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package modelendpoint

import (
	"context"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
)

// Databricks is what a ModelEndpoint needs of it.
type Databricks interface {
	GatewayEndpoint(ctx context.Context, name string) (*admin.GatewayEndpoint, error)
	ChangeGateway(ctx context.Context, name string, change func(admin.GatewayEndpoint) (admin.Gateway, error)) error
	TagEndpoint(ctx context.Context, name, key, value string) error
	UntagEndpoint(ctx context.Context, name, key string) error
	SchemaExists(ctx context.Context, name string) (bool, error)
}
