// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package federationpolicy

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

// +kubebuilder:rbac:groups=gatehouse.dev,resources=federationpolicies,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=gatehouse.dev,resources=federationpolicies/status,verbs=patch

// Options are what the controller is made of.
type Options struct {
	// Connect signs in to workspaces. Required.
	Connect *connect.Connector
	// Installation names this installation in marks. Required.
	Installation string
	// LeftBehind keeps inventories of what stays in Databricks. Nil: only an event tells of it.
	LeftBehind external.LeftBehind
}

// connected adapts a connect.Connector.
type connected struct{ *connect.Connector }

func (c connected) Named(ctx context.Context, name string) (*v1alpha1.Workspace, Databricks, error) {
	ws, client, err := c.Connector.Named(ctx, name)
	return ws, client, err
}

var _ Databricks = (*admin.Client)(nil)

// NewReconciler makes the loop of FederationPolicies over a client that reads and writes the cluster.
func NewReconciler(c client.Client, recorder events.EventRecorder, o Options) *external.Reconciler[*v1alpha1.FederationPolicy, input, state] {
	return external.NewReconciler(external.Options{Client: c, Recorder: recorder, Kind: "FederationPolicy", LeftBehind: o.LeftBehind},
		adapter{reader: c, connect: connected{o.Connect}, installation: o.Installation, looked: &looked{}})
}

// Setup adds the controller to a manager.
func Setup(mgr ctrl.Manager, o Options) error {
	loop := NewReconciler(mgr.GetClient(), mgr.GetEventRecorder("gatehouse-federationpolicy"), o)
	all := external.Every(mgr.GetClient(), &v1alpha1.FederationPolicyList{})
	changed := builder.WithPredicates(external.GenerationChanged())
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.FederationPolicy{}, builder.WithPredicates(external.GenerationChangedOrAsked())).
		Watches(&v1alpha1.Role{}, all, builder.WithPredicates(principalChanged())).
		Watches(&v1alpha1.Workspace{}, all, changed).
		Watches(&v1alpha1.Boundary{}, all).
		Watches(&corev1.Namespace{}, all, builder.WithPredicates(predicate.Or(predicate.LabelChangedPredicate{}, external.Replaced()))).
		Complete(reconcile.AsReconciler(mgr.GetClient(), loop))
}

// principalChanged lets through Roles whose service principal, or whose existence, changed.
func principalChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*v1alpha1.Role)
		after, also := e.ObjectNew.(*v1alpha1.Role)
		return !ok || !also || before.Generation != after.Generation || before.Status.ServicePrincipal != after.Status.ServicePrincipal
	}}
}
