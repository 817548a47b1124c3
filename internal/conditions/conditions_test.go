// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package conditions_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/internal/conditions"
)

func condition(kind string, status metav1.ConditionStatus) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: "R", ObservedGeneration: 1, LastTransitionTime: metav1.Unix(1, 0)}
}

func TestTheTransitionTimeMovesWithTheStatusOnly(t *testing.T) {
	for name, c := range map[string]struct {
		status metav1.ConditionStatus
		moves  bool
	}{
		"another reason and message": {metav1.ConditionTrue, false},
		"another status":             {metav1.ConditionFalse, true},
	} {
		t.Run(name, func(t *testing.T) {
			before := []metav1.Condition{condition("Ready", metav1.ConditionTrue)}
			s := conditions.From(before, 2)
			s.Put("Ready", c.status, "Other", "text")
			got := s.Get("Ready")
			if moved := got.LastTransitionTime.After(time.Unix(1, 0)); moved != c.moves {
				t.Errorf("moved: %v", moved)
			}
			if got.Status != c.status || got.Reason != "Other" || got.Message != "text" || got.ObservedGeneration != 2 {
				t.Errorf("got %+v", got)
			}
			if before[0].Reason != "R" {
				t.Error("the list it began with was changed")
			}
		})
	}
}

func TestTheListHasReadyFirstAndTheOthersByName(t *testing.T) {
	s := conditions.From([]metav1.Condition{condition("Synced", "True"), condition("Stalled", "True")}, 1)
	s.Put("Ready", metav1.ConditionFalse, "R", "")
	s.Put("A", metav1.ConditionFalse, "R", "")
	s.Drop("Stalled")
	s.Drop("NotThere")
	var got []string
	for _, c := range s.List() {
		got = append(got, c.Type)
	}
	if diff := cmp.Diff([]string{"Ready", "A", "Synced"}, got); diff != "" {
		t.Error(diff)
	}
	if s.Get("Stalled") != nil {
		t.Error("a dropped condition is there")
	}
}

func TestALongMessageIsCutOnARune(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"short", "short"},
		{strings.Repeat("x", 1024), strings.Repeat("x", 1024)},
		{strings.Repeat("x", 1025), strings.Repeat("x", 1021) + "..."},
		{strings.Repeat("€", 400), strings.Repeat("€", 340) + "..."},
	} {
		got := conditions.Short(c.in)
		if got != c.want || !utf8.ValidString(got) {
			t.Errorf("got %d bytes, want %d", len(got), len(c.want))
		}
		s := conditions.From(nil, 1)
		s.Put("Ready", metav1.ConditionTrue, "R", c.in)
		if s.Get("Ready").Message != c.want {
			t.Error("Put does not cut")
		}
	}
}

func TestProblems(t *testing.T) {
	ready, notReady := condition("Ready", "True"), condition("Ready", "False")
	reconciling, stalled := condition("Reconciling", "True"), condition("Stalled", "True")
	ahead, bare, timeless := condition("Synced", "True"), condition("Synced", "True"), condition("Synced", "True")
	ahead.ObservedGeneration, bare.Reason, timeless.LastTransitionTime = 2, "", metav1.Time{}
	for name, c := range map[string]struct {
		list []metav1.Condition
		want []string
	}{
		"Ready alone":                {[]metav1.Condition{ready}, nil},
		"Reconciling beside unready": {[]metav1.Condition{notReady, reconciling}, nil},
		"Stalled beside unready":     {[]metav1.Condition{notReady, stalled}, nil},
		"no Ready":                   {[]metav1.Condition{stalled}, []string{"Ready is missing"}},
		"nothing":                    {nil, []string{"Ready is missing"}},
		"both":                       {[]metav1.Condition{notReady, reconciling, stalled}, []string{"Reconciling and Stalled are both there"}},
		"Ready beside Reconciling":   {[]metav1.Condition{ready, reconciling}, []string{"Ready is True beside Reconciling"}},
		"Ready beside Stalled":       {[]metav1.Condition{ready, stalled}, []string{"Ready is True beside Stalled"}},
		"Stalled that is False":      {[]metav1.Condition{notReady, condition("Stalled", "False")}, []string{"Stalled is there without being True"}},
		"ahead of the object":        {[]metav1.Condition{ready, ahead}, []string{"Synced is ahead of the object's generation"}},
		"no reason":                  {[]metav1.Condition{ready, bare}, []string{"Synced has no reason or no time"}},
		"no time":                    {[]metav1.Condition{ready, timeless}, []string{"Synced has no reason or no time"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, conditions.Problems(c.list, 1)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
