// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"
	"strings"
)

// Column is a column of a table.
type Column struct {
	Name string
	// Type is Databricks' name in upper case, such as DECIMAL(18,2).
	Type    string
	Comment string
	// also are further names, such as the word by which a person asked for it.
	also []string
	// source is the column of the base table that a column of an answer shows; empty for others.
	source string
}

// Table is a table, or an answer that a further question is about.
type Table struct {
	// Name is the full name, of three parts.
	Name    string
	Columns []Column
	// answer says that the table is an answer given before.
	answer bool
}

func (t Table) short() string { return t.Name[strings.LastIndex(t.Name, ".")+1:] }

func base(t string) string { b, _, _ := strings.Cut(strings.ToUpper(t), "("); return b }

func (c Column) numeric() bool {
	return slices.Contains([]string{"TINYINT", "BYTE", "SMALLINT", "SHORT", "INT", "BIGINT", "LONG", "FLOAT", "DOUBLE", "DECIMAL"}, base(c.Type))
}

func (c Column) temporal() bool { return base(c.Type) == "DATE" || base(c.Type) == "TIMESTAMP" }

func (c Column) textual() bool { return base(c.Type) == "STRING" }

// synonyms are words that mean the same in the data of most companies. The first
// list of each is what a person may say, and any of its words may be in a column's name.
var synonyms = []struct {
	words   []string
	numeric bool
}{
	{[]string{"revenue", "sale", "turnover", "income", "amount", "value", "price", "booking", "total"}, true},
	{[]string{"quantity", "qty", "unit", "volume"}, true},
	{[]string{"cost", "expense", "spend", "spending"}, true},
	{[]string{"margin", "profit", "profitability"}, true},
	{[]string{"customer", "client", "account", "buyer"}, false},
	{[]string{"region", "territory", "area"}, false},
	{[]string{"product", "item", "article", "sku"}, false},
}

// locations are the words by which a column is known to hold places.
var locations = []string{"region", "territory", "area", "country", "state", "city", "location", "place", "market"}

// weak are parts of names that alone name nothing.
var weak = []string{"id", "key", "on", "at", "in", "by", "of", "to", "is", "no", "pct", "code"}

// normal is a word without its case and plural.
func normal(word string) string {
	w := strings.TrimSuffix(strings.ToLower(word), "'s")
	switch {
	case len(w) > 4 && strings.HasSuffix(w, "ies"):
		return w[:len(w)-3] + "y"
	case len(w) > 3 && strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss"):
		return w[:len(w)-1]
	}
	return w
}

func parts(name string) []string {
	out := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '_' || r == '-' || r == ' ' })
	for i := range out {
		out[i] = normal(out[i])
	}
	return out
}

func phrase(name string) string { return strings.Join(parts(name), " ") }

// named is the column that words name in full.
func (t Table) named(words []string) (Column, bool) {
	want := phrase(strings.Join(words, " "))
	for _, c := range t.Columns {
		if phrase(c.Name) == want || slices.ContainsFunc(c.also, func(a string) bool { return phrase(a) == want }) {
			return c, true
		}
	}
	return Column{}, false
}

// meant is the one column that a word means without naming it in full: by a part of
// its name, by its comment, or by a synonym. Two that fit are none.
func (t Table) meant(word string) (Column, bool) {
	w := normal(word)
	if slices.Contains(weak, w) || len(w) < 2 {
		return Column{}, false
	}
	by := func(fits func(Column) bool) (Column, bool) {
		var found []Column
		for _, c := range t.Columns {
			if fits(c) {
				found = append(found, c)
			}
		}
		if len(found) != 1 {
			return Column{}, false
		}
		return found[0], true
	}
	if c, ok := by(func(c Column) bool { return slices.Contains(parts(c.Name), w) }); ok {
		return c, true
	}
	if c, ok := by(func(c Column) bool { return slices.Contains(tokensOf(c.Comment), w) }); ok {
		return c, true
	}
	for _, s := range synonyms {
		if !slices.Contains(s.words, w) {
			continue
		}
		return by(func(c Column) bool {
			return c.numeric() == s.numeric && slices.ContainsFunc(parts(c.Name), func(p string) bool { return slices.Contains(s.words, p) })
		})
	}
	return Column{}, false
}

func tokensOf(text string) []string {
	var out []string
	for _, t := range split(text) {
		out = append(out, normal(t.text))
	}
	return out
}

// time is the table's column of dates or times, if there is one only.
func (t Table) time() (Column, bool) {
	var found []Column
	for _, c := range t.Columns {
		if c.temporal() {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		return Column{}, false
	}
	return found[0], true
}

// location is the table's column of places, if there is one only.
func (t Table) location() (Column, bool) {
	var found []Column
	for _, c := range t.Columns {
		if c.textual() && slices.ContainsFunc(parts(c.Name), func(p string) bool { return slices.Contains(locations, p) }) {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		return Column{}, false
	}
	return found[0], true
}
