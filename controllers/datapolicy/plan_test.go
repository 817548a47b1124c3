// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/datapolicy"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

func TestPlanned(t *testing.T) {
	declared := func(adoption v1alpha1.AdoptionPolicy) state {
		return state{Table: "t", Declared: &v1alpha1.DataPolicySpec{Adoption: adoption}}
	}
	at := func(column, function string, ours bool) place {
		return place{Attachment: datapolicy.Attachment{Column: column, Function: function}, Ours: ours}
	}
	drifted := at("", "theirs", false)
	drifted.Held = true
	made := func(name, body string) function {
		return function{Function: datapolicy.Function{Name: name, Body: body}, Marked: true, Recorded: true}
	}
	unmarked := made("f2", "x")
	unmarked.Marked = false
	foreign := unmarked
	foreign.Recorded = false
	waits := fault.Waiting(v1alpha1.ReasonSecurableNotFound, errors.New("the table t has no column c"))
	goal := target{Places: []place{at("", "f2", true)}, Functions: []function{made("f2", "x")}}
	unfinished := goal
	unfinished.Unfinished = waits
	have := func(goal target, places []place, functions ...function) state {
		return state{Table: "t", Target: goal, Places: places, Functions: functions}
	}
	const (
		create, attach = "Create the function f2", `Create the row filter of t (function: "" -> "f2()")`
		replace        = `Update the row filter of t (function: "f1()" -> "f2()")`
		rewrite        = `Update the function f2 (definition: "another" -> "the spec's")`
		drop           = "Delete the function f1"
	)
	for name, c := range map[string]struct {
		want, have state
		steps      []string
		reason     string
	}{
		"a function is created before it is attached": {declared("Never"), have(goal, nil), []string{create, attach}, ""},
		"in sync": {declared("Never"), have(goal, []place{at("", "f2", true)}, made("f2", "x")), nil, ""},
		"a replacement is in place before the old goes": {declared("Never"), have(goal, []place{at("", "f1", true)}, made("f1", "y")), []string{create, replace, drop}, ""},
		"another body is written anew":                  {declared("Never"), have(goal, []place{at("", "f2", true)}, made("f2", "y")), []string{rewrite}, ""},
		"a lost mark is written anew":                   {declared("Never"), have(goal, []place{at("", "f2", true)}, unmarked), []string{rewrite}, ""},
		"a function of others stops everything":         {declared("Adopt"), have(goal, nil, foreign), nil, v1alpha1.ReasonNotOurs},
		"a filter of others stays":                      {declared("Never"), have(goal, []place{at("", "theirs", false)}), nil, v1alpha1.ReasonNotOurs},
		"unless it is adopted": {declared("Adopt"), have(goal, []place{at("", "theirs", false)}),
			[]string{create, `Update the row filter of t (function: "theirs()" -> "f2()")`}, ""},
		"or took the place of ours": {declared("Never"), have(goal, []place{drifted}, made("f2", "x")),
			[]string{`Update the row filter of t (function: "theirs()" -> "f2()")`}, ""},
		"while something is missing, what can be done is done and nothing is removed": {declared("Never"), have(unfinished, []place{at("", "f1", true)}, made("f1", "y")), []string{create, replace}, ""},
		"then what is missing is reported":                                            {declared("Never"), have(unfinished, []place{at("", "f2", true)}, made("f2", "x"), made("f1", "y")), nil, v1alpha1.ReasonSecurableNotFound},
		"a table that cannot be governed":                                             {declared("Never"), have(target{Refused: waits}, nil), nil, v1alpha1.ReasonSecurableNotFound},
		"a mask that is no longer declared is detached": {declared("Never"), have(goal, []place{at("", "f2", true), at("c", "f1", true)}, made("f2", "x"), made("f1", "y")),
			[]string{`Delete the mask of the column c of t (function: "f1()" -> "")`, drop}, ""},
		"towards nothing, what is ours goes, and of functions only marked ones": {state{}, have(target{}, []place{at("", "f1", true), at("c", "theirs", false)}, made("f1", "y"), unmarked),
			[]string{`Delete the row filter of t (function: "f1()" -> "")`, drop}, ""},
		"towards nothing, with nothing there": {state{}, state{Table: "t"}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			plan, err := planned(c.want, c.have)
			var got []string
			for _, s := range plan {
				got = append(got, s.String())
			}
			if diff := cmp.Diff(c.steps, got); diff != "" {
				t.Error(diff)
			}
			reason := ""
			if f := fault.Of(err); f != nil {
				reason = f.Reason
			}
			if reason != c.reason {
				t.Errorf("got %v, want %q", err, c.reason)
			}
		})
	}
}
