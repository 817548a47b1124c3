// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package visibility

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// RoleChanged lets through Roles of which something changed that decides whether they can be checked.
func RoleChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*v1alpha1.Role)
		after, also := e.ObjectNew.(*v1alpha1.Role)
		return ok && also && (before.Generation != after.Generation ||
			meta.IsStatusConditionTrue(before.Status.Conditions, v1alpha1.ConditionReady) != meta.IsStatusConditionTrue(after.Status.Conditions, v1alpha1.ConditionReady) ||
			before.Status.ObservedGeneration != after.Status.ObservedGeneration || before.Status.ServicePrincipal != after.Status.ServicePrincipal ||
			!slices.Equal(before.Status.Groups, after.Status.Groups) ||
			!slices.EqualFunc(before.Status.Grants, after.Status.Grants, func(a, b v1alpha1.RoleGrant) bool {
				return a.Type == b.Type && a.Name == b.Name && a.Privilege == b.Privilege
			}))
	}}
}
