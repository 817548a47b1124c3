// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxForeignText is how many bytes of a text from outside an answer holds.
const MaxForeignText = 16 << 10

// MaxForeignRows is how many bytes of rows from outside an answer holds.
const MaxForeignRows = 1 << 20

// Clean makes a text from outside safe to hand to a model: what cannot be seen but
// is read (format, bidi and tag characters, variation selectors, controls) goes,
// the rest is composed (NFC), and what is longer than most bytes is cut with a mark.
func Clean(s string, most int) string {
	s = norm.NFC.String(strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r), variation(r):
			return -1
		}
		return r
	}, s)
	if len(s) <= most {
		return s
	}
	const mark = " [cut]"
	cut := max(most-len(mark), 0)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + mark
}

// CleanValue is Clean for all the text in a JSON value, names included. Integers that
// a float64 would round become text, which keeps their digits.
func CleanValue(v any, most int) any {
	switch v := v.(type) {
	case string:
		return Clean(v, most)
	case json.Number:
		return exact(v)
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			out[i] = CleanValue(one, most)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) { // sorted, so that of two names that become one the same wins each time
			out[Clean(name, most)] = CleanValue(v[name], most)
		}
		return out
	}
	return v
}

// maxExact is the largest integer up to which a float64 holds all of them.
const maxExact = 1<<53 - 1

// exact is a number, or its digits as text where it is an integer that a float64 would
// round, or is out of a float64's range.
func exact(n json.Number) any {
	s := n.String()
	if _, err := n.Float64(); err != nil {
		return s
	}
	if len(s) < 16 || strings.ContainsAny(s, ".eE") {
		return n
	}
	if i, err := n.Int64(); err != nil || i > maxExact || i < -maxExact {
		return s
	}
	return n
}

// Fitting returns how many of the rows fit into most bytes, as they are written.
func Fitting(rows []map[string]any, most int) int {
	for i, row := range rows {
		raw, err := json.Marshal(row)
		if most -= len(raw); err != nil || most < 0 {
			return i
		}
	}
	return len(rows)
}

// variation says whether a rune only selects how the one before it looks.
func variation(r rune) bool { return r >= 0xFE00 && r <= 0xFE0F || r >= 0xE0100 && r <= 0xE01EF }
