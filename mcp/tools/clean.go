// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxForeignText is how many bytes of a text from outside an answer holds.
const maxForeignText = 16 << 10

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

// variation says whether a rune only selects how the one before it looks.
func variation(r rune) bool { return r >= 0xFE00 && r <= 0xFE0F || r >= 0xE0100 && r <= 0xE01EF }
