// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/hack/node"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// cluster gets a cluster: the one named, or a local node.
func (d *demo) cluster(ctx context.Context, _ *Result) error {
	binaries, err := node.Binaries(ctx, d.Log, node.All)
	if err != nil {
		return err
	}
	d.kubectl = filepath.Join(binaries, "kubectl")
	rules, overrides := clientcmd.NewDefaultClientConfigLoadingRules(), &clientcmd.ConfigOverrides{}
	if d.Context != "" {
		d.say("   using the context %s of your kubeconfig", d.Context)
		overrides.CurrentContext = d.Context
	} else {
		d.kubeconfig = filepath.Join(d.Out, "kubeconfig")
		if _, err := node.Up(ctx, node.Options{Name: d.Name, Kubeconfig: d.kubeconfig, Progress: indented{d.Log}}); err != nil {
			return err
		}
		rules.ExplicitPath = d.kubeconfig
	}
	if d.rest, err = clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig(); err != nil {
		return fmt.Errorf("read the kubeconfig: %w", err)
	}
	d.rest.QPS, d.rest.Burst = 100, 200
	scheme, err := env.NewScheme()
	if err != nil {
		return err
	}
	version, err := discovery.NewDiscoveryClientForConfigOrDie(d.rest).ServerVersion()
	if err != nil {
		return fmt.Errorf("reach the cluster: %w", err)
	}
	d.versions["kubernetes"] = version.GitVersion
	d.say("   Kubernetes %s", version.GitVersion)
	d.kube, err = client.New(d.rest, client.Options{Scheme: scheme})
	return err
}

// apply runs kubectl apply, server-side, on a folder with a kustomization or on a file.
func (d *demo) apply(ctx context.Context, flag, path string) error {
	return d.runKubectl(ctx, "apply", "--server-side", "--force-conflicts", "--field-manager=demo", flag, path)
}

func (d *demo) runKubectl(ctx context.Context, args ...string) error {
	var where []string
	if d.kubeconfig != "" {
		where = append(where, "--kubeconfig="+d.kubeconfig)
	}
	if d.Context != "" {
		where = append(where, "--context="+d.Context)
	}
	out, err := exec.CommandContext(ctx, d.kubectl, append(where, args...)...).CombinedOutput() //nolint:gosec // our own arguments
	if err != nil {
		return fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args[:min(2, len(args))], " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// Down removes every trace of the demo.
func Down(ctx context.Context, o Options) error {
	d := &demo{Options: o}
	var err error
	if d.Out, err = filepath.Abs(o.Out); err != nil {
		return err
	}
	if o.Context != "" {
		binaries, err := node.Binaries(ctx, d.Log, node.All)
		if err != nil {
			return err
		}
		d.kubectl = filepath.Join(binaries, "kubectl")
		// The sample goes first, while the operator is there to clean up in Databricks.
		for _, args := range [][]string{
			{"delete", "namespace", "partner-acme", "sales", "--ignore-not-found"},
			{"delete", "boundaries,workspaces", "--all", "--ignore-not-found"},
			{"delete", "-k", filepath.Join(d.work(), "operator"), "--ignore-not-found"},
			{"delete", "namespace", "databricks", "idp", "--ignore-not-found"},
		} {
			if err := d.runKubectl(ctx, args...); err != nil {
				return err
			}
		}
	} else if err := node.Down(ctx, node.Options{Name: o.Name, Progress: indented{o.Log}}); err != nil {
		return err
	}
	for _, path := range []string{d.work(), filepath.Join(d.Out, "kubeconfig"), filepath.Join(d.Out, "demo.json")} {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	d.say("The demo is gone; the programs it built stay in the cache for the next one.")
	return nil
}

// indented puts lines of others under the step that they belong to.
type indented struct {
	to interface{ Write([]byte) (int, error) }
}

func (w indented) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		if _, err := fmt.Fprintf(w.to, "   %s", line); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}
