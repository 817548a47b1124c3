// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package roleprobe

import "time"

const (
	// trueMaxAge, falseMaxAge and failureMaxAge are how long a result counts before its check is due
	// again. A False is due in practically each pass, but not in the one that its own probe brings.
	trueMaxAge, falseMaxAge, failureMaxAge = time.Hour, 20 * time.Second, 2 * time.Minute
	// settleTime is how long a False may come from a change that warehouses do not know yet.
	settleTime = 5 * time.Minute
	// settleInterval is how soon a check that may be settling is due again.
	settleInterval = 30 * time.Second
	// retention is how long a result is remembered. A True outlives failures to repeat it for as long.
	retention = 2 * trueMaxAge
)

// Key identifies a check of a service principal, for one generation of its Role.
type Key struct {
	Workspace, ApplicationID string
	Generation               int64
	Check                    string
}

// Result is what is known of a check. The zero Result knows nothing.
type Result struct {
	// Since is when the check was first asked for.
	Since time.Time
	// Value counts if Known is set, and is of the time At.
	Value, Known bool
	At           time.Time
	// Err is why the last probe gave no result.
	Err error
	// Due is when to probe again.
	Due time.Time
}

// Outcome is what a Result means.
type Outcome int

const (
	// Pending means that the check has not run yet.
	Pending Outcome = iota
	// Failed means that the check ran without a result.
	Failed
	// Settling means that the check is False and so new that it may still become True by itself.
	Settling
	// False means that the check is False.
	False
	// True means that the check is True.
	True
)

// Outcome says what a result means at a time. Settled says that a False is known from before
// this process, so that it is not new.
func (r Result) Outcome(now time.Time, settled bool) Outcome {
	switch {
	case r.Known && r.Value:
		return True
	case r.Known && !settled && now.Sub(r.Since) < settleTime:
		return Settling
	case r.Known:
		return False
	case r.Err != nil:
		return Failed
	}
	return Pending
}

// IsDue says whether the check is to run again.
func (r Result) IsDue(now time.Time) bool { return !now.Before(r.Due) }

// Next is how soon to come back to a result that is not due; zero is no sooner than usual.
func (o Outcome) Next() time.Duration {
	switch o {
	case Settling:
		return settleInterval
	case Failed:
		return failureMaxAge
	default:
		return 0
	}
}

// with returns the result after a probe that returned a value.
func (r Result) with(value bool, now time.Time) Result {
	r.Known, r.Value, r.At, r.Err, r.Due = true, value, now, nil, now.Add(falseMaxAge)
	if value {
		r.Due = now.Add(trueMaxAge)
	}
	return r
}

// failed returns the result after a probe that returned none.
func (r Result) failed(err error, now time.Time) Result {
	r.Err, r.Due = err, now.Add(failureMaxAge)
	if r.Known && now.Sub(r.At) > retention {
		r.Known = false
	}
	return r
}

// expired says whether nobody needs the result any more: one in use is renewed before that.
func (r Result) expired(now time.Time) bool {
	return now.Sub(r.At) > retention && now.After(r.Due.Add(retention))
}
