// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package workspace

import (
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

// Options are what the controller is made of.
type Options struct {
	// Connect signs in to workspaces. Required.
	Connect *connect.Connector
}

// kind is what the loop knows of Workspaces.
func (a adapter) kind() external.Kind[*v1alpha1.Workspace, input, state] {
	return external.Kind[*v1alpha1.Workspace, input, state]{Name: "Workspace", Adapter: a, OwnsNothing: true, Resync: func(in input) time.Duration { return in.resync }}
}

// Setup adds the controller to a manager.
func Setup(mgr ctrl.Manager, o Options) error {
	loop := external.NewReconciler(
		external.Options{Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder("gatehouse-workspace")}, adapter{o.Connect}.kind())
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.Workspace{}, builder.WithPredicates(external.GenerationChangedOrAsked())).
		Complete(reconcile.AsReconciler(mgr.GetClient(), loop))
}
