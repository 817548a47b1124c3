// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package modelendpoint

import (
	"time"

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
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/governed"
	"github.com/gatehouse-dev/gatehouse/internal/index"
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

// NewReconciler makes the loop of ModelEndpoints over a client that reads and writes the cluster.
func NewReconciler(c client.Client, recorder events.EventRecorder, o Options) *external.Reconciler[*v1alpha1.ModelEndpoint, input, state] {
	return external.NewReconciler(external.Options{Client: c, Recorder: recorder, Orphans: o.Orphans}, newAdapter(c, o).kind())
}

func newAdapter(c client.Reader, o Options) adapter {
	as := func(c *admin.Client) Databricks { return c }
	return adapter{reader: c, connect: governed.NewConnector(o.Connect, as), installation: o.Installation}
}

func workspaceOf(m *v1alpha1.ModelEndpoint) string { return m.Spec.WorkspaceRef.Name }

// kind is what the loop knows of ModelEndpoints.
func (a adapter) kind() external.Kind[*v1alpha1.ModelEndpoint, input, state] {
	return external.Kind[*v1alpha1.ModelEndpoint, input, state]{
		Name: "ModelEndpoint", Adapter: a, Management: governed.Management(a.reader, workspaceOf),
		Resync: func(in input) time.Duration { return in.resync }, Conditions: a.conditions, Intend: a.intend,
		ExternalStatus: (*v1alpha1.ModelEndpoint).GetExternalStatus, Remaining: a.remaining,
	}
}

// Setup adds the controller to a manager.
func Setup(mgr ctrl.Manager, o Options) error {
	loop := NewReconciler(mgr.GetClient(), mgr.GetEventRecorder("gatehouse-modelendpoint"), o)
	list := &v1alpha1.ModelEndpointList{}
	b := ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.ModelEndpoint{}, builder.WithPredicates(external.GenerationChangedOrAsked())).
		Watches(&v1alpha1.ModelEndpoint{}, external.Concerned(mgr.GetClient(), list, func(m *v1alpha1.ModelEndpoint, o client.Object) bool {
			other, ok := o.(*v1alpha1.ModelEndpoint)
			return ok && rivals(m, other)
		}), builder.WithPredicates(external.GenerationChanged())).
		Watches(&v1alpha1.Role{}, handler.EnqueueRequestsFromMapFunc(index.OfRole{Reader: mgr.GetClient()}.Endpoints), builder.WithPredicates(principalChanged()))
	// Of Boundaries of other namespaces too: they decide who else claims an endpoint.
	return governed.Watches[*v1alpha1.ModelEndpoint]{Reader: mgr.GetClient(), List: list, Workspace: workspaceOf, OwnNamespace: true}.Add(b).
		Complete(reconcile.AsReconciler(mgr.GetClient(), loop))
}

// principalChanged lets Roles through that came, went or have another service principal.
func principalChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*v1alpha1.Role)
		after, okay := e.ObjectNew.(*v1alpha1.Role)
		return !ok || !okay || before.Status.ServicePrincipal.ApplicationID != after.Status.ServicePrincipal.ApplicationID
	}}
}
