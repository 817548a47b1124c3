// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/internal/external"
)

func orphan(o *toy) { o.UID, o.Spec.DeletionPolicy = "u", "Orphan" }

// TestWhatStaysIsWrittenDown: the inventory, the event and the finalizer come in this order, and a
// crash between any of them ends with the same inventory.
func TestWhatStaysIsWrittenDown(t *testing.T) {
	want := external.Orphaned{
		Kind: "Toy", Namespace: "n", Name: "toy", UID: "u", Workspace: "home", Reason: "the deletion policy is Orphan",
		At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Lines: []string{"a", "b"},
	}
	for _, after := range []bool{false, true} {
		for n := 1; n <= 3; n++ {
			t.Run(fmt.Sprintf("struck at write %d, after=%v", n, after), func(t *testing.T) {
				w := newWorld(t, two, orphan)
				if _, _, err := w.pass(); err != nil {
					t.Fatal(err)
				}
				w.delete()
				func() {
					defer func() {
						if r := recover(); r != nil && r != any(crash{}) {
							panic(r)
						}
					}()
					w.die, w.after = n, after
					_, _, _ = w.pass()
				}()
				w.die = 0
				if gone := w.get() == nil; gone && len(w.kept) == 0 {
					t.Error("it went without an inventory")
				}
				if w.get() != nil {
					if _, _, err := w.pass(); err != nil {
						t.Fatal(err)
					}
				}
				if w.get() != nil || len(w.kept) == 0 {
					t.Fatalf("there is %v, kept %v", w.get(), w.kept)
				}
				for _, got := range w.kept {
					if diff := cmp.Diff(want, got); diff != "" {
						t.Error(diff)
					}
				}
				if diff := cmp.Diff(things{"theirs": "1", "a": "1", "b": "2"}, w.things); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestNothingGoesWithoutItsInventory(t *testing.T) {
	w := newWorld(t, two, orphan)
	if _, _, err := w.pass(); err != nil {
		t.Fatal(err)
	}
	w.delete()
	w.fail["inventory"] = errors.New("no room")
	_, got, err := w.pass()
	if err == nil || !strings.Contains(err.Error(), "write down what stays in Databricks: no room") || w.get() == nil {
		t.Errorf("it ended with %v", err)
	}
	if diff := cmp.Diff([]string{"inventory", "status"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhereNothingStaysNothingIsWrittenDown(t *testing.T) {
	for name, w := range map[string]*world{
		"an orphan that never had anything": newWorld(t, map[string]string{}, orphan),
		"what is taken away":                newWorld(t, maps.Clone(two)),
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := w.pass(); err != nil {
				t.Fatal(err)
			}
			w.delete()
			_, got, err := w.pass()
			if err != nil || w.get() != nil || len(w.kept) > 0 || strings.Contains(strings.Join(got, " "), "LeftBehind") {
				t.Errorf("it did %q and ended with %v", got, err)
			}
		})
	}
}
