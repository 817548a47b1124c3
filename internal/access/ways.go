// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"time"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// way is what one rule says of a cell.
type way struct {
	// until is when it ends; zero means never.
	until time.Time
}

func wayOf(rule v1alpha1.AccessRule) way {
	var w way
	if rule.Until != nil {
		w.until = rule.Until.UTC()
	}
	return w
}

// Ended says whether the time of a rule is over.
func (e Estate) Ended(rule v1alpha1.AccessRule) bool {
	return rule.Until != nil && (e.Now.IsZero() || !e.Now.Before(rule.Until.Time))
}

// outlasts says whether one end comes after another. No end comes last.
func outlasts(a, b time.Time) bool {
	return !b.IsZero() && (a.IsZero() || a.After(b))
}

// terms are those of a cell in the document: nil where it is a plain yes.
func terms(ways []way) []Term {
	last := ways[0].until
	for _, w := range ways {
		if outlasts(w.until, last) {
			last = w.until
		}
	}
	if last.IsZero() {
		return nil
	}
	return []Term{{Until: last}}
}
