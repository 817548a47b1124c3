// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"errors"
	"fmt"
	"time"
)

// Class says who ends a fault.
type Class string

// The classes. An error that nobody classed is Transient.
const (
	// None is the class of no error.
	None Class = ""
	// ClassWaiting: a dependency is not there yet; a watch ends it.
	ClassWaiting Class = "Waiting"
	// ClassRateLimited: too many calls; time ends it.
	ClassRateLimited Class = "RateLimited"
	// ClassTransient: something failed that may work again; time ends it.
	ClassTransient Class = "Transient"
	// ClassDenied: the other side refuses this identity; an administrator ends it.
	ClassDenied Class = "Denied"
	// ClassConflict: something exists that is not ours; an administrator ends it.
	ClassConflict Class = "Conflict"
	// ClassNotConverged: after writing, there is still a difference; a later pass ends it, or it is a bug.
	ClassNotConverged Class = "NotConverged"
	// ClassProgressing: what was written takes effect with time; looking again soon ends it.
	ClassProgressing Class = "Progressing"
	// ClassInvalid: the spec cannot be satisfied as written; a new generation ends it.
	ClassInvalid Class = "Invalid"
)

// Reasons of faults that have no better one.
const (
	// ReasonTransient is the reason of an error that nobody classed.
	ReasonTransient = "TransientError"
	// ReasonRateLimited is the reason of every RateLimited fault.
	ReasonRateLimited = "RateLimited"
	// ReasonNotConverged is the reason of every NotConverged fault.
	ReasonNotConverged = "NotConverged"
)

// Fault is an error with its class. Its text goes into conditions and events, so
// that whoever makes one keeps secrets and raw answers out of it.
type Fault struct {
	Class  Class
	Reason string
	// After is how long to wait at least, for RateLimited, and how long to wait, for Progressing.
	After time.Duration
	// Writing says that a write failed, not a read.
	Writing bool
	err     error
}

func (f *Fault) Error() string { return f.err.Error() }

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.err }

// Invalid says that the spec cannot be satisfied as written.
func Invalid(reason string, err error) error {
	return &Fault{Class: ClassInvalid, Reason: reason, err: err}
}

// Denied says that the other side refuses this identity.
func Denied(reason string, err error) error {
	return &Fault{Class: ClassDenied, Reason: reason, err: err}
}

// Conflict says that something exists there that is not ours.
func Conflict(reason string, err error) error {
	return &Fault{Class: ClassConflict, Reason: reason, err: err}
}

// Waiting says that a dependency is not there yet.
func Waiting(reason string, err error) error {
	return &Fault{Class: ClassWaiting, Reason: reason, err: err}
}

// Transient classes an error as such, with a reason of its own.
func Transient(reason string, err error) error {
	return &Fault{Class: ClassTransient, Reason: reason, err: err}
}

// Progressing says that everything is written and takes effect with time.
func Progressing(reason string, after time.Duration, err error) error {
	return &Fault{Class: ClassProgressing, Reason: reason, After: after, err: err}
}

// RateLimited says that the next call makes sense after a while.
func RateLimited(after time.Duration, err error) error {
	return &Fault{Class: ClassRateLimited, Reason: ReasonRateLimited, After: after, err: err}
}

// NotConverged says that a difference is left after writing.
func NotConverged(err error) error {
	return &Fault{Class: ClassNotConverged, Reason: ReasonNotConverged, err: err}
}

// Of returns the fault in err, the outermost if it holds several; an error that
// nobody classed is Transient, nil is nil. The text is that of err as a whole.
func Of(err error) *Fault {
	if err == nil {
		return nil
	}
	var f *Fault
	if !errors.As(err, &f) {
		return &Fault{Class: ClassTransient, Reason: ReasonTransient, err: err}
	}
	out := *f
	out.err = err
	return &out
}

// InWriting returns err as a fault of a write, with what was being done before its text.
func InWriting(doing string, err error) error {
	if err == nil {
		return nil
	}
	f := Of(fmt.Errorf("%s: %w", doing, err))
	f.Writing = true
	return f
}

// Is says whether err is a fault of the class.
func Is(err error, c Class) bool {
	f := Of(err)
	return f != nil && f.Class == c
}
