// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"cmp"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// way is what one rule says of a cell.
type way struct {
	// until is when it ends; zero means never.
	until time.Time
	// rule is `<ToolAccess>/<name>`, and when its condition; both are empty without one.
	rule, when string
}

func wayOf(a *v1alpha1.ToolAccess, rule v1alpha1.AccessRule) way {
	var w way
	if rule.Until != nil {
		w.until = rule.Until.UTC()
	}
	if rule.When != "" {
		w.rule, w.when = a.Name+"/"+rule.Name, rule.When
	}
	return w
}

// Ended says whether the time of a rule is over.
func (e Estate) Ended(rule v1alpha1.AccessRule) bool {
	return rule.Until != nil && (e.Now.IsZero() || !e.Now.Before(rule.Until.Time))
}

// outlasts says whether one end comes after another. No end comes last.
func outlasts(a, b time.Time) bool {
	return !b.IsZero() && (a.IsZero() || a.After(b))
}

// terms are those of a cell in the document, sorted: nil where it is a plain yes. Of
// what is given without a condition the last end counts, and a condition that does not
// outlast it says nothing more.
func terms(ways []way) []Term {
	var plain *way
	for _, w := range ways {
		if w.when == "" && (plain == nil || outlasts(w.until, plain.until)) {
			plain = &w
		}
	}
	var out []Term
	if plain != nil {
		if plain.until.IsZero() {
			return nil
		}
		out = append(out, Term{Until: plain.until})
	}
	for _, w := range ways {
		if w.when != "" && (plain == nil || outlasts(w.until, plain.until)) {
			out = append(out, Term{Until: w.until, Rule: w.rule})
		}
	}
	slices.SortFunc(out, func(a, b Term) int { return cmp.Or(cmp.Compare(a.Rule, b.Rule), a.Until.Compare(b.Until)) })
	return slices.Compact(out)
}
