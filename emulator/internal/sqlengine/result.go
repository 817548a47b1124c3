// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"database/sql"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// ResultColumn is a column of a result in Databricks' types.
type ResultColumn struct {
	Name string
	// TypeName is the type's name without arguments, TypeText with them.
	TypeName, TypeText string
	Precision, Scale   int
}

// Result is what a statement returned.
type Result struct {
	Columns []ResultColumn
	// Rows hold each cell as text; nil is NULL.
	Rows [][]*string
	// Truncated says that a limit cut the rows.
	Truncated bool
}

// done is the result of a statement that returns nothing.
func done() (*Result, error) { return &Result{}, nil }

// listing is a result of the engine's own, all of strings.
func listing(columns []string, rows [][]string) *Result {
	out := &Result{}
	for _, c := range columns {
		out.Columns = append(out.Columns, ResultColumn{Name: c, TypeName: "STRING", TypeText: "STRING"})
	}
	for _, r := range rows {
		cells := make([]*string, len(r))
		for i := range r {
			cells[i] = &r[i]
		}
		out.Rows = append(out.Rows, cells)
	}
	return out
}

// read takes rows out of DuckDB up to the limits.
func read(rows *sql.Rows, rowLimit, byteLimit int64) (*Result, error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, engineError(err)
	}
	out := &Result{}
	for _, t := range types {
		c, err := resultColumn(t.Name(), t.DatabaseTypeName())
		if err != nil {
			return nil, err
		}
		out.Columns = append(out.Columns, c)
	}
	var size int64
	for rows.Next() {
		cells, bytes, err := out.cells(rows, types)
		if err != nil {
			return nil, err
		}
		size += bytes
		if rowLimit > 0 && int64(len(out.Rows)) >= rowLimit || byteLimit > 0 && size > byteLimit {
			out.Truncated = true
			break
		}
		out.Rows = append(out.Rows, cells)
	}
	if err := rows.Err(); err != nil {
		return nil, engineError(err)
	}
	return out, nil
}

// cells are those of the row that is next, as text, and how many bytes they have.
func (out *Result) cells(rows *sql.Rows, types []*sql.ColumnType) (cells []*string, size int64, err error) {
	values, pointers := make([]any, len(types)), make([]any, len(types))
	for i := range values {
		pointers[i] = &values[i]
	}
	if err := rows.Scan(pointers...); err != nil {
		return nil, 0, engineError(err)
	}
	cells = make([]*string, len(values))
	for i, v := range values {
		if v == nil {
			continue
		}
		text, err := textOf(v, out.Columns[i].TypeName, types[i].DatabaseTypeName())
		if err != nil {
			return nil, 0, err
		}
		cells[i] = &text
		size += int64(len(text))
	}
	return cells, size, nil
}

// resultColumn is Databricks' name of a DuckDB type.
func resultColumn(column, duck string) (ResultColumn, error) {
	c := ResultColumn{Name: column}
	if t := parseNested(duck); len(t.fields) > 0 {
		var err error
		c.TypeName = map[string]string{"LIST": "ARRAY", "STRUCT": "STRUCT", "MAP": "MAP"}[t.name]
		c.TypeText, err = t.databricks()
		return c, err
	}
	base, rest, _ := strings.Cut(duck, "(")
	switch base {
	case "VARCHAR", "ENUM", "UUID", "JSON":
		c.TypeName = "STRING"
	case "INTEGER":
		c.TypeName = "INT"
	case "BIGINT", "HUGEINT", "UBIGINT", "UINTEGER":
		c.TypeName = "BIGINT"
	case "SMALLINT":
		c.TypeName = "SHORT"
	case "TINYINT":
		c.TypeName = "BYTE"
	case "DOUBLE":
		c.TypeName = "DOUBLE"
	case "FLOAT":
		c.TypeName = "FLOAT"
	case "BOOLEAN":
		c.TypeName = "BOOLEAN"
	case "DATE":
		c.TypeName = "DATE"
	case "TIMESTAMP", "TIMESTAMP_US", "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS":
		c.TypeName = "TIMESTAMP"
	case `"NULL"`, "NULL", "SQLNULL":
		c.TypeName, c.TypeText = "NULL", "VOID"
	case "DECIMAL":
		c.TypeName = "DECIMAL"
		if _, err := fmt.Sscanf(rest, "%d,%d)", &c.Precision, &c.Scale); err != nil {
			return c, fmt.Errorf("read the type %s: %w", duck, err)
		}
		c.TypeText = fmt.Sprintf("DECIMAL(%d,%d)", c.Precision, c.Scale)
	default:
		return c, notImplemented("a result of the type " + printable(duck))
	}
	if c.TypeText == "" {
		c.TypeText = map[string]string{"SHORT": "SMALLINT", "BYTE": "TINYINT"}[c.TypeName]
	}
	if c.TypeText == "" {
		c.TypeText = c.TypeName
	}
	return c, nil
}

// textOf writes a cell; arrays, structs and maps are JSON.
func textOf(v any, typeName, duck string) (string, error) {
	switch typeName {
	case "ARRAY", "STRUCT", "MAP":
		return parseNested(duck).encode(v)
	}
	return cell(v, typeName)
}

// cell writes a value as the statement API does.
func cell(v any, typeName string) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case float64:
		return double(v, 64), nil
	case float32:
		return double(float64(v), 32), nil
	case *big.Int:
		return v.String(), nil
	case duckdb.Decimal:
		return decimal(v), nil
	case time.Time:
		if typeName == "DATE" {
			return v.UTC().Format("2006-01-02"), nil
		}
		return v.UTC().Format("2006-01-02T15:04:05.000Z"), nil
	case []byte:
		return string(v), nil
	case int8, int16, int32, int64, uint32, uint64:
		return fmt.Sprint(v), nil
	}
	return "", notImplemented(fmt.Sprintf("a result of the type %T", v))
}

// double is written as Java writes it: with a fraction, and with an exponent when
// it is very small or very large.
func double(f float64, bits int) string {
	switch a := math.Abs(f); {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 0):
		return strings.Replace(strconv.FormatFloat(f, 'g', -1, bits), "Inf", "Infinity", 1)
	case a != 0 && (a < 1e-3 || a >= 1e7):
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'E', -1, bits), "E")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		n, err := strconv.Atoi(exponent)
		if err != nil {
			return mantissa + "E" + exponent
		}
		return mantissa + "E" + strconv.Itoa(n)
	}
	out := strconv.FormatFloat(f, 'f', -1, bits)
	if !strings.Contains(out, ".") {
		out += ".0"
	}
	return out
}

// decimal keeps the trailing zeros of its scale.
func decimal(d duckdb.Decimal) string {
	digits := new(big.Int).Abs(d.Value).String()
	if scale := int(d.Scale); scale > 0 {
		if missing := scale + 1 - len(digits); missing > 0 {
			digits = strings.Repeat("0", missing) + digits
		}
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if d.Value.Sign() < 0 {
		return "-" + digits
	}
	return digits
}
