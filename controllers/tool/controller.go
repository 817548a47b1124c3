// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tool

import (
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

// kind is what the loop knows of Tools.
func (a adapter) kind() external.Kind[*v1alpha1.Tool, v1alpha1.ToolSpec, state] {
	return external.Kind[*v1alpha1.Tool, v1alpha1.ToolSpec, state]{Name: "Tool", Adapter: a, OwnsNothing: true}
}

// Setup adds the controller to a manager.
func Setup(mgr ctrl.Manager) error {
	loop := external.NewReconciler(
		external.Options{Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder("gatehouse-tool")}, adapter{}.kind())
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.Tool{}, builder.WithPredicates(external.GenerationChangedOrAsked())).
		Complete(reconcile.AsReconciler(mgr.GetClient(), loop))
}
