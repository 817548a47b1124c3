// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package federationpolicy

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

// +kubebuilder:rbac:groups=gatehouse.dev,resources=federationpolicies,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=gatehouse.dev,resources=federationpolicies/status,verbs=patch

// Options are what the controller is made of.
type Options struct {
	// Connect signs in to workspaces. Required.
	Connect *connect.Connector
	// Installation names this installation in marks. Required.
	Installation string
	// Orphans keeps inventories of what stays in Databricks. Nil: only an event lists it.
	Orphans external.Orphans
}

// NewReconciler makes the loop of FederationPolicies over a client that reads and writes the cluster.
func NewReconciler(c client.Client, recorder events.EventRecorder, o Options) *external.Reconciler[*v1alpha1.FederationPolicy, input, state] {
	return external.NewReconciler(external.Options{Client: c, Recorder: recorder, Orphans: o.Orphans}, newAdapter(c, o).kind())
}

func newAdapter(c client.Reader, o Options) adapter {
	as := func(c *admin.Client) Databricks { return c }
	return adapter{reader: c, connect: governed.NewConnector(o.Connect, as), installation: o.Installation, observed: &observed{}}
}

func workspaceOf(p *v1alpha1.FederationPolicy) string { return p.Spec.WorkspaceRef.Name }

// kind is what the loop knows of FederationPolicies.
func (a adapter) kind() external.Kind[*v1alpha1.FederationPolicy, input, state] {
	return external.Kind[*v1alpha1.FederationPolicy, input, state]{
		Name: "FederationPolicy", Adapter: a, Management: governed.Management(a.reader, workspaceOf),
		Resync: func(in input) time.Duration { return in.resync }, Conditions: a.conditions, Intend: a.intend,
		ExternalStatus: (*v1alpha1.FederationPolicy).GetExternalStatus, ChangedBy: a.changedBy, Remaining: a.remaining,
	}
}

// Setup adds the controller to a manager.
func Setup(mgr ctrl.Manager, o Options) error {
	loop := NewReconciler(mgr.GetClient(), mgr.GetEventRecorder("gatehouse-federationpolicy"), o)
	b := ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.FederationPolicy{}, builder.WithPredicates(external.GenerationChangedOrAsked())).
		Watches(&v1alpha1.Role{}, handler.EnqueueRequestsFromMapFunc(index.OfRole{Reader: mgr.GetClient()}.Policies), builder.WithPredicates(principalChanged()))
	// Of Roles in other namespaces too: their Boundaries and labels count.
	return governed.Watches[*v1alpha1.FederationPolicy]{Reader: mgr.GetClient(), List: &v1alpha1.FederationPolicyList{}, Workspace: workspaceOf}.Add(b).
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
