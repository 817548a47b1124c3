// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
	"github.com/gatehouse-dev/gatehouse/internal/datapolicy"
	"github.com/gatehouse-dev/gatehouse/internal/estate"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/governed"
)

// input is what one pass decides from.
type input struct {
	client   Databricks
	mark     string
	policy   *v1alpha1.DataPolicy
	deleting bool
	// observeOnly says that the DataPolicy or its Workspace is to be observed only.
	observeOnly bool
	// outside says why the Boundary does not allow what is asked for.
	outside *fault.Fault
	// refused says why nothing is written: the table is claimed by another DataPolicy.
	refused error
	// The ownership record, as the pass found it.
	applied   []v1alpha1.AttachedFunction
	functions []string
	// attached is what the pass itself has attached.
	attached *[]v1alpha1.AttachedFunction
	resync   time.Duration
}

// Gather reads what the Boundary and older DataPolicies allow, and the Workspace.
func (a adapter) Gather(ctx context.Context, p *v1alpha1.DataPolicy) (input, error) {
	in := input{
		mark: datapolicy.Mark(a.installation, p.Namespace, p.Name), policy: p.DeepCopy(), deleting: !p.DeletionTimestamp.IsZero(),
		applied: slices.Clone(p.Status.Applied), functions: slices.Clone(p.Status.Functions), attached: &[]v1alpha1.AttachedFunction{},
	}
	if !in.deleting {
		if err := a.decide(ctx, &in, p); err != nil {
			return in, err
		}
		if (in.outside != nil || in.refused != nil) && len(p.Status.Probes) == 0 {
			return in, nil
		}
	}
	ws, err := a.connect.Named(ctx, p.Spec.WorkspaceRef.Name)
	if err != nil {
		if in.deleting && len(in.applied)+len(in.functions)+len(p.Status.Probes) == 0 {
			return in, nil // nothing was ever begun, so that nothing is left behind
		}
		return in, governed.CannotBeRemoved(p, "this policy has in Databricks", err)
	}
	in.client, in.resync = ws.Client, ws.Resync()
	in.observeOnly = p.Spec.ManagementPolicy == v1alpha1.ManagementObserveOnly || ws.Spec.ManagementPolicy == v1alpha1.ManagementObserveOnly
	return in, nil
}

// decide says whether the Boundary and the DataPolicies that are older allow what is asked for.
func (a adapter) decide(ctx context.Context, in *input, p *v1alpha1.DataPolicy) error {
	e, err := estate.Load(ctx, a.reader)
	if err != nil {
		return err
	}
	var all v1alpha1.DataPolicyList
	if err := a.reader.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list the DataPolicies: %w", err)
	}
	if in.outside = outside(e, p); in.outside != nil {
		return nil //nolint:nilerr // Desired reports it
	}
	for i := range all.Items {
		o := &all.Items[i]
		if what := overlap(o, p); what != "" && access.Older(o, p) && outside(e, o) == nil {
			in.refused = fault.Conflict(v1alpha1.ReasonConflict, fmt.Errorf("the DataPolicy %s is older and has %s of %s already: each has one owner", access.Key(o), what, p.Spec.Table))
			return nil
		}
	}
	return nil
}

func outside(e access.Estate, p *v1alpha1.DataPolicy) *fault.Fault {
	limits, denial := e.Limits(p.Namespace)
	if denial != nil {
		return governed.Denied(denial)
	}
	return governed.Exceeds(limits, "the policy", limits.CheckDataPolicy(boundary.DataPolicy{
		Workspace: p.Spec.WorkspaceRef.Name, Warehouse: string(p.Spec.WarehouseID), Table: string(p.Spec.Table), Functions: datapolicy.FunctionNames(p.Spec),
	}))
}

// overlap says what of a table two DataPolicies both declare; nothing when they are one, or one is on its way out.
func overlap(o, p *v1alpha1.DataPolicy) string {
	if o.UID == p.UID || !o.DeletionTimestamp.IsZero() || o.Spec.WorkspaceRef != p.Spec.WorkspaceRef || o.Spec.Table != p.Spec.Table {
		return ""
	}
	if o.Spec.RowFilter != nil && p.Spec.RowFilter != nil {
		return "the row filter"
	}
	for _, m := range o.Spec.ColumnMasks {
		if slices.ContainsFunc(p.Spec.ColumnMasks, func(n v1alpha1.ColumnMask) bool { return n.Column == m.Column }) {
			return "the mask of the column " + string(m.Column)
		}
	}
	return ""
}
