// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"cmp"
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/estate"
	"github.com/gatehouse-dev/gatehouse/internal/external"
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
	// LeftBehind keeps inventories of what stays in Databricks. Nil: only an event tells of it.
	LeftBehind external.LeftBehind
}

// connector is what the adapter needs of a connect.Connector.
type connector interface {
	Named(ctx context.Context, name string) (*v1alpha1.Workspace, Databricks, error)
}

// connected adapts a connect.Connector.
type connected struct{ *connect.Connector }

func (c connected) Named(ctx context.Context, name string) (*v1alpha1.Workspace, Databricks, error) {
	ws, client, err := c.Connector.Named(ctx, name)
	return ws, client, err
}

var _ Databricks = (*admin.Client)(nil)

// adapter is the Role's part of the loop.
type adapter struct {
	reader       client.Reader
	connect      connector
	installation string
	issuer       Issuer
	audience     string
	takings      *takings
}

func newAdapter(c client.Reader, o Options) adapter {
	return adapter{reader: c, connect: connected{o.Connect}, installation: o.Installation, issuer: o.Issuer, audience: cmp.Or(o.Audience, defaultAudience), takings: &takings{}}
}

func (a adapter) mark(r *v1alpha1.Role) string {
	return a.installation + "/role/" + r.Namespace + "/" + r.Name
}

// NewReconciler makes the loop of Roles over a client that reads and writes the cluster.
func NewReconciler(c client.Client, recorder events.EventRecorder, o Options) *external.Reconciler[*v1alpha1.Role, input, state] {
	return external.NewReconciler(external.Options{Client: c, Recorder: recorder, Kind: "Role", LeftBehind: o.LeftBehind},
		newAdapter(c, o))
}

// Setup adds the controller to a manager.
func Setup(mgr ctrl.Manager, o Options) error {
	if o.Concurrency <= 0 {
		o.Concurrency = 64
	}
	loop := NewReconciler(mgr.GetClient(), mgr.GetEventRecorder("gatehouse-role"), o)
	others := rolesWithOtherNeeds(mgr.GetClient())
	needing := handler.EnqueueRequestsFromMapFunc(others)
	inWorkspace := external.Concerned(mgr.GetClient(), &v1alpha1.RoleList{}, func(r *v1alpha1.Role, o client.Object) bool {
		return r.Spec.WorkspaceRef.Name == o.GetName()
	})
	inNamespace := external.Concerned(mgr.GetClient(), &v1alpha1.RoleList{}, func(r *v1alpha1.Role, o client.Object) bool {
		return r.Namespace == o.GetName()
	})
	bounded := external.Concerned(mgr.GetClient(), &v1alpha1.RoleList{}, func(r *v1alpha1.Role, o client.Object) bool {
		b, ok := o.(*v1alpha1.Boundary)
		return ok && slices.ContainsFunc(b.Spec.Namespaces, func(n v1alpha1.BoundaryNamespace) bool { return n.Name == r.Namespace })
	})
	changed := builder.WithPredicates(external.GenerationChanged())
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.Role{}, builder.WithPredicates(predicate.Or(external.GenerationChangedOrAsked(), predicate.LabelChangedPredicate{}))).
		Watches(&v1alpha1.Role{}, handler.EnqueueRequestsFromMapFunc(overtaken(mgr.GetClient())), builder.WithPredicates(statusChanged())).
		Watches(&v1alpha1.ToolAccess{}, needing, changed).
		Watches(&v1alpha1.Tool{}, needing, changed).
		Watches(&v1alpha1.MCPServer{}, needing, changed).
		Watches(&v1alpha1.Workspace{}, inWorkspace, changed).
		Watches(&v1alpha1.Boundary{}, bounded). // its status pins namespaces, without which nothing is allowed
		Watches(&corev1.Namespace{}, inNamespace, builder.WithPredicates(predicate.Or(predicate.LabelChangedPredicate{}, external.Replaced()))).
		WatchesRawSource(estate.Alarm(mgr.GetClient(), others)).
		WithOptions(controller.Options{MaxConcurrentReconciles: o.Concurrency}).
		Complete(reconcile.AsReconciler(mgr.GetClient(), loop))
}

// rolesWithOtherNeeds asks for the Roles whose needs, as everything declared
// together makes them, are not those that their status shows. The others are left
// alone: a pass over each Role for each change would cost Databricks ten calls each.
func rolesWithOtherNeeds(c client.Reader) handler.MapFunc {
	return func(ctx context.Context, _ client.Object) []reconcile.Request {
		e, err := estate.Load(ctx, c)
		if err != nil {
			return nil // the cache answers lists, always, once it is there
		}
		var out []reconcile.Request
		for i := range e.Roles {
			if r := &e.Roles[i]; !settled(r, needsOf(e, r)) {
				out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(r)})
			}
		}
		return out
	}
}

// needsOf is what a Role needs. It is worked out of the Role alone: with all cells of
// a large estate each event would cost the square of it.
func needsOf(e access.Estate, r *v1alpha1.Role) access.Needs {
	one := e.Of(r)
	cells, _ := one.Cells()
	return one.Needs(r, cells)
}

// overtaken asks for a Role whose needs changed while a pass gave it others: to
// rolesWithOtherNeeds it still looked settled then.
func overtaken(c client.Reader) handler.MapFunc {
	return func(ctx context.Context, o client.Object) []reconcile.Request {
		r, ok := o.(*v1alpha1.Role)
		if !ok || !meta.IsStatusConditionTrue(r.Status.Conditions, v1alpha1.ConditionReady) {
			return nil // a pass is to come anyway, at its own time
		}
		e, err := estate.Load(ctx, c)
		if err != nil {
			return nil // the cache answers lists, always, once it is there
		}
		if settled(r, needsOf(e, r)) {
			return nil
		}
		return []reconcile.Request{{NamespacedName: client.ObjectKeyFromObject(r)}}
	}
}

// statusChanged lets through Roles whose status changed.
func statusChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false }, DeleteFunc: func(event.DeleteEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok := e.ObjectOld.(*v1alpha1.Role)
			after, also := e.ObjectNew.(*v1alpha1.Role)
			return ok && also && !equality.Semantic.DeepEqual(before.Status, after.Status)
		},
	}
}

// settled says that a Role is Ready with exactly these needs.
func settled(r *v1alpha1.Role, needs access.Needs) bool {
	if !meta.IsStatusConditionTrue(r.Status.Conditions, v1alpha1.ConditionReady) || !slices.Equal(r.Status.Scopes, needs.Scopes) {
		return false
	}
	return slices.EqualFunc(r.Status.Grants, needs.Grants, func(have v1alpha1.RoleGrant, want access.Grant) bool {
		return grantOf(have) == want.Grant && slices.Equal(have.From, want.From)
	})
}
