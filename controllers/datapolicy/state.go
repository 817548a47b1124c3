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
	// Changed is the last change of the table.
	Changed   admin.Change
	Places    []place
	Functions []function
	// Adopt says, of a wanted state, that what others have set is replaced.
	Adopt bool
	// Unfinished says, of a wanted state, what is still missing from it when all of it is there.
	Unfinished error
	// WantedPlaces and WantedFunctions are, of an observed state, what the spec asks for: for the report.
	WantedPlaces    []v1alpha1.AttachedFunction
	WantedFunctions []string
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

func (s state) at(column string) *place {
	if i := slices.IndexFunc(s.Places, func(p place) bool { return p.Column == column }); i >= 0 {
		return &s.Places[i]
	}
	return nil
}

func (s state) function(name string) *function {
	if i := slices.IndexFunc(s.Functions, func(f function) bool { return f.Name == name }); i >= 0 {
		return &s.Functions[i]
	}
	return nil
}

func (s *state) sort() {
	slices.SortFunc(s.Places, func(a, b place) int { return cmp.Compare(a.Column, b.Column) })
	slices.SortFunc(s.Functions, func(a, b function) int { return cmp.Compare(a.Name, b.Name) })
}

// without returns the state without what a step is about.
func (s state) without(step state) state {
	s.Places = slices.DeleteFunc(slices.Clone(s.Places), func(p place) bool { return step.at(p.Column) != nil })
	s.Functions = slices.DeleteFunc(slices.Clone(s.Functions), func(f function) bool { return step.function(f.Name) != nil })
	return s
}
