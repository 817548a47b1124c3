// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package modelendpoint

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

// +kubebuilder:rbac:groups=gatehouse.dev,resources=modelendpoints,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=gatehouse.dev,resources=modelendpoints/status,verbs=patch

// Options are what the controller is made of.
type Options struct {
	// Connect signs in to workspaces. Required.
	Connect *connect.Connector
	// Installation names this installation in marks. Required.
	Installation string
	// Orphans keeps inventories of what stays in Databricks. Nil: only an event lists it.
	Orphans external.Orphans
}

// connected adapts a connect.Connector.
type connected struct{ *connect.Connector }

func (c connected) Named(ctx context.Context, name string) (*v1alpha1.Workspace, Databricks, error) {
	ws, client, err := c.Connector.Named(ctx, name)
	return ws, client, err
}

// NewReconciler makes the loop of ModelEndpoints over a client that reads and writes the cluster.
func NewReconciler(c client.Client, recorder events.EventRecorder, o Options) *external.Reconciler[*v1alpha1.ModelEndpoint, input, state] {
	return external.NewReconciler(external.Options{Client: c, Recorder: recorder, Orphans: o.Orphans}, newAdapter(c, o).kind())
}

func newAdapter(c client.Reader, o Options) adapter {
	return adapter{reader: c, connect: connected{o.Connect}, installation: o.Installation}
}

// kind is what the loop knows of ModelEndpoints.
func (a adapter) kind() external.Kind[*v1alpha1.ModelEndpoint, input, state] {
	return external.Kind[*v1alpha1.ModelEndpoint, input, state]{
		Name: "ModelEndpoint", Adapter: a, Management: a.management, Resync: a.resync, Conditions: a.conditions, Intend: a.intend,
		ExternalStatus: (*v1alpha1.ModelEndpoint).GetExternalStatus, Remaining: a.remaining,
	}
}

// Setup adds the controller to a manager.
func Setup(mgr ctrl.Manager, o Options) error {
	loop := NewReconciler(mgr.GetClient(), mgr.GetEventRecorder("gatehouse-modelendpoint"), o)
	where := func(concerns func(*v1alpha1.ModelEndpoint, client.Object) bool) handler.EventHandler {
		return external.Concerned(mgr.GetClient(), &v1alpha1.ModelEndpointList{}, concerns)
	}
	changed := builder.WithPredicates(external.GenerationChanged())
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.ModelEndpoint{}, builder.WithPredicates(external.GenerationChangedOrAsked())).
		Watches(&v1alpha1.ModelEndpoint{}, where(func(m *v1alpha1.ModelEndpoint, o client.Object) bool {
			other, ok := o.(*v1alpha1.ModelEndpoint)
			return ok && rivals(m, other)
		}), changed).
		Watches(&v1alpha1.Role{}, where(limits), builder.WithPredicates(principalChanged())).
		Watches(&v1alpha1.Workspace{}, where(func(m *v1alpha1.ModelEndpoint, o client.Object) bool { return m.Spec.WorkspaceRef.Name == o.GetName() }), changed).
		Watches(&v1alpha1.Boundary{}, where(func(*v1alpha1.ModelEndpoint, client.Object) bool { return true })).
		Watches(&corev1.Namespace{}, where(func(m *v1alpha1.ModelEndpoint, o client.Object) bool { return m.Namespace == o.GetName() }), changed).
		Complete(reconcile.AsReconciler(mgr.GetClient(), loop))
}

// limits says whether a ModelEndpoint has a limit of a Role.
func limits(m *v1alpha1.ModelEndpoint, o client.Object) bool {
	return m.Namespace == o.GetNamespace() && slices.ContainsFunc(m.Spec.RateLimits, func(l v1alpha1.EndpointRateLimit) bool { return l.Role != nil && l.Role.Name == o.GetName() })
}

// principalChanged lets Roles through that came, went or have another service principal.
func principalChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*v1alpha1.Role)
		after, okay := e.ObjectNew.(*v1alpha1.Role)
		return !ok || !okay || before.Status.ServicePrincipal.ApplicationID != after.Status.ServicePrincipal.ApplicationID
	}}
}
