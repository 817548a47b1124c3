// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

var two = map[string]string{"a": "1", "b": "2"}

const ready = "Ready=True/Ready ReferencesResolved=True/Resolved Synced=True/Synced"

func TestTheOrderOfWrites(t *testing.T) {
	w := newWorld(t, two)
	for _, step := range []struct {
		name   string
		change func()
		want   []string
	}{
		{"the finalizer comes before anything external, the intent before its step, the status last", func() {}, []string{
			"metadata", "gather", "observe",
			"status", "create a", "event Normal Created Create: a", "status", "create b", "event Normal Created Create: b",
			"observe", "status",
		}},
		{"nothing to do writes nothing", func() {}, []string{"gather", "observe"}},
		{"nor does a second look", func() {}, []string{"gather", "observe"}},
		{"drift is told, recorded and corrected, and needs no intent", func() { w.things["a"] = "drifted"; w.now = w.now.Add(time.Minute) }, []string{
			"gather", "observe",
			`event Warning Drifted Repair: Update a (value: "drifted" -> "1"): nobody declared a change; so for at most 1m0s: ` +
				"it agreed at 2026-01-02T03:04:05Z, and no look since is known, because the operator has started again",
			"status", "update a", "event Normal Updated Update: a", "observe", "status",
		}},
		{"a change of spec takes the record of agreement back and plans only what changed", func() { w.change(func(o *toy) { delete(o.Spec.Things, "b") }) }, []string{
			"gather", "observe", "status", "delete b", "event Normal Deleted Delete: b", "observe", "status",
		}},
		{"deleting plans towards nothing, then lets go", func() { w.delete() }, []string{
			"gather", "observe", "delete a", "event Normal Deleted Delete: a", "observe", "metadata",
		}},
	} {
		step.change()
		_, got, err := w.pass()
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s: %s", step.name, diff)
		}
		if obj := w.get(); obj != nil && (summary(obj) != ready || obj.Status.ObservedGeneration != obj.Generation) {
			t.Errorf("%s: %s, generation %d of %d", step.name, summary(obj), obj.Status.ObservedGeneration, obj.Generation)
		}
	}
	if w.get() != nil {
		t.Error("the object is still there")
	}
	if diff := cmp.Diff(things{"theirs": "1"}, w.things); diff != "" {
		t.Error(diff)
	}
}

// TestACrashAnywhereEndsWithExactlyWhatIsWanted ends the process before and after
// each write in turn: while creating, and while deleting.
func TestACrashAnywhereEndsWithExactlyWhatIsWanted(t *testing.T) {
	dies := func(w *world, n int, after bool) (died bool) {
		defer func() {
			if r := recover(); r != nil {
				if _, ours := r.(crash); !ours {
					panic(r)
				}
				died = true
			}
			w.die = 0
		}()
		w.die, w.after = n, after
		if _, _, err := w.pass(); err != nil {
			t.Fatal(err)
		}
		return false
	}
	for _, after := range []bool{false, true} {
		for _, deleting := range []bool{false, true} {
			n := 1
			for ; ; n++ {
				w := newWorld(t, two)
				if deleting {
					_, _, _ = w.pass()
					w.delete()
				}
				died := dies(w, n, after)
				where := fmt.Sprintf("after=%v deleting=%v write %d", after, deleting, n)
				if obj := w.get(); died && !deleting && obj != nil && strings.Contains(summary(obj), "Ready=True") && len(w.things) < 3 {
					t.Errorf("%s: Ready although it crashed", where)
				}
				for name := range w.things {
					if obj := w.get(); name != "theirs" && !slices.Contains(obj.Status.Applied, name) {
						t.Errorf("%s: %s exists and no record covers it", where, name)
					}
				}
				if w.get() != nil {
					if _, _, err := w.pass(); err != nil {
						t.Errorf("%s: %v", where, err)
					}
				}
				want := things{"theirs": "1"}
				if !deleting {
					maps.Copy(want, two)
					if summary(w.get()) != ready {
						t.Errorf("%s: %s", where, summary(w.get()))
					}
				} else if w.get() != nil {
					t.Errorf("%s: the object stays", where)
				}
				if diff := cmp.Diff(want, w.things); diff != "" {
					t.Errorf("%s: %s", where, diff)
				}
				if !died {
					break
				}
			}
			if n < 4 {
				t.Errorf("only %d writes were struck", n-1)
			}
		}
	}
}

func TestManagementAndDeletionPolicies(t *testing.T) {
	observeOnly := external.Management{Policy: v1alpha1.ManagementObserveOnly, By: "the box"}
	paused := external.Management{Policy: v1alpha1.ManagementPaused, By: "the box"}
	policy := func(p string) func(*toy) { return func(o *toy) { o.Spec.ManagementPolicy = p } }
	for name, c := range map[string]struct {
		now     func(*toy) // what changed since
		above   external.Management
		deleted bool
		want    []string
		summary string
		requeue time.Duration
		message string   // of Ready, where it matters
		plan    []string // of status, where it matters
	}{
		"Paused reads and writes nothing outside": {
			now: policy("Paused"), want: []string{"status"},
			summary: "Ready=Unknown/Paused ReferencesResolved=True/Resolved Synced=True/Synced",
		},
		"Paused holds a deletion back": {now: policy("Paused"), deleted: true, want: []string{"status"}, summary: "Ready=Unknown/Paused ReferencesResolved=True/Resolved Synced=True/Synced"},
		"ObserveOnly tells the plan and writes nothing": {
			now:     func(o *toy) { o.Spec.ManagementPolicy = "ObserveOnly"; o.Spec.Things = map[string]string{"a": "3"} },
			want:    []string{"gather", "observe", `event Normal Planned Reconcile: Delete b; Update a (value: "1" -> "3")`, "status"},
			summary: "Ready=False/ObserveOnly ReferencesResolved=True/Resolved Synced=False/ObserveOnly", requeue: time.Minute,
		},
		"ObserveOnly of what it lives in counts as its own": {
			now: func(o *toy) { o.Spec.Things = map[string]string{"a": "3"} }, above: observeOnly,
			want:    []string{"gather", "observe", `event Normal Planned Reconcile: Delete b; Update a (value: "1" -> "3")`, "status"},
			summary: "Ready=False/ObserveOnly ReferencesResolved=True/Resolved Synced=False/ObserveOnly", requeue: time.Minute,
			message: `To do, but the management policy of the box is ObserveOnly: Delete b; Update a (value: "1" -> "3")`,
			plan:    []string{"Delete b", `Update a (value: "1" -> "3")`},
		},
		"Paused of what it lives in counts as its own": {
			now: policy("ObserveOnly"), above: paused, want: []string{"status"}, message: "The management policy of the box is Paused: nothing is read or written",
			summary: "Ready=Unknown/Paused ReferencesResolved=True/Resolved Synced=True/Synced",
		},
		"Paused of what it lives in holds a deletion back": {
			now: func(*toy) {}, above: paused, deleted: true, want: []string{"status"},
			message: "The management policy of the box is Paused: nothing is read or written, and the deletion waits until it is another",
			summary: "Ready=Unknown/Paused ReferencesResolved=True/Resolved Synced=True/Synced",
		},
		"ObserveOnly of what it lives in lets a deletion go and touches nothing": {now: func(*toy) {}, above: observeOnly, deleted: true, want: []string{
			"inventory",
			"event Warning LeftBehind Delete: The management policy of the box is ObserveOnly, so that this stays in Databricks and nobody looks after it: a and 1 more; the list of toys has the list",
			"metadata",
		}},
		"a laxer policy of what it lives in takes nothing from its own": {
			now: policy("Paused"), above: observeOnly, want: []string{"status"}, message: "The management policy is Paused: nothing is read or written",
			summary: "Ready=Unknown/Paused ReferencesResolved=True/Resolved Synced=True/Synced",
		},
		"ObserveOnly with nothing to do is Ready": {now: policy("ObserveOnly"), want: []string{"gather", "observe", "status"}, summary: ready, requeue: time.Minute},
		"ObserveOnly lets a deletion go and touches nothing": {now: policy("ObserveOnly"), deleted: true, want: []string{
			"inventory", "event Warning LeftBehind Delete: The management policy is ObserveOnly, so that this stays in Databricks and nobody looks after it: a and 1 more; the list of toys has the list", "metadata",
		}},
		"Orphan leaves everything and does not even look": {now: func(o *toy) { o.Spec.DeletionPolicy = "Orphan" }, deleted: true, want: []string{
			"inventory", "event Warning LeftBehind Delete: The deletion policy is Orphan, so that this stays in Databricks and nobody looks after it: a and 1 more; the list of toys has the list", "metadata",
		}},
		"Orphan does nothing to what lives": {now: func(o *toy) { o.Spec.DeletionPolicy = "Orphan" }, want: []string{"gather", "observe", "status"}, summary: ready, requeue: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, maps.Clone(two))
			if _, _, err := w.pass(); err != nil {
				t.Fatal(err)
			}
			w.change(c.now)
			w.above = c.above
			if c.deleted {
				w.delete()
			}
			outside := maps.Clone(w.things)
			result, got, err := w.pass()
			if err != nil || result.RequeueAfter != c.requeue {
				t.Errorf("got %v, %v", result, err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(outside, w.things); diff != "" {
				t.Error("the outside changed:", diff)
			}
			obj := w.get()
			if (obj == nil) != (c.summary == "") || obj != nil && summary(obj) != c.summary {
				t.Errorf("got %v", obj)
			}
			if obj == nil {
				return
			}
			if got := obj.Status.Conditions[0].Message; c.message != "" && got != c.message {
				t.Errorf("Ready says %q", got)
			}
			if diff := cmp.Diff(c.plan, obj.Status.Plan); c.plan != nil && diff != "" {
				t.Error("the plan in status:", diff)
			}
			if _, again, _ := w.pass(); slices.Contains(again, "status") || strings.Contains(strings.Join(again, " "), "event") {
				t.Errorf("a second pass says it again: %v", again)
			}
		})
	}
}

// TestFaults is the fault table. Each fault strikes a new object and one that was
// Ready, and twice: the second time is no transition.
func TestFaults(t *testing.T) {
	cause := errors.New("cause")
	const minutes = time.Minute

	for name, c := range map[string]struct {
		at      string // what is struck
		err     error
		fresh   string // conditions of a new object
		after   string // conditions of one that was Ready, where they differ in what is left from before
		requeue time.Duration
		event   string
		dealt   bool // the generation counts as dealt with
		plain   bool // an error for the queue
		final   bool // an error that the queue does not repeat
	}{
		"Waiting": {
			at: "gather", err: fault.Waiting("Missing", cause), requeue: 5 * minutes, event: "Normal Missing Reconcile: gather: cause",
			fresh: "Ready=False/Missing Reconciling=True/Missing ReferencesResolved=False/Missing",
			after: "Ready=False/Missing Reconciling=True/Missing ReferencesResolved=False/Missing Synced=True/Synced",
		},
		"RateLimited for less than the least": {
			at: "observe", err: fault.RateLimited(3*time.Second, cause), requeue: 30 * time.Second,
			fresh: "Ready=False/RateLimited Reconciling=True/RateLimited", after: ready,
		},
		"RateLimited for longer": {
			at: "observe", err: fault.RateLimited(90*time.Second, cause), requeue: 90 * time.Second,
			fresh: "Ready=False/RateLimited Reconciling=True/RateLimited", after: ready,
		},
		"Transient, looking": {
			at: "observe", err: cause, plain: true,
			fresh: "Ready=Unknown/TransientError Reconciling=True/TransientError Synced=Unknown/TransientError",
			after: "Ready=Unknown/TransientError Reconciling=True/TransientError ReferencesResolved=True/Resolved Synced=Unknown/TransientError",
		},
		"Transient, writing": {
			at: "create c", err: cause, plain: true, event: "Warning TransientError Reconcile: Create c: cause",
			fresh: "Ready=False/TransientError Reconciling=True/TransientError Synced=False/TransientError",
			after: "Ready=False/TransientError Reconciling=True/TransientError ReferencesResolved=True/Resolved Synced=False/TransientError",
		},
		"Denied": {
			at: "create c", err: fault.Denied("Refused", cause), requeue: 10 * minutes, event: "Warning Refused Reconcile: Create c: cause", dealt: true,
			fresh: "Ready=False/Refused Stalled=True/Refused",
			after: "Ready=False/Refused ReferencesResolved=True/Resolved Stalled=True/Refused Synced=True/Synced",
		},
		"Conflict": {
			at: "plan", err: fault.Conflict("NotOurs", cause), requeue: 10 * minutes, event: "Warning NotOurs Reconcile: cause", dealt: true,
			fresh: "Ready=False/NotOurs Stalled=True/NotOurs",
			after: "Ready=False/NotOurs ReferencesResolved=True/Resolved Stalled=True/NotOurs Synced=True/Synced",
		},
		"NotConverged": {
			at: "deaf", plain: true, event: "Warning NotConverged Reconcile: after writing there is still to do: Create c",
			fresh: "Ready=False/NotConverged Reconciling=True/NotConverged Synced=False/NotConverged",
			after: "Ready=False/NotConverged Reconciling=True/NotConverged ReferencesResolved=True/Resolved Synced=False/NotConverged",
		},
		"Progressing": {
			at: "plan", err: fault.Progressing("Spreading", 7*time.Second, cause), requeue: 7 * time.Second, event: "Normal Spreading Reconcile: cause",
			fresh: "Ready=False/Spreading Reconciling=True/Spreading ReferencesResolved=True/Resolved",
			after: "Ready=False/Spreading Reconciling=True/Spreading ReferencesResolved=True/Resolved Synced=True/Synced",
		},
		"Invalid": {
			at: "desired", err: fault.Invalid("Wrong", cause), final: true, event: "Warning Wrong Reconcile: cause", dealt: true,
			fresh: "Ready=False/Wrong Stalled=True/Wrong",
			after: "Ready=False/Wrong ReferencesResolved=True/Resolved Stalled=True/Wrong Synced=True/Synced",
		},
	} {
		for _, wasReady := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, was Ready %v", name, wasReady), func(t *testing.T) {
				w := newWorld(t, map[string]string{"c": "1"})
				want := c.fresh
				if wasReady {
					want = c.after
					if _, _, err := w.pass(); err != nil {
						t.Fatal(err)
					}
					delete(w.things, "c") // drift, so that there is something to write in the same generation
				}
				w.fail[c.at], w.deaf = c.err, c.at == "deaf"
				for _, first := range []bool{true, false} {
					result, journal, err := w.pass()
					obj := w.get()
					if got := summary(obj); got != want {
						t.Errorf("conditions:\n got %s\nwant %s", got, want)
					}
					if (err != nil) != (c.plain || c.final) || errors.Is(err, reconcile.TerminalError(nil)) != c.final || result.RequeueAfter != c.requeue {
						t.Errorf("got %v, %v", result, err)
					}
					if dealt := obj.Status.ObservedGeneration == 1; dealt != (c.dealt || wasReady) {
						t.Errorf("the observed generation is %d", obj.Status.ObservedGeneration)
					}
					var events []string
					for _, line := range journal {
						if text, ok := strings.CutPrefix(line, "event "); ok && !strings.Contains(text, "Created") && !strings.Contains(text, "Drifted") {
							events = append(events, text)
						}
					}
					var wanted []string
					if c.event != "" && first {
						wanted = []string{c.event}
					}
					if diff := cmp.Diff(wanted, events); diff != "" {
						t.Errorf("events, first %v: %s", first, diff)
					}
					if !first && slices.Contains(journal, "status") {
						t.Error("the same fault again writes the status")
					}
				}
				w.fail, w.deaf = map[string]error{}, false
				if _, _, err := w.pass(); err != nil || summary(w.get()) != ready || w.get().Status.ObservedGeneration != 1 {
					t.Errorf("after the fault: %v, %s", err, summary(w.get()))
				}
			})
		}
	}
}

func TestWithoutKnowingThePolicyNothingIsDone(t *testing.T) {
	w := newWorld(t, two)
	w.fail["above"] = errors.New("cause")
	_, journal, err := w.pass()
	if diff := cmp.Diff([]string{"metadata", "status"}, journal); err == nil || diff != "" {
		t.Errorf("got %v: %s", err, diff)
	}
}

func TestThePlanInStatus(t *testing.T) {
	w := newWorld(t, map[string]string{}, func(o *toy) { o.Spec.ManagementPolicy = "ObserveOnly" })
	plan := func() []string {
		_, _, _ = w.pass()
		return w.get().Status.Plan
	}
	w.change(func(o *toy) {
		o.Spec.Things = map[string]string{}
		for i := range 40 {
			o.Spec.Things[fmt.Sprintf("%02d%s", i, strings.Repeat("x", 600))] = "1"
		}
	})
	got := plan()
	if len(got) != 33 || got[32] != "and 8 more" || len(got[0]) != 512 || !strings.HasPrefix(got[0], "Create 00xxx") {
		t.Errorf("not bounded: %d lines, %q", len(got), got)
	}
	w.fail["observe"] = errors.New("cause")
	if again := plan(); len(again) != 33 {
		t.Errorf("a pass that cannot look forgets the plan: %q", again)
	}
	w.fail["observe"] = fault.Denied("Refused", errors.New("cause"))
	if again := plan(); len(again) != 0 {
		t.Errorf("a plan that nobody would carry out stays: %q", again)
	}
	delete(w.fail, "observe")
	w.change(func(o *toy) { o.Spec.Things = map[string]string{"a": "1"} })
	if diff := cmp.Diff([]string{"Create a"}, plan()); diff != "" {
		t.Error(diff)
	}
	w.change(func(o *toy) { o.Spec.ManagementPolicy = "Enforce" })
	if again := plan(); len(again) != 0 || w.things["a"] != "1" {
		t.Errorf("after it was carried out: %q", again)
	}
}

// TestABlockedObjectKeepsNoOldReference: what was missing before may be there by now.
func TestABlockedObjectKeepsNoOldReference(t *testing.T) {
	for _, at := range []string{"gather", "desired", "plan"} {
		t.Run(at, func(t *testing.T) {
			w := newWorld(t, two)
			w.fail["gather"] = fault.Waiting("Missing", errors.New("cause"))
			_, _, _ = w.pass()
			delete(w.fail, "gather")
			w.fail[at] = fault.Denied("Refused", errors.New("cause"))
			_, _, _ = w.pass()
			if got := summary(w.get()); got != "Ready=False/Refused Stalled=True/Refused" {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestARateLimitHoldsBackANewGeneration(t *testing.T) {
	w := newWorld(t, maps.Clone(two))
	_, _, _ = w.pass()
	w.change(func(o *toy) { o.Spec.Things["a"] = "2" })
	w.fail["observe"] = fault.RateLimited(0, errors.New("cause"))
	_, _, _ = w.pass()
	if got, want := summary(w.get()), "Ready=False/RateLimited Reconciling=True/RateLimited ReferencesResolved=True/Resolved Synced=True/Synced"; got != want {
		t.Errorf("got %s", got)
	}
}

func TestWhatCannotBeSeenIsReportedAsBefore(t *testing.T) {
	w := newWorld(t, two)
	_, _, _ = w.pass()
	w.fail["observe"] = errors.New("cause")
	_, _, _ = w.pass()
	if diff := cmp.Diff([]string{"a", "b"}, w.get().Status.Seen); diff != "" {
		t.Error(diff)
	}
}

func TestWhatEarlierStepsLearnedIsKept(t *testing.T) {
	w := newWorld(t, two)
	w.fail["create b"] = errors.New("cause")
	_, _, _ = w.pass()
	if diff := cmp.Diff([]string{"a"}, w.get().Status.Seen); diff != "" {
		t.Error(diff)
	}
}

func TestAnIntentThatCannotBeRecordedTakesNoStep(t *testing.T) {
	w := newWorld(t, two)
	w.fail["status"] = errors.New("cause")
	if _, _, err := w.pass(); err == nil || len(w.things) != 1 {
		t.Errorf("got %v, and %v exists", err, w.things)
	}
}

func TestAStatusThatCannotBeWrittenIsTriedAgain(t *testing.T) {
	w := newWorld(t, two)
	w.fail["desired"] = fault.Invalid("Wrong", errors.New("cause"))
	w.fail["status"] = errors.New("no answer")
	if _, _, err := w.pass(); err == nil || errors.Is(err, reconcile.TerminalError(nil)) {
		t.Errorf("the queue gets %v", err)
	}
}

func TestADeletionKeepsTryingWhatIsInvalid(t *testing.T) {
	w := newWorld(t, two)
	_, _, _ = w.pass()
	w.delete()
	w.fail["gather"] = fault.Invalid("Wrong", errors.New("cause"))
	result, _, err := w.pass()
	if err != nil || result.RequeueAfter != 10*time.Minute || w.get() == nil {
		t.Errorf("got %v, %v", result, err)
	}
}

func TestADeletionWaitsForWhatCannotBeDeleted(t *testing.T) {
	w := newWorld(t, two)
	_, _, _ = w.pass()
	w.delete()
	w.fail["delete b"] = fault.Denied("Refused", errors.New("cause"))
	if _, _, err := w.pass(); err != nil || w.get() == nil || len(w.things) != 2 {
		t.Errorf("got %v; %v exist", err, w.things)
	}
}

// TestAPassGoesOnWithWhatIsNew: what a write gives to do, or somebody else meanwhile, is
// done by the same pass; what was done and does not last is told instead of done forever.
func TestAPassGoesOnWithWhatIsNew(t *testing.T) {
	w := newWorld(t, two)
	w.then = map[string]func(){"create b": func() { w.things["a"] = "drifted" }}
	if _, _, err := w.pass(); err != nil {
		t.Fatal(err)
	}
	if obj := w.get(); summary(obj) != ready || w.things["a"] != two["a"] {
		t.Errorf("%s, a is %q", summary(obj), w.things["a"])
	}

	w = newWorld(t, two)
	w.then = map[string]func(){"create b": func() { w.things["a"] = "drifted" }, "update a": func() { w.things["a"] = "drifted again" }}
	_, _, err := w.pass()
	if !fault.Is(err, fault.ClassNotConverged) || !strings.Contains(err.Error(), "Update a") {
		t.Errorf("what does not last ended in %v", err)
	}
	updates := 0
	for _, line := range w.journal {
		if line == "update a" {
			updates++
		}
	}
	if updates != 1 {
		t.Errorf("a was updated %d times in one pass", updates)
	}
}

func TestAPassIsAboutOneSpec(t *testing.T) {
	w := newWorld(t, maps.Clone(two))
	w.meanwhile = func() {
		w.change(func(o *toy) { o.Spec.Things["late"], o.Spec.ManagementPolicy = "1", "Paused" })
	}
	if _, _, err := w.pass(); err != nil {
		t.Fatal(err)
	}
	obj := w.get()
	if obj.Generation != 2 || obj.Status.ObservedGeneration != 1 || obj.Status.Conditions[0].ObservedGeneration != 1 || summary(obj) != ready {
		t.Errorf("generation %d is said to be dealt with: %s", obj.Status.ObservedGeneration, summary(obj))
	}
}

func TestAPassOverAnOldVersionWaits(t *testing.T) {
	w := newWorld(t, two)
	r, old := w.restart(), w.get()
	if _, _, err := w.passOf(r); err != nil {
		t.Fatal(err)
	}
	w.journal = nil
	result, err := r.Reconcile(t.Context(), old)
	if err != nil || result.RequeueAfter <= 0 || len(w.journal) > 0 {
		t.Errorf("got %v, %v: %v", result, err, w.journal)
	}
}

func TestAnObjectOfAnotherFinalizerIsNotOurs(t *testing.T) {
	w := newWorld(t, two, func(o *toy) { o.Finalizers = []string{"other.example.com/x"} })
	w.delete()
	if _, journal, err := w.pass(); err != nil || len(journal) > 0 {
		t.Errorf("got %v, %v", journal, err)
	}
}

func TestThePlanAsText(t *testing.T) {
	p := external.Plan[things]{
		{Verb: external.Grant, Target: "x"}, {Verb: external.Update, Target: "y", Diff: []external.Difference{{"f", "1", "2"}, {"g", "", "3"}}},
	}
	if got, want := p.String(), `Grant x; Update y (f: "1" -> "2", g: "" -> "3")`; got != want {
		t.Errorf("got %s", got)
	}
}

// TestTheClusterIsGatheredAgainBeforeEachRoundIsObserved: and what was gathered then is what
// the rest of the pass goes by. A pass with nothing to do gathers once.
func TestTheClusterIsGatheredAgainBeforeEachRoundIsObserved(t *testing.T) {
	w := newWorld(t, two)
	kind := kindOf(adapter{w})
	kind.GatherAgain = func(_ context.Context, obj *toy, in input) (input, error) {
		w.journal = append(w.journal, "gather again")
		if in.obj != obj {
			t.Error("it is about another object")
		}
		return input{obj}, w.fail["gather again"]
	}
	again := func() ([]string, error) {
		t.Helper()
		r := external.NewReconciler(external.Options{Client: w.client, Recorder: w, Jitter: func() float64 { return 0.5 }, Now: func() time.Time { return w.now }}, kind)
		_, journal, err := w.passOf(r)
		return slices.DeleteFunc(journal, func(line string) bool {
			return line == "metadata" || line == "status" || strings.HasPrefix(line, "event")
		}), err
	}
	got, err := again()
	if diff := cmp.Diff([]string{"gather", "observe", "create a", "create b", "gather again", "observe"}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if got, err = again(); err != nil || !slices.Equal(got, []string{"gather", "observe"}) {
		t.Errorf("with nothing to do: %v, %v", got, err)
	}
	delete(w.things, "a")
	w.fail["gather again"] = errors.New("cause")
	got, err = again()
	if diff := cmp.Diff([]string{"gather", "observe", "create a", "gather again"}, got); err == nil || err.Error() != "gather: cause" || diff != "" {
		t.Error(err, diff)
	}
}
