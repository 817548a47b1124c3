// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

// +kubebuilder:rbac:groups=gatehouse.dev,resources=datapolicies,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=gatehouse.dev,resources=datapolicies/status,verbs=patch

// Options are what the controller is made of.
type Options struct {
	// Connect signs in to workspaces. Required.
	Connect *connect.Connector
	// Installation names this installation in marks. Required.
	Installation string
}

// connected adapts a connect.Connector.
type connected struct{ *connect.Connector }

func (c connected) Named(ctx context.Context, name string) (*v1alpha1.Workspace, Databricks, error) {
	ws, client, err := c.Connector.Named(ctx, name)
	return ws, client, err
}

// NewReconciler makes the loop of DataPolicies over a client that reads and writes the cluster.
func NewReconciler(c client.Client, recorder events.EventRecorder, o Options) *external.Reconciler[*v1alpha1.DataPolicy, input, state] {
	return external.NewReconciler(external.Options{Client: c, Recorder: recorder, Kind: "DataPolicy"},
		adapter{reader: c, connect: connected{o.Connect}, installation: o.Installation})
}

// Setup adds the controller to a manager.
func Setup(mgr ctrl.Manager, o Options) error {
	loop := NewReconciler(mgr.GetClient(), mgr.GetEventRecorder("gatehouse-datapolicy"), o)
	where := func(concerns func(*v1alpha1.DataPolicy, client.Object) bool) handler.EventHandler {
		return handler.EnqueueRequestsFromMapFunc(policiesWhere(mgr.GetClient(), concerns))
	}
	changed := builder.WithPredicates(predicate.GenerationChangedPredicate{})
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.DataPolicy{}, builder.WithPredicates(external.GenerationChangedOrAsked())).
		Watches(&v1alpha1.DataPolicy{}, where(rivals), changed).
		Watches(&v1alpha1.Workspace{}, where(func(p *v1alpha1.DataPolicy, o client.Object) bool { return p.Spec.WorkspaceRef.Name == o.GetName() }), changed).
		Watches(&v1alpha1.Boundary{}, where(func(*v1alpha1.DataPolicy, client.Object) bool { return true })).
		Watches(&corev1.Namespace{}, where(func(p *v1alpha1.DataPolicy, o client.Object) bool { return p.Namespace == o.GetName() }), changed).
		Complete(reconcile.AsReconciler(mgr.GetClient(), loop))
}

// rivals says whether another DataPolicy, which changed or went, is about the same table.
func rivals(p *v1alpha1.DataPolicy, o client.Object) bool {
	other, ok := o.(*v1alpha1.DataPolicy)
	return ok && other.UID != p.UID && other.Spec.Table == p.Spec.Table
}

func policiesWhere(c client.Reader, concerns func(*v1alpha1.DataPolicy, client.Object) bool) handler.MapFunc {
	return func(ctx context.Context, o client.Object) []reconcile.Request {
		var list v1alpha1.DataPolicyList
		if err := c.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
			return nil // the cache answers lists, always, once it is there
		}
		var out []reconcile.Request
		for i := range list.Items {
			if concerns(&list.Items[i], o) {
				out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
			}
		}
		return out
	}
}
