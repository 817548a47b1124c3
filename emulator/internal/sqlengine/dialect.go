// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"regexp"
	"slices"
	"strings"
)

// Param binds a value to a marker; a nil Value is NULL.
type Param struct {
	Name  string
	Value *string
	Type  string
}

var typePattern = regexp.MustCompile(`^(STRING|INT|INTEGER|BIGINT|LONG|SMALLINT|SHORT|TINYINT|BYTE|DOUBLE|FLOAT|BOOLEAN|DATE|TIMESTAMP|DECIMAL(\(\d{1,2}(,\s*\d{1,2})?\))?)$`)

// duckType is DuckDB's name of a Databricks type, or "".
func duckType(t string) string {
	t = strings.ToUpper(strings.TrimSpace(t))
	if !typePattern.MatchString(t) {
		return ""
	}
	base, rest, _ := strings.Cut(t, "(")
	switch base {
	case "STRING":
		return "VARCHAR"
	case "INT", "INTEGER":
		return "INTEGER"
	case "LONG":
		return "BIGINT"
	case "SHORT":
		return "SMALLINT"
	case "BYTE":
		return "TINYINT"
	case "DECIMAL":
		if rest == "" {
			return "DECIMAL(10,0)"
		}
		if !strings.Contains(rest, ",") {
			return "DECIMAL(" + strings.TrimSuffix(rest, ")") + ",0)"
		}
	}
	return t
}

// translate writes tokens of a query in DuckDB's dialect. Markers become named
// parameters with the declared type: values never become text.
func translate(tokens []token, params []Param) (string, error) {
	tokens, err := modernize(tokens)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for i, t := range tokens {
		if t.space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		text, err := translated(tokens, i, params)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// supported is translate for tokens of which none are a form that the engine lacks.
func supported(tokens []token, params []Param) (string, error) {
	if form := unsupported(tokens); form != "" {
		return "", notImplemented(form)
	}
	return translate(tokens, params)
}

// translated is one of some tokens in DuckDB's dialect.
func translated(tokens []token, i int, params []Param) (string, error) {
	t := tokens[i]
	switch t.kind {
	case tokenParam:
		return marker(t.text, params)
	case tokenQuoted:
		return name(t.text), nil
	case tokenString:
		return literal(t.text), nil
	case tokenNumber:
		return number(t.text), nil
	case tokenWord:
		if reserved(t.text) {
			return "", syntaxError("names that begin with __gh are reserved")
		}
		next := token{}
		if i+1 < len(tokens) {
			next = tokens[i+1]
		}
		return word(tokens, i, next), nil
	case tokenSymbol:
		return symbol(t.text, i == len(tokens)-1)
	}
	return t.text, nil
}

// symbol is a symbol in DuckDB's dialect; a semicolon may only be the last.
func symbol(text string, last bool) (string, error) {
	switch text {
	case "<=>":
		return " IS NOT DISTINCT FROM ", nil
	case "==":
		return "=", nil
	case ";":
		if !last {
			return "", syntaxError("only one statement may be sent")
		}
		return "", nil
	}
	return text, nil
}

// reserved are names that only the engine writes.
func reserved(name string) bool { return strings.HasPrefix(strings.ToLower(name), "__gh") }

func marker(marked string, params []Param) (string, error) {
	i := slices.IndexFunc(params, func(p Param) bool { return p.Name == marked })
	if i < 0 {
		return "", failure("42P02", "[UNBOUND_SQL_PARAMETER] Found the unbound parameter: %s. Please, fix `args` and provide a mapping of the parameter to either a SQL literal or collection constructor functions.", marked)
	}
	declared := params[i].Type
	if declared == "" {
		declared = "STRING"
	}
	t := duckType(declared)
	if t == "" {
		return "", notImplemented("the parameter type " + declared)
	}
	return "CAST($" + marked + " AS " + t + ")", nil
}

// number drops Databricks' suffixes: 10.5D is a double, 1L a long, 10.5BD a decimal.
func number(text string) string {
	upper := strings.ToUpper(text)
	switch {
	case strings.HasSuffix(upper, "BD"):
		return text[:len(text)-2]
	case strings.HasSuffix(upper, "D") || strings.HasSuffix(upper, "F"):
		return "CAST(" + text[:len(text)-1] + " AS DOUBLE)"
	case strings.HasSuffix(upper, "L"):
		return "CAST(" + text[:len(text)-1] + " AS BIGINT)"
	}
	return text
}

func word(tokens []token, i int, next token) string {
	t := tokens[i]
	switch strings.ToUpper(t.text) {
	case "EXCEPT":
		if i > 0 && tokens[i-1].is("*") && next.is("(") {
			return "EXCLUDE"
		}
	case "ARRAY":
		if next.is("(") {
			return "list_value" // ARRAY(...) is a subquery to DuckDB
		}
	case "STRING":
		if i > 0 && (tokens[i-1].is("AS") || tokens[i-1].is("::")) {
			return "VARCHAR"
		}
	}
	return t.text
}

// unsupported names a form of a query that the emulator would read wrongly, or "".
func unsupported(tokens []token) string {
	for i, t := range tokens {
		switch {
		case t.is("~"), t.is("REGEXP_FULL_MATCH"):
			return "the operator ~" // DuckDB's means something else
		case t.kind == tokenWord && strings.EqualFold(t.text, "DIV") && i > 0 && tokens[i-1].kind != tokenSymbol && !tokens[i-1].is("AS"):
			return "the operator DIV"
		}
	}
	return ""
}
