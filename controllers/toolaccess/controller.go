// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package toolaccess

import (
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/estate"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/governed"
	"github.com/gatehouse-dev/gatehouse/internal/index"
)

// kind is what the loop knows of ToolAccesses.
func (a adapter) kind() external.Kind[*v1alpha1.ToolAccess, state, state] {
	return external.Kind[*v1alpha1.ToolAccess, state, state]{Name: "ToolAccess", Adapter: a, OwnsNothing: true, Conditions: a.conditions}
}

// Setup adds the controller to a manager.
func Setup(mgr ctrl.Manager) error {
	loop := external.NewReconciler(
		external.Options{Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder("gatehouse-toolaccess")}, adapter{reader: mgr.GetClient()}.kind())
	all := external.Every(mgr.GetClient(), &v1alpha1.ToolAccessList{})
	changed := builder.WithPredicates(external.GenerationChanged())
	b := ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.ToolAccess{}, builder.WithPredicates(external.GenerationChangedOrAsked())).
		Watches(&v1alpha1.Role{}, handler.EnqueueRequestsFromMapFunc(index.OfRole{Reader: mgr.GetClient()}.Accesses), builder.WithPredicates(predicate.Or(external.GenerationChanged(), predicate.LabelChangedPredicate{}))).
		Watches(&v1alpha1.Tool{}, all, changed).
		Watches(&v1alpha1.MCPServer{}, all, changed).
		WatchesRawSource(estate.Alarm(mgr.GetClient(), estate.Each))
	// Of Boundaries and labels of the Roles' namespaces too.
	return governed.Watches[*v1alpha1.ToolAccess]{Reader: mgr.GetClient(), List: &v1alpha1.ToolAccessList{}}.Add(b).
		Complete(reconcile.AsReconciler(mgr.GetClient(), loop))
}
