// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package federationpolicy

import (
	"context"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/trust"
)

// Databricks is what a FederationPolicy needs of it.
type Databricks interface {
	trust.Client
	// RecentPolicy is Policy by an answer that is at most so old.
	RecentPolicy(ctx context.Context, age time.Duration, principalID, id string) (*admin.FederationPolicy, error)
}
