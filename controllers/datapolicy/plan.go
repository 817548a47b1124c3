// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"fmt"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

type step = external.Step[state]

// Plan is pure.
func (adapter) Plan(want, have state) (external.Plan[state], error) { return planned(want, have) }

// planned is the writes that lead from one state to another: functions are made, then
// put in their places, and what is left over goes last. While something is
// missing nothing is taken away.
func planned(want, have state) (external.Plan[state], error) {
	if want.Declared == nil {
		return leftovers(target{}, have), nil
	}
	goal, adopt := have.Target, want.Declared.Adoption == v1alpha1.AdoptionAdopt
	if goal.Refused != nil {
		return nil, goal.Refused
	}
	unfinished := goal.Unfinished
	blocked := map[string]bool{} // functions whose place is somebody else's
	var places external.Plan[state]
	for _, w := range goal.Places {
		h := at(have.Places, w.Column)
		one := state{Table: want.Table, Places: []place{w}}
		switch {
		case h == nil:
			places = append(places, step{Verb: external.Create, Target: text(want.Table, w.Column), Want: one, Diff: differences(place{}, w)})
		case h.Attachment == w.Attachment:
		case !h.Ours && !h.Held && !adopt:
			blocked[w.Function] = true
			unfinished = fault.Conflict(v1alpha1.ReasonNotOurs, fmt.Errorf(
				"%s is the function %s, which this DataPolicy has not put there; set `adoption` to Adopt to replace it", text(want.Table, w.Column), h.Function))
		default:
			places = append(places, step{Verb: external.Update, Target: text(want.Table, w.Column), Want: one, Diff: differences(*h, w)})
		}
	}
	var out external.Plan[state]
	for _, w := range goal.Functions {
		h := named(have.Functions, w.Name)
		one := state{Table: want.Table, Functions: []function{w}}
		switch {
		case blocked[w.Name]:
		case h == nil:
			out = append(out, step{Verb: external.Create, Target: "the function " + w.Name, Want: one})
		case !h.Marked && !h.Recorded:
			return nil, fault.Conflict(v1alpha1.ReasonNotOurs, fmt.Errorf("the function %s exists and does not carry our mark", w.Name))
		case !h.same(w):
			// The body is not shown: a plan can end in a log.
			out = append(out, step{Verb: external.Update, Target: "the function " + w.Name, Want: one, Diff: []external.Difference{{Path: "definition", Have: "another", Want: "the spec's"}}})
		}
	}
	out = append(out, places...)
	if unfinished == nil {
		out = append(out, leftovers(goal, have)...)
	}
	if len(out) == 0 && unfinished != nil {
		return nil, unfinished
	}
	return out, nil
}

// leftovers takes away what is ours and no longer wanted.
func leftovers(goal target, have state) external.Plan[state] {
	var out external.Plan[state]
	for _, h := range have.Places {
		if h.Ours && at(goal.Places, h.Column) == nil {
			out = append(out, step{Verb: external.Delete, Target: text(have.Table, h.Column), Want: state{Table: have.Table, Places: []place{h}}, Diff: differences(h, place{})})
		}
	}
	for _, h := range have.Functions {
		if h.Marked && named(goal.Functions, h.Name) == nil {
			out = append(out, step{Verb: external.Delete, Target: "the function " + h.Name, Want: state{Table: have.Table, Functions: []function{h}}})
		}
	}
	return out
}

func text(table, column string) string {
	if column == "" {
		return "the row filter of " + table
	}
	return fmt.Sprintf("the mask of the column %s of %s", column, table)
}

func differences(have, want place) []external.Difference {
	shown := func(p place) string {
		if p.Function == "" {
			return ""
		}
		return p.Function + "(" + strings.ReplaceAll(p.Arguments, ",", ", ") + ")"
	}
	return []external.Difference{{Path: "function", Have: shown(have), Want: shown(want)}}
}
