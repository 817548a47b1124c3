// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/mcp/server"
)

// on makes the cell of west and query_sales_data depend on conditions, of which one must hold.
func on(expressions ...string) func(*access.Document) {
	return func(d *access.Document) {
		d.Conditions = map[string]string{}
		var terms []access.AllowRule
		for i, e := range expressions {
			rule := fmt.Sprintf("matrix/r%d", i)
			d.Conditions[rule] = e
			terms = append(terms, access.AllowRule{Rule: rule})
		}
		d.AllowRules = map[string]map[string][]access.AllowRule{"sales/west": {"query_sales_data": terms}}
	}
}

func TestConditionsDecide(t *testing.T) {
	const both, one = "check_identity query_sales_data", "check_identity"
	region := map[string]any{"region": "WEST", "limit": 10}
	for name, c := range map[string]struct {
		conditions []string
		args       map[string]any
		listed     string
		denied     bool
		reason     string // in the log
	}{
		"of the caller":            {conditions: []string{`caller.role == 'sales/west' && caller.claims.level >= 3`}, listed: both},
		"of another caller":        {conditions: []string{`caller.claims.level > 3`}, listed: one, denied: true, reason: "false"},
		"of an e-mail address":     {conditions: []string{`caller.email.endsWith('@partner.example') && caller.subject == 'auth0|west'`}, listed: both},
		"of the arguments":         {conditions: []string{`args.region == 'WEST' && args.limit <= 10`}, args: region, listed: both},
		"of other arguments":       {conditions: []string{`args.region == 'EAST'`}, args: region, listed: both, denied: true, reason: "false"},
		"of an argument left out":  {conditions: []string{`args.region == 'WEST'`}, listed: both, denied: true, reason: "missing key"},
		"of a claim that is not":   {conditions: []string{`caller.claims.unheard == 1`}, listed: one, denied: true, reason: "missing key"},
		"of the tool":              {conditions: []string{`tool == 'query_sales_data'`}, listed: both},
		"of the time":              {conditions: []string{`now < timestamp('2020-01-01T00:00:00Z')`}, listed: one, denied: true, reason: "false"},
		"one of several holds":     {conditions: []string{`caller.claims.unheard == 1`, `tool == 'x'`, `args.limit == 10`}, args: region, listed: both},
		"what does not compile":    {conditions: []string{`caller.role ==`}, listed: one, denied: true, reason: "cannot be used"},
		"what does, beside it":     {conditions: []string{`caller.role ==`, `true`}, listed: both},
		"that fails on a value":    {conditions: []string{`caller.claims.level.startsWith('x')`}, listed: one, denied: true, reason: "type"},
		"a condition and a number": {conditions: []string{`args.big == 9007199254740993`}, args: map[string]any{"big": int64(9007199254740993)}, listed: both},
	} {
		t.Run(name, func(t *testing.T) {
			g := serving(t, on(c.conditions...))
			s := g.client(g.signed(goodClaims("west").with("level", 3).with("canary", "claim-canary")), "2025-11-25")
			if got := listed(t, s); got != c.listed {
				t.Errorf("listed %q, want %q", got, c.listed)
			}
			a := ask(t, s, "query_sales_data", c.args)
			_, statements := g.workspace.counts()
			if !c.denied {
				if a.Status != "ok" {
					t.Errorf("answered %+v", a)
				}
				return
			}
			if a.Error.Code != "ACCESS_DENIED" || !strings.Contains(a.Error.Message, "a condition of its rule") || a.RequestID == "" || statements != 0 {
				t.Errorf("answered %+v after %d statements", a, statements)
			}
			logs := g.logs.String()
			if !strings.Contains(logs, `"rule":"matrix/r0","reason":"`+c.reason+`"`) {
				t.Errorf("the log does not say %q:\n%s", c.reason, logs)
			}
			for _, value := range []string{"WEST", "claim-canary", "@partner"} {
				if strings.Contains(logs, value) || strings.Contains(a.Error.Message, value) {
					t.Errorf("%q is in the log or the answer", value)
				}
			}
		})
	}
}

func TestArgumentsAreCheckedBeforeAConditionSeesThem(t *testing.T) {
	g := serving(t, on(`args.region == 'WEST'`))
	s := g.client(g.token("west"), "2025-11-25")
	if a := ask(t, s, "query_sales_data", map[string]any{"region": "NORTH"}); a.Error.Code != "INVALID_ARGUMENT" {
		t.Errorf("answered %+v", a)
	}
	if a := ask(t, g.client(g.token("exec"), "2025-11-25"), "query_sales_data", nil); a.Status != "ok" {
		t.Errorf("the role without a condition got %+v", a)
	}
}

func TestAConditionalCellEndsAndAPlainOneBesideItStays(t *testing.T) {
	c := &clock{}
	g := start(t, func(o *server.Options) { o.Now = c.now })
	d := document(t, g.key.public("RS256"))
	on(`args.limit <= 10`)(&d)
	soon := time.Now().Add(time.Minute).UTC().Truncate(time.Second)
	d.AllowRules["sales/west"]["query_sales_data"] = []access.AllowRule{{Until: soon}, {Rule: "matrix/r0", Until: soon.Add(time.Minute)}}
	g.serve(d)
	s := g.client(g.token("west"), "2025-11-25")
	for _, step := range []struct {
		limit  int
		denied bool
	}{{50, false}, {50, true}, {10, false}, {10, true}} {
		a := ask(t, s, "query_sales_data", map[string]any{"limit": step.limit})
		if denied := a.Error.Code == "ACCESS_DENIED"; denied != step.denied {
			t.Errorf("with %d at %v: %+v", step.limit, c.ahead.Load(), a)
		}
		if step.limit == 50 && !step.denied || step.limit == 10 {
			c.advance(time.Minute)
		}
	}
	if got := listed(t, s); got != "check_identity" {
		t.Errorf("listed %q after the end", got)
	}
}

func TestADocumentWithAConditionThatDoesNotCompileIsServedAndSaysSo(t *testing.T) {
	g := serving(t, on(`tool.matches(args.pattern)`))
	if logs := g.logs.String(); !strings.Contains(logs, "Cannot use a condition") || !strings.Contains(logs, "matrix/r0") {
		t.Errorf("the log does not tell:\n%s", logs)
	}
	if a := ask(t, g.client(g.token("west"), "2025-11-25"), "check_identity", nil); a.Status != "ok" {
		t.Errorf("another cell answered %+v", a)
	}
}
