// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package faults_test

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/controllers"
	"github.com/gatehouse-dev/gatehouse/controllers/mcpserver"
	"github.com/gatehouse-dev/gatehouse/internal/clusterissuer"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

const (
	installation = "faults"
	issuer       = "https://idp.example.com/"
	// patience is how long something may take at most. No test says how fast it must be.
	patience = 3 * time.Minute
	// callTimeout is how long the operator waits for an answer here.
	callTimeout = 3 * time.Second
)

func TestMain(m *testing.M) { os.Exit(env.Main(m)) }

// start runs an API server and all controllers until the test ends. Changes are made to
// the options of their manager.
func start(t *testing.T, changes ...func(*ctrl.Options)) client.Client {
	t.Helper()
	ctrl.SetLogger(zap.New(zap.WriteTo(t.Output())))
	config, kube := env.Cluster(t)
	env.Namespace(t, kube, env.OperatorNamespace, nil)
	o, err := controllers.ManagerOptions()
	if err != nil {
		t.Fatal(err)
	}
	o.Metrics = metricsserver.Options{BindAddress: "0"}
	o.Controller.SkipNameValidation = new(true) // several tests of this process have a manager
	for _, c := range changes {
		c(&o)
	}
	mgr, err := ctrl.NewManager(config, o)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := clusterissuer.New(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := controllers.Setup(mgr, controllers.Options{
		Connect: connect.New(connect.Options{
			Workspaces: mgr.GetClient(), Secrets: mgr.GetAPIReader(), Namespace: env.OperatorNamespace,
			Pool: admin.NewPool(admin.PoolOptions{UserAgent: "faults", RequestsPerSecond: 2000, CallTimeout: callTimeout}),
		}),
		Installation: installation, RoleConcurrency: 16, Issuer: tokens,
		Servers: mcpserver.Options{Namespace: env.OperatorNamespace, Image: "example.com/mcp-server:1", OperatorName: "operator", ProbeAudience: "probe", ProbeTokenFile: "/dev/null"},
	}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the manager ended with %v", err)
		}
	})
	return kube
}

// world is one case's emulator, Workspace, namespace and Boundary, all of one name.
type world struct {
	*testing.T
	name     string
	kube     client.Client
	emulator *env.Emulator
}

func newWorld(t *testing.T, kube client.Client, name string) *world {
	t.Helper()
	w := &world{T: t, name: name, kube: kube, emulator: env.NewEmulator(t)}
	w.emulator.SQL(t, "CREATE CATALOG main", "CREATE SCHEMA main.sales", "CREATE TABLE main.sales.deals (id STRING, region STRING)")
	ns := env.Namespace(t, kube, name, nil)
	env.WorkspaceNamed(t, kube, w.emulator, name, name)
	all := []v1alpha1.NamePattern{"*"}
	env.Create(t, kube, &v1alpha1.Boundary{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.BoundarySpec{
		Namespaces: []v1alpha1.BoundaryNamespace{{Name: name, UID: string(ns.UID)}}, Workspaces: []v1alpha1.NamePattern{v1alpha1.NamePattern(name)},
		Groups: v1alpha1.BoundaryGroups{MemberOf: []v1alpha1.NamePattern{"gh_*"}, Create: []v1alpha1.NamePattern{"gh_*"}},
		Grants: []v1alpha1.BoundaryGrant{
			{Type: "Catalog", Names: []v1alpha1.NamePattern{"main"}, Privileges: []v1alpha1.Privilege{"USE_CATALOG"}},
			{Type: "Schema", Names: []v1alpha1.NamePattern{"main.sales"}, Privileges: []v1alpha1.Privilege{"USE_SCHEMA"}},
			{Type: "Table", Names: []v1alpha1.NamePattern{"main.sales.*"}, Privileges: []v1alpha1.Privilege{"SELECT"}},
		},
		Issuers: []v1alpha1.HTTPSURL{issuer}, Warehouses: all, ServicePrincipals: all,
		Tools: all, Servers: []v1alpha1.NamePattern{v1alpha1.NamePattern(name + "/*")}, Scopes: []v1alpha1.OAuthScope{"sql"}, Hosting: v1alpha1.HostingAllowed,
		DataPolicies: v1alpha1.BoundaryDataPolicies{Tables: []v1alpha1.NamePattern{"main.sales.*"}, Functions: []v1alpha1.NamePattern{"main.sales.gh_*"}},
	}})
	return w
}

// role is a Role with a group and a grant of its own.
func (w *world) role(name string) *v1alpha1.Role {
	return &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: w.name, Name: name}, Spec: v1alpha1.RoleSpec{
		WorkspaceRef: v1alpha1.LocalReference{Name: w.name}, DisplayName: name, MemberOf: []v1alpha1.AccountGroupName{v1alpha1.AccountGroupName("gh_" + name)},
		Grants: []v1alpha1.Grant{{Securable: v1alpha1.Securable{Type: "Table", Name: "main.sales.deals"}, Privileges: []v1alpha1.Privilege{"SELECT"}}},
	}}
}

// eventually waits until something holds.
func (w *world) eventually(what func() string, holds func() bool) {
	w.Helper()
	deadline := time.Now().Add(patience)
	for tick := time.NewTicker(50 * time.Millisecond); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			w.Fatalf("not within %v: %s", patience, what())
		}
	}
}

func (w *world) fetch(o client.Object) error {
	return w.kube.Get(w.Context(), client.ObjectKeyFromObject(o), o)
}

// says waits until Ready of an object has a status, and returns the condition.
func (w *world) says(o external.Object, status metav1.ConditionStatus) *metav1.Condition {
	w.Helper()
	var c *metav1.Condition
	w.eventually(func() string { return o.GetName() + " says " + c.String() + ", want " + string(status) }, func() bool {
		if err := w.fetch(o); err != nil {
			w.Fatal(err)
		}
		c = meta.FindStatusCondition(o.GetConditions(), v1alpha1.ConditionReady)
		return c != nil && c.Status == status && c.ObservedGeneration == o.GetGeneration()
	})
	return c
}

func (w *world) ready(objects ...external.Object) {
	w.Helper()
	for _, o := range objects {
		w.says(o, metav1.ConditionTrue)
	}
}

func (w *world) remove(objects ...client.Object) {
	w.Helper()
	for _, o := range objects {
		if err := client.IgnoreNotFound(w.kube.Delete(w.Context(), o)); err != nil {
			w.Fatal(err)
		}
	}
}

func (w *world) gone(objects ...client.Object) {
	w.Helper()
	for _, o := range objects {
		w.eventually(func() string { return o.GetName() + " is gone" }, func() bool { return apierrors.IsNotFound(w.fetch(o)) })
	}
}

// appears waits until an object that the operator makes is there.
func (w *world) appears(o client.Object) {
	w.Helper()
	w.eventually(func() string { return o.GetName() + " appears" }, func() bool { return w.fetch(o) == nil })
}

// ask asks for a pass over an object.
func (w *world) ask(o client.Object) {
	w.Helper()
	patch := `{"metadata":{"annotations":{"` + v1alpha1.AnnotationReconcileRequestedAt + `":"` + time.Now().String() + `"}}}`
	if err := w.kube.Patch(w.Context(), o, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		w.Fatal(err)
	}
}

// breaks orders a failure of all calls of a kind until the emulator is healed.
func (w *world) breaks(method, path string, f env.Fault) {
	w.Helper()
	f.Match = env.FaultMatch{Method: method, PathRegex: path, Times: -1}
	w.emulator.Break(w, f)
}

// struck waits until a fault has struck.
func (w *world) struck(since int64) {
	w.Helper()
	w.eventually(func() string { return "the fault strikes" }, func() bool {
		return slices.ContainsFunc(w.emulator.Calls(w, since), func(c env.Call) bool { return len(c.Faults) > 0 })
	})
}

// committed counts the writes that took effect at a path.
func (w *world) committed(method, path string) int {
	w.Helper()
	return w.committedSince(0, method, path)
}

// committedSince counts those since a call.
func (w *world) committedSince(since int64, method, path string) int {
	w.Helper()
	pattern, n := regexp.MustCompile(path), 0
	for _, c := range w.emulator.Calls(w, since) {
		if c.Method == method && c.Committed && pattern.MatchString(c.Path) {
			n++
		}
	}
	return n
}

// nothing checks that nothing of ours is left.
func (w *world) nothing() {
	w.Helper()
	state := w.emulator.State(w)
	for _, p := range state.Principals {
		if strings.HasPrefix(p.ExternalID, installation+"/") {
			w.Errorf("left: the service principal %s", p.ExternalID)
		}
	}
	for _, g := range state.Groups {
		if strings.HasPrefix(g.ExternalID, installation+"/") {
			w.Errorf("left: the group %s", g.ExternalID)
		}
	}
}

const (
	principals = "/scim/v2/ServicePrincipals$"
	groups     = "/scim/v2/Groups$"
	policies   = "/federationPolicies$"
)
