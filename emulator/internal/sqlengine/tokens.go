// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"strings"
	"unicode"
)

type tokenKind int

const (
	tokenWord   tokenKind = iota // a name or a keyword
	tokenQuoted                  // a name in backticks
	tokenString                  // 'text', with the quotes
	tokenNumber
	tokenParam // :name
	tokenSymbol
	tokenEngine // text that the engine itself put in
)

// token is a piece of a statement. Text of quoted names is without the backticks.
type token struct {
	kind tokenKind
	text string
	// space says that white space or a comment was before it.
	space bool
}

// is compares a word with a keyword, without regard to case.
func (t token) is(keyword string) bool {
	return t.kind == tokenWord && strings.EqualFold(t.text, keyword) || t.kind == tokenSymbol && t.text == keyword
}

// tokenize splits a statement. It refuses what it cannot place.
func tokenize(sql string) ([]token, error) {
	s := scanner{text: []rune(sql)}
	for s.i < len(s.text) {
		passed, err := s.skip()
		if err != nil {
			return nil, err
		}
		if passed {
			s.space = true
			continue
		}
		if err := s.scan(); err != nil {
			return nil, err
		}
	}
	return s.out, nil
}

// scanner is where tokenize is in a statement.
type scanner struct {
	text  []rune
	i     int
	out   []token
	space bool // before what is at i
}

// at is the rune some places on, or 0 after the end.
func (s *scanner) at(k int) rune {
	if s.i+k < len(s.text) {
		return s.text[s.i+k]
	}
	return 0
}

// skip passes white space or a comment, if there is some.
func (s *scanner) skip() (bool, error) {
	switch c := s.at(0); {
	case unicode.IsSpace(c):
		s.i++
	case c == '-' && s.at(1) == '-':
		s.while(func(c rune) bool { return c != '\n' })
	case c == '/' && s.at(1) == '*':
		after := string(s.text[s.i+2:])
		end := strings.Index(after, "*/")
		if end < 0 {
			return false, syntaxError("a comment is not closed")
		}
		s.i += 4 + len([]rune(after[:end]))
	default:
		return false, nil
	}
	return true, nil
}

// while reads as long as runes are of a kind.
func (s *scanner) while(kind func(rune) bool) string {
	start := s.i
	for s.i < len(s.text) && kind(s.text[s.i]) {
		s.i++
	}
	return string(s.text[start:s.i])
}

func (s *scanner) add(kind tokenKind, text string) {
	s.out = append(s.out, token{kind, text, s.space})
	s.space = false
}

// scan reads a token.
func (s *scanner) scan() error {
	switch c := s.at(0); {
	case c == '\'' || c == '`' || c == '"':
		text, next, ok := quoted(s.text, s.i)
		if !ok {
			return syntaxError("a quote is not closed")
		}
		s.i = next
		kind := tokenString // Databricks reads "x" as a string
		if c == '`' {
			kind = tokenQuoted
		}
		s.add(kind, text)
	case unicode.IsDigit(c) || c == '.' && unicode.IsDigit(s.at(1)) && !endsName(s.out, s.space):
		s.add(tokenNumber, s.while(s.inNumber))
	case beginsWord(c):
		s.add(tokenWord, s.while(inWord))
	case c == ':' && beginsWord(s.at(1)) && (len(s.out) == 0 || !s.out[len(s.out)-1].is(":")):
		s.i++
		s.add(tokenParam, s.while(inWord))
	default:
		symbol := longestSymbol(s.text[s.i:])
		if symbol == "" {
			return syntaxError("unexpected character")
		}
		s.add(tokenSymbol, symbol)
		s.i += len(symbol)
	}
	return nil
}

// inNumber says whether the rune at i is in a number, of which 1e-5 is one.
func (s *scanner) inNumber(c rune) bool {
	sign := (c == '+' || c == '-') && s.i > 0 && (s.text[s.i-1] == 'e' || s.text[s.i-1] == 'E')
	return unicode.IsDigit(c) || unicode.IsLetter(c) || c == '.' || sign
}

func beginsWord(c rune) bool { return unicode.IsLetter(c) || c == '_' }

func inWord(c rune) bool { return beginsWord(c) || unicode.IsDigit(c) }

// endsName says that a dot here joins names and does not begin a number.
func endsName(out []token, space bool) bool {
	return len(out) > 0 && !space && (out[len(out)-1].kind == tokenWord || out[len(out)-1].kind == tokenQuoted)
}

// quoted reads from an opening quote; a doubled quote, and in strings a backslash, escapes.
func quoted(r []rune, i int) (string, int, bool) {
	quote := r[i]
	var b strings.Builder
	for i++; i < len(r); i++ {
		switch {
		case r[i] == '\\' && quote != '`' && i+1 < len(r):
			i++
			switch r[i] {
			case 'n':
				b.WriteRune('\n')
			case 't':
				b.WriteRune('\t')
			case '%', '_': // stay escaped: LIKE reads them
				b.WriteRune('\\')
				b.WriteRune(r[i])
			default:
				b.WriteRune(r[i])
			}
		case r[i] == quote && i+1 < len(r) && r[i+1] == quote:
			b.WriteRune(quote)
			i++
		case r[i] == quote:
			return b.String(), i + 1, true
		default:
			b.WriteRune(r[i])
		}
	}
	return "", i, false
}

var symbols = []string{"<=>", "::", "=>", "->", "<=", ">=", "<>", "!=", "==", "||", "(", ")", ",", ".", ";", "=", "<", ">", "+", "-", "*", "/", "%", "[", "]", ":", "&", "|", "^", "~", "!", "?"}

func longestSymbol(r []rune) string {
	text := string(r[:min(len(r), 3)])
	for _, s := range symbols {
		if strings.HasPrefix(text, s) {
			return s
		}
	}
	return ""
}

// literal is a string as DuckDB reads it.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// name is an identifier as DuckDB reads it.
func name(text string) string { return `"` + strings.ReplaceAll(text, `"`, `""`) + `"` }
