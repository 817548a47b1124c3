// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	identifierPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,254}$`)
	numberPattern     = regexp.MustCompile(`^-?[0-9]{1,38}(\.[0-9]{1,38})?$`)
	integerPattern    = regexp.MustCompile(`^-?[0-9]{1,19}$`)
	typePattern       = regexp.MustCompile(`^[A-Z][A-Z0-9_<>(),: ]{0,999}$`)
)

// identifier is a name in backticks.
func identifier(name string) (string, error) {
	if !identifierPattern.MatchString(name) {
		return "", fmt.Errorf("%q cannot be a name in SQL", name)
	}
	return "`" + name + "`", nil
}

// qualified is a name of three parts, each in backticks.
func qualified(name string) (string, error) {
	parts := strings.Split(name, ".")
	if len(parts) != 3 {
		return "", fmt.Errorf("%q is not a name of three parts", name)
	}
	for i, p := range parts {
		q, err := identifier(p)
		if err != nil {
			return "", err
		}
		parts[i] = q
	}
	return strings.Join(parts, "."), nil
}

// literal is a text in quotes.
func literal(text string) (string, error) {
	if !utf8.ValidString(text) || strings.ContainsAny(text, "'\"`\\") || strings.ContainsFunc(text, unicode.IsControl) {
		return "", fmt.Errorf("%q cannot be a text in SQL: it has a quote, a backslash, a backtick or a control character", text)
	}
	return "'" + text + "'", nil
}

// sqlType is a type as Unity Catalog wrote it.
func sqlType(t string) (string, error) {
	if !typePattern.MatchString(t) {
		return "", fmt.Errorf("the type %q cannot be written in SQL", t)
	}
	return t, nil
}

// list is names in backticks, in parentheses.
func list(names []string) (string, error) {
	out := make([]string, len(names))
	for i, n := range names {
		q, err := identifier(n)
		if err != nil {
			return "", err
		}
		out[i] = q
	}
	return "(" + strings.Join(out, ", ") + ")", nil
}

// value is a literal of a column's type.
func value(text, columnType string) (string, error) {
	switch base, _, _ := strings.Cut(columnType, "("); base {
	case "STRING", "VARCHAR", "CHAR":
		return literal(text)
	case "TINYINT", "SMALLINT", "INT", "BIGINT":
		if !integerPattern.MatchString(text) {
			return "", fmt.Errorf("%q is not a whole number", text)
		}
	case "DECIMAL", "DOUBLE", "FLOAT":
		if !numberPattern.MatchString(text) {
			return "", fmt.Errorf("%q is not a decimal number", text)
		}
	default:
		return "", fmt.Errorf("a column of the type %s cannot be compared with values: only text and numbers can", columnType)
	}
	t, err := sqlType(columnType)
	return "CAST(" + text + " AS " + t + ")", err
}

// isText says whether a column holds text.
func isText(columnType string) bool {
	base, _, _ := strings.Cut(columnType, "(")
	return base == "STRING" || base == "VARCHAR" || base == "CHAR"
}

// CreateFunction makes a function, or makes it anew.
func CreateFunction(f Function) (string, error) {
	name, err := qualified(f.Name)
	if err != nil {
		return "", err
	}
	comment, err := literal(f.Comment)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("CREATE OR REPLACE FUNCTION %s%s RETURNS %s COMMENT %s RETURN %s", name, f.signature, f.Returns, comment, f.Body), nil
}

// DropFunction drops a function.
func DropFunction(function string) (string, error) {
	name, err := qualified(function)
	return "DROP FUNCTION IF EXISTS " + name, err
}

// Attach makes a function the row filter or a mask of a table. What was in its place is replaced in the same statement.
func Attach(table string, a Attachment) (string, error) {
	t, err := qualified(table)
	if err != nil {
		return "", err
	}
	f, err := qualified(a.Function)
	if err != nil {
		return "", err
	}
	with, err := list(a.Columns())
	if err != nil {
		return "", err
	}
	if a.Column == "" {
		return fmt.Sprintf("ALTER TABLE %s SET ROW FILTER %s ON %s", t, f, with), nil
	}
	c, err := identifier(a.Column)
	if err != nil {
		return "", err
	}
	out := fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET MASK %s", t, c, f)
	if len(a.Columns()) > 0 {
		out += " USING COLUMNS " + with
	}
	return out, nil
}

// Detach takes the row filter, or the mask of a column, off a table.
func Detach(table, column string) (string, error) {
	t, err := qualified(table)
	if err != nil || column == "" {
		return "ALTER TABLE " + t + " DROP ROW FILTER", err
	}
	c, err := identifier(column)
	return "ALTER TABLE " + t + " ALTER COLUMN " + c + " DROP MASK", err
}
