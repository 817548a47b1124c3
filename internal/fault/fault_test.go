// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package fault_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

func TestOf(t *testing.T) {
	cause := errors.New("cause")
	for name, c := range map[string]struct {
		err         error
		wantClass   fault.Class
		wantReason  string
		wantText    string
		wantWriting bool
		wantAfter   time.Duration
	}{
		"an error that nobody classed is transient": {cause, fault.ClassTransient, fault.ReasonTransient, "cause", false, 0},
		"a class survives wrapping, with the words": {fmt.Errorf("observe: %w", fault.Denied("Refused", cause)), fault.ClassDenied, "Refused", "observe: cause", false, 0},
		"the outermost class wins":                  {fault.Waiting("Later", fault.Denied("Refused", cause)), fault.ClassWaiting, "Later", "cause", false, 0},
		"a write keeps its class":                   {fault.InWriting("create x", fault.RateLimited(3*time.Second, cause)), fault.ClassRateLimited, fault.ReasonRateLimited, "create x: cause", true, 3 * time.Second},
		"a failed write is transient":               {fault.InWriting("create x", cause), fault.ClassTransient, fault.ReasonTransient, "create x: cause", true, 0},
		"writing survives wrapping":                 {fmt.Errorf("apply: %w", fault.InWriting("create x", cause)), fault.ClassTransient, fault.ReasonTransient, "apply: create x: cause", true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := fault.Of(c.err)
			if f.Class != c.wantClass || f.Reason != c.wantReason || f.Error() != c.wantText || f.Writing != c.wantWriting || f.After != c.wantAfter {
				t.Errorf("got %+v %q", f, f.Error())
			}
			if !errors.Is(f, cause) {
				t.Error("the cause is lost")
			}
		})
	}
	if fault.Of(nil) != nil || fault.InWriting("x", nil) != nil {
		t.Error("nil must stay nil")
	}
}
