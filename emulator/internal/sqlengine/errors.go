// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"fmt"
	"strings"
)

// StatementError is a statement that failed. Its message names objects and never
// repeats rows or literals.
type StatementError struct {
	Code     string
	SQLState string
	Message  string
	// Status is not 0 when the request fails, and not the statement.
	NotImplemented bool
}

func (e *StatementError) Error() string { return e.Message }

func failure(state, format string, args ...any) *StatementError {
	return &StatementError{Code: "BAD_REQUEST", SQLState: state, Message: fmt.Sprintf(format, args...) + " SQLSTATE: " + state}
}

func syntaxError(what string) error {
	return failure("42601", "[PARSE_SYNTAX_ERROR] Syntax error: %s.", what)
}

func notImplemented(what string) error {
	e := failure("0A000", "[NOT_IMPLEMENTED] The emulator does not implement %s.", what)
	e.NotImplemented = true
	return e
}

func insufficient(privilege, kind, object string) error {
	return failure("42501", "[INSUFFICIENT_PERMISSIONS] Insufficient privileges: User does not have %s on %s '%s'.",
		strings.ReplaceAll(privilege, "_", " "), strings.ToUpper(kind[:1])+kind[1:], object)
}

func tableNotFound(object string) error {
	return failure("42P01", "[TABLE_OR_VIEW_NOT_FOUND] The table or view `%s` cannot be found. Verify the spelling and correctness of the schema and catalog.", strings.ReplaceAll(object, ".", "`.`"))
}

// engineError turns DuckDB's words into Databricks'. What is not known is not
// repeated: DuckDB quotes values in its messages.
func engineError(err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "gatehouse: divide by zero"):
		return failure("22012", "[DIVIDE_BY_ZERO] Division by zero. Use `try_divide` to tolerate divisor being 0 and return NULL instead.")
	case strings.HasPrefix(text, "Parser Error"):
		return syntaxError("the statement cannot be parsed")
	case strings.HasPrefix(text, "Binder Error") && strings.Contains(text, "must appear in the GROUP BY"):
		return failure("42703", "[MISSING_AGGREGATION] A column is neither grouped nor aggregated.")
	case strings.HasPrefix(text, "Binder Error") && (strings.Contains(text, "Referenced column") || strings.Contains(text, "not found in FROM clause") || strings.Contains(text, "does not have a column")):
		return failure("42703", "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column, variable, or function parameter cannot be resolved.")
	case strings.HasPrefix(text, "Conversion Error"):
		return failure("22018", "[CAST_INVALID_INPUT] A value cannot be cast to the type asked for because it is malformed.")
	case strings.HasPrefix(text, "Out of Range Error"):
		return failure("22003", "[ARITHMETIC_OVERFLOW] A number is out of range.")
	case strings.HasPrefix(text, "Constraint Error"):
		return failure("23502", "[NOT_NULL_CONSTRAINT_VIOLATION] A column that must not be NULL would be.")
	case strings.HasPrefix(text, "Binder Error"), strings.HasPrefix(text, "Catalog Error"):
		return failure("42K09", "[DATATYPE_MISMATCH] The statement does not fit the types or functions that exist.")
	}
	return &StatementError{Code: "INTERNAL_ERROR", SQLState: "XX000", Message: "[INTERNAL_ERROR] The statement failed. SQLSTATE: XX000"}
}
