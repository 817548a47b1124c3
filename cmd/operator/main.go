// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// The operator makes Databricks agree with what is declared in the cluster, and
// runs the MCP servers.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/gatehouse-dev/gatehouse/controllers"
	"github.com/gatehouse-dev/gatehouse/controllers/mcpserver"
	"github.com/gatehouse-dev/gatehouse/internal/clusterissuer"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
)

type flags struct {
	installation, namespace, image, tokenFile, probeTokenFile, probeAudience, serviceAccount string
	workloadAudience                                                                         string
	metrics, probes                                                                          string
	elect, secureMetrics                                                                     bool
	roles, servers, callRate                                                                 int
	timeout                                                                                  time.Duration
	tenure                                                                                   tenure
}

func main() {
	var f flags
	flag.StringVar(&f.installation, "installation", "", "name of this installation in the marks that everything made in Databricks carries; it must survive a restore and differ between clusters on one account (required)")
	flag.StringVar(&f.namespace, "namespace", os.Getenv("POD_NAMESPACE"), "namespace of the operator, where the Secrets of Workspaces are (required)")
	flag.StringVar(&f.image, "mcp-server-image", "", "image of the MCP server pods (required)")
	flag.StringVar(&f.tokenFile, "databricks-token-file", "", "projected service account token that Workspaces with WorkloadIdentity are signed in to with")
	flag.StringVar(&f.probeTokenFile, "probe-token-file", "/var/run/secrets/gatehouse-probe/token", "projected service account token that pods are asked with")
	flag.StringVar(&f.probeAudience, "probe-audience", "gatehouse-probe", "audience of the token that pods are asked with")
	flag.StringVar(&f.workloadAudience, "workload-audience", "databricks", "audience of the service account tokens that Databricks exchanges for tokens of Roles")
	flag.StringVar(&f.serviceAccount, "service-account", "gatehouse-operator", "service account of the operator, the only one that pods answer")
	flag.StringVar(&f.metrics, "metrics-bind-address", ":8443", "address of the metrics, 0 for none")
	flag.BoolVar(&f.secureMetrics, "metrics-secure", true, "serve metrics over HTTPS and to those only whom the cluster lets read them")
	flag.StringVar(&f.probes, "health-probe-bind-address", ":8081", "address of /healthz and /readyz")
	flag.BoolVar(&f.elect, "leader-elect", true, "let one of several operators work at a time")
	f.tenure.flags()
	flag.IntVar(&f.roles, "role-concurrency", 64, "how many Roles are worked on at the same time")
	flag.IntVar(&f.servers, "mcpserver-concurrency", 2, "how many MCPServers are worked on at the same time")
	flag.IntVar(&f.callRate, "databricks-requests-per-second", 100, "how many calls are made at most to each Databricks host in a second; a host that says 429 is left alone for as long as it asks")
	flag.DurationVar(&f.timeout, "reconciliation-timeout", 2*time.Minute, "how long one pass may take")
	zapOptions := zap.Options{}
	zapOptions.BindFlags(flag.CommandLine)
	flag.Parse()
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&zapOptions)))
	if err := run(f); err != nil {
		fmt.Fprintln(os.Stderr, "operator:", err)
		os.Exit(1)
	}
}

var installationPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func (f flags) check() error {
	var problems []error
	if !installationPattern.MatchString(f.installation) {
		problems = append(problems, errors.New("--installation must be 1 to 63 lower-case letters, digits and dashes"))
	}
	if f.namespace == "" {
		problems = append(problems, errors.New("--namespace must be set"))
	}
	if f.image == "" {
		problems = append(problems, errors.New("--mcp-server-image must be set"))
	}
	return errors.Join(problems...)
}

func run(f flags) error {
	if err := f.check(); err != nil {
		return err
	}
	mgr, fence, err := manager(f)
	if err != nil {
		return err
	}
	connector := connect.New(connect.Options{
		Workspaces: mgr.GetClient(), Secrets: mgr.GetAPIReader(), Namespace: f.namespace, TokenFile: f.tokenFile,
		Pool: admin.NewPool(admin.PoolOptions{UserAgent: "gatehouse-operator", RequestsPerSecond: f.callRate, Fence: fence}),
	})
	issuer, err := clusterissuer.New(mgr.GetConfig())
	if err != nil {
		return err
	}
	ctx := ctrl.SetupSignalHandler()
	if err := controllers.Setup(ctx, mgr, controllers.Options{
		Connect: connector, Installation: f.installation, RoleConcurrency: f.roles, Issuer: issuer, WorkloadAudience: f.workloadAudience,
		Servers: mcpserver.Options{
			Namespace: f.namespace,
			Image:     f.image, OperatorName: "system:serviceaccount:" + f.namespace + ":" + f.serviceAccount,
			ProbeAudience: f.probeAudience, ProbeTokenFile: f.probeTokenFile, Concurrency: f.servers,
		},
	}); err != nil {
		return err
	}
	if err := errors.Join(mgr.AddHealthzCheck("ping", healthz.Ping), mgr.AddReadyzCheck("ping", healthz.Ping)); err != nil {
		return fmt.Errorf("add the probes: %w", err)
	}
	return mgr.Start(ctx)
}

// manager makes the manager, and what says whether this process may write to Databricks.
func manager(f flags) (ctrl.Manager, func() error, error) {
	o, err := controllers.ManagerOptions()
	if err != nil {
		return nil, nil, err
	}
	o.Metrics = metricsserver.Options{BindAddress: f.metrics, SecureServing: f.secureMetrics}
	if f.secureMetrics {
		o.Metrics.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	o.HealthProbeBindAddress = f.probes
	o.Controller = config.Controller{ReconciliationTimeout: f.timeout}
	cluster, err := ctrl.GetConfig()
	if err != nil {
		return nil, nil, fmt.Errorf("find the cluster: %w", err)
	}
	cluster.QPS, cluster.Burst = 100, 200 // the default makes a revocation wait behind status writes
	var fence func() error
	if f.elect {
		if fence, err = elect(&o, cluster, f.namespace, f.tenure); err != nil {
			return nil, nil, err
		}
	}
	mgr, err := ctrl.NewManager(cluster, o)
	return mgr, fence, err
}
