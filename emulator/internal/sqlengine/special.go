// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"fmt"
	"strings"
)

// special secures functions whose form differs from DuckDB's. It returns nil for
// every other function.
func (r *rewriter) special(n node, called string, children []any) (any, error) {
	switch called {
	case "http_request":
		return r.httpRequest(n, children)
	case pathFunction:
		return r.template(n, "json_extract_string(TRY_CAST($1 AS JSON), $2)", children)
	case "map":
		return r.mapOf(n, children)
	case "named_struct":
		return r.namedStruct(n, children)
	case "to_json":
		return r.template(n, "CAST(to_json($1) AS VARCHAR)", children)
	case "from_json":
		return r.fromJSON(n, children)
	case "element_at":
		return r.template(n, "($1)[$2]", children)
	case "date_format":
		return r.dateFormat(n, children)
	case "decode":
		return r.decode(n, children)
	case "collect_list", "collect_set":
		return r.collect(n, called, children)
	}
	return nil, nil //nolint:nilnil // another function
}

// mapOf turns map(k1, v1, ...) into keys and values.
func (r *rewriter) mapOf(n node, children []any) (any, error) {
	if len(children)%2 != 0 {
		return nil, wrongArguments("map")
	}
	if len(children) == 0 {
		out, err := r.expression("CAST(map([], []) AS MAP(VARCHAR, VARCHAR))")
		return keepAlias(n, out), err
	}
	out, err := r.expression("map(list_value(1), list_value(1))")
	if err != nil {
		return nil, err
	}
	lists, _ := out["children"].([]any)
	for side := range lists {
		list, _ := lists[side].(node)
		var values []any
		for i := side; i < len(children); i += 2 {
			values = append(values, children[i])
		}
		list["children"] = values
	}
	return keepAlias(n, out), nil
}

// namedStruct turns named_struct('a', x, ...) into struct_pack(a := x, ...).
func (r *rewriter) namedStruct(n node, children []any) (any, error) {
	if len(children) == 0 || len(children)%2 != 0 {
		return nil, wrongArguments("named_struct")
	}
	var fields []any
	for i := 0; i < len(children); i += 2 {
		key, ok := r.foldable(children[i])
		value, isNode := children[i+1].(node)
		if !ok || !isNode || !plainName(key) {
			return nil, failure("42K08", "[NON_FOLDABLE_ARGUMENT] The function `named_struct` requires the names of its fields to be foldable expressions of the type \"STRING\".")
		}
		value["alias"] = key
		fields = append(fields, value)
	}
	n["function_name"], n["children"] = "struct_pack", fields
	return n, nil
}

// fromJSON reads JSON by a schema. Malformed JSON gives NULL, as in PERMISSIVE mode.
func (r *rewriter) fromJSON(n node, children []any) (any, error) {
	if len(children) != 2 {
		return nil, notImplemented("from_json with options")
	}
	schema, ok := r.foldable(children[1])
	if !ok {
		return nil, failure("42K08", "[NON_FOLDABLE_ARGUMENT] The function `from_json` requires the schema to be a foldable expression of the type \"STRING\".")
	}
	structure, err := jsonStructure(schema)
	if err != nil {
		return nil, err
	}
	out, err := r.fill("from_json(TRY_CAST($1 AS JSON), "+literal(structure)+")", children[:1])
	return keepAlias(n, out), err
}

// datePatterns are the letters of Java's date patterns in DuckDB's form.
var datePatterns = map[string]string{
	"yyyy": "%Y", "yy": "%y", "MM": "%m", "MMM": "%b", "MMMM": "%B", "dd": "%d", "d": "%-d", "HH": "%H", "hh": "%I", "mm": "%M", "ss": "%S", "SSS": "%g",
	"a": "%p", "E": "%a", "EEE": "%a", "EEEE": "%A", "DDD": "%j", "M": "%-m", "H": "%-H",
}

func (r *rewriter) dateFormat(n node, children []any) (any, error) {
	if len(children) != 2 {
		return nil, wrongArguments("date_format")
	}
	pattern, ok := r.foldable(children[1])
	if !ok {
		return nil, notImplemented("date_format with a pattern that is not a constant")
	}
	var b strings.Builder
	for i := 0; i < len(pattern); {
		c := pattern[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			if c == '\'' {
				return nil, notImplemented("date_format with quoted text")
			}
			b.WriteString(strings.ReplaceAll(string(c), "%", "%%"))
			i++
			continue
		}
		end := i
		for end < len(pattern) && pattern[end] == c {
			end++
		}
		to, ok := datePatterns[pattern[i:end]]
		if !ok {
			return nil, notImplemented("the date pattern " + printable(pattern[i:end]))
		}
		b.WriteString(to)
		i = end
	}
	out, err := r.fill("strftime(CAST($1 AS TIMESTAMP), "+literal(b.String())+")", children[:1])
	return keepAlias(n, out), err
}

// decode turns decode(x, search, result, ..., otherwise) into CASE; NULL matches NULL.
func (r *rewriter) decode(n node, children []any) (any, error) {
	if len(children) < 3 {
		return nil, notImplemented("decode of bytes")
	}
	out, err := r.expression("NULL")
	if err != nil {
		return nil, err
	}
	last := len(children)
	if last%2 == 0 {
		last--
		out, _ = children[last].(node)
	}
	for i := last - 2; i > 0; i -= 2 {
		comparison, err := r.fill("$1 IS NOT DISTINCT FROM $2", []any{children[0], children[i]})
		if err != nil {
			return nil, err
		}
		if out, err = r.fill("CASE WHEN $1 THEN $2 ELSE $3 END", []any{comparison, children[i+1], out}); err != nil {
			return nil, err
		}
	}
	return keepAlias(n, out), nil
}

// collect gathers values that are not NULL; of none it makes an empty array. A set is
// sorted, where Databricks promises no order.
func (r *rewriter) collect(n node, called string, children []any) (any, error) {
	if len(children) != 1 || n["class"] != "FUNCTION" {
		return nil, notImplemented(called + " in this form")
	}
	present, err := r.fill("$1 IS NOT NULL", children)
	if err != nil {
		return nil, err
	}
	if filter, ok := n["filter"].(node); ok {
		if present, err = r.fill("$1 AND $2", []any{present, filter}); err != nil {
			return nil, err
		}
	}
	alias := text(n, "alias")
	n["function_name"], n["filter"], n["alias"] = "list", present, ""
	form := "coalesce($1, [])"
	if called == "collect_set" {
		n["distinct"], form = true, "coalesce(list_sort($1), [])"
	}
	out, err := r.fill(form, []any{n})
	if err != nil {
		return nil, err
	}
	out["alias"] = alias
	return out, nil
}

// jsonStructure is DuckDB's form of a schema such as STRUCT<a: INT, b: ARRAY<STRING>>
// or a INT, b STRING.
func jsonStructure(schema string) (string, error) {
	tokens, err := tokenize(spaced(schema))
	if err != nil {
		return "", err
	}
	c := &cursor{tokens: tokens}
	out := ""
	if t := c.peek(); t.is("STRUCT") || t.is("ARRAY") || t.is("MAP") {
		out, err = structureOf(c)
	} else {
		out, err = fieldsOf(c, "")
	}
	if err == nil {
		err = c.end()
	}
	return out, err
}

// spaced keeps a: INT from being read as a marker, and >> as one symbol.
func spaced(schema string) string {
	return strings.NewReplacer(":", " : ", "<", " < ", ">", " > ").Replace(schema)
}

func structureOf(c *cursor) (string, error) {
	switch {
	case c.accept("STRUCT", "<"):
		return fieldsOf(c, ">")
	case c.accept("ARRAY", "<"):
		element, err := structureOf(c)
		if err != nil {
			return "", err
		}
		return "[" + element + "]", c.expect(">")
	case c.peek().is("MAP"):
		return "", notImplemented("from_json to a MAP")
	}
	t, err := c.typeName()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%q", duckType(t)), nil
}

// fieldsOf reads name[:] type, ... up to a symbol, or to the end.
func fieldsOf(c *cursor, end string) (string, error) {
	var fields []string
	for {
		field, err := c.identifier("a field")
		if err != nil {
			return "", err
		}
		if !plainName(field) {
			return "", notImplemented("a field of that name")
		}
		c.accept(":")
		t, err := structureOf(c)
		if err != nil {
			return "", err
		}
		fields = append(fields, fmt.Sprintf("%q:%s", field, t))
		if !c.accept(",") {
			break
		}
	}
	if end != "" {
		if err := c.expect(end); err != nil {
			return "", err
		}
	}
	return "{" + strings.Join(fields, ",") + "}", nil
}
