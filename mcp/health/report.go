// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

// Status is how a dependency, or all of them together, are.
type Status string

// The states of a dependency. Those of a report are OK, Degraded and Unknown.
const (
	// OK answered, and can be used.
	OK Status = "ok"
	// Denied means that the server's own role may not see it.
	Denied Status = "denied"
	// Missing means that it is not there, or hidden from the server's own role.
	Missing Status = "missing"
	// Unavailable means that it failed, did not answer, or is not ready.
	Unavailable Status = "unavailable"
	// Unknown means that it could not be asked.
	Unknown Status = "unknown"
	// Degraded is a report in which a dependency is denied, missing or unavailable.
	Degraded Status = "degraded"
)

// Report is what is known, as it is answered. It holds no address, no token and
// nothing of what a dependency answered.
type Report struct {
	Status Status `json:"status"`
	// CheckedAt is when the last round ended.
	CheckedAt    *time.Time   `json:"checked_at,omitempty"`
	Dependencies []Dependency `json:"dependencies"`
}

// Dependency is what is known of one.
type Dependency struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Status Status `json:"status"`
	// LatencyMS is how long the answer took, and AgeMS how long ago it came; absent without one.
	LatencyMS *int64 `json:"latency_ms,omitempty"`
	AgeMS     *int64 `json:"age_ms,omitempty"`
	Message   string `json:"message,omitempty"`
}

func (c *Checker) report() Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := Report{Status: OK, Dependencies: []Dependency{}}
	if !c.ended.IsZero() {
		at := c.ended.UTC().Truncate(time.Millisecond)
		out.CheckedAt = &at
	}
	if c.target.Name == "" {
		out.Status = Unknown
		return out
	}
	for _, d := range c.target.all() {
		one := Dependency{Kind: string(d.Kind), Name: d.Name, Status: Unknown, Message: c.silence()}
		if r, known := c.results[d]; known {
			one.Status, one.Message = r.status, r.message
			one.AgeMS = milliseconds(c.opts.Now().Sub(r.at))
			if r.status != Unknown {
				one.LatencyMS = milliseconds(r.took)
			}
		}
		out.Dependencies = append(out.Dependencies, one)
		switch {
		case one.Status == OK:
		case one.Status != Unknown:
			out.Status = Degraded
		case out.Status == OK:
			out.Status = Unknown
		}
	}
	return out
}

// silence says why a dependency was never asked for.
func (c *Checker) silence() string {
	switch {
	case c.opts.TokenFile == "":
		return "this pod has no token of its own"
	case c.target.Identity == nil:
		return "the server's own Role is not ready: its conditions say why"
	}
	return "not asked yet"
}

func milliseconds(d time.Duration) *int64 {
	ms := d.Milliseconds()
	return &ms
}

// judge turns the end of a question into a status, in constant words.
func judge(err error) (Status, string) {
	var refused *caller.ExchangeError
	var failed *wire.CallError
	switch {
	case err == nil:
		return OK, ""
	case errors.Is(err, errNoToken):
		return Unknown, errNoToken.Error()
	case errors.As(err, &refused):
		return status(refused.Status, refused.Status < http.StatusInternalServerError,
			fmt.Sprintf("the pod's token gives no token of the server's role: %s (HTTP %d)", refused.Code, refused.Status))
	case !errors.As(err, &failed):
		return Unavailable, "cannot be reached"
	case failed.Status == http.StatusNotFound:
		return Missing, "it does not exist, or the server's role may not know of it"
	case failed.Code == "NOT_READY":
		return Unavailable, "it is not ready"
	case failed.Status == 0:
		return Unavailable, "cannot be reached"
	case failed.Status == http.StatusOK:
		return status(0, failed.Kind == wire.CallDenied, "it failed")
	}
	denied := failed.Kind == wire.CallDenied || failed.Kind == wire.CallUnauthenticated
	return status(failed.Status, denied, fmt.Sprintf("answered HTTP %d", failed.Status))
}

func status(code int, denied bool, message string) (Status, string) {
	switch {
	case code == http.StatusTooManyRequests:
		return Unknown, "Databricks limits the rate of calls"
	case denied:
		return Denied, message
	}
	return Unavailable, message
}

// ServeHTTP answers a Report: 503 when it is degraded, and 200 otherwise, also when
// nothing is known.
func (c *Checker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	report := c.Report(r.Context())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if report.Status == Degraded {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(report) // whoever asked may have gone
}
