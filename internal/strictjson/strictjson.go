// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// ErrShape says that a document is not one JSON object without duplicate members.
var ErrShape = errors.New("must be exactly one JSON object without duplicate members")

// maxDepth bounds the nesting of JSON.
const maxDepth = 100

// fewNames is up to how many members of one object are compared one by one.
const fewNames = 16

// Object checks that raw is exactly one JSON object, nested at most 100 levels deep, with
// nothing after it and at no depth two members of one name. Its error is ErrShape.
func Object(raw []byte) error {
	if !json.Valid(raw) {
		return ErrShape
	}
	trimmed := bytes.TrimLeft(raw, " \t\r\n")
	if len(trimmed) == 0 || trimmed[0] != '{' || !walk(trimmed) {
		return ErrShape
	}
	return nil
}

// level is an object or array that is open.
type level struct {
	object bool
	// first is where the names of the object begin among all that are open.
	first int
	// many holds the names when there are more than a few.
	many map[string]bool
}

// walk goes through valid JSON once, and says whether it is nested no deeper than
// allowed and no object in it has two members of one name.
func walk(raw []byte) bool {
	levels, names := make([]level, 0, 8), make([][]byte, 0, fewNames)
	name := false // the next text is the name of a member
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '{', '[':
			if len(levels) == maxDepth {
				return false
			}
			name = raw[i] == '{'
			levels = append(levels, level{object: name, first: len(names)})
		case '}', ']':
			last := len(levels) - 1
			names, levels, name = names[:levels[last].first], levels[:last], false
		case ',':
			name = levels[len(levels)-1].object
		case '"':
			end := textEnd(raw, i)
			if name {
				text := nameOf(raw[i:end])
				if !levels[len(levels)-1].add(names, text) {
					return false
				}
				names, name = append(names, text), false
			}
			i = end - 1
		}
	}
	return true
}

// add takes a name into an object, whose other names are the last of those given; false
// when it is there already.
func (l *level) add(names [][]byte, text []byte) bool {
	own := names[l.first:]
	if len(own) < fewNames {
		for _, n := range own {
			if bytes.Equal(n, text) {
				return false
			}
		}
		return true
	}
	if l.many == nil {
		l.many = make(map[string]bool, 2*fewNames)
		for _, n := range own {
			l.many[string(n)] = true
		}
	}
	if l.many[string(text)] {
		return false
	}
	l.many[string(text)] = true
	return true
}

// textEnd is behind the closing quote of the text that begins at i.
func textEnd(raw []byte, i int) int {
	for i++; raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// nameOf is what a quoted name means. Names that are written in different ways can
// be one: by escapes, and by bytes that are not UTF-8, which parsers replace.
func nameOf(quoted []byte) []byte {
	plain := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(plain, '\\') < 0 && utf8.Valid(plain) {
		return plain
	}
	var text string
	_ = json.Unmarshal(quoted, &text) // it is valid
	return []byte(text)
}
