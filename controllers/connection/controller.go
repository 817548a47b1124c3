// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"fmt"
	"time"

	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/governed"
	"github.com/gatehouse-dev/gatehouse/internal/sealroot"
)

// Secrets of Connections are read by Roles that their teams bind to the operator: it has no right of its own.

// +kubebuilder:rbac:groups=gatehouse.dev,resources=connections,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=gatehouse.dev,resources=connections/status,verbs=patch

// DefaultSecretPoll is how often Secrets are asked for their versions.
const DefaultSecretPoll = 15 * time.Second

// Options are what the controller is made of.
type Options struct {
	// Connect signs in to workspaces. Required.
	Connect *connect.Connector
	// Installation names this installation in marks. Required.
	Installation string
	// Namespace is the operator's own. Required.
	Namespace string
	// OperatorName is the user name of the operator's service account, which teams let read their Secrets. Required.
	OperatorName string
	// SecretPoll is how often Secrets are asked for their versions. Default DefaultSecretPoll.
	SecretPoll time.Duration
	// Orphans keeps inventories of what stays in Databricks. Nil: only an event lists it.
	Orphans external.Orphans
}

func newAdapter(c client.Client, live client.Reader, o Options) adapter {
	as := func(c *admin.Client) Databricks { return c }
	return adapter{
		Options: o, reader: c, live: live, connect: governed.NewConnector(o.Connect, as), versions: &versions{},
		root: sealroot.Store{Live: live, Writer: c, Namespace: o.Namespace},
	}
}

// NewReconciler makes the loop of Connections over a client that reads and writes the
// cluster, and a reader past its cache.
func NewReconciler(c client.Client, live client.Reader, recorder events.EventRecorder, o Options) *external.Reconciler[*v1alpha1.Connection, input, state] {
	return external.NewReconciler(external.Options{Client: c, Recorder: recorder, Orphans: o.Orphans}, newAdapter(c, live, o).kind())
}

func workspaceOf(c *v1alpha1.Connection) string { return c.Spec.WorkspaceRef.Name }

// kind is what the loop knows of Connections.
func (a adapter) kind() external.Kind[*v1alpha1.Connection, input, state] {
	return external.Kind[*v1alpha1.Connection, input, state]{
		Name: "Connection", Adapter: a, Management: governed.Management(a.reader, workspaceOf),
		Resync: func(in input) time.Duration { return in.resync }, Conditions: a.conditions, Intend: a.intend,
		ExternalStatus: (*v1alpha1.Connection).GetExternalStatus, ChangedBy: a.changedBy, Remaining: a.remaining,
	}
}

// Setup adds the controller to a manager.
func Setup(mgr ctrl.Manager, o Options) error {
	if o.SecretPoll <= 0 {
		o.SecretPoll = DefaultSecretPoll
	}
	a := newAdapter(mgr.GetClient(), mgr.GetAPIReader(), o)
	poll := rotation{cached: mgr.GetClient(), live: mgr.GetAPIReader(), versions: a.versions, every: o.SecretPoll, changed: make(chan event.GenericEvent)}
	if err := mgr.Add(poll); err != nil {
		return fmt.Errorf("add the look at Secrets: %w", err)
	}
	loop := external.NewReconciler(external.Options{Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder("gatehouse-connection"), Orphans: o.Orphans}, a.kind())
	list := &v1alpha1.ConnectionList{}
	b := ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.Connection{}, builder.WithPredicates(external.GenerationChangedOrAsked())).
		Watches(&v1alpha1.Connection{}, external.Concerned(mgr.GetClient(), list, rivals), builder.WithPredicates(external.GenerationChanged())).
		WatchesRawSource(source.Channel(poll.changed, &handler.EnqueueRequestForObject{}))
	// Of Boundaries of other namespaces too: they decide who else claims a connection.
	return governed.Watches[*v1alpha1.Connection]{Reader: mgr.GetClient(), List: list, Workspace: workspaceOf, OwnNamespace: true}.Add(b).
		Complete(reconcile.AsReconciler(mgr.GetClient(), loop))
}

// rivals says whether another Connection, which changed or went, declares the same connection or MCP service.
func rivals(c *v1alpha1.Connection, o client.Object) bool {
	other, ok := o.(*v1alpha1.Connection)
	if !ok || other.UID == c.UID {
		return false
	}
	sameService := c.Spec.MCPService != nil && other.Spec.MCPService != nil && c.Spec.MCPService.Name == other.Spec.MCPService.Name
	return other.Spec.ConnectionName == c.Spec.ConnectionName || sameService
}
