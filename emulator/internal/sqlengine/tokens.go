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
	var out []token
	space := false
	add := func(kind tokenKind, text string) {
		out = append(out, token{kind, text, space})
		space = false
	}
	r := []rune(sql)
	for i := 0; i < len(r); {
		switch c := r[i]; {
		case unicode.IsSpace(c):
			space = true
			i++
		case c == '-' && i+1 < len(r) && r[i+1] == '-':
			for i < len(r) && r[i] != '\n' {
				i++
			}
			space = true
		case c == '/' && i+1 < len(r) && r[i+1] == '*':
			end := strings.Index(string(r[i+2:]), "*/")
			if end < 0 {
				return nil, syntaxError("a comment is not closed")
			}
			i += 4 + len([]rune(string(r[i+2:])[:end]))
			space = true
		case c == '\'' || c == '`' || c == '"':
			text, next, ok := quoted(r, i)
			if !ok {
				return nil, syntaxError("a quote is not closed")
			}
			i = next
			if c == '`' {
				add(tokenQuoted, text)
			} else {
				add(tokenString, text) // Databricks reads "x" as a string
			}
		case unicode.IsDigit(c) || c == '.' && i+1 < len(r) && unicode.IsDigit(r[i+1]) && !endsName(out, space):
			start := i
			for i < len(r) && (unicode.IsDigit(r[i]) || unicode.IsLetter(r[i]) || r[i] == '.' ||
				(r[i] == '+' || r[i] == '-') && (r[i-1] == 'e' || r[i-1] == 'E')) {
				i++
			}
			add(tokenNumber, string(r[start:i]))
		case unicode.IsLetter(c) || c == '_':
			start := i
			for i < len(r) && (unicode.IsLetter(r[i]) || unicode.IsDigit(r[i]) || r[i] == '_') {
				i++
			}
			add(tokenWord, string(r[start:i]))
		case c == ':' && i+1 < len(r) && (unicode.IsLetter(r[i+1]) || r[i+1] == '_') && (len(out) == 0 || !out[len(out)-1].is(":")):
			start := i + 1
			for i++; i < len(r) && (unicode.IsLetter(r[i]) || unicode.IsDigit(r[i]) || r[i] == '_'); {
				i++
			}
			add(tokenParam, string(r[start:i]))
		default:
			symbol := longestSymbol(r[i:])
			if symbol == "" {
				return nil, syntaxError("unexpected character")
			}
			add(tokenSymbol, symbol)
			i += len(symbol)
		}
	}
	return out, nil
}

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
