// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/genie/rules"
)

var deals = rules.Table{Name: "main.sales.deals", Columns: []rules.Column{
	{Name: "deal_id", Type: "STRING"}, {Name: "region", Type: "STRING"}, {Name: "customer", Type: "STRING"},
	{Name: "amount", Type: "DECIMAL(18,2)"}, {Name: "margin_pct", Type: "DOUBLE"}, {Name: "closed_on", Type: "DATE"},
}}

var flights = rules.Table{Name: "ops.air.flights", Columns: []rules.Column{
	{Name: "carrier", Type: "STRING", Comment: "The airline that flies"}, {Name: "delay_minutes", Type: "INT"},
	{Name: "seats", Type: "INT"}, {Name: "origin city", Type: "STRING"}, {Name: "departed_at", Type: "TIMESTAMP"},
}}

// values are what the rows hold.
var values = map[string]map[string][]string{
	"main.sales.deals": {"region": {"WEST", "EAST"}, "customer": {"Acme Corp", "O'Neil"}},
	"ops.air.flights":  {"carrier": {"Blue Sky"}, "origin city": {"Oslo"}},
}

func find(_ context.Context, table string, columns []string, value string) (string, string, error) {
	for _, c := range columns {
		for _, v := range values[table][c] {
			if strings.EqualFold(v, value) {
				return c, v, nil
			}
		}
	}
	return "", "", nil
}

// ask puts questions one after the other and returns the last answer's SQL or clarification.
func ask(t *testing.T, questions ...string) string {
	t.Helper()
	var previous *rules.Query
	out := ""
	for _, q := range questions {
		a, err := rules.Ask(t.Context(), q, []rules.Table{deals, flights}, previous, find)
		if err != nil {
			t.Fatal(err)
		}
		out = a.Clarification
		if a.Query != nil {
			previous, out = a.Query, a.Query.SQL
		}
	}
	return out
}

func TestQuestionsBecomeSQL(t *testing.T) {
	const d, f = "main.sales.deals", "ops.air.flights"
	for question, want := range map[string]string{
		"total revenue by region":                           "SELECT region, SUM(amount) AS total_revenue FROM " + d + " GROUP BY region ORDER BY total_revenue DESC, region",
		"What is the average amount per customer?":          "SELECT customer, AVG(amount) AS average_amount FROM " + d + " GROUP BY customer ORDER BY average_amount DESC, customer",
		"how many deals are there":                          "SELECT COUNT(*) AS deal_count FROM " + d,
		"deals by region":                                   "SELECT region, COUNT(*) AS deal_count FROM " + d + " GROUP BY region ORDER BY deal_count DESC, region",
		"how many customers do we have in WEST":             "SELECT COUNT(DISTINCT customer) AS customer_count FROM " + d + " WHERE region = 'WEST'",
		"top 5 deals by amount":                             "SELECT * FROM " + d + " ORDER BY amount DESC LIMIT 5",
		"bottom 3 customers by revenue":                     "SELECT customer, SUM(amount) AS total_revenue FROM " + d + " GROUP BY customer ORDER BY total_revenue, customer LIMIT 3",
		"revenue for acme corp":                             "SELECT SUM(amount) AS total_revenue FROM " + d + " WHERE customer = 'Acme Corp'",
		"revenue for 'o''neil'":                             "Please specify what you mean by 'o'.",
		`revenue for "O'Neil"`:                              "SELECT SUM(amount) AS total_revenue FROM " + d + ` WHERE customer = 'O\'Neil'`,
		"total revenue in west or east by customer":         "SELECT customer, SUM(amount) AS total_revenue FROM " + d + " WHERE region IN ('WEST', 'EAST') GROUP BY customer ORDER BY total_revenue DESC, customer",
		"total revenue in the west region":                  "SELECT SUM(amount) AS total_revenue FROM " + d + " WHERE region = 'WEST'",
		"total revenue in NORTH":                            "SELECT SUM(amount) AS total_revenue FROM " + d + " WHERE region = 'NORTH'",
		"total revenue for region NORTH":                    "SELECT SUM(amount) AS total_revenue FROM " + d + " WHERE region = 'NORTH'",
		"total revenue except EAST":                         "SELECT SUM(amount) AS total_revenue FROM " + d + " WHERE region <> 'EAST'",
		"revenue by month":                                  "SELECT DATE_TRUNC('MONTH', closed_on) AS month, SUM(amount) AS total_revenue FROM " + d + " GROUP BY DATE_TRUNC('MONTH', closed_on) ORDER BY DATE_TRUNC('MONTH', closed_on)",
		"total revenue in 2024":                             "SELECT SUM(amount) AS total_revenue FROM " + d + " WHERE YEAR(closed_on) = 2024",
		"show deals with amount over 1.5k":                  "SELECT * FROM " + d + " WHERE amount > 1500",
		"list customer and amount where margin is below 10": "SELECT customer, amount FROM " + d + " WHERE margin_pct < 10",
		"deals closed on after 2024-01-31":                  "SELECT * FROM " + d + " WHERE closed_on > DATE'2024-01-31'",
		"highest amount":                                    "SELECT MAX(amount) AS max_amount FROM " + d,
		"average delay by airline":                          "SELECT carrier, AVG(delay_minutes) AS average_delay FROM " + f + " GROUP BY carrier ORDER BY average_delay DESC, carrier",
		"total seats by origin city":                        "SELECT `origin city`, SUM(seats) AS total_seats FROM " + f + " GROUP BY `origin city` ORDER BY total_seats DESC, `origin city`",
		"how many flights from Oslo":                        "SELECT COUNT(*) AS flight_count FROM " + f + " WHERE `origin city` = 'Oslo'",
		"show me the thing":                                 "Please specify what you mean by 'the thing'.",
		"total happiness by region":                         "Please specify what you mean by 'happiness'.",
		"total revenue by astrology":                        "Please specify what you mean by 'astrology'.",
		"top 5 customers":                                   "Please specify what you mean by 'top 5 customers'.",
		"average":                                           "Please specify what you mean by 'average'.",
		"hm?":                                               "Please specify what you mean by 'hm'.",
		"revenue for o'neil":                                "SELECT SUM(amount) AS total_revenue FROM " + d + ` WHERE customer = 'O\'Neil'`,
		"what's the customer's average amount":              "SELECT customer, AVG(amount) AS average_amount FROM " + d + " GROUP BY customer ORDER BY average_amount DESC, customer",
		"revenue'; DROP TABLE x --":                         "Please specify what you mean by 'DROP TABLE x'.",
	} {
		t.Run(question, func(t *testing.T) {
			if got := ask(t, question); got != want {
				t.Errorf("answered\n%s, want\n%s", got, want)
			}
		})
	}
}

func TestFollowUpsReadOrChangeTheAnswerBefore(t *testing.T) {
	const d = "main.sales.deals"
	const byRegion = "SELECT region, SUM(amount) AS total_revenue FROM " + d + " GROUP BY region ORDER BY total_revenue DESC, region"
	const with = "WITH revenue_by_region AS (" + byRegion + ") "
	for want, questions := range map[string][]string{
		with + "SELECT * FROM revenue_by_region ORDER BY total_revenue DESC LIMIT 5":       {"total revenue by region", "now show top 5 by amount"},
		with + "SELECT * FROM revenue_by_region WHERE region = 'WEST'":                     {"total revenue by region", "only in WEST"},
		with + "SELECT * FROM revenue_by_region WHERE total_revenue > 100":                 {"total revenue by region", "only with revenue over 100"},
		with + "SELECT AVG(total_revenue) AS average_total_revenue FROM revenue_by_region": {"total revenue by region", "now the average"},
		"SELECT customer, SUM(amount) AS total_revenue FROM " + d + " WHERE region = 'WEST' GROUP BY customer ORDER BY total_revenue DESC, customer": {
			"total revenue in WEST by region", "now by customer"},
		"SELECT SUM(amount) AS total_revenue FROM " + d + " WHERE region = 'EAST'": {"total revenue in WEST", "what about EAST"},
		"Please specify what you mean by 'the thing'.":                             {"total revenue by region", "now show top 5 by amount", "show me the thing"},
		"SELECT COUNT(*) AS flight_count FROM ops.air.flights":                     {"total revenue by region", "how many flights"},
		"WITH previous_rows AS (" + with + "SELECT * FROM revenue_by_region ORDER BY total_revenue DESC LIMIT 5) SELECT * FROM previous_rows ORDER BY total_revenue LIMIT 1": {
			"total revenue by region", "now show top 5 by amount", "then the bottom 1 by amount"},
	} {
		t.Run(strings.Join(questions, "; "), func(t *testing.T) {
			if got := ask(t, questions...); got != want {
				t.Errorf("answered\n%s, want\n%s", got, want)
			}
		})
	}
}

func TestAQueryIsDescribed(t *testing.T) {
	a, err := rules.Ask(t.Context(), "total revenue in WEST by region?", []rules.Table{deals}, nil, find)
	if err != nil || a.Query == nil {
		t.Fatal(a, err)
	}
	if a.Query.Title != "total revenue in WEST by region" || a.Query.Description != "This query returns total revenue by region of main.sales.deals, filtered on region." {
		t.Errorf("described as %q and %q", a.Query.Title, a.Query.Description)
	}
}

func TestALookupsErrorEndsTheQuestion(t *testing.T) {
	refused := errors.New("refused")
	_, err := rules.Ask(t.Context(), "total revenue for Acme", []rules.Table{deals}, nil,
		func(context.Context, string, []string, string) (string, string, error) { return "", "", refused })
	if !errors.Is(err, refused) {
		t.Errorf("the error is %v", err)
	}
}

func TestValuesAreLookedUpOnceAndInTextOnly(t *testing.T) {
	var asked []string
	_, err := rules.Ask(t.Context(), "what about gold", []rules.Table{deals}, nil, func(_ context.Context, table string, columns []string, value string) (string, string, error) {
		asked = append(asked, table+" "+strings.Join(columns, ",")+" "+value)
		return "", "", nil
	})
	if err != nil || !slices.Equal(asked, []string{"main.sales.deals deal_id,region,customer gold"}) {
		t.Errorf("asked for %q: %v", asked, err)
	}
}
