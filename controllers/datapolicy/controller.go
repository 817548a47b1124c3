// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"context"
	"time"

	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/controllers/datapolicy/visibility"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/governed"
	"github.com/gatehouse-dev/gatehouse/internal/index"
	"github.com/gatehouse-dev/gatehouse/internal/roleprobe"
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
	// Issuer says who issues the cluster's tokens. Without it no Role is checked.
	Issuer roleprobe.Issuer
	// Orphans keeps inventories of what stays in Databricks. Nil: only an event lists it.
	Orphans external.Orphans
}

// Databricks is what a DataPolicy needs of it.
type Databricks interface {
	visibility.Databricks
	Table(ctx context.Context, name string) (*admin.Table, error)
	Function(ctx context.Context, name string) (*admin.Function, error)
	RunStatement(ctx context.Context, warehouseID, statement string) error
}

// adapter is the DataPolicy's part of the loop.
type adapter struct {
	reader       client.Reader
	connect      governed.Connector[Databricks]
	installation string
}

func workspaceOf(p *v1alpha1.DataPolicy) string { return p.Spec.WorkspaceRef.Name }

// kind is what the loop knows of DataPolicies.
func (a adapter) kind(auxiliaries ...external.Attached[*v1alpha1.DataPolicy, input]) external.Kind[*v1alpha1.DataPolicy, input, state] {
	return external.Kind[*v1alpha1.DataPolicy, input, state]{
		Name: "DataPolicy", Adapter: a, Management: governed.Management(a.reader, workspaceOf),
		Resync: func(in input) time.Duration { return in.resync }, Conditions: a.conditions, Intend: a.intend,
		ExternalStatus: (*v1alpha1.DataPolicy).GetExternalStatus, ChangedBy: a.changedBy, Remaining: a.remaining, Auxiliaries: auxiliaries,
	}
}

// groups hands to the visibility of groups what the adapter gathered.
type groups struct{ visibility.Adapter }

var _ external.Auxiliary[*v1alpha1.DataPolicy, input, visibility.Input, visibility.State] = groups{}

// Gather takes the client and the limits of the pass.
func (g groups) Gather(ctx context.Context, p *v1alpha1.DataPolicy, in input) (visibility.Input, error) {
	return g.Adapter.Gather(ctx, p, visibility.Scope{
		Client: in.client, Dormant: in.deleting || in.outside != nil || in.refused != nil, ObserveOnly: in.observeOnly,
	})
}

// Reconciler is the loop of DataPolicies.
type Reconciler = external.Reconciler[*v1alpha1.DataPolicy, input, state]

func newAdapter(c client.Reader, o Options) adapter {
	as := func(c *admin.Client) Databricks { return c }
	return adapter{reader: c, connect: governed.NewConnector(o.Connect, as), installation: o.Installation}
}

// probePurpose is part of the ids and marks of temporary federation policies. It never changes.
const probePurpose = "verify"

func newProber(o Options, now func() time.Time) *roleprobe.Prober {
	return roleprobe.New(roleprobe.Options{Installation: o.Installation, Purpose: probePurpose, Token: o.Connect.OperatorToken, Issuer: o.Issuer, Now: now})
}

func newLoop(c client.Client, recorder events.EventRecorder, o Options, prober *roleprobe.Prober) *Reconciler {
	visible := external.Attach(groups{visibility.New(c, prober)})
	return external.NewReconciler(external.Options{Client: c, Recorder: recorder, Orphans: o.Orphans}, newAdapter(c, o).kind(visible))
}

// NewReconciler makes the loop of DataPolicies over a client that reads and writes the cluster.
func NewReconciler(c client.Client, recorder events.EventRecorder, o Options) *Reconciler {
	return newLoop(c, recorder, o, newProber(o, time.Now))
}

// Setup adds the controller to a manager.
func Setup(mgr ctrl.Manager, o Options) error {
	prober := newProber(o, time.Now)
	loop := newLoop(mgr.GetClient(), mgr.GetEventRecorder("gatehouse-datapolicy"), o, prober)
	list := &v1alpha1.DataPolicyList{}
	b := ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.DataPolicy{}, builder.WithPredicates(external.GenerationChangedOrAsked())).
		Watches(&v1alpha1.DataPolicy{}, external.Concerned(mgr.GetClient(), list, rivals), builder.WithPredicates(external.GenerationChanged())).
		Watches(&v1alpha1.Role{}, handler.EnqueueRequestsFromMapFunc(index.OfRole{Reader: mgr.GetClient()}.DataPolicies), builder.WithPredicates(visibility.RoleChanged())).
		WatchesRawSource(source.Channel(prober.Done(), &handler.EnqueueRequestForObject{}))
	// Of Boundaries of other namespaces too: they decide who else claims a table.
	return governed.Watches[*v1alpha1.DataPolicy]{Reader: mgr.GetClient(), List: list, Workspace: workspaceOf, OwnNamespace: true}.Add(b).
		Complete(reconcile.AsReconciler(mgr.GetClient(), loop))
}

// rivals says whether another DataPolicy, which changed or went, is about the same table.
func rivals(p *v1alpha1.DataPolicy, o client.Object) bool {
	other, ok := o.(*v1alpha1.DataPolicy)
	return ok && other.UID != p.UID && other.Spec.Table == p.Spec.Table
}
