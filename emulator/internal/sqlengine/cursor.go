// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import "strings"

// cursor reads the tokens of a statement from the left.
type cursor struct {
	tokens []token
	i      int
}

func (c *cursor) peek() token {
	if c.i < len(c.tokens) {
		return c.tokens[c.i]
	}
	return token{kind: tokenSymbol}
}

func (c *cursor) rest() []token { return c.tokens[min(c.i, len(c.tokens)):] }

// accept steps over keywords if all of them come next.
func (c *cursor) accept(keywords ...string) bool {
	for k, word := range keywords {
		if c.i+k >= len(c.tokens) || !c.tokens[c.i+k].is(word) {
			return false
		}
	}
	c.i += len(keywords)
	return true
}

// expect is accept, or a syntax error that says what is missing.
func (c *cursor) expect(keywords ...string) error {
	if !c.accept(keywords...) {
		return syntaxError("expected " + strings.Join(keywords, " "))
	}
	return nil
}

// end refuses what is left over.
func (c *cursor) end() error {
	if c.i < len(c.tokens) {
		return syntaxError("unexpected input at the end")
	}
	return nil
}

// identifier reads one name.
func (c *cursor) identifier(what string) (string, error) {
	t := c.peek()
	if t.kind != tokenWord && t.kind != tokenQuoted || reserved(t.text) || t.text == "" {
		return "", syntaxError("expected " + what)
	}
	c.i++
	return t.text, nil
}

// path reads a name of up to three parts.
func (c *cursor) path(what string) ([]string, error) {
	var parts []string
	for {
		part, err := c.identifier(what)
		if err != nil {
			return nil, err
		}
		if !plainName(part) {
			return nil, syntaxError("a name has characters that the emulator does not take")
		}
		parts = append(parts, strings.ToLower(part))
		if !c.accept(".") {
			return parts, nil
		}
		if len(parts) == 3 {
			return nil, syntaxError("a name has at most three parts")
		}
	}
}

// full reads a name and completes it to three parts.
func (c *cursor) full(s Session, what string) (string, error) {
	parts, err := c.path(what)
	if err != nil {
		return "", err
	}
	padded := append(make([]string, 3-len(parts)), parts...)
	return s.complete(padded[0], padded[1], padded[2])
}

// text reads a string.
func (c *cursor) text(what string) (string, error) {
	t := c.peek()
	if t.kind != tokenString {
		return "", syntaxError("expected " + what)
	}
	c.i++
	return t.text, nil
}

// list reads names in parentheses.
func (c *cursor) list(what string) ([]string, error) {
	if err := c.expect("("); err != nil {
		return nil, err
	}
	if c.accept(")") {
		return nil, nil
	}
	var out []string
	for {
		n, err := c.identifier(what)
		if err != nil {
			return nil, err
		}
		out = append(out, strings.ToLower(n))
		if c.accept(")") {
			return out, nil
		}
		if err := c.expect(","); err != nil {
			return nil, err
		}
	}
}

// typeName reads a type and returns it as Databricks writes it.
func (c *cursor) typeName() (string, error) {
	t, err := c.identifier("a type")
	if err != nil {
		return "", err
	}
	t = strings.ToUpper(t)
	if c.accept("(") {
		t += "("
		for !c.accept(")") {
			if c.i >= len(c.tokens) {
				return "", syntaxError("expected )")
			}
			t += c.peek().text
			c.i++
		}
		t += ")"
	}
	if duckType(t) == "" {
		return "", notImplemented("the type " + printable(t))
	}
	switch t {
	case "INTEGER":
		return "INT", nil
	case "LONG":
		return "BIGINT", nil
	case "DECIMAL":
		return "DECIMAL(10,0)", nil
	}
	return t, nil
}

// until reads tokens up to a comma or the end of the enclosing parentheses, or one of the keywords.
func (c *cursor) until(keywords ...string) []token {
	start, depth := c.i, 0
	for ; c.i < len(c.tokens); c.i++ {
		t := c.tokens[c.i]
		switch {
		case t.is("("):
			depth++
		case t.is(")"):
			if depth == 0 {
				return c.tokens[start:c.i]
			}
			depth--
		case depth == 0:
			for _, k := range keywords {
				if t.is(k) {
					return c.tokens[start:c.i]
				}
			}
		}
	}
	return c.tokens[start:]
}

// source writes tokens as Databricks SQL.
func source(tokens []token) string {
	var b strings.Builder
	for i, t := range tokens {
		if t.space && i > 0 {
			b.WriteByte(' ')
		}
		switch t.kind {
		case tokenQuoted:
			b.WriteString("`" + strings.ReplaceAll(t.text, "`", "``") + "`")
		case tokenString:
			b.WriteString("'" + strings.ReplaceAll(strings.ReplaceAll(t.text, `\`, `\\`), "'", `\'`) + "'")
		case tokenParam:
			b.WriteString(":" + t.text)
		default:
			b.WriteString(t.text)
		}
	}
	return b.String()
}

// elements reads elements that commas separate, up to the parenthesis that closes.
func (c *cursor) elements(one func() error) error {
	for {
		if err := one(); err != nil {
			return err
		}
		if c.accept(")") {
			return nil
		}
		if err := c.expect(","); err != nil {
			return err
		}
	}
}
