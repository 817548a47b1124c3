// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package vectorsearch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/sqlengine"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// condition is one key of filters_json with its value.
type condition struct {
	// columns are positions; several are alternatives, each with the value of its own position.
	columns []int
	// op is empty for equality, or NOT, LIKE, <, <=, > or >=.
	op     string
	values []any // string, json.Number or bool
}

// filter is conditions that must all hold.
type filter struct {
	types      []string // of the columns
	conditions []condition
}

var (
	keyPattern = regexp.MustCompile(`^(\w+)(?: (NOT|LIKE|<=|>=|<|>))?$`)
	orPattern  = regexp.MustCompile(`^\w+(?: OR \w+)+$`)
	// numberPattern bounds exponents: numbers are compared exactly.
	numberPattern = regexp.MustCompile(`^-?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,3})?$`)
)

func badFilter(format string, args ...any) error {
	return wire.BadParameter("Invalid filters_json: " + fmt.Sprintf(format, args...))
}

// parseFilter reads filters_json as standard endpoints document it: an object, or a
// list of objects, whose conditions must all hold.
//
//	{"col": v}  {"col": [v1, v2]}  {"col NOT": v}  {"col <": n}  {"col LIKE": "token"}  {"a OR b": [v1, v2]}
//
// The SQL text of storage-optimized endpoints is refused.
func parseFilter(raw string, columns []sqlengine.ResultColumn) (filter, error) {
	f := filter{}
	for _, c := range columns {
		f.types = append(f.types, c.TypeName)
	}
	if raw == "" {
		return f, nil
	}
	dec := json.NewDecoder(bytes.NewReader([]byte(raw)))
	dec.UseNumber()
	var in any
	if err := dec.Decode(&in); err != nil {
		return f, badFilter("it must be a JSON object or a list of them")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return f, badFilter("something follows the JSON value")
	}
	list, ok := in.([]any)
	if !ok {
		list = []any{in}
	}
	for _, one := range list {
		object, ok := one.(map[string]any)
		if !ok {
			return f, badFilter("it must be a JSON object or a list of them")
		}
		for _, key := range slices.Sorted(maps.Keys(object)) {
			c, err := parseCondition(key, object[key], columns)
			if err != nil {
				return f, err
			}
			f.conditions = append(f.conditions, c)
		}
	}
	return f, nil
}

func parseCondition(key string, value any, columns []sqlengine.ResultColumn) (condition, error) {
	var c condition
	var names []string
	values, isList := value.([]any)
	if !isList {
		values = []any{value}
	}
	if orPattern.MatchString(key) {
		names = strings.Split(key, " OR ")
		if !isList || len(values) != len(names) {
			return c, badFilter("%q needs a list of %d values", key, len(names))
		}
	} else {
		m := keyPattern.FindStringSubmatch(key)
		if m == nil {
			return c, badFilter("%q is no column with an operator", key)
		}
		names, c.op = m[1:2], m[2]
	}
	if len(values) == 0 {
		return c, badFilter("%q has no values", key)
	}
	if isList && c.op != "" && c.op != "NOT" {
		return c, badFilter("the operator %s takes one value", c.op)
	}
	c.values = values
	for i, name := range names {
		at := slices.IndexFunc(columns, func(k sqlengine.ResultColumn) bool { return strings.EqualFold(k.Name, name) })
		if at < 0 {
			return c, badFilter("the index has no column %q", name)
		}
		c.columns = append(c.columns, at)
		mine := values
		if len(names) > 1 {
			mine = values[i : i+1]
		}
		if err := applicable(columns[at], c.op, mine); err != nil {
			return c, err
		}
	}
	return c, nil
}

// applicable says whether an operator and values go with a column.
func applicable(c sqlengine.ResultColumn, op string, values []any) error {
	kind := kindOf(c.TypeName)
	if kind == "" {
		return &wire.Error{Status: http.StatusNotImplemented, Code: "NOT_IMPLEMENTED", Message: "the emulator does not implement filters on columns of the type " + c.TypeText}
	}
	order := op != "" && op != "NOT" && op != "LIKE"
	if op == "LIKE" && kind != "text" || order && kind != "number" && kind != "time" {
		return badFilter("the operator %s does not apply to the column %q of the type %s", op, c.Name, c.TypeText)
	}
	for _, v := range values {
		ok := false
		switch v := v.(type) {
		case string:
			ok = kind == "text"
			if kind == "time" {
				_, ok = moment(v)
			}
		case json.Number:
			ok = kind == "number" && numberPattern.MatchString(v.String())
		case bool:
			ok = kind == "truth"
		}
		if !ok {
			return badFilter("a value does not fit the column %q of the type %s", c.Name, c.TypeText)
		}
	}
	return nil
}

func kindOf(typeName string) string {
	switch typeName {
	case "STRING":
		return "text"
	case "INT", "BIGINT", "SHORT", "BYTE", "DOUBLE", "FLOAT", "DECIMAL":
		return "number"
	case "BOOLEAN":
		return "truth"
	case "DATE", "TIMESTAMP":
		return "time"
	}
	return ""
}

// matches says whether a row passes. NULL passes no condition.
func (f filter) matches(row []*string) bool {
	for _, c := range f.conditions {
		if !f.holds(c, row) {
			return false
		}
	}
	return true
}

func (f filter) holds(c condition, row []*string) bool {
	if len(c.columns) > 1 {
		for i, at := range c.columns {
			if row[at] != nil && compare(*row[at], f.types[at], "", c.values[i]) {
				return true
			}
		}
		return false
	}
	cell := row[c.columns[0]]
	if cell == nil {
		return false
	}
	kind := f.types[c.columns[0]]
	if c.op == "NOT" {
		return !slices.ContainsFunc(c.values, func(v any) bool { return compare(*cell, kind, "", v) })
	}
	return slices.ContainsFunc(c.values, func(v any) bool { return compare(*cell, kind, c.op, v) })
}

func compare(cell, typeName, op string, value any) bool {
	switch kindOf(typeName) {
	case "text":
		text, _ := value.(string)
		if op == "LIKE" {
			return like(cell, text)
		}
		return cell == text
	case "truth":
		want, _ := value.(bool)
		return (cell == "true") == want
	case "number":
		number, _ := value.(json.Number)
		have, ok := new(big.Rat).SetString(cell) // NaN and Infinity are no numbers
		want, okToo := new(big.Rat).SetString(number.String())
		return ok && okToo && ordered(have.Cmp(want), op)
	case "time":
		text, _ := value.(string)
		have, ok := moment(cell)
		want, okToo := moment(text)
		return ok && okToo && ordered(have.Compare(want), op)
	}
	return false
}

func ordered(cmp int, op string) bool {
	switch op {
	case "<":
		return cmp < 0
	case "<=":
		return cmp <= 0
	case ">":
		return cmp > 0
	case ">=":
		return cmp >= 0
	}
	return cmp == 0
}

// like compares with a token between white space, or with a pattern in which % is any text.
func like(cell, pattern string) bool {
	if !strings.Contains(pattern, "%") {
		return slices.Contains(strings.Fields(cell), pattern)
	}
	parts := strings.Split(pattern, "%")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile("(?s)^" + strings.Join(parts, ".*") + "$").MatchString(cell)
}

// moment reads a date or a time; without a zone it is UTC.
func moment(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
