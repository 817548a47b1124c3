// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package conditions

import (
	"slices"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// maxMessage bounds a message, in bytes. The schema allows 32768; a person reads less.
const maxMessage = 1024

// Set is a list of conditions being worked on for one generation.
type Set struct {
	list       []metav1.Condition
	generation int64
}

// From starts with the conditions of an object as they are.
func From(list []metav1.Condition, generation int64) *Set {
	return &Set{list: slices.Clone(list), generation: generation}
}

// Put sets a condition. The transition time moves only when the status changes.
func (s *Set) Put(kind string, status metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(&s.list, metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: Short(message), ObservedGeneration: s.generation,
	})
}

// Drop removes a condition.
func (s *Set) Drop(kind string) { meta.RemoveStatusCondition(&s.list, kind) }

// Get returns a condition, or nil.
func (s *Set) Get(kind string) *metav1.Condition { return meta.FindStatusCondition(s.list, kind) }

// List returns the conditions, Ready first and the others by name.
func (s *Set) List() []metav1.Condition {
	slices.SortStableFunc(s.list, func(a, b metav1.Condition) int {
		switch {
		case a.Type == b.Type:
			return 0
		case a.Type == v1alpha1.ConditionReady:
			return -1
		case b.Type == v1alpha1.ConditionReady:
			return 1
		case a.Type < b.Type:
			return -1
		}
		return 1
	})
	return s.list
}

// Short cuts a message to what a person reads, on a rune boundary.
func Short(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	cut := maxMessage - len("...")
	for cut > 0 && !utf8.RuneStart(message[cut]) {
		cut--
	}
	return message[:cut] + "..."
}

// Problems returns how conditions break the rules that every resource keeps; a
// test holds every object against them.
func Problems(list []metav1.Condition, generation int64) []string {
	var out []string
	ready := meta.FindStatusCondition(list, v1alpha1.ConditionReady)
	if ready == nil {
		return []string{"Ready is missing"}
	}
	reconciling := meta.FindStatusCondition(list, v1alpha1.ConditionReconciling)
	stalled := meta.FindStatusCondition(list, v1alpha1.ConditionStalled)
	if reconciling != nil && stalled != nil {
		out = append(out, "Reconciling and Stalled are both there")
	}
	for _, c := range []*metav1.Condition{reconciling, stalled} {
		if c == nil {
			continue
		}
		if c.Status != metav1.ConditionTrue {
			out = append(out, c.Type+" is there without being True")
		}
		if ready.Status == metav1.ConditionTrue {
			out = append(out, "Ready is True beside "+c.Type)
		}
	}
	for _, c := range list {
		if c.ObservedGeneration > generation {
			out = append(out, c.Type+" is ahead of the object's generation")
		}
		if c.Reason == "" || c.LastTransitionTime.IsZero() {
			out = append(out, c.Type+" has no reason or no time")
		}
	}
	return out
}
