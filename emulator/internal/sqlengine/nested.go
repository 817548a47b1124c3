// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// nested is a type of DuckDB with what it is made of, such as
// STRUCT("status_code" INTEGER, "text" VARCHAR).
type nested struct {
	// name is STRUCT, MAP, LIST or the text of a simple type.
	name string
	// fields are those of a struct, key and value of a map, or the element of a list.
	fields []nested
	// field is how the struct that it is in calls it.
	field string
}

// parseNested reads DuckDB's name of a type.
func parseNested(text string) nested {
	text = strings.TrimSpace(text)
	switch {
	case strings.HasSuffix(text, "[]"):
		return nested{name: "LIST", fields: []nested{parseNested(strings.TrimSuffix(text, "[]"))}}
	case strings.HasPrefix(text, "STRUCT(") && strings.HasSuffix(text, ")"):
		out := nested{name: "STRUCT"}
		for _, part := range split(text[len("STRUCT(") : len(text)-1]) {
			field, t := fieldName(strings.TrimSpace(part))
			one := parseNested(t)
			one.field = field
			out.fields = append(out.fields, one)
		}
		return out
	case strings.HasPrefix(text, "MAP(") && strings.HasSuffix(text, ")"):
		out := nested{name: "MAP"}
		for _, part := range split(text[len("MAP(") : len(text)-1]) {
			out.fields = append(out.fields, parseNested(part))
		}
		return out
	}
	return nested{name: text}
}

// split cuts at commas outside quotes and parentheses.
func split(s string) []string {
	var out []string
	depth, start, quoted := 0, 0, false
	for i, c := range s {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			out, start = append(out, s[start:i]), i+1
		}
	}
	return append(out, s[start:])
}

func fieldName(s string) (field, rest string) {
	if strings.HasPrefix(s, `"`) {
		for i := 1; i < len(s); i++ {
			if s[i] == '"' && i+1 < len(s) && s[i+1] == '"' {
				i++
			} else if s[i] == '"' {
				return strings.ReplaceAll(s[1:i], `""`, `"`), s[i+1:]
			}
		}
	}
	field, rest, _ = strings.Cut(s, " ")
	return field, rest
}

// databricks is the type as Databricks writes it.
func (t nested) databricks() (string, error) {
	parts := make([]string, len(t.fields))
	for i, f := range t.fields {
		inner, err := f.databricks()
		if err != nil {
			return "", err
		}
		if t.name == "STRUCT" {
			inner = f.field + ": " + inner
		}
		parts[i] = inner
	}
	switch t.name {
	case "STRUCT", "MAP":
		return t.name + "<" + strings.Join(parts, ", ") + ">", nil
	case "LIST":
		return "ARRAY<" + parts[0] + ">", nil
	}
	c, err := resultColumn("", t.name)
	return c.TypeText, err
}

// encode writes a value as JSON: structs in the order of their fields.
func (t nested) encode(v any) (string, error) {
	if v == nil {
		return "null", nil
	}
	var parts []string
	switch t.name {
	case "LIST":
		list, _ := v.([]any)
		for _, e := range list {
			one, err := t.fields[0].encode(e)
			if err != nil {
				return "", err
			}
			parts = append(parts, one)
		}
		return "[" + strings.Join(parts, ",") + "]", nil
	case "STRUCT":
		fields, _ := v.(map[string]any)
		for _, f := range t.fields {
			one, err := f.encode(fields[f.field])
			if err != nil {
				return "", err
			}
			parts = append(parts, fmt.Sprintf("%s:%s", quote(f.field), one))
		}
		return "{" + strings.Join(parts, ",") + "}", nil
	case "MAP":
		return t.encodeMap(v)
	}
	c, err := resultColumn("", t.name)
	if err != nil {
		return "", err
	}
	text, err := cell(v, c.TypeName)
	if err != nil {
		return "", err
	}
	switch c.TypeName {
	case "INT", "BIGINT", "SHORT", "BYTE", "DOUBLE", "FLOAT", "DECIMAL", "BOOLEAN":
		return text, nil
	}
	return quote(text), nil
}

func (t nested) encodeMap(v any) (string, error) {
	var parts []string
	add := func(key, value any) error {
		k, err := t.fields[0].encode(key)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(k, `"`) {
			k = `"` + k + `"`
		}
		one, err := t.fields[1].encode(value)
		parts = append(parts, k+":"+one)
		return err
	}
	switch m := v.(type) {
	case duckdb.OrderedMap:
		keys, values := m.Keys(), m.Values()
		for i := range keys {
			if err := add(keys[i], values[i]); err != nil {
				return "", err
			}
		}
	case duckdb.Map:
		for key, value := range m {
			if err := add(key, value); err != nil {
				return "", err
			}
		}
		slices.Sort(parts)
	default:
		return "", notImplemented(fmt.Sprintf("a result of the type %T", v))
	}
	return "{" + strings.Join(parts, ",") + "}", nil
}

// quote writes a string as JSON, without the escapes that only HTML needs.
func quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return `""`
	}
	return strings.TrimSuffix(b.String(), "\n")
}
