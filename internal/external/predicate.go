// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// GenerationChangedOrAsked lets through what needs a pass: a new generation, which
// a deletion also raises, or a new value of the annotation that asks for one.
// Without it each status write would cost a look at Databricks.
func GenerationChangedOrAsked() predicate.Predicate {
	asked := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		if e.ObjectOld == nil || e.ObjectNew == nil {
			return false
		}
		const key = v1alpha1.AnnotationReconcileRequestedAt
		return e.ObjectOld.GetAnnotations()[key] != e.ObjectNew.GetAnnotations()[key]
	}}
	return predicate.Or(GenerationChanged(), asked)
}

// GenerationChanged lets through a new generation, and an object that took the place of another.
func GenerationChanged() predicate.Predicate {
	return predicate.Or(predicate.GenerationChangedPredicate{}, Replaced())
}

// Replaced lets through an object that took the place of another of its name, and what
// comes and goes. Who missed that the one went and the other came, and lists again, is
// told of an update, and generation and labels may be the same.
func Replaced() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld != nil && e.ObjectNew != nil && e.ObjectOld.GetUID() != e.ObjectNew.GetUID()
	}}
}
