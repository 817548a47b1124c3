// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package externaltest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Case is one object, and the outside that it is tried on.
type Case[O external.Object] struct {
	// Object is desired. The suite keeps its status, as the loop does in the cluster.
	Object O
	// Others describes what is outside and not the object's; it must never change.
	Others func() any
	// Writes counts the writes that the outside has seen.
	Writes func() int
	// Faults are failures of the outside by name.
	Faults map[string]Fault
}

// Fault is one failure of the outside.
type Fault struct {
	// Break makes observing fail; Heal ends that.
	Break, Heal func()
	// Want is the class of the error.
	Want fault.Class
}

// Run holds a kind against the contract.
func Run[O external.Object, I, S any](t *testing.T, k external.Kind[O, I, S], c Case[O]) {
	t.Helper()
	a := k.Adapter
	var zero S
	observe := func(t *testing.T, removing bool) (I, external.Plan[S], S) {
		t.Helper()
		in, err := a.Gather(t.Context(), c.Object)
		if err != nil {
			t.Fatal("gather:", err)
		}
		want := zero
		if !removing {
			if want, err = a.Desired(in); err != nil {
				t.Fatal("desired:", err)
			}
		}
		have, err := a.Observe(t.Context(), in)
		if err != nil {
			t.Fatal("observe:", err)
		}
		plan, err := a.Plan(want, have)
		if err != nil {
			t.Fatal("plan:", err)
		}
		return in, plan, have
	}
	// drive takes every step of a plan, each of them so many times. A repetition may
	// find that the thing is there already, and leave it to the next pass.
	drive := func(t *testing.T, removing bool, times int) {
		t.Helper()
		in, plan, have := observe(t, removing)
		if len(plan) == 0 {
			t.Fatal("there is nothing to do")
		}
		for _, step := range plan {
			for i := range times {
				if k.Intend != nil {
					k.Intend(c.Object, have, step)
				}
				after, err := a.Apply(t.Context(), in, have, step)
				if i > 0 && (fault.Is(err, fault.ClassWaiting) || fault.Is(err, fault.ClassProgressing) || fault.Is(err, fault.ClassConflict)) {
					continue
				}
				if err != nil {
					t.Fatalf("%s: %v", step, err)
				}
				have = after
			}
		}
		a.Report(c.Object, have)
	}
	converged := func(t *testing.T, removing bool) {
		t.Helper()
		before := c.Writes()
		_, plan, have := observe(t, removing)
		if len(plan) > 0 {
			t.Errorf("still to do: %s", plan)
		}
		if n := c.Writes() - before; n != 0 {
			t.Errorf("observing wrote %d times", n)
		}
		a.Report(c.Object, have)
	}
	others := c.Others()
	untouched := func(t *testing.T) {
		t.Helper()
		if diff := cmp.Diff(others, c.Others()); diff != "" {
			t.Error("others' things changed:", diff)
		}
	}
	now := metav1.NewTime(time.Now())
	c.Object.SetDeletionTimestamp(&now) // as whatever is removed has
	t.Run("absent is zero", func(t *testing.T) { converged(t, true) })
	c.Object.SetDeletionTimestamp(nil)
	t.Run("apply, then the plan is empty", func(t *testing.T) { drive(t, false, 1); converged(t, false); untouched(t) })
	for name, f := range c.Faults {
		t.Run("its class: "+name, func(t *testing.T) {
			in, err := a.Gather(t.Context(), c.Object)
			if err != nil {
				t.Fatal(err)
			}
			f.Break()
			defer f.Heal()
			seen, err := a.Observe(t.Context(), in)
			if err == nil { // an adapter may go on with what it could see, and say at the end what it could not
				want, wrong := a.Desired(in)
				if wrong != nil {
					t.Fatal(wrong)
				}
				var plan external.Plan[S]
				if plan, err = a.Plan(want, seen); len(plan) > 0 {
					t.Errorf("what could not be seen is planned to be written: %s", plan)
				}
			}
			if !fault.Is(err, f.Want) {
				t.Errorf("got %v of class %v, want %s", err, fault.Of(err), f.Want)
			}
		})
	}
	c.Object.SetDeletionTimestamp(&now)
	t.Run("remove, then nothing is left", func(t *testing.T) { drive(t, true, 1); converged(t, true); untouched(t) })
	c.Object.SetDeletionTimestamp(nil)
	// What a repetition made once too often goes with the next pass.
	settle := func(t *testing.T, removing bool) {
		t.Helper()
		if _, plan, _ := observe(t, removing); len(plan) > 0 {
			drive(t, removing, 1)
		}
	}
	t.Run("twice is once", func(t *testing.T) { drive(t, false, 2); settle(t, false); converged(t, false); untouched(t) })
	c.Object.SetDeletionTimestamp(&now)
	t.Run("removing twice is removing once", func(t *testing.T) { drive(t, true, 2); settle(t, true); converged(t, true); untouched(t) })
}
