// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package vectorsearch

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/sqlengine"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

func TestEmbeddingsAreTheSameEveryTimeAndHaveLengthOne(t *testing.T) {
	const text = "Refunds are paid within 30 days; bring the receipt. Größe und Übermaß."
	first := Embed(text)
	if norm := first.Cosine(first); math.Abs(norm-1) > 1e-9 {
		t.Errorf("the length is %v", norm)
	}
	for range 50 {
		if Embed(text) != first {
			t.Fatal("another embedding of the same text")
		}
	}
	if Embed("REFUNDS, are paid... within 30 days, bring the receipt! größe UND übermaß") != first {
		t.Error("case or punctuation makes a difference")
	}
	if Embed(" .,! ") != (Vector{}) {
		t.Error("a text without words has an embedding")
	}
}

func TestNearTextsScoreHigherThanFarOnes(t *testing.T) {
	question := Embed("How long does a refund take?")
	near, related, far := Embed("Refunds take thirty days."), Embed("Refunding policy"), Embed("The office is closed on Sunday.")
	if a, b, c := score(question, near), score(question, related), score(question, far); a <= b || b <= c {
		t.Errorf("scores %v, %v, %v do not fall", a, b, c)
	}
	if same := score(question, question); math.Abs(same-1) > 1e-9 {
		t.Errorf("the same text scores %v, want 1", same)
	}
	if opposite := Embed("hat"); math.Abs(opposite.Cosine(Embed("zebra crossing"))) > 0.3 {
		t.Error("texts that share nothing are alike")
	}
}

func cells(values ...any) []*string {
	out := make([]*string, len(values))
	for i, v := range values {
		if text, ok := v.(string); ok {
			out[i] = &text
		}
	}
	return out
}

func TestFilters(t *testing.T) {
	columns := []sqlengine.ResultColumn{
		{Name: "id", TypeName: "BIGINT"}, {Name: "region", TypeName: "STRING"}, {Name: "stars", TypeName: "DOUBLE"},
		{Name: "open", TypeName: "BOOLEAN"}, {Name: "day", TypeName: "DATE"}, {Name: "tags", TypeName: "ARRAY", TypeText: "ARRAY<STRING>"},
	}
	rows := [][]*string{
		cells("1", "WEST coast", "4.5", "true", "2026-01-31", "[]"),
		cells("2", "EAST", "1.0E7", "false", "2026-02-01", "[]"),
		cells("9007199254740993", "F-150", "NaN", nil, nil, "[]"),
		cells("4", nil, nil, "true", "2025-12-31", "[]"),
	}
	for name, c := range map[string]struct {
		raw  string
		want []int // positions of the rows that pass, or
		code int   // the status of the refusal
	}{
		"none":                             {``, []int{0, 1, 2, 3}, 0},
		"an empty object":                  {`{}`, []int{0, 1, 2, 3}, 0},
		"equality":                         {`{"region":"EAST"}`, []int{1}, 0},
		"equality is of the whole text":    {`{"region":"WEST"}`, nil, 0},
		"columns in any case":              {`{"REGION":"EAST"}`, []int{1}, 0},
		"a list is one of":                 {`{"region":["EAST","F-150"]}`, []int{1, 2}, 0},
		"not, and NULL does not pass":      {`{"region NOT":"EAST"}`, []int{0, 2}, 0},
		"none of":                          {`{"region NOT":["EAST","F-150"]}`, []int{0}, 0},
		"a token":                          {`{"region LIKE":"WEST"}`, []int{0}, 0},
		"a part of a token":                {`{"region LIKE":"WES"}`, nil, 0},
		"a pattern":                        {`{"region LIKE":"%-1%"}`, []int{2}, 0},
		"less":                             {`{"stars <":5}`, []int{0}, 0},
		"less or equal":                    {`{"stars <=":4.50}`, []int{0}, 0},
		"more, with an exponent":           {`{"stars >":9999999}`, []int{1}, 0},
		"a range":                          {`{"id >=":2,"id <":5}`, []int{1, 3}, 0},
		"whole numbers are exact":          {`{"id":9007199254740992}`, nil, 0},
		"whole numbers to the last digit":  {`{"id":9007199254740993}`, []int{2}, 0},
		"truth":                            {`{"open":false}`, []int{1}, 0},
		"dates":                            {`{"day >=":"2026-01-31"}`, []int{0, 1}, 0},
		"either column":                    {`{"region OR id":["EAST",4]}`, []int{1, 3}, 0},
		"a list of objects is and":         {`[{"open":true},{"id >":1}]`, []int{3}, 0},
		"a column that does not exist":     {`{"country":"DE"}`, nil, 400},
		"an operator that does not exist":  {`{"region LIKES":"EAST"}`, nil, 400},
		"an order of texts":                {`{"region <":"EAST"}`, nil, 400},
		"a pattern of numbers":             {`{"id LIKE":"1"}`, nil, 400},
		"a text for a number":              {`{"id":"1"}`, nil, 400},
		"a number for a text":              {`{"region":1}`, nil, 400},
		"a number for a truth":             {`{"open":1}`, nil, 400},
		"null":                             {`{"region":null}`, nil, 400},
		"no values":                        {`{"region":[]}`, nil, 400},
		"more than one value for an order": {`{"id <":[1,2]}`, nil, 400},
		"alternatives of another number":   {`{"region OR id":["EAST"]}`, nil, 400},
		"a number that is too large":       {`{"id <":1e99999999}`, nil, 400},
		"no date":                          {`{"day <":"tomorrow"}`, nil, 400},
		"SQL":                              {`region = 'EAST'`, nil, 400},
		"a text":                           {`"region"`, nil, 400},
		"something after it":               {`{"region":"EAST"} OR`, nil, 400},
		"an array column":                  {`{"tags":"x"}`, nil, 501},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := passing(c.raw, columns, rows)
			code := 0
			if refused, ok := errors.AsType[*wire.Error](err); ok {
				code = refused.Status
			} else if err != nil {
				t.Fatal(err)
			}
			if code != c.code || !slices.Equal(got, c.want) {
				t.Errorf("answered %v, rows %v pass, want %d and %v", err, got, c.code, c.want)
			}
		})
	}
}

// passing are the positions of the rows that a filter lets pass.
func passing(raw string, columns []sqlengine.ResultColumn, rows [][]*string) ([]int, error) {
	f, err := parseFilter(raw, columns)
	if err != nil {
		return nil, err
	}
	var out []int
	for i, row := range rows {
		if f.matches(row) {
			out = append(out, i)
		}
	}
	return out, nil
}
