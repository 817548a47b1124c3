// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package governed

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

func TestCannotBeRemoved(t *testing.T) {
	missing := fault.Waiting(v1alpha1.ReasonWorkspaceNotFound, errors.New("the Workspace main does not exist"))
	living, going := &v1alpha1.Role{}, &v1alpha1.Role{}
	now := metav1.Now()
	going.DeletionTimestamp = &now
	for name, c := range map[string]struct {
		obj  *v1alpha1.Role
		err  error
		want string
	}{
		"a living object only waits": {living, missing, "the Workspace main does not exist"},
		"a deletion says how to end": {going, missing, "the Workspace main does not exist: what this Role has in Databricks cannot be removed; set `deletionPolicy` to Orphan to leave it there"},
		"other errors say nothing":   {going, errors.New("no answer"), "no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			got := CannotBeRemoved(c.obj, "this Role has in Databricks", c.err)
			if got.Error() != c.want || fault.Of(got).Class != fault.Of(c.err).Class {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestWithinBoundary(t *testing.T) {
	limits := &boundary.Limits{Name: "team"}
	for name, c := range map[string]struct {
		refusal *fault.Fault
		want    metav1.Condition
	}{
		"allowed": {nil, metav1.Condition{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAllowed, Message: "all of it"}},
		"denied": {
			Denied(&boundary.Denial{Reason: v1alpha1.ReasonNoBoundary, Message: "no Boundary names it"}),
			metav1.Condition{Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNoBoundary, Message: "no Boundary names it"},
		},
		"too much": {
			Exceeds(limits, "the Connection", []string{"asks for a", "asks for b"}),
			metav1.Condition{Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonOutsideBoundary, Message: "against the Boundary team the Connection asks for a; it asks for b"},
		},
		"no denial":     {Denied(nil), metav1.Condition{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAllowed, Message: "all of it"}},
		"no violations": {Exceeds(limits, "x", nil), metav1.Condition{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAllowed, Message: "all of it"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.Type = v1alpha1.ConditionWithinBoundary
			if got := WithinBoundary("all of it", c.refusal); got != c.want {
				t.Errorf("got %+v", got)
			}
			if c.refusal != nil && c.refusal.Class != fault.ClassDenied {
				t.Errorf("class %s", c.refusal.Class)
			}
		})
	}
}

func TestWhichEventsConcernAnObject(t *testing.T) {
	role := &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "sales", Name: "west"}}
	names := func(ns string) *v1alpha1.Boundary {
		return &v1alpha1.Boundary{Spec: v1alpha1.BoundarySpec{Namespaces: []v1alpha1.BoundaryNamespace{{Name: ns}}}}
	}
	ns := func(name string) *corev1.Namespace {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	}
	all, own := Watches[*v1alpha1.Role]{}, Watches[*v1alpha1.Role]{OwnBoundary: true, OwnNamespace: true}
	for _, c := range []struct {
		what      string
		got, want bool
	}{
		{"any Boundary", all.bounded(role, names("hr")), true},
		{"any Namespace", all.within(role, ns("hr")), true},
		{"the own Boundary", own.bounded(role, names("sales")), true},
		{"another Boundary", own.bounded(role, names("hr")), false},
		{"the own Namespace", own.within(role, ns("sales")), true},
		{"another Namespace", own.within(role, ns("hr")), false},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
}
