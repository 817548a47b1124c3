// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"context"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/datapolicy"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

// Databricks is what a DataPolicy needs of it.
type Databricks interface {
	Table(ctx context.Context, name string) (*admin.Table, error)
	Function(ctx context.Context, name string) (*admin.Function, error)
	RunStatement(ctx context.Context, warehouseID, statement string) error
	GroupID(ctx context.Context, displayName string) (string, error)
	AssignedPrincipals(ctx context.Context) (map[string]bool, error)
}

// connector signs in to a workspace.
type connector interface {
	Named(ctx context.Context, name string) (*v1alpha1.Workspace, Databricks, error)
}

// adapter is the DataPolicy's part of the loop.
type adapter struct {
	reader       client.Reader
	connect      connector
	installation string
	verifier     *verifier
}

var (
	_ external.Adapter[*v1alpha1.DataPolicy, input, state] = adapter{}
	_ external.Intender[*v1alpha1.DataPolicy, state]       = adapter{}
	_ external.Bounded[input]                              = adapter{}
	_ external.Scheduled[input]                            = adapter{}
	_ external.Managed[*v1alpha1.DataPolicy]               = adapter{}
)

// Conditions say whether the Boundary allows what is asked for, and whether the groups can be seen.
func (adapter) Conditions(in input) []metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionWithinBoundary, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAllowed, Message: "The Boundary allows what is asked for"}
	if in.outside != nil {
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, in.outside.Reason, in.outside.Error()
	}
	out := []metav1.Condition{c}
	if in.visible != nil {
		out = append(out, *in.visible)
	}
	return out
}

// Resync is the workspace's.
func (adapter) Resync(in input) time.Duration { return in.resync }

// Desired is pure.
func (adapter) Desired(in input) (state, error) {
	if in.outside != nil {
		return state{}, in.outside
	}
	if in.refused != nil {
		return state{}, in.refused
	}
	out := state{Table: string(in.spec.Table), Adopt: in.spec.Adoption == v1alpha1.AdoptionAdopt, Unfinished: in.unfinished}
	for _, a := range in.want.Attachments {
		out.Places = append(out.Places, place{Attachment: a, Ours: true})
	}
	for _, f := range in.want.Functions {
		out.Functions = append(out.Functions, function{Function: f, Marked: true, Recorded: true})
	}
	out.sort()
	return out, nil
}

// Observe reads the table and the functions that are at it, recorded or wanted.
func (adapter) Observe(ctx context.Context, in input) (state, error) {
	out := state{Table: string(in.spec.Table)}
	if in.client == nil {
		return out, nil
	}
	names := slices.Clone(in.functions)
	for _, f := range in.want.Functions {
		names = append(names, f.Name)
		out.WantedFunctions = append(out.WantedFunctions, f.Name)
	}
	table, err := in.client.Table(ctx, string(in.spec.Table))
	if err != nil {
		return state{}, err
	}
	if table != nil {
		out.Changed = table.Changed
	}
	attached := attachments(table)
	for _, a := range attached {
		if base := a.Function[strings.LastIndex(a.Function, ".")+1:]; strings.HasPrefix(base, datapolicy.Prefix) {
			names = append(names, a.Function)
		}
	}
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		f, err := in.client.Function(ctx, n)
		if err != nil {
			return state{}, err
		}
		if f != nil {
			out.Functions = append(out.Functions, seen(n, f, in))
		}
	}
	for _, w := range in.want.Attachments {
		out.WantedPlaces = append(out.WantedPlaces, place{Attachment: w}.record())
	}
	for _, a := range attached {
		p := place{Attachment: a}
		f := out.function(a.Function)
		p.Held = slices.ContainsFunc(in.applied, func(r v1alpha1.AttachedFunction) bool { return r.Column == a.Column })
		p.Ours = f != nil && f.Marked || slices.Contains(in.applied, p.record()) || slices.Contains(*in.placed, p.record()) ||
			in.spec.Adoption == v1alpha1.AdoptionAdopt && slices.Contains(in.want.Attachments, a)
		// What others have set is of interest only where it is in the way.
		if p.Ours || slices.ContainsFunc(in.want.Attachments, func(w datapolicy.Attachment) bool { return w.Column == a.Column }) {
			out.Places = append(out.Places, p)
		}
	}
	// A function of others is at most in the way of one that is wanted.
	out.Functions = slices.DeleteFunc(out.Functions, func(f function) bool {
		return !f.Marked && !f.Recorded && !slices.Contains(out.WantedFunctions, f.Name)
	})
	out.sort()
	return out, nil
}

// attachments are the row filter and the masks that a table has.
func attachments(t *admin.Table) []datapolicy.Attachment {
	if t == nil {
		return nil
	}
	var out []datapolicy.Attachment
	add := func(column string, f *admin.PolicyFunction) {
		if f != nil {
			out = append(out, datapolicy.Attachment{Column: column, Function: f.Function, Arguments: strings.Join(f.Columns, ",")})
		}
	}
	add("", t.RowFilter)
	for _, c := range t.Columns {
		add(c.Name, c.Mask)
	}
	return out
}

// seen is a function as Unity Catalog has it.
func seen(name string, f *admin.Function, in input) function {
	var parameters []string
	for _, p := range f.Parameters {
		parameters = append(parameters, strings.ToLower(p.Name)+" "+p.Type)
	}
	return function{
		Function: datapolicy.Function{Name: name, Parameters: strings.Join(parameters, ", "), Returns: f.Returns, Body: f.Definition, Comment: f.Comment},
		Marked:   f.Comment == in.mark, Recorded: slices.Contains(in.functions, name),
		Changed: f.Changed,
	}
}

// Plan is pure.
func (adapter) Plan(want, have state) (external.Plan[state], error) { return planned(want, have) }

// Apply writes one step.
func (adapter) Apply(ctx context.Context, in input, have state, s external.Step[state]) (state, error) {
	statement, err := statement(s)
	if err != nil {
		return have, err
	}
	if err := in.client.RunStatement(ctx, string(in.spec.WarehouseID), statement); err != nil {
		return have, err
	}
	for _, p := range s.Want.Places {
		if s.Verb != external.Delete {
			*in.placed = append(*in.placed, p.record())
		}
	}
	have = have.without(s.Want)
	if s.Verb != external.Delete {
		have.Places = append(have.Places, s.Want.Places...)
		have.Functions = append(have.Functions, s.Want.Functions...)
		have.sort()
	}
	return have, nil
}

// statement is a step as SQL.
func statement(s external.Step[state]) (string, error) {
	if len(s.Want.Functions) > 0 {
		f := s.Want.Functions[0]
		if s.Verb == external.Delete {
			return datapolicy.DropFunction(f.Name)
		}
		return datapolicy.CreateFunction(f.Function)
	}
	p := s.Want.Places[0]
	if s.Verb == external.Delete {
		return datapolicy.Detach(s.Want.Table, p.Column)
	}
	return datapolicy.Attach(s.Want.Table, p.Attachment)
}

// ChangedBy is the last change of the function that a step is about, or of the table. A
// function that is gone tells nothing.
func (adapter) ChangedBy(have state, s external.Step[state]) (who string, at time.Time) {
	c := have.Changed
	if len(s.Want.Functions) > 0 {
		c = admin.Change{}
		if f := have.function(s.Want.Functions[0].Name); f != nil {
			c = f.Changed
		}
	}
	return c.By, c.At
}

// Intend records a function before it is made, and a place before it is taken.
func (adapter) Intend(p *v1alpha1.DataPolicy, _ state, s external.Step[state]) {
	if s.Verb == external.Delete {
		return
	}
	for _, f := range s.Want.Functions {
		p.Status.Functions = sortedNames(append(slices.Clone(p.Status.Functions), f.Name))
	}
	for _, w := range s.Want.Places {
		p.Status.Applied = sortedRecords(append(slices.Clone(p.Status.Applied), w.record()))
	}
}

// Report fills in the status from what was observed.
func (adapter) Report(p *v1alpha1.DataPolicy, have state) {
	var attached, applied []v1alpha1.AttachedFunction
	for _, o := range have.Places {
		if o.Ours {
			attached = append(attached, o.record())
		}
	}
	var functions []string
	for _, f := range have.Functions {
		if f.Marked || f.Recorded {
			functions = append(functions, f.Name)
		}
	}
	// A record of what is still wanted stays: the answer to its statement may have been lost.
	applied = slices.Clone(attached)
	for _, r := range p.Status.Applied {
		if slices.Contains(have.WantedPlaces, r) {
			applied = append(applied, r)
		}
	}
	for _, f := range p.Status.Functions {
		if slices.Contains(have.WantedFunctions, f) {
			functions = append(functions, f)
		}
	}
	p.Status.Attached, p.Status.Applied, p.Status.Functions = sortedRecords(attached), sortedRecords(applied), sortedNames(functions)
}

func sortedNames(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

func sortedRecords(list []v1alpha1.AttachedFunction) []v1alpha1.AttachedFunction {
	slices.SortFunc(list, func(a, b v1alpha1.AttachedFunction) int {
		return strings.Compare(a.Column+" "+a.Function, b.Column+" "+b.Function)
	})
	return slices.Compact(list)
}
