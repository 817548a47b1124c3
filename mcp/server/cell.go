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

// cell is a cell of the matrix that can say yes. Nil is one that cannot.
type cell struct {
	// terms are those of the document; none means a plain yes.
	terms []term
}

// term is one way in which a cell says yes.
type term struct {
	until time.Time // zero means never
	// rule names the condition; empty means that there is none.
	rule string
	// program is the condition. Nil, with a rule, is one that cannot be used.
	program *when.Program
}

// cellOf makes a cell of its terms. Conditions are those of the document, compiled.
func cellOf(terms []access.Term, conditions map[string]*when.Program) *cell {
	c := &cell{}
	for _, t := range terms {
		c.terms = append(c.terms, term{until: t.Until, rule: t.Rule, program: conditions[t.Rule]})
	}
	return c
}

// compileConditions compiles those of a document. What does not compile is left out,
// which denies the cells that hang on it, and is told by its rule.
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
func (t term) ended(now time.Time) bool { return !t.until.IsZero() && !now.Before(t.until) }

// saying is what a cell says of a call.
type saying int

const (
	no saying = iota
	// conditional: a condition of the rule decides, or decided, and did not hold.
	conditional
	yes
)

// lists says whether the tool is shown to the caller: whether the cell could say yes
// now, with arguments that are not known yet. It is also the first look at a call.
func (c *cell) lists(ctx context.Context, snap *snapshot, caller *principal, tool string, now time.Time) saying {
	return c.judge(caller, now, func(t term) bool {
		if t.program.MentionsArgs() {
			return true
		}
		holds, _ := t.program.Holds(ctx, snap.input(caller, tool, when.Values{}, now))
		return holds
	}, nil)
}

// permits says whether the caller may call the tool with these arguments. Told is called
// with each condition that did not hold, and why.
func (c *cell) permits(ctx context.Context, snap *snapshot, caller *principal, tool string, args tools.Arguments, now time.Time, told func(rule, why string)) saying {
	var values when.Values
	known := false
	return c.judge(caller, now, func(t term) bool {
		if !known && t.program.MentionsArgs() {
			values, known = when.ValuesOf(args), true
		}
		holds, err := t.program.Holds(ctx, snap.input(caller, tool, values, now))
		switch {
		case err != nil:
			told(t.rule, err.Error())
		case !holds:
			told(t.rule, "false")
		}
		return holds
	}, told)
}

// judge goes through the terms: one that holds is enough, and those without a condition come first.
func (c *cell) judge(caller *principal, now time.Time, holds func(term) bool, told func(rule, why string)) saying {
	if c == nil || caller == nil {
		return no
	}
	if c.plain(now) {
		return yes
	}
	out := no
	for _, t := range c.terms {
		switch {
		case t.rule == "" || t.ended(now):
			continue
		case t.program == nil:
			if told != nil {
				told(t.rule, "cannot be used")
			}
		case holds(t):
			return yes
		}
		out = conditional
	}
	return out
}

// plain says whether the cell says yes whatever the call.
func (c *cell) plain(now time.Time) bool {
	for _, t := range c.terms {
		if t.rule == "" && !t.ended(now) {
			return true
		}
	}
	return len(c.terms) == 0
}

// input is what conditions decide from.
func (s *snapshot) input(caller *principal, tool string, args when.Values, now time.Time) when.Input {
	return when.Input{
		Caller: when.Caller{Role: caller.Role, Subject: caller.Subject, Email: caller.Email, Issuer: caller.Issuer, Claims: caller.claims},
		Args:   args, Tool: tool, Now: now,
	}
}

// refusal is the error of a call that a cell does not allow. It holds no value.
func refusal(a saying, tool string) error {
	if a == conditional {
		return tools.Errorf(tools.CodeAccessDenied, "your role may call %s on a condition of its rule only, which does not hold for this call", tool)
	}
	return tools.Errorf(tools.CodeAccessDenied, "your role may not call %s", tool)
}
