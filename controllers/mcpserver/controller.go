// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpserver

import (
	"context"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/governed"
	"github.com/gatehouse-dev/gatehouse/internal/index"
	"github.com/gatehouse-dev/gatehouse/internal/inventory"
)

// +kubebuilder:rbac:groups=gatehouse.dev,resources=mcpservers,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=gatehouse.dev,resources=mcpservers/status,verbs=patch
// +kubebuilder:rbac:groups=gatehouse.dev,resources=mcpservers/finalizers,verbs=update
// +kubebuilder:rbac:groups=gatehouse.dev,resources=gatehouseroles,verbs=get;create;patch
// +kubebuilder:rbac:groups="",resources=configmaps;serviceaccounts;services,verbs=get;create;patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=create;patch
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;create;patch;delete
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=clusterrolebindings,verbs=get;create;patch;delete
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=clusterroles,resourceNames=gatehouse-mcp-server,verbs=bind

// Options are what the controller is made of. All are required but WorkloadAudience and Concurrency.
type Options struct {
	// Connect signs in to workspaces, to look up what tools name there.
	Connect *connect.Connector
	// Image is that of the pods.
	Image string
	// OperatorName is the user name of the operator's service account, which pods let ask.
	OperatorName string
	// ProbeAudience is that of the tokens the operator asks with, and ProbeTokenFile where one is.
	ProbeAudience, ProbeTokenFile string
	// WorkloadAudience is that of the tokens that pods show to Databricks. Default databricks.
	WorkloadAudience string
	// Namespace is the operator's own: the root of the sealing keys is there.
	Namespace string
	// Concurrency is how many servers are worked on at the same time. Default 2.
	Concurrency int
}

// Setup adds the controller to a manager.
func Setup(mgr ctrl.Manager, o Options) error {
	if o.Concurrency <= 0 {
		o.Concurrency = 2
	}
	if o.WorkloadAudience == "" {
		o.WorkloadAudience = "databricks"
	}
	known := newLookups(func(ctx context.Context, workspace string) (catalog, error) {
		_, c, err := o.Connect.Named(ctx, workspace)
		return c, err
	})
	compared := newAudits(func(ctx context.Context, workspace string, a access.Audit) access.Effective {
		_, c, err := o.Connect.Named(ctx, workspace)
		if err != nil {
			return unreachable(a, err)
		}
		return effective(ctx, c, a)
	})
	loop := external.NewReconciler(external.Options{Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder("gatehouse-mcpserver")}, adapter{
		reader: mgr.GetClient(), live: mgr.GetAPIReader(), writer: mgr.GetClient(), probe: newProber(o.ProbeTokenFile), lookups: known, audits: compared, namespace: o.Namespace, now: time.Now, rewrites: &sync.Map{}, compared: &comparisons{},
		pods: pods{Image: o.Image, OperatorName: o.OperatorName, ProbeAudience: o.ProbeAudience, WorkloadAudience: o.WorkloadAudience},
	}.kind())
	all := external.Every(mgr.GetClient(), &v1alpha1.MCPServerList{})
	changed := builder.WithPredicates(external.GenerationChanged())
	b := ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.MCPServer{}, builder.WithPredicates(external.GenerationChangedOrAsked())).
		Owns(&appsv1.Deployment{}, changed).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(serverOfPod), builder.WithPredicates(podChanged())).
		Watches(&v1alpha1.Role{}, handler.EnqueueRequestsFromMapFunc(index.OfRole{Reader: mgr.GetClient()}.Servers), builder.WithPredicates(roleChanged())).
		Watches(&v1alpha1.ToolAccess{}, all, changed).
		Watches(&v1alpha1.Tool{}, all, changed).
		Watches(&v1alpha1.FederationPolicy{}, all, changed).
		WatchesRawSource(source.Channel(known.changed, &handler.EnqueueRequestForObject{})).
		WatchesRawSource(source.Channel(compared.changed, &handler.EnqueueRequestForObject{})).
		WatchesRawSource(inventory.Alarm(mgr.GetClient(), serverOfAccess)).
		WithOptions(controller.Options{MaxConcurrentReconciles: o.Concurrency})
	// Of Boundaries and labels of the Roles' namespaces too.
	return governed.Watches[*v1alpha1.MCPServer]{Reader: mgr.GetClient(), List: &v1alpha1.MCPServerList{}, Workspace: workspaceOf}.Add(b).
		Complete(reconcile.AsReconciler(mgr.GetClient(), loop))
}

// kind is what the loop knows of MCPServers.
func (a adapter) kind() external.Kind[*v1alpha1.MCPServer, input, state] {
	return external.Kind[*v1alpha1.MCPServer, input, state]{Name: "MCPServer", Adapter: a, Resync: a.resync, Conditions: a.conditions}
}

func workspaceOf(s *v1alpha1.MCPServer) string { return s.Spec.WorkspaceRef.Name }

func serverOfAccess(_ context.Context, o client.Object) []reconcile.Request {
	a, ok := o.(*v1alpha1.ToolAccess)
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: a.Namespace, Name: a.Spec.ServerRef.Name}}}
}

func serverOfPod(_ context.Context, p client.Object) []reconcile.Request {
	name := p.GetLabels()[v1alpha1.LabelServer]
	if name == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: p.GetNamespace(), Name: name}}}
}

// podChanged lets through pods that came, went, or became ready or not.
func podChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*corev1.Pod)
		after, also := e.ObjectNew.(*corev1.Pod)
		return !ok || !also || ready(*before) != ready(*after) || before.Status.PodIP != after.Status.PodIP ||
			before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero()
	}}
}

// roleChanged lets through Roles of which something changed that the document holds, or
// that Databricks is compared with.
func roleChanged() predicate.Predicate {
	return predicate.Or(external.GenerationChanged(), predicate.LabelChangedPredicate{}, predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*v1alpha1.Role)
		after, also := e.ObjectNew.(*v1alpha1.Role)
		return !ok || !also || before.Status.ServicePrincipal.ApplicationID != after.Status.ServicePrincipal.ApplicationID ||
			!equality.Semantic.DeepEqual(before.Status.LastSync, after.Status.LastSync) || // drift was repaired
			before.Status.Trust != after.Status.Trust || !equality.Semantic.DeepEqual(before.Status.Grants, after.Status.Grants)
	}})
}
