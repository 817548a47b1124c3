// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package boundary

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

// kind is what the loop knows of Boundaries.
func (a adapter) kind() external.Kind[*v1alpha1.Boundary, state, state] {
	return external.Kind[*v1alpha1.Boundary, state, state]{Name: "Boundary", Adapter: a, OwnsNothing: true}
}

// Setup adds the controller to a manager.
func Setup(mgr ctrl.Manager) error {
	loop := external.NewReconciler(
		external.Options{Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder("gatehouse-boundary")}, adapter{reader: mgr.GetClient()}.kind())
	cameOrWent := builder.WithPredicates(external.Replaced())
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.Boundary{}, builder.WithPredicates(external.GenerationChangedOrAsked())).
		Watches(&corev1.Namespace{}, external.Concerned(mgr.GetClient(), &v1alpha1.BoundaryList{}, names), cameOrWent).
		Complete(reconcile.AsReconciler(mgr.GetClient(), loop))
}

// names says whether a Boundary is about a namespace.
func names(b *v1alpha1.Boundary, ns client.Object) bool {
	return slices.ContainsFunc(b.Spec.Namespaces, func(n v1alpha1.BoundaryNamespace) bool { return n.Name == ns.GetName() })
}
