// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package governed

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Connector signs in to Workspaces. D is what a kind needs of Databricks.
type Connector[D any] struct {
	connect *connect.Connector
	as      func(*admin.Client) D
}

// NewConnector makes a Connector. The function returns its argument: it is there for the
// compiler to check that a client has every call that a kind makes.
func NewConnector[D any](c *connect.Connector, as func(*admin.Client) D) Connector[D] {
	return Connector[D]{c, as}
}

// Workspace is a Workspace that the operator is signed in to.
type Workspace[D any] struct {
	*v1alpha1.Workspace
	Client D
}

// Named signs in to a Workspace by its name. One that does not exist is a fault Waiting. It
// reads the cluster and makes no call to Databricks.
func (c Connector[D]) Named(ctx context.Context, name string) (Workspace[D], error) {
	ws, client, err := c.connect.Named(ctx, name)
	if err != nil {
		return Workspace[D]{}, err
	}
	return Workspace[D]{ws, c.as(client)}, nil
}

// Resync is the time between two observations of what is in the Workspace.
func (w Workspace[D]) Resync() time.Duration {
	return time.Duration(w.Spec.ResyncIntervalSeconds) * time.Second
}

// CannotBeRemoved explains an error of Named for an object that is being deleted while its
// Workspace or credential is missing. What names the things that it cannot remove, such as
// "this Role has in Databricks". Other errors are returned as they are.
func CannotBeRemoved(obj client.Object, what string, err error) error {
	if obj.GetDeletionTimestamp().IsZero() || !fault.Is(err, fault.ClassWaiting) {
		return err
	}
	return fmt.Errorf("%w: what %s cannot be removed; set `deletionPolicy` to Orphan to leave it there", err, what)
}

// Management is the hook of that name for a kind whose objects live in a Workspace.
func Management[O client.Object](c client.Reader, workspace func(O) string) func(context.Context, O) (external.Management, error) {
	return func(ctx context.Context, obj O) (external.Management, error) {
		return external.WorkspaceManagement(ctx, c, workspace(obj))
	}
}
