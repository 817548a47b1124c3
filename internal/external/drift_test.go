// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// drifting is a world whose object agreed with the outside a minute ago, in the
// process that goes on.
func drifting(t *testing.T) (*world, func() []string) {
	t.Helper()
	w := newWorld(t, maps.Clone(two))
	r := w.restart()
	told := func() []string {
		t.Helper()
		_, journal, _ := w.passOf(r)
		w.now = w.now.Add(time.Minute)
		var out []string
		for _, line := range journal {
			if text, ok := strings.CutPrefix(line, "event Warning Drifted "); ok {
				out = append(out, text)
			}
		}
		return out
	}
	if got := told(); len(got) > 0 {
		t.Fatalf("what was never there has drifted: %v", got)
	}
	return w, told
}

// correctedOf is the counter of drift that was undone, and how many ages were observed.
func correctedOf(t *testing.T) (corrections float64, ages uint64) {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() != "Toy" {
				continue
			}
			switch f.GetName() {
			case "gatehouse_drift_corrected_total":
				corrections = m.GetCounter().GetValue()
			case "gatehouse_drift_age_seconds":
				ages = m.GetHistogram().GetSampleCount()
			}
		}
	}
	return corrections, ages
}

func TestDriftIsToldOnceAndCorrected(t *testing.T) {
	w, told := drifting(t)
	before, ages := correctedOf(t)
	if got := told(); len(got) > 0 {
		t.Errorf("nothing drifted: %v", got)
	}
	w.things["a"] = "theirs"
	delete(w.things, "b")
	want := []string{`Repair: Update a (value: "theirs" -> "1"); Create b: nobody declared a change; so for at most 1m0s: the last look that agreed was at 2026-01-02T03:05:05Z`}
	if diff := cmp.Diff(want, told()); diff != "" {
		t.Error(diff)
	}
	at := func(minute int) metav1.Time { return metav1.NewTime(time.Date(2026, 1, 2, 3, minute, 5, 0, time.UTC)) }
	drift := &v1alpha1.Drift{DetectedAt: at(6), Since: at(5), Steps: []string{`Update a (value: "theirs" -> "1")`, "Create b"}}
	if diff := cmp.Diff(drift, w.get().Status.LastDrift); diff != "" {
		t.Error(diff)
	}
	if got := told(); len(got) > 0 || w.things["a"] != "1" || w.things["b"] != "2" {
		t.Errorf("told again: %v, or not corrected: %v", got, w.things)
	}
	if after, now := correctedOf(t); after != before+1 || now != ages+1 {
		t.Errorf("counted %v corrections and %d ages", after-before, now-ages)
	}
}

func TestWhoDrifted(t *testing.T) {
	w, told := drifting(t)
	w.things["a"], w.things["b"] = "x", "x"
	w.changed = map[string]change{
		"a": {"ann@example.com", w.now.Add(-10 * time.Second)},
		"b": {"the operator, when it made it", w.now.Add(-time.Hour)},
	}
	got := told()
	if len(got) != 1 || !strings.HasSuffix(got[0], "; changed last by ann@example.com at 2026-01-02T03:04:55Z") || w.get().Status.LastDrift.By != "ann@example.com" {
		t.Errorf("got %v, %+v", got, w.get().Status.LastDrift)
	}
	w.things["b"] = "x"
	if got := told(); len(got) != 1 || strings.Contains(got[0], "changed last") || w.get().Status.LastDrift.By != "" {
		t.Errorf("an older change is blamed: %v", got)
	}
}

func TestWhatIsNoDrift(t *testing.T) {
	t.Run("a change of what is declared", func(t *testing.T) {
		w, told := drifting(t)
		w.change(func(o *toy) { o.Spec.Things["a"] = "2" })
		if got := told(); len(got) > 0 || w.things["a"] != "2" {
			t.Errorf("got %v", got)
		}
	})
	t.Run("what a change left half done before it was taken back", func(t *testing.T) {
		w, told := drifting(t)
		w.change(func(o *toy) { o.Spec.Things["a"], o.Spec.Things["c"] = "2", "1" })
		w.fail["create c"] = errors.New("cause")
		told()
		if w.things["a"] != "2" {
			t.Fatal("nothing is half done")
		}
		w.change(func(o *toy) { o.Spec.Things = maps.Clone(two) })
		if got := told(); len(got) > 0 || len(w.things) != 3 {
			t.Errorf("got %v; %v", got, w.things)
		}
		_, journal, _ := w.pass()
		if strings.Contains(strings.Join(journal, " "), "Drifted") {
			t.Errorf("nor after a restart: %v", journal)
		}
	})
	t.Run("what goes with the object", func(t *testing.T) {
		w, told := drifting(t)
		w.things["a"] = "x"
		w.delete()
		if got := told(); len(got) > 0 || w.get() != nil {
			t.Errorf("got %v", got)
		}
	})
	t.Run("what could not be looked at", func(t *testing.T) {
		w, told := drifting(t)
		w.fail["observe"] = fault.RateLimited(0, errors.New("cause"))
		if got := told(); len(got) > 0 {
			t.Errorf("got %v", got)
		}
	})
}

func TestDriftThatCannotBeCorrectedIsToldOnce(t *testing.T) {
	w, told := drifting(t)
	before, _ := correctedOf(t)
	w.things["a"] = "x"
	w.fail["update a"] = errors.New("cause")
	if got := told(); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	if got := told(); len(got) > 0 {
		t.Errorf("told again: %v", got)
	}
	delete(w.things, "b")
	if got := told(); len(got) != 1 || !strings.Contains(got[0], "Create b") {
		t.Errorf("what drifted since is not told: %v", got)
	}
	if now, _ := correctedOf(t); now != before {
		t.Error("counted as corrected")
	}
	delete(w.fail, "update a")
	told()
	if now, _ := correctedOf(t); now != before+1 {
		t.Errorf("counted %v times", now-before)
	}
}

func TestObserveOnlyTellsDriftAndLeavesIt(t *testing.T) {
	w, told := drifting(t)
	before, _ := correctedOf(t)
	w.above = external.Management{Policy: v1alpha1.ManagementObserveOnly, By: "the box"}
	w.things["a"] = "x"
	if got := told(); len(got) != 1 || !strings.HasPrefix(got[0], "Observe: ") || w.things["a"] != "x" {
		t.Errorf("got %v, %v", got, w.things)
	}
	if got := told(); len(got) > 0 {
		t.Errorf("told again: %v", got)
	}
	if _, journal, _ := w.pass(); strings.Contains(strings.Join(journal, " "), "Drifted") || len(w.get().Status.Plan) != 1 {
		t.Errorf("told again after a restart: %v", journal)
	}
	w.above = external.Management{}
	if got := told(); len(got) > 0 || w.things["a"] != "1" {
		t.Errorf("when it is corrected it is told again: %v", got)
	}
	if now, _ := correctedOf(t); now != before+1 {
		t.Errorf("counted %v times", now-before)
	}
}

func TestLooksThatAgreeAreNotWritten(t *testing.T) {
	w, _ := drifting(t)
	agreed := w.get().Status.LastSync
	for range 3 {
		w.now = w.now.Add(time.Hour)
		if _, journal, err := w.pass(); err != nil || len(journal) != 2 {
			t.Errorf("got %v, %v", journal, err)
		}
	}
	if diff := cmp.Diff(agreed, w.get().Status.LastSync); diff != "" {
		t.Error(diff)
	}
}
