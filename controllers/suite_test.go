// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/gatehouse-dev/gatehouse/controllers"
	"github.com/gatehouse-dev/gatehouse/controllers/mcpserver"
	"github.com/gatehouse-dev/gatehouse/internal/clusterissuer"
	"github.com/gatehouse-dev/gatehouse/internal/conditions"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

const (
	installation  = "suite"
	issuer        = "https://idp.example.com/"
	operatorName  = "system:serviceaccount:" + env.OperatorNamespace + ":gatehouse-operator"
	probeAudience = "gatehouse-probe"
	// patience is how long something may take at most. No test says how fast it must be.
	patience = 2 * time.Minute
)

// One API server, one emulator and one manager serve all cases; each case has
// namespaces of its own.
var (
	cluster  *rest.Config
	kube     client.Client
	emulator *env.Emulator
)

func TestControllers(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Controllers")
}

var _ = BeforeSuite(func() {
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	ctrl.SetLogger(zap.New(zap.WriteTo(GinkgoWriter), zap.UseDevMode(true)))
	t := GinkgoTB()
	cluster, kube = env.Cluster(t)
	emulator = env.NewEmulator(t)
	env.Workspace(t, kube, emulator)
	emulator.SQL(t, "CREATE CATALOG main", "CREATE SCHEMA main.sales", "CREATE SCHEMA main.gatehouse", "CREATE SCHEMA main.knowledge",
		"CREATE TABLE main.sales.deals (id STRING, region STRING, margin_pct DOUBLE)", "CREATE TABLE main.sales.extra (id STRING)", "CREATE TABLE main.gatehouse.tool_calls (id STRING)")
	runManager(operatorToken(t.TempDir()))
	eventuallyReady(named("Workspace", "", "main"))
})

// operatorToken is what the operator shows to the pods of servers.
func operatorToken(dir string) string {
	GinkgoHelper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: env.OperatorNamespace, Name: "gatehouse-operator"}}
	Expect(kube.Create(context.Background(), account)).To(Succeed())
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{probeAudience}}}
	Expect(kube.SubResource("token").Create(context.Background(), account, request)).To(Succeed())
	file := filepath.Join(dir, "token")
	Expect(os.WriteFile(file, []byte(request.Status.Token), 0o600)).To(Succeed())
	return file
}

// runManager runs all controllers, as cmd/operator does, until the suite ends.
func runManager(tokenFile string) {
	GinkgoHelper()
	o, err := controllers.ManagerOptions()
	Expect(err).NotTo(HaveOccurred())
	o.Metrics = metricsserver.Options{BindAddress: "0"}
	mgr, err := ctrl.NewManager(cluster, o)
	Expect(err).NotTo(HaveOccurred())
	tokens, err := clusterissuer.New(cluster)
	Expect(err).NotTo(HaveOccurred())
	Expect(controllers.Setup(context.Background(), mgr, controllers.Options{
		Connect: connect.New(connect.Options{
			Workspaces: mgr.GetClient(), Secrets: mgr.GetAPIReader(), Namespace: env.OperatorNamespace,
			Pool: admin.NewPool(admin.PoolOptions{UserAgent: "suite", RequestsPerSecond: 2000}),
		}),
		Installation: installation, RoleConcurrency: 4, Issuer: tokens,
		Servers: mcpserver.Options{Namespace: env.OperatorNamespace, Image: "example.com/mcp-server:1", OperatorName: operatorName, ProbeAudience: probeAudience, ProbeTokenFile: tokenFile},
	})).To(Succeed())
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	DeferCleanup(func() {
		stop()
		Eventually(ended).Should(Receive(BeNil()))
	})
}

// Every case ends with the rules of conditions, for every object there is.
var _ = JustAfterEach(func() {
	for _, o := range everything() {
		Expect(conditions.Problems(o.GetConditions(), o.GetGeneration())).To(BeEmpty(), "%T %s", o, key(o))
	}
})

// And leaves nothing behind, in the cluster or in Databricks.
var _ = AfterEach(func() {
	var servers, all []client.Object
	for _, o := range everything() {
		switch {
		case kindOf(o) == "MCPServer":
			servers = append(servers, o)
		case o.GetName() != "main":
			all = append(all, o)
		}
	}
	remove(servers...) // they would make their own Roles anew
	remove(all...)
	Expect(ours()).To(BeEmpty())
})
