// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tools_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/mcp/tools"
)

func TestCleanLeavesNothingUnseen(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"plain text":               {"Deals by region: 3", "Deals by region: 3"},
		"lines and tabs":           {"a\n\tb", "a\n\tb"},
		"bidi overrides":           {"safe\u202Eevil\u202C", "safeevil"},
		"zero width":               {"a\u200Bb\u2060c\uFEFF", "abc"},
		"tag characters":           {"hi\U000E0049\U000E0067", "hi"},
		"variation selectors":      {"x\uFE0F\U000E0101", "x"},
		"controls":                 {"a\x00\x1b[31mb", "a[31mb"},
		"broken UTF-8":             {"a\xffb", "a\uFFFDb"},
		"decomposed letters":       {"e\u0301", "\u00E9"},
		"longer than it may be":    {strings.Repeat("x", 60), strings.Repeat("x", 44) + " [cut]"},
		"cut between two letters":  {strings.Repeat("x", 43) + strings.Repeat("\u00E9", 20), strings.Repeat("x", 43) + " [cut]"},
		"private use is not shown": {"a\uE000b", "ab"},
	} {
		if got := tools.Clean(c.in, 50); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
