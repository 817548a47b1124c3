// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/sqlengine"
)

const (
	// mostWaiting is how many rows wait to be written; what comes on top is lost, and said to be.
	mostWaiting = 1024
	// mostUnlogged is how many rows that could not be written are told of; the oldest go first.
	mostUnlogged = 1000
)

// Tables is what the AI Gateway logs in.
type Tables interface {
	// EnsureTable makes a table as a session, or takes one that is there.
	EnsureTable(ctx context.Context, s sqlengine.Session, full string, columns []metastore.Column, comment string) (metastore.Object, error)
	// SystemTable makes a table of the catalog system.
	SystemTable(ctx context.Context, full string, columns []metastore.Column, comment string) error
	// Append adds a row to a table, if it is the one that was created at a time; no time is any.
	Append(ctx context.Context, full string, created time.Time, row map[string]any) error
}

// Unlogged is a row that could not be written.
type Unlogged struct {
	At        time.Time `json:"at"`
	Table     string    `json:"table"`
	RequestID string    `json:"databricks_request_id,omitempty"`
	// Error says why, and repeats nothing of the row.
	Error string `json:"error"`
}

var errNoRoom = errors.New("too many rows are waiting to be written, or the endpoints are closed")

// row is a row to write.
type row struct {
	table string
	// created is that of the table; the zero value is any.
	created time.Time
	cells   map[string]any
}

// recorder writes rows one after another, apart from the calls that they tell of: no
// answer waits for its row or fails with it. It is safe for concurrent use.
type recorder struct {
	tables Tables
	log    *slog.Logger
	rows   chan row
	done   chan struct{}

	mu     sync.Mutex
	closed bool
	failed []Unlogged
	lost   int
}

func newRecorder(t Tables, log *slog.Logger) *recorder {
	r := &recorder{tables: t, log: log, rows: make(chan row, mostWaiting), done: make(chan struct{})}
	go r.write()
	return r
}

func (r *recorder) write() {
	defer close(r.done)
	for one := range r.rows {
		if err := r.tables.Append(context.Background(), one.table, one.created, one.cells); err != nil {
			r.fail(one, err)
		}
	}
}

// add takes rows for writing.
func (r *recorder) add(rows ...row) {
	for _, one := range rows {
		if !r.queued(one) {
			r.fail(one, errNoRoom)
		}
	}
}

func (r *recorder) queued(one row) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	select {
	case r.rows <- one:
		return true
	default:
		return false
	}
}

func (r *recorder) fail(one row, err error) {
	text := "the row could not be written" // what the error says could repeat a cell
	if refused, ok := errors.AsType[*sqlengine.StatementError](err); ok {
		text = refused.Message
	} else if errors.Is(err, errNoRoom) {
		text = err.Error()
	}
	id, _ := one.cells["databricks_request_id"].(string)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost++
	r.failed = append(r.failed, Unlogged{At: time.Now().UTC(), Table: one.table, RequestID: id, Error: text})
	r.failed = r.failed[max(0, len(r.failed)-mostUnlogged):]
	r.log.Error("Failed to log an invocation", "table", one.table, "requestID", id, "err", text)
}

func (r *recorder) unlogged() ([]Unlogged, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Unlogged{}, r.failed...), r.lost
}

func (r *recorder) close() {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		close(r.rows)
	}
	r.mu.Unlock()
	<-r.done
}
