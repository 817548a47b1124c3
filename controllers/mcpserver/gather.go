// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpserver

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/estate"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/governed"
)

// adapter is the MCPServer's part of the loop.
type adapter struct {
	reader client.Reader // the cache
	live   client.Reader // past the cache: what was just written must be seen
	writer client.Client
	pods   pods
	probe  prober
	// lookups are what Databricks says of objects that tools name.
	lookups *lookups
	// audits compare the matrix with Databricks.
	audits *audits
	// namespace is the operator's.
	namespace string
	now       func() time.Time
	// compared are the objects that were found to be as wanted.
	compared *comparisons
	// rewrites are when the Secret of a server, by its UID, was last written for a pod that does not start.
	rewrites *sync.Map
}

// input is what one pass decides from.
type input struct {
	server   *v1alpha1.MCPServer
	deleting bool
	// refused says why the server may not run here.
	refused error
	// estate is what the cluster declares, and workspace where the server's tools act.
	estate    access.Estate
	workspace *v1alpha1.Workspace
	// resync is the Workspace's.
	resync time.Duration
	// found is what the pass itself learns of Databricks.
	found *found
	// sealing are the keys of conversations, or unsealed says why there are none.
	sealing  sealing
	unsealed error
}

// found is what a pass learns of Databricks, once, and the document that it comes to.
type found struct {
	compiled bool
	document access.Document
	// omitted says what of the declaration is not served.
	omitted []access.Refusal
	// enforcement is what Databricks says of the matrix; nil before anything was found.
	enforcement *v1alpha1.EnforcementStatus
}

func (a adapter) Gather(ctx context.Context, s *v1alpha1.MCPServer) (input, error) {
	in := input{server: s.DeepCopy(), deleting: !s.DeletionTimestamp.IsZero(), found: &found{}}
	if in.deleting {
		return in, nil
	}
	e, err := estate.Load(ctx, a.reader)
	if err != nil {
		return in, err
	}
	if in.refused = hosting(e, s); in.refused != nil {
		return in, nil //nolint:nilerr // Desired says it
	}
	ws := &v1alpha1.Workspace{}
	err = a.reader.Get(ctx, types.NamespacedName{Name: s.Spec.WorkspaceRef.Name}, ws)
	if apierrors.IsNotFound(err) {
		return in, fault.Waiting(v1alpha1.ReasonWorkspaceNotFound, fmt.Errorf("the Workspace %s does not exist; pods keep the access document they have", s.Spec.WorkspaceRef.Name))
	}
	if err != nil {
		return in, fmt.Errorf("read the Workspace %s: %w", s.Spec.WorkspaceRef.Name, err)
	}
	// Nothing that fails here may hold up a revocation.
	in.sealing, in.unsealed = a.sealingKeys(ctx, s)
	in.estate, in.workspace = e, ws
	if in.resync = time.Duration(ws.Spec.ResyncIntervalSeconds) * time.Second; in.resync <= 0 {
		in.resync = external.DefaultResync
	}
	return in, nil
}

// hosting says whether the Boundary lets this server run in its namespace.
func hosting(e access.Estate, s *v1alpha1.MCPServer) error {
	limits, denial := e.Limits(s.Namespace)
	var problem string
	switch {
	case denial != nil:
		return governed.Denied(denial)
	case !limits.Hosting():
		problem = "does not allow MCPServers to run in this namespace: `hosting` must be Allowed"
	case !limits.Workspace(s.Spec.WorkspaceRef.Name):
		problem = "does not allow the Workspace " + s.Spec.WorkspaceRef.Name
	case !limits.WarehouseAllowed(string(s.Spec.WarehouseID)):
		problem = "does not allow the warehouse " + string(s.Spec.WarehouseID)
	default:
		return nil
	}
	return governed.Outside(v1alpha1.ReasonOutsideBoundary, fmt.Sprintf("the Boundary %s %s", limits.Name, problem))
}
