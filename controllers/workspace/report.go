// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package workspace

import (
	"context"
	"fmt"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Plan is never anything: what is wrong here, an administrator ends.
func (adapter) Plan(want, have state) (external.Plan[state], error) {
	switch {
	case want.Principal != have.Principal:
		return nil, fault.Denied(v1alpha1.ReasonCredentialRefused, fmt.Errorf(
			"the workspace knows the operator as %s, and `authentication.clientID` is %s", have.Principal, want.Principal))
	case len(have.Capabilities) < 2:
		return nil, fault.Denied(v1alpha1.ReasonCredentialRefused, fmt.Errorf(
			"the operator's service principal %s may not read the account: make it an account administrator", have.Principal))
	}
	return nil, nil
}

func (adapter) Apply(_ context.Context, _ input, have state, _ external.Step[state]) (state, error) {
	return have, nil
}

func (adapter) Report(ws *v1alpha1.Workspace, have state) {
	ws.Status.Principal, ws.Status.Capabilities = have.Principal, have.Capabilities
}
