// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Param binds a value to the marker `:Name`; a nil Value is NULL.
type Param struct {
	Name  string  `json:"name"`
	Value *string `json:"value,omitempty"`
	Type  string  `json:"type,omitempty"`
}

// StatementRequest is one statement.
type StatementRequest struct {
	WarehouseID string
	Statement   string
	Params      []Param
	// RowLimit truncates the result; 0 is no limit.
	RowLimit int64
	// Repeatable says that running the statement twice does no harm, so that one whose
	// answer was lost may be sent again.
	Repeatable bool
	// RequestID is sent along, to find the statement in the query history.
	RequestID string
}

// ResultColumn is a column of a result, with its SQL type, such as DECIMAL(18,2).
type ResultColumn struct{ Name, Type string }

// StatementResult is a result. A nil cell is NULL, which is not the empty text.
type StatementResult struct {
	Columns   []ResultColumn
	Rows      [][]*string
	Truncated bool
	TotalRows int64
}

const (
	// WaitTimeout is how long the service holds a statement's first answer back.
	WaitTimeout = "10s"
	// PollFirst is the first pause between two polls; each is twice the one before.
	PollFirst = 500 * time.Millisecond
	// PollMost is the longest pause between two polls.
	PollMost = 5 * time.Second
	// CancelTimeout bounds the attempt to cancel a statement that nobody waits for.
	CancelTimeout = 5 * time.Second
)

// StatementStatus is how far a statement is.
type StatementStatus struct {
	State    string          `json:"state"`
	Error    *StatementError `json:"error"`
	SQLState string          `json:"sql_state"`
}

// StatementError is why a statement failed.
type StatementError struct {
	Code string `json:"error_code"`
	// Message is read for the class of the error, and not kept.
	Message string `json:"message"`
}

// Unfinished says whether the statement has not ended.
func (s StatementStatus) Unfinished() bool { return s.State == "PENDING" || s.State == "RUNNING" }

// StatementAnswer is a statement as the SQL Statement Execution API answers it.
type StatementAnswer struct {
	StatementID string          `json:"statement_id"`
	Status      StatementStatus `json:"status"`
	Manifest    struct {
		Schema struct {
			Columns []struct {
				Name     string `json:"name"`
				TypeText string `json:"type_text"`
			} `json:"columns"`
		} `json:"schema"`
		TotalRowCount int64 `json:"total_row_count"`
		Truncated     bool  `json:"truncated"`
	} `json:"manifest"`
	Result ResultChunk `json:"result"`
}

// ResultChunk is a part of a result in that answer.
type ResultChunk struct {
	Data      [][]*string `json:"data_array"`
	NextChunk *int64      `json:"next_chunk_index"`
}

// Running says whether there is something to wait for. A statement without an id that
// can be part of a request cannot be asked for.
func (a *StatementAnswer) Running() bool {
	return a.Status.Unfinished() && identityPattern.MatchString(a.StatementID)
}

// StatementPath is the path of a statement.
func StatementPath(id string) string { return "/api/2.0/sql/statements/" + url.PathEscape(id) }

// Contents is what the first answer holds.
func (a *StatementAnswer) Contents() *StatementResult {
	out := &StatementResult{Truncated: a.Manifest.Truncated, TotalRows: a.Manifest.TotalRowCount, Rows: a.Result.Data}
	for _, col := range a.Manifest.Schema.Columns {
		out.Columns = append(out.Columns, ResultColumn{Name: col.Name, Type: col.TypeText})
	}
	return out
}

// StatementFailure classifies a statement that ended without a result.
func StatementFailure(s StatementStatus) error {
	e := &CallError{Status: http.StatusOK, SQLState: s.SQLState, Code: s.State}
	if s.Error == nil {
		return e
	}
	e.Code = s.Error.Code
	if e.SQLState == "" {
		e.SQLState = sqlStateIn(s.Error.Message)
	}
	switch {
	case e.SQLState == "42501" || e.Code == "UNAUTHENTICATED" || strings.HasPrefix(s.Error.Message, "[INSUFFICIENT_PERMISSIONS]"):
		e.Kind = CallDenied
	case e.Code == "RESOURCE_EXHAUSTED":
		e.Kind = CallRateLimited
	case e.Code == "TEMPORARILY_UNAVAILABLE" || e.Code == "INTERNAL_ERROR" || e.Code == "IO_ERROR" ||
		e.Code == "SERVICE_UNDER_MAINTENANCE" || e.Code == "WORKSPACE_TEMPORARILY_UNAVAILABLE" || e.Code == "DEADLINE_EXCEEDED":
		e.Kind = CallUnavailable
	}
	return e
}

// sqlStateIn finds the state at the end of a message such as `... SQLSTATE: 42501`.
func sqlStateIn(message string) string {
	_, after, ok := strings.Cut(message, "SQLSTATE: ")
	if !ok || len(after) < 5 {
		return ""
	}
	for _, r := range after[:5] {
		if (r < '0' || r > '9') && (r < 'A' || r > 'Z') {
			return ""
		}
	}
	return after[:5]
}
