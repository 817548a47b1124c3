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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// helper is an Auxiliary that keeps temporary things outside while want says so.
type helper struct {
	adapter
	want    *things
	outlook *external.Outlook
}

var _ external.Auxiliary[*toy, input, input, things] = helper{}

func (h helper) Gather(_ context.Context, obj *toy, _ input) (input, error) {
	return input{obj}, h.w.fail["helper gather"]
}
func (h helper) Desired(input) (things, error) { return maps.Clone(*h.want), nil }
func (h helper) Observe(_ context.Context, in input) (things, error) {
	h.w.journal = append(h.w.journal, "helper observe")
	out := things{}
	for _, name := range in.obj.Status.Temporary {
		if v, ok := h.w.things[name]; ok {
			out[name] = v
		}
	}
	return out, h.w.fail["helper observe"]
}
func (h helper) Intend(obj *toy, _ things, step external.Step[things]) {
	if step.Verb == external.Create && !slices.Contains(obj.Status.Temporary, step.Target) {
		obj.Status.Temporary = append(obj.Status.Temporary, step.Target)
	}
}
func (h helper) Report(obj *toy, have things)           { obj.Status.Temporary = slices.Sorted(maps.Keys(have)) }
func (h helper) Outlook(input, things) external.Outlook { return *h.outlook }
func (h helper) Begun(obj *toy) bool                    { return len(obj.Status.Temporary) > 0 }

// helped is a world with a helper, and a function that makes a pass of a new process.
func helped(t *testing.T, changes ...func(*toy)) (*world, *helper, func() (time.Duration, []string, error)) {
	w := newWorld(t, map[string]string{"a": "1"}, changes...)
	h := &helper{adapter{w}, &things{}, &external.Outlook{}}
	return w, h, func() (time.Duration, []string, error) {
		result, journal, err := w.passOf(w.restart(external.Attach(*h)))
		return result.RequeueAfter, journal, err
	}
}

func TestTheAuxiliaryFollowsThePass(t *testing.T) {
	unable := errors.New("unable")
	ready := func(extra ...string) []string { return append([]string{"gather", "observe"}, extra...) }
	removed := []string{"gather", "helper observe", "delete tmp"}
	for name, c := range map[string]struct {
		// before is what the helper wants in a first pass, want in the second.
		before, want things
		meanwhile    func(w *world)
		object       func(*toy)
		journal      []string
		failed, gone bool
	}{
		"in place: each step, recorded before it, without an event": {nil, things{"tmp": "1"}, nil, nil, ready("helper observe", "status", "create tmp"), false, false},
		"with nothing to do, nothing is written":                    {things{"tmp": "1"}, things{"tmp": "1"}, nil, nil, ready("helper observe"), false, false},
		"what is no longer wanted goes":                             {things{"tmp": "1"}, nil, nil, nil, ready("helper observe", "delete tmp", "status"), false, false},
		"after a failure nothing is created": {nil, things{"tmp": "1"}, func(w *world) { w.fail["observe"] = unable }, nil,
			ready("helper observe", "status"), true, false},
		"but what is no longer wanted goes": {things{"tmp": "1"}, nil, func(w *world) { w.fail["observe"] = unable }, nil,
			ready("helper observe", "delete tmp", "status"), true, false},
		"an observer creates nothing": {nil, things{"tmp": "1"}, func(w *world) { w.above.Policy = "ObserveOnly" }, nil,
			ready("helper observe"), false, false},
		"a refusal removes what is there": {things{"tmp": "1"}, things{"tmp": "1"}, func(w *world) { w.fail["desired"] = fault.Denied("No", unable) }, nil,
			[]string{"gather", "helper observe", "delete tmp", "event Warning No Reconcile: unable", "status"}, false, false},
		"a refusal without anything there looks at nothing": {nil, things{"tmp": "1"}, func(w *world) { w.fail["desired"] = fault.Denied("No", unable) }, nil,
			[]string{"gather", "event Warning No Reconcile: unable", "status"}, false, false},
		"a pause stops everything": {nil, things{"tmp": "1"}, func(w *world) { w.above.Policy = "Paused" }, nil, []string{"status"}, false, false},
		"a failure of the helper changes no condition": {nil, things{"tmp": "1"}, func(w *world) { w.fail["helper observe"] = unable }, nil,
			ready("helper observe"), false, false},
		"a step that fails keeps its record": {nil, things{"tmp": "1"}, func(w *world) { w.fail["create tmp"] = unable }, nil,
			ready("helper observe", "status", "create tmp", "status"), false, false},
		"a deletion removes it first": {things{"tmp": "1"}, nil, (*world).delete, nil,
			append(slices.Clone(removed), "gather", "observe", "status", "delete a", "event Normal Deleted Delete: a", "observe", "metadata"), false, true},
		"a deletion waits for it": {things{"tmp": "1"}, nil, func(w *world) { w.delete(); w.fail["delete tmp"] = unable }, nil,
			append(slices.Clone(removed), "event Warning TransientError Reconcile: remove temporary resources: Delete tmp: unable", "status"), true, false},
		"also of an orphan": {things{"tmp": "1"}, nil, (*world).delete, orphan,
			append(slices.Clone(removed), "inventory",
				"event Warning LeftBehind Delete: The deletion policy is Orphan, so that this stays in Databricks and nobody looks after it: a; the list of toys has the list", "metadata"), false, true},
		"an orphan does not wait for what fails": {things{"tmp": "1"}, nil, func(w *world) { w.delete(); w.fail["delete tmp"] = unable }, orphan,
			append(slices.Clone(removed), "event Warning LeftBehind Delete: Temporary resources stay in Databricks: Delete tmp: unable", "inventory",
				"event Warning LeftBehind Delete: The deletion policy is Orphan, so that this stays in Databricks and nobody looks after it: a; the list of toys has the list", "metadata"), false, true},
		"but for what is on its way": {things{"tmp": "1"}, nil, func(w *world) {
			w.delete()
			w.fail["delete tmp"] = fault.Progressing("Pending", time.Second, unable)
		}, orphan, append(slices.Clone(removed), "event Normal Pending Reconcile: remove temporary resources: Delete tmp: unable", "status"), false, false},
		"where nothing is there, a deletion does not ask": {nil, nil, (*world).delete, nil,
			[]string{"gather", "observe", "delete a", "event Normal Deleted Delete: a", "observe", "metadata"}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			var changes []func(*toy)
			if c.object != nil {
				changes = append(changes, c.object)
			}
			w, h, pass := helped(t, changes...)
			*h.want = c.before
			if _, _, err := pass(); err != nil {
				t.Fatal(err)
			}
			*h.want = c.want
			if c.meanwhile != nil {
				c.meanwhile(w)
			}
			_, journal, err := pass()
			if diff := cmp.Diff(c.journal, journal); diff != "" {
				t.Error(diff)
			}
			if (err != nil) != c.failed || (w.get() == nil) != c.gone {
				t.Errorf("error %v, object %v", err, w.get())
			}
		})
	}
}

func TestTheOutlookOfAnAuxiliary(t *testing.T) {
	w, h, pass := helped(t)
	condition := func(status metav1.ConditionStatus, reason, message string) {
		h.outlook.Conditions = []metav1.Condition{{Type: "Helped", Status: status, Reason: reason, Message: message}}
	}
	told := func(want ...string) {
		t.Helper()
		_, journal, err := pass()
		if err != nil {
			t.Fatal(err)
		}
		events := slices.DeleteFunc(journal, func(s string) bool { return !strings.HasPrefix(s, "event Warning") })
		if diff := cmp.Diff(want, events, cmp.Transformer("empty", func(s []string) string { return fmt.Sprint(s) })); diff != "" {
			t.Error(diff)
		}
		if got := summary(w.get()); !strings.Contains(got, fmt.Sprintf("Helped=%s/%s", h.outlook.Conditions[0].Status, h.outlook.Conditions[0].Reason)) {
			t.Error(got)
		}
	}
	condition(metav1.ConditionUnknown, "Later", "not yet")
	told()
	condition(metav1.ConditionFalse, "No", "it is not so")
	told("event Warning No Verify: it is not so")
	condition(metav1.ConditionFalse, "No", "in other words")
	told()
	condition(metav1.ConditionTrue, "Yes", "it is so")
	told()
	for _, c := range []struct {
		next time.Duration
		fail error
		want time.Duration
	}{{0, nil, time.Minute}, {time.Hour, nil, time.Minute}, {time.Second, nil, time.Second}, {30 * time.Second, errors.New("away"), 30 * time.Second}} {
		h.outlook.Next, w.fail["helper observe"] = c.next, c.fail
		if got, _, err := pass(); err != nil || got != c.want {
			t.Errorf("%+v: %s %v", c, got, err)
		}
	}
	w.fail["helper observe"], w.fail["observe"] = nil, errors.New("away")
	if got, _, err := pass(); err == nil || got != 0 {
		t.Errorf("a failed pass comes again in %s: %v", got, err)
	}
}

// TestACrashWithAnAuxiliaryLeavesNothing ends the process before and after each write in turn.
func TestACrashWithAnAuxiliaryLeavesNothing(t *testing.T) {
	crashes := 0
	for _, after := range []bool{false, true} {
		for n := 1; n < 20; n++ {
			w, h, pass := helped(t)
			*h.want = things{"tmp": "1"}
			w.die, w.after = n, after
			func() {
				defer func() {
					if recover() != nil {
						crashes++
					}
				}()
				_, _, _ = pass()
				*h.want = nil
				_, _, _ = pass()
				w.delete()
				_, _, _ = pass()
			}()
			w.die = 0
			if w.get() != nil {
				if w.get().DeletionTimestamp.IsZero() {
					w.delete()
				}
				for range 3 {
					if w.get() != nil {
						_, _, _ = pass()
					}
				}
			}
			if diff := cmp.Diff(things{"theirs": "1"}, w.things); diff != "" || w.get() != nil {
				t.Errorf("write %d, after it %t: %s", n, after, diff)
			}
		}
	}
	if crashes < 16 {
		t.Errorf("only %d crashes", crashes)
	}
}
