// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"context"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/trust"
)

// Reads are what a look at a Role needs of Databricks.
type Reads interface {
	trust.Reads
	ServicePrincipals(ctx context.Context, displayName string) ([]admin.ServicePrincipal, error)
	ServicePrincipal(ctx context.Context, id string) (*admin.ServicePrincipal, error)
	FindGroup(ctx context.Context, displayName string) (*admin.Group, error)
	Assigned(ctx context.Context, principalID string) (bool, error)
	Levels(ctx context.Context, o admin.Object, applicationID string) ([]string, error)
	Grants(ctx context.Context, s admin.Securable, principal string) ([]string, error)
}

// Databricks is what a Role needs of it.
type Databricks interface {
	Reads
	trust.Client
	// Recent reads from answers that are shared with other Roles and at most so old.
	Recent(age time.Duration) *admin.Recent
	ServicePrincipalOf(ctx context.Context, applicationID string) (*admin.ServicePrincipal, error)
	AdoptServicePrincipal(ctx context.Context, id, externalID, displayName string) error
	CreateServicePrincipal(ctx context.Context, p admin.ServicePrincipal) (admin.ServicePrincipal, error)
	UpdateServicePrincipal(ctx context.Context, p admin.ServicePrincipal) error
	DeleteServicePrincipal(ctx context.Context, id string) error
	CreateGroup(ctx context.Context, displayName, externalID string) (admin.Group, error)
	DeleteGroup(ctx context.Context, id string) error
	AddMember(ctx context.Context, groupID, principalID string) error
	RemoveMember(ctx context.Context, groupID, principalID string) error
	MarkGroup(ctx context.Context, id, externalID string) error
	Assign(ctx context.Context, principalID string) error
	Unassign(ctx context.Context, principalID string) error
	GrantObject(ctx context.Context, o admin.Object, applicationID string) error
	RevokeObject(ctx context.Context, o admin.Object, applicationID string) error
	ChangeGrants(ctx context.Context, s admin.Securable, principal string, add, remove []string) error
	RevokeGrants(ctx context.Context, s admin.Securable, principal string, remove []string) error
}
