// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external_test

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// cachedReads observe shared, which is what the world was like.
type cachedReads struct {
	adapter
	shared *things
	blind  *bool
}

func (g cachedReads) observe(_ context.Context, in input) (things, bool, error) {
	g.w.journal = append(g.w.journal, "observe cached")
	out := things{}
	for _, name := range in.obj.Status.Applied {
		if v, ok := (*g.shared)[name]; ok {
			out[name] = v
		}
	}
	return out, !*g.blind, g.w.fail["observe cached"]
}

// drifted is the event of the drift that the test makes. What the pass before it saw can
// be as old as a shared answer.
const drifted = `event Warning Drifted Repair: Update a (value: "drifted" -> "1"): nobody declared a change; so for at most 1m0s: the last look that agreed was at 2026-01-02T03:03:05Z`

func TestWhenTheLoopObservesCached(t *testing.T) {
	observed, cached := []string{"gather", "observe"}, []string{"gather", "observe cached"}
	both := []string{"gather", "observe cached", "observe"}
	repairs := []string{"gather", "observe cached", "observe", drifted, "status", "update a", "event Normal Updated Update: a", "observe"}
	ask := func(o *toy) {
		o.Annotations = map[string]string{v1alpha1.AnnotationReconcileRequestedAt: time.Now().String()}
		o.Generation-- // metadata alone
	}
	for name, c := range map[string]struct {
		meanwhile func(w *world, shared things, blind *bool)
		want      []string
		// then is the pass after it.
		then []string
	}{
		"nothing changed":                        {func(*world, things, *bool) {}, cached, cached},
		"what the cache shows is not there":      {func(_ *world, shared things, _ *bool) { shared["a"] = "drifted" }, both, both},
		"drift":                                  {func(w *world, shared things, _ *bool) { w.things["a"], shared["a"] = "drifted", "drifted" }, repairs, both},
		"drift that the cache does not show yet": {func(w *world, _ things, _ *bool) { w.things["a"] = "drifted" }, cached, cached},
		"shared answers cannot tell":             {func(_ *world, _ things, blind *bool) { *blind = true }, both, both},
		"shared answers fail":                    {func(w *world, _ things, _ *bool) { w.fail["observe cached"] = errors.New("truncated") }, both, both},
		"a plan cannot be made of it":            {func(_ *world, shared things, _ *bool) { delete(shared, "a") }, both, both},
		"asked by annotation":                    {func(w *world, _ things, _ *bool) { w.change(ask) }, observed, cached},
		"a new generation, and nothing else": {func(w *world, _ things, _ *bool) { w.change(func(*toy) {}) },
			[]string{"gather", "observe", "status"}, cached},
		"a status that somebody changed": {func(w *world, _ things, _ *bool) {
			w.change(func(o *toy) { o.Generation-- })
			obj := w.get()
			obj.Status.Seen = nil
			if err := w.client.Status().Update(t.Context(), obj); err != nil {
				t.Fatal(err)
			}
		}, []string{"gather", "observe cached", "observe", "status"}, cached},
		"deleting": {func(w *world, _ things, _ *bool) { w.delete() },
			[]string{"gather", "observe", "delete a", "event Normal Deleted Delete: a", "observe", "metadata"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, map[string]string{"a": "1"})
			shared, blind := things{}, false
			loop := newCaching(w, &shared, &blind)
			if _, _, err := w.passOf(loop); err != nil {
				t.Fatal(err)
			}
			shared = maps.Clone(w.things)
			if _, got, err := w.passOf(loop); err != nil || !cmp.Equal(got, cached) {
				t.Fatalf("steady: %v %v", got, err)
			}
			c.meanwhile(w, shared, &blind)
			_, got, err := w.passOf(loop)
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("%v %s", err, diff)
			}
			if c.then == nil {
				return
			}
			if _, got, err = w.passOf(loop); err != nil || !cmp.Equal(got, c.then) {
				t.Errorf("after it: %v %v", got, err)
			}
			if _, got, err = w.passOf(newCaching(w, &shared, &blind)); err != nil || !cmp.Equal(got[:2], observed) || w.things["a"] != "1" {
				t.Errorf("another process begins with %v %v", got, err)
			}
		})
	}
}

func newCaching(w *world, shared *things, blind *bool) *external.Reconciler[*toy, input, things] {
	kind := kindOf(adapter{w})
	kind.ObserveCached = cachedReads{adapter{w}, shared, blind}.observe
	return external.NewReconciler(external.Options{
		Client: w.client, Recorder: w, Resync: time.Minute, Jitter: func() float64 { return 0.5 },
		Now: func() time.Time { return w.now },
	}, kind)
}

// TestAFailedPassIsFollowedByAnObservation: only a pass that observed and found nothing to do lets the next one use the cache.
func TestAFailedPassIsFollowedByAnObservation(t *testing.T) {
	w := newWorld(t, map[string]string{"a": "1"})
	shared, blind := things{}, false
	loop := newCaching(w, &shared, &blind)
	for _, broken := range []string{"observe", "plan", "update a", "desired"} {
		for range 2 {
			if _, _, err := w.passOf(loop); err != nil {
				t.Fatal(err)
			}
			shared = maps.Clone(w.things)
		}
		w.things["a"], shared["a"] = "drifted", "drifted"
		w.fail[broken] = fault.Transient("Broken", errors.New("broken"))
		if _, _, err := w.passOf(loop); err == nil {
			t.Fatalf("%s: the pass did not fail", broken)
		}
		delete(w.fail, broken)
		shared["a"] = "1" // as old answers would have it
		if _, got, err := w.passOf(loop); broken != "desired" && (err != nil || cmp.Equal(got, []string{"gather", "observe cached"}) || w.things["a"] != "1") {
			t.Errorf("after a failure to %s: %v %v, a is %q", broken, got, err, w.things["a"])
		}
		w.things["a"] = "1"
	}
}

// TestACachedObservationThatIsRateLimitedIsNotFollowedByMoreCalls waits instead, and stays Ready.
func TestACachedObservationThatIsRateLimitedIsNotFollowedByMoreCalls(t *testing.T) {
	w := newWorld(t, map[string]string{"a": "1"})
	shared, blind := things{"a": "1"}, false
	loop := newCaching(w, &shared, &blind)
	if _, _, err := w.passOf(loop); err != nil {
		t.Fatal(err)
	}
	w.fail["observe cached"] = fault.RateLimited(42*time.Second, errors.New("too many"))
	result, got, err := w.passOf(loop)
	if err != nil || !cmp.Equal(got, []string{"gather", "observe cached"}) || result.RequeueAfter != 42*time.Second || summary(w.get()) != ready {
		t.Errorf("%v %v %v %s", result, got, err, summary(w.get()))
	}
}
