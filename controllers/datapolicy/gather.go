// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/datapolicy"
	"github.com/gatehouse-dev/gatehouse/internal/estate"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// input is what one pass decides from.
type input struct {
	client Databricks
	mark   string
	spec   v1alpha1.DataPolicySpec
	// outside says why the Boundary does not allow what is asked for.
	outside *fault.Fault
	// refused says why nothing is written: the table is claimed by another, or cannot be governed so.
	refused error
	// want is what the spec comes to at the table as it is; unfinished what of it cannot be had yet.
	want       datapolicy.Policy
	unfinished error
	// visible is the condition about the groups; nil where nobody looked.
	visible *metav1.Condition
	// The ownership record, as the pass found it.
	applied   []v1alpha1.AttachedFunction
	functions []string
	// placed is what the pass itself has put in its place.
	placed *[]v1alpha1.AttachedFunction
	resync time.Duration
}

// Above is the policy of the Workspace.
func (a adapter) Above(ctx context.Context, p *v1alpha1.DataPolicy) (external.Management, error) {
	return external.WorkspaceManagement(ctx, a.reader, p.Spec.WorkspaceRef.Name)
}

func (a adapter) Gather(ctx context.Context, p *v1alpha1.DataPolicy) (input, error) {
	deleting := !p.DeletionTimestamp.IsZero()
	in := input{
		mark: datapolicy.Mark(a.installation, p.Namespace, p.Name), spec: *p.Spec.DeepCopy(),
		applied: slices.Clone(p.Status.Applied), functions: slices.Clone(p.Status.Functions), placed: &[]v1alpha1.AttachedFunction{},
	}
	if !deleting {
		if err := a.decide(ctx, &in, p); err != nil || in.outside != nil || in.refused != nil {
			return in, err
		}
	}
	ws, c, err := a.connect.Named(ctx, p.Spec.WorkspaceRef.Name)
	if err != nil {
		if deleting && len(in.applied)+len(in.functions) == 0 {
			return in, nil // nothing was ever begun, so that nothing is left behind
		}
		if deleting && fault.Is(err, fault.ClassWaiting) {
			err = fmt.Errorf("%w: what this policy has in Databricks cannot be removed; set `deletionPolicy` to Orphan to leave it there", err)
		}
		return in, err
	}
	in.client, in.resync = c, time.Duration(ws.Spec.ResyncIntervalSeconds)*time.Second
	if deleting {
		return in, nil
	}
	if in.visible, err = a.visibility(ctx, c, p); err != nil {
		return in, err
	}
	return in, a.fit(ctx, &in, p)
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
		return nil //nolint:nilerr // Desired says it
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
		return fault.Of(fault.Denied(denial.Reason, fmt.Errorf("%s", denial.Message)))
	}
	violations := limits.CheckDataPolicy(boundary.DataPolicy{
		Workspace: p.Spec.WorkspaceRef.Name, Warehouse: string(p.Spec.WarehouseID), Table: string(p.Spec.Table), Functions: datapolicy.FunctionNames(p.Spec),
	})
	if len(violations) == 0 {
		return nil
	}
	return fault.Of(fault.Denied(v1alpha1.ReasonOutsideBoundary, fmt.Errorf("against the Boundary %s the policy %s", limits.Name, strings.Join(violations, "; it "))))
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

// fit turns the spec into SQL for the columns that the table has.
func (a adapter) fit(ctx context.Context, in *input, p *v1alpha1.DataPolicy) error {
	table, err := in.client.Table(ctx, string(p.Spec.Table))
	switch {
	case err != nil:
		return err
	case table == nil:
		in.refused = fault.Waiting(v1alpha1.ReasonSecurableNotFound, fmt.Errorf("the table %s does not exist, or the operator may not see it", p.Spec.Table))
		return nil
	case table.View:
		in.refused = fault.Invalid(v1alpha1.ReasonInvalid, fmt.Errorf("%s is a view, and only tables have row filters and masks", p.Spec.Table))
		return nil
	}
	types := map[string]string{}
	for _, c := range table.Columns {
		types[c.Name] = c.Type
	}
	if in.want, err = datapolicy.Render(a.installation, p, types); err != nil {
		in.refused = fault.Invalid(v1alpha1.ReasonInvalid, err)
		return nil
	}
	if len(in.want.Missing) > 0 {
		in.unfinished = fault.Waiting(v1alpha1.ReasonSecurableNotFound, fmt.Errorf("the table %s has no column %s", p.Spec.Table, strings.Join(in.want.Missing, ", ")))
	}
	return in.existing(ctx)
}

// existing leaves out what needs a function of others that does not exist.
func (in *input) existing(ctx context.Context) error {
	kept := in.want.Attachments[:0:0]
	for _, w := range in.want.Attachments {
		made := slices.ContainsFunc(in.want.Functions, func(f datapolicy.Function) bool { return f.Name == w.Function })
		if !made {
			f, err := in.client.Function(ctx, w.Function)
			if err != nil {
				return err
			}
			if f == nil {
				in.unfinished = fault.Waiting(v1alpha1.ReasonFunctionNotFound, fmt.Errorf("the function %s does not exist, or the operator may not see it", w.Function))
				continue
			}
		}
		kept = append(kept, w)
	}
	in.want.Attachments = kept
	return nil
}

var _ Databricks = (*admin.Client)(nil)
