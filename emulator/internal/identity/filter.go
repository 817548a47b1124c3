// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// A filter is attr op "value", joined by and / or; `and` binds tighter.
type condition struct{ attr, op, value string }

func parseFilter(text string) ([][]condition, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	words, err := filterWords(text)
	if err != nil {
		return nil, err
	}
	var out [][]condition
	group := []condition{}
	for len(words) > 0 {
		if len(words) < 3 {
			return nil, badFilter()
		}
		c := condition{strings.ToLower(words[0]), strings.ToLower(words[1]), words[2]}
		if !strings.Contains(" eq ne co sw ", " "+c.op+" ") {
			return nil, badFilter()
		}
		group = append(group, c)
		words = words[3:]
		if len(words) == 0 {
			break
		}
		switch strings.ToLower(words[0]) {
		case "and":
		case "or":
			out, group = append(out, group), []condition{}
		default:
			return nil, badFilter()
		}
		if words = words[1:]; len(words) == 0 {
			return nil, badFilter()
		}
	}
	return append(out, group), nil
}

func badFilter() error {
	return &wire.Error{Status: 400, Code: "invalidFilter", Message: "Given filter is not supported"}
}

// filterWords splits by blanks outside of quotes; a value loses its quotes.
func filterWords(text string) ([]string, error) {
	var words []string
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		if text[0] == '"' {
			end := strings.IndexByte(text[1:], '"')
			if end < 0 {
				return nil, badFilter()
			}
			words, text = append(words, text[1:1+end]), text[end+2:]
			continue
		}
		word, rest, _ := strings.Cut(text, " ")
		words, text = append(words, word), rest
	}
	return words, nil
}

// matches holds attributes, by lower-case name, against a filter. SCIM compares without regard to case.
func matches(filter [][]condition, attrs map[string]string) (bool, error) {
	if filter == nil {
		return true, nil
	}
	for _, group := range filter {
		all := true
		for _, c := range group {
			have, known := attrs[c.attr]
			if !known {
				return false, badFilter()
			}
			have, want := strings.ToLower(have), strings.ToLower(c.value)
			switch c.op {
			case "eq":
				all = all && have == want
			case "ne":
				all = all && have != want
			case "co":
				all = all && strings.Contains(have, want)
			case "sw":
				all = all && strings.HasPrefix(have, want)
			}
		}
		if all {
			return true, nil
		}
	}
	return false, nil
}
