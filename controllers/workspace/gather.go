// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package workspace

import (
	"context"
	"time"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
)

// state is what was seen of a credential.
type state struct {
	Principal    string
	Capabilities []string
}

type input struct {
	client *admin.Client
	expect string
	resync time.Duration
}

type adapter struct{ connect *connect.Connector }

func (a adapter) Gather(ctx context.Context, ws *v1alpha1.Workspace) (input, error) {
	client, err := a.connect.Client(ctx, ws)
	return input{client, ws.Spec.Authentication.ClientID, time.Duration(ws.Spec.ResyncIntervalSeconds) * time.Second}, err
}
