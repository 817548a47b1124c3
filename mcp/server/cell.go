// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/when"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
)

// cell is a cell of the matrix that can allow a call. Nil is one that denies every call.
type cell struct {
	// rules are those of the document; none means that every call is allowed.
	rules []allowRule
}

// allowRule is one rule by which a cell allows a call.
type allowRule struct {
	until time.Time // zero means never
	// rule names the condition; empty means that there is none.
	rule string
	// program is the condition. Nil, with a rule, is one that cannot be used.
	program *when.Program
}

// cellOf makes a cell of its rules. Conditions are the compiled expressions of the document.
func cellOf(rules []access.AllowRule, conditions map[string]*when.Program) *cell {
	c := &cell{}
	for _, t := range rules {
		c.rules = append(c.rules, allowRule{until: t.Until, rule: t.Rule, program: conditions[t.Rule]})
	}
	return c
}

// compileConditions compiles those of a document. What does not compile is left out,
// which denies the cells that hang on it, and is report by its rule.
func compileConditions(doc access.Document) (programs map[string]*when.Program, broken map[string]error) {
	programs, broken = map[string]*when.Program{}, map[string]error{}
	for rule, expression := range doc.Conditions {
		p, err := when.Compile(expression)
		if err != nil {
			broken[rule] = err
			continue
		}
		programs[rule] = p
	}
	return programs, broken
}

// ended says whether the time of a term is over.
func (t allowRule) ended(now time.Time) bool { return !t.until.IsZero() && !now.Before(t.until) }

// decision is the result of a cell for a call.
type decision int

const (
	deny decision = iota
	// conditional means that the `when` expression of a rule decides, and did not hold.
	conditional
	allow
)

// lists decides whether the tool is listed for the caller: whether the cell could allow a
// call now, with arguments that are not known yet. It is also the first check of a call.
func (c *cell) lists(ctx context.Context, snap *snapshot, caller *principal, tool string, now time.Time) decision {
	return c.decide(caller, now, func(t allowRule) bool {
		if t.program.MentionsArgs() {
			return true
		}
		holds, _ := t.program.Holds(ctx, snap.input(caller, tool, when.Values{}, now))
		return holds
	}, nil)
}

// permits decides whether the caller may call the tool with these arguments. It calls
// report with each condition that did not hold, and the cause.
func (c *cell) permits(ctx context.Context, snap *snapshot, caller *principal, tool string, args tools.Arguments, now time.Time, report func(rule, why string)) decision {
	var values when.Values
	known := false
	return c.decide(caller, now, func(t allowRule) bool {
		if !known && t.program.MentionsArgs() {
			values, known = when.ValuesOf(args), true
		}
		holds, err := t.program.Holds(ctx, snap.input(caller, tool, values, now))
		switch {
		case err != nil:
			report(t.rule, err.Error())
		case !holds:
			report(t.rule, "false")
		}
		return holds
	}, report)
}

// decide evaluates the rules: one that holds is enough, and those without a condition come first.
func (c *cell) decide(caller *principal, now time.Time, holds func(allowRule) bool, report func(rule, why string)) decision {
	if c == nil || caller == nil {
		return deny
	}
	if c.plain(now) {
		return allow
	}
	out := deny
	for _, t := range c.rules {
		switch {
		case t.rule == "" || t.ended(now):
			continue
		case t.program == nil:
			if report != nil {
				report(t.rule, "cannot be used")
			}
		case holds(t):
			return allow
		}
		out = conditional
	}
	return out
}

// plain is true when the cell allows every call.
func (c *cell) plain(now time.Time) bool {
	for _, t := range c.rules {
		if t.rule == "" && !t.ended(now) {
			return true
		}
	}
	return len(c.rules) == 0
}

// input is what conditions decide from.
func (s *snapshot) input(caller *principal, tool string, args when.Values, now time.Time) when.Input {
	return when.Input{
		Caller: when.Caller{Role: caller.Role, Subject: caller.Subject, Email: caller.Email, Issuer: caller.Issuer, Claims: caller.claims},
		Args:   args, Tool: tool, Now: now,
	}
}

// refusal is the error of a call that a cell does not allow. It holds no value.
func refusal(a decision, tool string) error {
	if a == conditional {
		return tools.Errorf(tools.CodeAccessDenied, "your role may call %s on a condition of its rule only, which does not hold for this call", tool)
	}
	return tools.Errorf(tools.CodeAccessDenied, "your role may not call %s", tool)
}
