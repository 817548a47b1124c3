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
	return predicate.Or(predicate.GenerationChangedPredicate{}, asked)
}
