// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role_test

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// TestAnObjectThatCannotBeReadHoldsUpNothingElse: the operator may be refused the list
// of one Genie space, or its service may be away. What is to be given and taken away on
// all other objects is, and what is recorded on that one is not forgotten.
func TestAnObjectThatCannotBeReadHoldsUpNothingElse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		reason string
	}{
		"refused": {403, "PermissionDenied"},
		"away":    {500, "DatabricksUnavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.everyType()
			strike := func() {
				w.Emulator.Break(t, env.Fault{
					Match: env.FaultMatch{PathRegex: "/api/2.0/permissions/genie/", Times: -1}, Stage: "before_commit", Action: "status", Status: c.status,
				})
			}
			pass := func(role string) *metav1.Condition {
				t.Helper()
				_ = w.operator()(t.Context(), w.Get(role)) // the queue repeats what is transient
				return meta.FindStatusCondition(w.Get(role).Status.Conditions, v1alpha1.ConditionReady)
			}
			space := "CAN_RUN on " + env.GenieSpaceID
			others := slices.DeleteFunc(slices.Clone(everyGrant), func(g string) bool { return g == space })

			strike()
			env.Create(t, w.Kube, w.role("fresh"))
			if ready := pass("fresh"); ready == nil || ready.Status == metav1.ConditionTrue || ready.Reason != c.reason {
				t.Errorf("a new Role: Ready is %+v", ready)
			}
			w.Emulator.Heal(t)
			w.holds("fresh", others)
			w.Settle("fresh")
			w.holds("fresh", everyGrant)

			strike()
			if ready := pass("fresh"); ready == nil || ready.Status == metav1.ConditionTrue {
				t.Errorf("with nothing to do but look: Ready is %+v", ready)
			}
			w.allow(func([]string) []string { return []string{"deals"} })
			if ready := pass("fresh"); ready == nil || ready.Status == metav1.ConditionTrue {
				t.Errorf("after a revocation that did not all happen: Ready is %+v", ready)
			}
			w.Emulator.Heal(t)
			w.holds("fresh", append(slices.Clone(dealsOnly), space))
			w.Settle("fresh")
			w.holds("fresh", dealsOnly)

			w.allow(func([]string) []string { return []string{"deals", "ask"} })
			w.Settle("fresh")
			strike()
			w.Remove("fresh")
			w.Emulator.Heal(t)
			w.absent("fresh")
		})
	}
}
