// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package workspace

import (
	"context"
	"fmt"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// +kubebuilder:rbac:groups=gatehouse.dev,resources=workspaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=gatehouse.dev,resources=workspaces/status,verbs=patch

// What a credential can be seen to do.
const (
	// CapabilityWorkspace: the workspace knows who the operator is.
	CapabilityWorkspace = "Workspace"
	// CapabilityAccount: service principals and workspace assignments of the account can be read.
	CapabilityAccount = "Account"
)

func (adapter) Observe(ctx context.Context, in input) (state, error) {
	me, err := in.client.Me(ctx)
	if err != nil {
		return state{}, fmt.Errorf("ask the workspace who the operator is: %w", err)
	}
	out := state{Principal: me.Principal, Capabilities: []string{CapabilityWorkspace}}
	switch err := in.client.CheckAccount(ctx); {
	case fault.Is(err, fault.ClassDenied):
	case err != nil:
		return out, fmt.Errorf("ask the account: %w", err)
	default:
		out.Capabilities = []string{CapabilityAccount, CapabilityWorkspace}
	}
	return out, nil
}
