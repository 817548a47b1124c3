// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"cmp"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// cellRule is one rule of a ToolAccess that allows a cell.
type cellRule struct {
	// until is when it ends; zero means never.
	until time.Time
	// rule is `<ToolAccess>/<name>`, and when its condition; both are empty without one.
	rule, when string
}

func ruleOf(a *v1alpha1.ToolAccess, rule v1alpha1.AccessRule) cellRule {
	var w cellRule
	if rule.Until != nil {
		w.until = rule.Until.UTC()
	}
	if rule.When != "" {
		w.rule, w.when = a.Name+"/"+rule.Name, rule.When
	}
	return w
}

// Ended says whether the time of a rule is over.
func (e Inventory) Ended(rule v1alpha1.AccessRule) bool {
	return rule.Until != nil && (e.Now.IsZero() || !e.Now.Before(rule.Until.Time))
}

// outlasts says whether one end comes after another. No end comes last.
func outlasts(a, b time.Time) bool {
	return !b.IsZero() && (a.IsZero() || a.After(b))
}

// allowRules are those of a cell in the document, sorted: nil where every call is allowed.
// Of rules without a condition the one that ends last counts. A rule with a condition that
// does not outlast it adds nothing.
func allowRules(rules []cellRule) []AllowRule {
	var plain *cellRule
	for _, w := range rules {
		if w.when == "" && (plain == nil || outlasts(w.until, plain.until)) {
			plain = &w
		}
	}
	var out []AllowRule
	if plain != nil {
		if plain.until.IsZero() {
			return nil
		}
		out = append(out, AllowRule{Until: plain.until})
	}
	for _, w := range rules {
		if w.when != "" && (plain == nil || outlasts(w.until, plain.until)) {
			out = append(out, AllowRule{Until: w.until, Rule: w.rule})
		}
	}
	slices.SortFunc(out, func(a, b AllowRule) int { return cmp.Or(cmp.Compare(a.Rule, b.Rule), a.Until.Compare(b.Until)) })
	return slices.Compact(out)
}
