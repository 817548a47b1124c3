// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/datapolicy"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Observe reads the table and the functions that are at it, recorded or part of the target.
func (a adapter) Observe(ctx context.Context, in input) (state, error) {
	out := state{Table: string(in.policy.Spec.Table)}
	if in.client == nil {
		return out, nil
	}
	table, err := in.client.Table(ctx, out.Table)
	if err != nil {
		return state{}, err
	}
	if !in.deleting {
		if out.Target, err = a.target(ctx, in, table); err != nil || out.Target.Refused != nil {
			return out, err
		}
	}
	if table != nil {
		out.Changed = table.Changed
	}
	attached := attachments(table)
	if out.Functions, err = functions(ctx, in, out.Target, attached); err != nil {
		return state{}, err
	}
	for _, at := range attached {
		p := in.place(at, out)
		// An attachment of others is of interest only where it is in the way.
		if p.Ours || slices.ContainsFunc(out.Target.Places, func(w place) bool { return w.Column == at.Column }) {
			out.Places = append(out.Places, p)
		}
	}
	// A function of others is at most in the way of a wanted one.
	out.Functions = slices.DeleteFunc(out.Functions, func(f function) bool {
		return !f.Marked && !f.Recorded && named(out.Target.Functions, f.Name) == nil
	})
	out.sort()
	return out, nil
}

// functions reads the functions that are recorded, part of the target, or attached with our prefix.
func functions(ctx context.Context, in input, want target, attached []datapolicy.Attachment) ([]function, error) {
	names := slices.Clone(in.functions)
	for _, f := range want.Functions {
		names = append(names, f.Name)
	}
	for _, a := range attached {
		if base := a.Function[strings.LastIndex(a.Function, ".")+1:]; strings.HasPrefix(base, datapolicy.Prefix) {
			names = append(names, a.Function)
		}
	}
	slices.Sort(names)
	var out []function
	for _, n := range slices.Compact(names) {
		f, err := in.client.Function(ctx, n)
		if err != nil {
			return nil, err
		}
		if f != nil {
			out = append(out, functionOf(n, f, in))
		}
	}
	return out, nil
}

// place is an attachment with whose it is. Have holds the functions.
func (in input) place(at datapolicy.Attachment, have state) place {
	p := place{Attachment: at}
	f := named(have.Functions, at.Function)
	p.Held = slices.ContainsFunc(in.applied, func(r v1alpha1.AttachedFunction) bool { return r.Column == at.Column })
	p.Ours = f != nil && f.Marked || slices.Contains(in.applied, p.record()) || slices.Contains(*in.attached, p.record()) ||
		in.policy.Spec.Adoption == v1alpha1.AdoptionAdopt && slices.ContainsFunc(have.Target.Places, func(w place) bool { return w.Attachment == at })
	return p
}

// target turns the spec into SQL for the columns that the table has.
func (a adapter) target(ctx context.Context, in input, table *admin.Table) (target, error) {
	p := in.policy
	switch {
	case table == nil:
		return target{Refused: fault.Waiting(v1alpha1.ReasonSecurableNotFound, fmt.Errorf("the table %s does not exist, or the operator may not see it", p.Spec.Table))}, nil
	case table.View:
		return target{Refused: fault.Invalid(v1alpha1.ReasonInvalid, fmt.Errorf("%s is a view, and only tables have row filters and masks", p.Spec.Table))}, nil
	}
	types := map[string]string{}
	for _, c := range table.Columns {
		types[c.Name] = c.Type
	}
	rendered, err := datapolicy.Render(a.installation, p, types)
	if err != nil {
		return target{Refused: fault.Invalid(v1alpha1.ReasonInvalid, err)}, nil
	}
	var out target
	if len(rendered.Missing) > 0 {
		out.Unfinished = fault.Waiting(v1alpha1.ReasonSecurableNotFound, fmt.Errorf("the table %s has no column %s", p.Spec.Table, strings.Join(rendered.Missing, ", ")))
	}
	for _, f := range rendered.Functions {
		out.Functions = append(out.Functions, function{Function: f, Marked: true, Recorded: true})
	}
	for _, at := range rendered.Attachments {
		// A place that needs a function of others which does not exist is left out.
		if named(out.Functions, at.Function) == nil {
			f, err := in.client.Function(ctx, at.Function)
			if err != nil {
				return out, err
			}
			if f == nil {
				out.Unfinished = fault.Waiting(v1alpha1.ReasonFunctionNotFound, fmt.Errorf("the function %s does not exist, or the operator may not see it", at.Function))
				continue
			}
		}
		out.Places = append(out.Places, place{Attachment: at, Ours: true})
	}
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

// functionOf is a function as Unity Catalog has it.
func functionOf(name string, f *admin.Function, in input) function {
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
