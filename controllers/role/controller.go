// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"cmp"
	"time"

	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/estate"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/governed"
)

// +kubebuilder:rbac:groups=gatehouse.dev,resources=gatehouseroles,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=gatehouse.dev,resources=gatehouseroles/status,verbs=patch
// +kubebuilder:rbac:groups=gatehouse.dev,resources=workspaces;boundaries;tools;toolaccesses;mcpservers;federationpolicies,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Options are what the controller is made of.
type Options struct {
	// Connect signs in to workspaces. Required.
	Connect *connect.Connector
	// Installation names this installation in marks. Required.
	Installation string
	// Issuer says who issues the cluster's tokens. Without it no ServiceAccount can be a Role.
	Issuer Issuer
	// Audience is that of tokens of ServiceAccounts. Default databricks.
	Audience string
	// Concurrency is how many Roles are worked on at the same time. Default 64: most of
	// a pass is waiting for Databricks, and Roles that wait for the same share a call.
	Concurrency int
	// Orphans keeps inventories of what stays in Databricks. Nil: only an event lists it.
	Orphans external.Orphans
}

// adapter is the Role's part of the loop.
type adapter struct {
	reader       client.Reader
	connect      governed.Connector[Databricks]
	installation string
	issuer       Issuer
	audience     string
	claims       *adoptionClaims
}

func newAdapter(c client.Reader, o Options) adapter {
	return adapter{
		reader: c, connect: governed.NewConnector(o.Connect, func(c *admin.Client) Databricks { return c }), installation: o.Installation,
		issuer: o.Issuer, audience: cmp.Or(o.Audience, defaultAudience), claims: &adoptionClaims{},
	}
}

func (a adapter) mark(r *v1alpha1.Role) string {
	return a.installation + "/role/" + r.Namespace + "/" + r.Name
}

// NewReconciler makes the loop of Roles over a client that reads and writes the cluster.
func NewReconciler(c client.Client, recorder events.EventRecorder, o Options) *external.Reconciler[*v1alpha1.Role, input, state] {
	return external.NewReconciler(external.Options{Client: c, Recorder: recorder, Orphans: o.Orphans}, newAdapter(c, o).kind())
}

func workspaceOf(r *v1alpha1.Role) string { return r.Spec.WorkspaceRef.Name }

// kind is what the loop knows of Roles.
func (a adapter) kind() external.Kind[*v1alpha1.Role, input, state] {
	return external.Kind[*v1alpha1.Role, input, state]{
		Name: "Role", Adapter: a, Management: governed.Management(a.reader, workspaceOf),
		Resync: func(in input) time.Duration { return in.resync }, Conditions: a.conditions, Intend: a.intend,
		ExternalStatus: (*v1alpha1.Role).GetExternalStatus, GatherAgain: a.gatherAgain, ObserveCached: a.observeCached, Remaining: a.remaining,
	}
}

// Setup adds the controller to a manager.
func Setup(mgr ctrl.Manager, o Options) error {
	if o.Concurrency <= 0 {
		o.Concurrency = 64
	}
	loop := NewReconciler(mgr.GetClient(), mgr.GetEventRecorder("gatehouse-role"), o)
	others := rolesWithOtherNeeds(mgr.GetClient())
	needing := handler.EnqueueRequestsFromMapFunc(others)
	changed := builder.WithPredicates(external.GenerationChanged())
	b := ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.Role{}, builder.WithPredicates(predicate.Or(external.GenerationChangedOrAsked(), predicate.LabelChangedPredicate{}))).
		Watches(&v1alpha1.Role{}, handler.EnqueueRequestsFromMapFunc(overtaken(mgr.GetClient())), builder.WithPredicates(statusChanged())).
		Watches(&v1alpha1.ToolAccess{}, needing, changed).
		Watches(&v1alpha1.Tool{}, needing, changed).
		Watches(&v1alpha1.MCPServer{}, needing, changed).
		WatchesRawSource(estate.Alarm(mgr.GetClient(), others)).
		WithOptions(controller.Options{MaxConcurrentReconciles: o.Concurrency})
	return governed.Watches[*v1alpha1.Role]{Reader: mgr.GetClient(), List: &v1alpha1.RoleList{}, Workspace: workspaceOf, OwnBoundary: true, OwnNamespace: true}.Add(b).
		Complete(reconcile.AsReconciler(mgr.GetClient(), loop))
}
