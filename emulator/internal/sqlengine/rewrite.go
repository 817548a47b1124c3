// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import "strings"

// pathFunction is what column:path becomes; callers cannot write its name.
const pathFunction = "__gh_path"

// modernize rewrites forms of Databricks SQL that DuckDB's parser does not know
// into forms that it does, on the level of tokens. What comes out is secured like
// everything else.
func modernize(tokens []token) ([]token, error) {
	var out []token
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		switch {
		case t.is("RLIKE"), t.is("REGEXP") && i > 0 && i+1 < len(tokens) && !tokens[i+1].is("("):
			out = append(out, token{tokenEngine, "~", true})
			if n := len(out); n > 1 && out[n-2].is("NOT") {
				out = append(out[:n-2], token{tokenEngine, "!~", true})
			}
		case t.is("LATERAL") && i+1 < len(tokens) && tokens[i+1].is("VIEW"):
			view, next, err := lateralView(tokens, i+2)
			if err != nil {
				return nil, err
			}
			out, i = append(out, view...), next-1
		case t.is("->"):
			var err error
			if out, err = lambda(out); err != nil {
				return nil, err
			}
		case t.kind == tokenParam && !t.space && len(out) > 0 && endsOperand(out[len(out)-1]):
			path, next, err := jsonPath(tokens, i)
			if err != nil {
				return nil, err
			}
			start := operand(out)
			wrapped := append([]token{{tokenEngine, pathFunction + "(", out[start].space}}, out[start:]...)
			wrapped = append(wrapped, token{tokenSymbol, ",", false}, token{tokenString, path, true}, token{tokenSymbol, ")", false})
			out, i = append(out[:start:start], wrapped...), next-1
		default:
			out = append(out, t)
		}
	}
	return out, nil
}

// lateralView reads [OUTER] explode(expression) alias [AS column] after LATERAL VIEW.
func lateralView(tokens []token, i int) ([]token, int, error) {
	c := &cursor{tokens: tokens, i: i}
	if c.peek().is("OUTER") {
		return nil, 0, notImplemented("LATERAL VIEW OUTER")
	}
	function, err := c.identifier("a table-generating function")
	if err != nil {
		return nil, 0, err
	}
	if !strings.EqualFold(function, "explode") {
		return nil, 0, notImplemented("LATERAL VIEW " + printable(function))
	}
	if err := c.expect("("); err != nil {
		return nil, 0, err
	}
	inner, err := modernize(c.until())
	if err != nil {
		return nil, 0, err
	}
	if err := c.expect(")"); err != nil {
		return nil, 0, err
	}
	alias, err := c.identifier("the alias of a LATERAL VIEW")
	if err != nil {
		return nil, 0, err
	}
	column := "col" // the name that explode gives
	if c.accept("AS") {
		if column, err = c.identifier("a column"); err != nil {
			return nil, 0, err
		}
	}
	engine := func(text string) token { return token{tokenEngine, text, true} }
	out := append([]token{engine("CROSS JOIN LATERAL (SELECT explode(")}, inner...)
	return append(out, engine(") AS"), token{tokenQuoted, column, true}, engine(") AS"), token{tokenQuoted, alias, true}), c.i, nil
}

// lambda turns x -> and (x, y) -> into DuckDB's form.
func lambda(out []token) ([]token, error) {
	n := len(out)
	if n > 0 && (out[n-1].kind == tokenWord || out[n-1].kind == tokenQuoted) {
		parameter := out[n-1]
		parameter.space = true
		return append(out[:n-1], token{tokenEngine, "lambda", true}, parameter, token{tokenEngine, ":", false}), nil
	}
	if n > 0 && out[n-1].is(")") {
		start := n - 2
		for start >= 0 && (out[start].kind == tokenWord || out[start].is(",")) {
			start--
		}
		if start >= 0 && out[start].is("(") {
			parameters := append([]token{{tokenEngine, "lambda", true}}, out[start+1:n-1]...)
			parameters[1].space = true
			return append(append(out[:start:start], parameters...), token{tokenEngine, ":", false}), nil
		}
	}
	return nil, syntaxError("-> must follow the parameters of a function")
}

// clauses are keywords after which :name is a marker even without a space.
var clauses = strings.Fields("SELECT WHERE AND OR NOT THEN ELSE WHEN BY LIMIT OFFSET LIKE ILIKE RLIKE BETWEEN IN ON RETURN VALUES HAVING CASE DISTINCT ALL")

func endsOperand(t token) bool {
	if t.kind == tokenWord {
		for _, k := range clauses {
			if t.is(k) {
				return false
			}
		}
		return true
	}
	return t.kind == tokenQuoted || t.is(")") || t.is("]")
}

// operand is where the expression begins that a path is taken of: a column, a call
// or an expression in parentheses.
func operand(out []token) int {
	i := len(out) - 1
	if closes(out[i]) {
		i = opening(out, i)
		if i == 0 || out[i-1].kind != tokenWord && out[i-1].kind != tokenQuoted || !endsOperand(out[i-1]) {
			return i
		}
		i--
	}
	for i >= 2 && out[i-1].is(".") && (out[i-2].kind == tokenWord || out[i-2].kind == tokenQuoted) {
		i -= 2
	}
	return i
}

func closes(t token) bool { return t.is(")") || t.is("]") }

// opening is the place of the parenthesis or bracket that the one at a place closes, or 0.
func opening(tokens []token, i int) int {
	depth := 0
	for ; i > 0; i-- {
		switch t := tokens[i]; {
		case closes(t):
			depth++
		case t.is("(") || t.is("["):
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return i
}

// jsonPath reads what follows a colon: name(.name | [number] | ['name'])*. Names are
// read with their case, where Databricks ignores it.
func jsonPath(tokens []token, i int) (string, int, error) {
	var b strings.Builder
	key := func(s string) { b.WriteString(`."` + strings.ReplaceAll(s, `"`, `\"`) + `"`) }
	b.WriteString("$")
	key(tokens[i].text)
	for i++; i < len(tokens); {
		next := func(k int) token {
			if i+k < len(tokens) {
				return tokens[i+k]
			}
			return token{kind: tokenSymbol}
		}
		switch {
		case tokens[i].is(".") && (next(1).kind == tokenWord || next(1).kind == tokenQuoted):
			key(next(1).text)
			i += 2
		case tokens[i].is("[") && next(1).kind == tokenNumber && next(2).is("]"):
			b.WriteString("[" + next(1).text + "]")
			i += 3
		case tokens[i].is("[") && next(1).kind == tokenString && next(2).is("]"):
			key(next(1).text)
			i += 3
		case tokens[i].is("["):
			return "", 0, notImplemented("this form of a JSON path")
		default:
			return b.String(), i, nil
		}
	}
	return b.String(), i, nil
}
