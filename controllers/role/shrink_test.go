// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role_test

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// TestABoundaryThatShrinksTakesAway: what a Boundary no longer allows is revoked, whether
// a tool needs it or the Role asks for it by itself; the service principal stays, so that
// the Role is the same one when it is allowed again.
func TestABoundaryThatShrinksTakesAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.everyType()
	env.Create(t, w.Kube, w.role("west"))
	w.Settle("west")
	w.holds("west", everyGrant)
	before := w.ours("west")[0]
	bound := func(edit func(*v1alpha1.BoundarySpec)) (back func()) {
		t.Helper()
		var b v1alpha1.Boundary
		var was v1alpha1.BoundarySpec
		w.Change(&b, "", "tenant", func() { was = *b.Spec.DeepCopy(); edit(&b.Spec) })
		return func() { w.Change(&b, "", "tenant", func() { b.Spec = was }) }
	}
	pass := func() *v1alpha1.Role {
		t.Helper()
		for range 3 {
			_ = w.operator()(t.Context(), w.Get("west"))
		}
		return w.Get("west")
	}
	says := func(r *v1alpha1.Role, reason, words string) {
		t.Helper()
		for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionWithinBoundary} {
			c := meta.FindStatusCondition(r.Status.Conditions, kind)
			if c == nil || c.Status != metav1.ConditionFalse || c.Reason != reason || !strings.Contains(c.Message, words) {
				t.Errorf("%s is %+v", kind, c)
			}
		}
	}
	same := func() {
		t.Helper()
		all := w.ours("west")
		if len(all) != 1 || all[0].ID != before.ID {
			t.Errorf("the service principals are %v, was %s", all, before.ID)
		}
	}
	for name, c := range map[string]struct {
		edit          func(*v1alpha1.BoundarySpec)
		reason, words string
		left          []string
		member        bool
	}{
		"a Genie space that a tool needs": {
			func(b *v1alpha1.BoundarySpec) { b.GenieSpaces = nil }, v1alpha1.ReasonOutsideBoundary, "the tool ask asks for CAN_RUN on GenieSpace",
			slices.DeleteFunc(slices.Clone(everyGrant), func(g string) bool { return g == "CAN_RUN on "+env.GenieSpaceID }), true,
		},
		"a scope that a tool needs": {
			func(b *v1alpha1.BoundarySpec) {
				b.Scopes = slices.DeleteFunc(b.Scopes, func(s v1alpha1.OAuthScope) bool { return s == "model-serving" })
			}, v1alpha1.ReasonOutsideBoundary, "the scope model-serving",
			slices.DeleteFunc(slices.Clone(everyGrant), func(g string) bool { return g == "CAN_QUERY on "+env.EndpointName }), true,
		},
		"a group that the Role asks for": {
			func(b *v1alpha1.BoundarySpec) { b.Groups.MemberOf = []v1alpha1.NamePattern{"shared"} }, v1alpha1.ReasonOutsideBoundary, "the group gh_west", []string{}, false,
		},
		"the workspace": {
			func(b *v1alpha1.BoundarySpec) { b.Workspaces = []v1alpha1.NamePattern{"other"} }, v1alpha1.ReasonOutsideBoundary, "the Workspace main", []string{}, false,
		},
		"the namespace": {
			func(b *v1alpha1.BoundarySpec) { b.Namespaces = []v1alpha1.BoundaryNamespace{{Name: "elsewhere"}} }, v1alpha1.ReasonNoBoundary, "no Boundary names", []string{}, false,
		},
	} {
		t.Run(name, func(*testing.T) {
			back := bound(c.edit)
			r := pass()
			says(r, c.reason, c.words)
			w.holds("west", c.left)
			same()
			if got := w.member("west", "shared"); got != c.member {
				t.Errorf("a member of shared: %v, want %v", got, c.member)
			}
			if len(r.Status.Applied) != len(c.left) {
				t.Errorf("recorded as held: %v", r.Status.Applied)
			}
			since := w.Emulator.Last(t)
			if pass(); len(w.Emulator.Writes(t, since)) > 0 {
				t.Errorf("a further pass writes: %v", w.Emulator.Writes(t, since))
			}
			back()
			w.Settle("west")
			w.holds("west", everyGrant)
			same()
			if !w.member("west", "shared") || !w.member("west", "gh_west") {
				t.Error("it is not a member again")
			}
		})
	}
	t.Run("a Boundary that has not taken note of the namespace takes nothing away", func(*testing.T) {
		back := bound(func(b *v1alpha1.BoundarySpec) { b.Namespaces = []v1alpha1.BoundaryNamespace{{Name: "tenant"}} })
		r := pass()
		says(r, v1alpha1.ReasonPending, "has not taken note")
		w.holds("west", everyGrant)
		back()
		w.Settle("west")
	})
}

// member says whether a Role's service principal is a member of a group.
func (w *world) member(role, group string) bool {
	w.T.Helper()
	g := w.group(group)
	return g != nil && slices.Contains(g.Members, w.ours(role)[0].ID)
}
