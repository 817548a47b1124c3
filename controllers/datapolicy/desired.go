// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"cmp"
	"slices"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/datapolicy"
)

// state is the row filter and the masks of one table, as far as a DataPolicy is
// concerned, and the functions that it made.
type state struct {
	Table string
	// Declared is what a desired state asks for. Nil asks for nothing.
	Declared *v1alpha1.DataPolicySpec
	// Target is, of an observed state, what the spec comes to at the table as it is: names
	// and bodies of functions depend on the types of columns.
	Target target
	// Changed is the last change of the table.
	Changed   admin.Change
	Places    []place
	Functions []function
}

// target is the places and functions that a spec comes to at a table.
type target struct {
	Places    []place
	Functions []function
	// Refused says why nothing can be written. Nothing else was observed then.
	Refused error
	// Unfinished says what is still missing when all of it is there.
	Unfinished error
}

// place is where a function can be at a table, with the one that is there.
type place struct {
	datapolicy.Attachment
	// Ours says that this DataPolicy has put it there.
	Ours bool
	// Held says that this DataPolicy has put a function there before: another one is drift.
	Held bool
}

func (p place) record() v1alpha1.AttachedFunction {
	return v1alpha1.AttachedFunction{Column: p.Column, Function: p.Function}
}

// function is one that was made, or is to be.
type function struct {
	datapolicy.Function
	// Marked says that it carries our mark, Recorded that we made it or were about to.
	Marked, Recorded bool
	Changed          admin.Change
}

func (f function) same(o function) bool {
	return f.Marked && o.Marked && f.Parameters == o.Parameters && f.Returns == o.Returns && datapolicy.SameBody(f.Body, o.Body)
}

// Desired is pure. It copies the part of the spec that decides; Observe renders it for the
// columns of the table.
func (adapter) Desired(in input) (state, error) {
	if in.outside != nil {
		return state{}, in.outside
	}
	if in.refused != nil {
		return state{}, in.refused
	}
	spec := in.policy.Spec.DeepCopy()
	// These decide how something is written, and not what.
	spec.WarehouseID, spec.ManagementPolicy, spec.DeletionPolicy = "", "", ""
	return state{Table: string(spec.Table), Declared: spec}, nil
}

// at returns the place of a column, or of the row filter.
func at(list []place, column string) *place {
	if i := slices.IndexFunc(list, func(p place) bool { return p.Column == column }); i >= 0 {
		return &list[i]
	}
	return nil
}

// named returns a function by its full name.
func named(list []function, name string) *function {
	if i := slices.IndexFunc(list, func(f function) bool { return f.Name == name }); i >= 0 {
		return &list[i]
	}
	return nil
}

func (s *state) sort() {
	slices.SortFunc(s.Places, func(a, b place) int { return cmp.Compare(a.Column, b.Column) })
	slices.SortFunc(s.Functions, func(a, b function) int { return cmp.Compare(a.Name, b.Name) })
}

// without returns the state without what a step is about.
func (s state) without(step state) state {
	s.Places = slices.DeleteFunc(slices.Clone(s.Places), func(p place) bool { return at(step.Places, p.Column) != nil })
	s.Functions = slices.DeleteFunc(slices.Clone(s.Functions), func(f function) bool { return named(step.Functions, f.Name) != nil })
	return s
}
