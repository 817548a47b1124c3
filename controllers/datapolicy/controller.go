// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/internal/datapolicy"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

// +kubebuilder:rbac:groups=gatehouse.dev,resources=datapolicies,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=gatehouse.dev,resources=datapolicies/status,verbs=patch

// +kubebuilder:rbac:groups=gatehouse.dev,resources=gatehouseroles,verbs=get;list;watch

// Options are what the controller is made of.
type Options struct {
	// Connect signs in to workspaces. Required.
	Connect *connect.Connector
	// Installation names this installation in marks. Required.
	Installation string
	// Issuer says who issues the cluster's tokens. Without it nobody is asked whether groups are seen.
	Issuer Issuer
	// Orphans keeps inventories of what stays in Databricks. Nil: only an event lists it.
	Orphans external.Orphans
}

// connected adapts a connect.Connector.
type connected struct{ *connect.Connector }

func (c connected) Named(ctx context.Context, name string) (*v1alpha1.Workspace, Databricks, error) {
	ws, client, err := c.Connector.Named(ctx, name)
	return ws, client, err
}

func (c connected) Asker(ctx context.Context, workspace string) (asker, error) {
	_, client, err := c.Connector.Named(ctx, workspace)
	return client, err
}

func newAdapter(c client.Reader, o Options) adapter {
	return adapter{reader: c, connect: connected{o.Connect}, installation: o.Installation, verifier: newVerifier(o.Installation, o.Issuer, o.Connect.OperatorToken)}
}

// kind is what the loop knows of DataPolicies.
func (a adapter) kind() external.Kind[*v1alpha1.DataPolicy, input, state] {
	return external.Kind[*v1alpha1.DataPolicy, input, state]{
		Name: "DataPolicy", Adapter: a, Management: a.Above, Resync: a.Resync, Conditions: a.Conditions, Intend: a.Intend,
		ExternalStatus: (*v1alpha1.DataPolicy).GetExternalStatus, ChangedBy: a.ChangedBy, Remaining: a.Left,
	}
}

// NewReconciler makes the loop of DataPolicies over a client that reads and writes the cluster.
func NewReconciler(c client.Client, recorder events.EventRecorder, o Options) *Reconciler {
	a := newAdapter(c, o)
	return &Reconciler{
		loop:   external.NewReconciler(external.Options{Client: c, Recorder: recorder, Orphans: o.Orphans}, a.kind()),
		client: c, recorder: recorder, connect: connected{o.Connect}, verifier: a.verifier,
	}
}

// Setup adds the controller to a manager.
func Setup(mgr ctrl.Manager, o Options) error {
	loop := NewReconciler(mgr.GetClient(), mgr.GetEventRecorder("gatehouse-datapolicy"), o)
	where := func(concerns func(*v1alpha1.DataPolicy, client.Object) bool) handler.EventHandler {
		return external.Concerned(mgr.GetClient(), &v1alpha1.DataPolicyList{}, concerns)
	}
	changed := builder.WithPredicates(external.GenerationChanged())
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.DataPolicy{}, builder.WithPredicates(external.GenerationChangedOrAsked())).
		Watches(&v1alpha1.DataPolicy{}, where(rivals), changed).
		Watches(&v1alpha1.Workspace{}, where(func(p *v1alpha1.DataPolicy, o client.Object) bool { return p.Spec.WorkspaceRef.Name == o.GetName() }), changed).
		Watches(&v1alpha1.Boundary{}, where(func(*v1alpha1.DataPolicy, client.Object) bool { return true })).
		Watches(&corev1.Namespace{}, where(func(p *v1alpha1.DataPolicy, o client.Object) bool { return p.Namespace == o.GetName() }), changed).
		Watches(&v1alpha1.Role{}, where(concerned), builder.WithPredicates(witnessChanged())).
		WatchesRawSource(source.Channel(loop.verifier.changed, &handler.EnqueueRequestForObject{})).
		Complete(reconcile.AsReconciler(mgr.GetClient(), loop))
}

// concerned says whether a Role may be a member of a group that a DataPolicy names.
func concerned(p *v1alpha1.DataPolicy, o client.Object) bool {
	r, ok := o.(*v1alpha1.Role)
	return ok && r.Spec.WorkspaceRef == p.Spec.WorkspaceRef && slices.ContainsFunc(datapolicy.Groups(p.Spec), func(g string) bool {
		return slices.Contains(r.Spec.MemberOf, v1alpha1.AccountGroupName(g))
	})
}

// witnessChanged lets through Roles of which something changed that decides whether they can be asked.
func witnessChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*v1alpha1.Role)
		after, also := e.ObjectNew.(*v1alpha1.Role)
		return ok && also && (before.Generation != after.Generation ||
			meta.IsStatusConditionTrue(before.Status.Conditions, v1alpha1.ConditionReady) != meta.IsStatusConditionTrue(after.Status.Conditions, v1alpha1.ConditionReady) ||
			before.Status.ObservedGeneration != after.Status.ObservedGeneration || before.Status.ServicePrincipal != after.Status.ServicePrincipal ||
			!slices.Equal(before.Status.Groups, after.Status.Groups) ||
			!slices.EqualFunc(before.Status.Grants, after.Status.Grants, func(a, b v1alpha1.RoleGrant) bool {
				return a.Type == b.Type && a.Name == b.Name && a.Privilege == b.Privilege
			}))
	}}
}

// rivals says whether another DataPolicy, which changed or went, is about the same table.
func rivals(p *v1alpha1.DataPolicy, o client.Object) bool {
	other, ok := o.(*v1alpha1.DataPolicy)
	return ok && other.UID != p.UID && other.Spec.Table == p.Spec.Table
}
