// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role_test

import (
	"net/http"
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// TestAGroupGoesWithTheLastRoleThatAsksForIt, however they go.
func TestAGroupGoesWithTheLastRoleThatAsksForIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pair := func() (east, west *v1alpha1.Role) {
		t.Helper()
		for _, name := range []string{"east", "west"} {
			r := w.role(name)
			r.Spec.ServiceAccountName = ""
			env.Create(t, w.Kube, r)
			w.Settle(name)
		}
		if g := w.group("gh_west"); g == nil || len(g.Members) != 2 {
			t.Fatalf("the group is %+v, want one with two members", g)
		}
		return w.Get("east"), w.Get("west")
	}
	erase := func(roles ...*v1alpha1.Role) {
		t.Helper()
		for _, r := range roles {
			if err := w.Kube.Delete(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
	}
	gone := func() {
		t.Helper()
		if g := w.group("gh_west"); g != nil {
			t.Errorf("the group is left: %+v", g)
		}
		if g := w.group("shared"); g == nil {
			t.Error("the group of others is gone")
		}
	}
	t.Run("one after the other", func(*testing.T) {
		east, west := pair()
		erase(east)
		w.Settle("east")
		if g := w.group("gh_west"); g == nil || len(g.Members) != 1 {
			t.Fatalf("the group that the other Role asks for is %+v", g)
		}
		erase(west)
		w.Settle("west")
		gone()
	})
	t.Run("after the Boundary took it from both", func(*testing.T) {
		east, west := pair()
		var b v1alpha1.Boundary
		var was v1alpha1.BoundarySpec
		w.Change(&b, "", "tenant", func() {
			was = *b.Spec.DeepCopy()
			b.Spec.Namespaces = []v1alpha1.BoundaryNamespace{{Name: "elsewhere"}}
		})
		for range 2 {
			for _, r := range []string{"east", "west"} {
				_ = w.operator()(t.Context(), w.Get(r)) // Denied, and taken away
			}
		}
		erase(east, west)
		w.Settle("east")
		w.Settle("west")
		gone()
		w.Change(&b, "", "tenant", func() { b.Spec = was })
	})
	t.Run("the second while the first is on its way out", func(*testing.T) {
		east, west := pair()
		erase(east)
		// The first has looked, and saw that the other one asks for the group.
		w.Emulator.Break(t, env.Fault{Match: env.FaultMatch{Method: http.MethodPatch, PathRegex: "/scim/v2/Groups/" + w.group("gh_west").ID, Times: 1}, Stage: "before_commit", Action: "hold"})
		done := make(chan error)
		go func() { done <- w.operator()(t.Context(), w.Get("east")) }()
		if !w.Emulator.Held(t, 60) {
			t.Fatal("the membership is not ended")
		}
		erase(west)
		w.Settle("west") // the whole of it, meanwhile
		w.Emulator.Heal(t)
		<-done
		w.Settle("east")
		gone()
	})
}
