// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package calllog

import (
	"net/http"
	"sync"
	"time"
)

// most is how many calls are kept; the oldest go first.
const most = 200_000

// Call is one call.
type Call struct {
	Seq       int64     `json:"seq"`
	At        time.Time `json:"at"`
	Host      string    `json:"host"`
	Method    string    `json:"method"`
	Path      string    `json:"path"`
	Query     string    `json:"query,omitempty"`
	Principal string    `json:"principal,omitempty"`
	RequestID string    `json:"request_id,omitempty"`
	Status    int       `json:"status"`
	// Committed says that a write took effect, whatever was answered.
	Committed bool     `json:"committed,omitempty"`
	Faults    []string `json:"faults,omitempty"`
	Millis    int64    `json:"millis"`
}

// Log keeps calls. It is safe for concurrent use.
type Log struct {
	mu    sync.Mutex
	next  int64
	calls []Call
}

// Begin starts the record of a call.
func (l *Log) Begin(host string, r *http.Request) *Call {
	return &Call{At: time.Now(), Host: host, Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, RequestID: r.Header.Get("X-Request-Id")}
}

// End files a call.
func (l *Log) End(c *Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	c.Seq, c.Millis = l.next, time.Since(c.At).Milliseconds()
	l.calls = append(l.calls, *c)
	if len(l.calls) > most {
		l.calls = append([]Call(nil), l.calls[len(l.calls)-most/2:]...)
	}
}

// Since returns the calls filed after a sequence number, oldest first.
func (l *Log) Since(seq int64) []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := []Call{}
	for _, c := range l.calls {
		if c.Seq > seq {
			out = append(out, c)
		}
	}
	return out
}

// Clear forgets all calls; sequence numbers go on.
func (l *Log) Clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = nil
}
