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

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	"github.com/gatehouse-dev/gatehouse/test/env"
	"github.com/gatehouse-dev/gatehouse/test/externaltest"
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
	if err := controllers.Setup(t.Context(), mgr, controllers.Options{
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
	externaltest.Running
	name     string
	emulator *env.Emulator
}

func newWorld(t *testing.T, kube client.Client, name string) *world {
	t.Helper()
	w := &world{T: t, name: name, emulator: env.NewEmulator(t)}
	w.Running = externaltest.Running{T: w, Kube: kube, Patience: patience} // the test that runs at the time
	w.emulator.SQL(t, "CREATE CATALOG main", "CREATE SCHEMA main.sales", "CREATE TABLE main.sales.deals (id STRING, region STRING)")
	ns := env.Namespace(t, kube, name, nil)
	env.WorkspaceNamed(t, kube, w.emulator, name, name)
	all := []v1alpha1.NamePattern{"*"}
	env.Create(t, kube, env.BoundaryOf(ns, name, func(b *v1alpha1.BoundarySpec) {
		b.Groups = v1alpha1.BoundaryGroups{MemberOf: []v1alpha1.NamePattern{"gh_*"}, Create: []v1alpha1.NamePattern{"gh_*"}}
		b.Grants = []v1alpha1.BoundaryGrant{
			{Type: "Catalog", Names: []v1alpha1.NamePattern{"main"}, Privileges: []v1alpha1.Privilege{"USE_CATALOG"}},
			{Type: "Schema", Names: []v1alpha1.NamePattern{"main.sales"}, Privileges: []v1alpha1.Privilege{"USE_SCHEMA"}},
			{Type: "Table", Names: []v1alpha1.NamePattern{"main.sales.*"}, Privileges: []v1alpha1.Privilege{"SELECT"}},
		}
		b.Issuers, b.Warehouses, b.ServicePrincipals, b.Tools = []v1alpha1.HTTPSURL{issuer}, all, all, all
		b.Servers, b.Scopes, b.Hosting = []v1alpha1.NamePattern{v1alpha1.NamePattern(name + "/*")}, []v1alpha1.OAuthScope{"sql"}, v1alpha1.HostingAllowed
		b.DataPolicies = v1alpha1.BoundaryDataPolicies{Tables: []v1alpha1.NamePattern{"main.sales.*"}, Functions: []v1alpha1.NamePattern{"main.sales.gh_*"}}
	}))
	return w
}

// role is a Role with a group and a grant of its own.
func (w *world) role(name string) *v1alpha1.Role {
	return &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: w.name, Name: name}, Spec: v1alpha1.RoleSpec{
		WorkspaceRef: v1alpha1.LocalReference{Name: w.name}, DisplayName: name, MemberOf: []v1alpha1.AccountGroupName{v1alpha1.AccountGroupName("gh_" + name)},
		Grants: []v1alpha1.Grant{{Securable: v1alpha1.Securable{Type: "Table", Name: "main.sales.deals"}, Privileges: []v1alpha1.Privilege{"SELECT"}}},
	}}
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
	w.Eventually(func() string { return "the fault strikes" }, func() bool {
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
