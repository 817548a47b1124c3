// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/hack/node"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// scaleOptions say how large the estate is, and which programs run.
type scaleOptions struct {
	Roles int
	// Operator and Emulator are programs; an empty one is built.
	Operator, Emulator string
	// Flags are further ones for the operator.
	Flags    []string
	Profile  string
	Progress io.Writer
}

const (
	// latency is that of every call to Databricks.
	latency = 20 * time.Millisecond
	// tenants is in how many namespaces the Roles are.
	tenants = 20
	// shortResync is the interval of the resync that is measured: long enough for all to
	// come to rest in between, and short enough to wait for.
	shortResync = 60
	// still is how long nothing may happen until everything counts as at rest.
	still = 5 * time.Second
	// scaleTimeout bounds each stretch of waiting.
	scaleTimeout = 30 * time.Minute
)

// scaled is what the estate showed.
type scaled struct {
	Roles         int     `json:"scale_roles"`
	CallsPerRole  float64 `json:"calls_per_role"`
	Converge      float64 `json:"converge_seconds_1000"`
	RSS           float64 `json:"operator_rss_mib_1000"`
	ResyncCalls   int     `json:"quiet_resync_calls_1000"`
	ResyncWrites  int     `json:"quiet_resync_writes_1000"`
	OperatorCPU   float64 `json:"operator_cpu_seconds_1000"`
	RateLimited   int     `json:"rate_limited_calls_1000"`
	ClusterWrites float64 `json:"cluster_writes_per_role"`
}

// scaleBench is all that runs.
type scaleBench struct {
	scaleOptions
	dir      string
	cluster  *env.ControlPlane
	kube     client.Client
	emulator *emulator
	operator *process
	metrics  string
}

// measureScale starts a cluster, an emulator and the operator, brings up an estate in
// them, and counts.
func measureScale(ctx context.Context, o scaleOptions) (*scaled, error) {
	dir, err := os.MkdirTemp("", "gatehouse-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &scaleBench{scaleOptions: o, dir: dir}
	defer b.end()
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	out := &scaled{Roles: o.Roles}
	if err := b.onboard(ctx, out); err != nil {
		return nil, err
	}
	if err := b.resync(ctx, out); err != nil {
		return nil, err
	}
	if out.RSS, err = b.operator.rss(); err != nil {
		return nil, err
	}
	out.RSS = rounded(out.RSS, 1)
	return out, b.profile(ctx)
}

func (b *scaleBench) say(format string, args ...any) {
	fmt.Fprintf(b.Progress, ">> "+format+"\n", args...)
}

func (b *scaleBench) end() {
	if b.operator != nil {
		b.operator.end()
	}
	if b.emulator != nil {
		b.emulator.end()
	}
	if b.cluster != nil {
		_ = b.cluster.Stop() // nothing of it is needed any more
	}
}

// start brings up everything but the Roles, and waits until it is at rest.
func (b *scaleBench) start(ctx context.Context) error {
	b.say("starting kube-apiserver, etcd, the emulator and the operator, each a process of its own")
	root, err := node.Root()
	if err != nil {
		return err
	}
	if err := b.build(ctx, root); err != nil {
		return err
	}
	if b.Emulator == "" {
		b.say("building the emulator; the first time it takes minutes")
	}
	if b.emulator, err = startEmulator(ctx, b.Emulator, b.dir); err != nil {
		return err
	}
	if b.cluster, err = env.StartControlPlane(ctx); err != nil {
		return err
	}
	b.kube = b.cluster.Client
	if err := b.emulator.furnish(ctx); err != nil {
		return err
	}
	if err := b.declare(ctx, root); err != nil {
		return err
	}
	if err := b.emulator.slow(ctx, latency); err != nil {
		return err
	}
	if err := b.startOperator(ctx); err != nil {
		return err
	}
	_, err = b.rest(ctx, "the estate without tenants comes up")
	return err
}

// onboard creates the Roles and waits until each is Ready.
func (b *scaleBench) onboard(ctx context.Context, out *scaled) error {
	before, err := b.emulator.calls(ctx)
	if err != nil {
		return err
	}
	cpu, err := b.operator.cpu()
	if err != nil {
		return err
	}
	writes, err := b.counter(ctx, "rest_client_requests_total", `method="PATCH"`)
	if err != nil {
		return err
	}
	b.say("creating %d Roles in %d namespaces; every call to Databricks takes %s", b.Roles, tenants, latency)
	began := time.Now()
	creating, group := b.createRoles(ctx), errgroup.Group{}
	group.Go(creating)
	if err := b.untilReady(ctx, began); err != nil {
		return err
	}
	out.Converge = rounded(time.Since(began).Seconds(), 1)
	if err := group.Wait(); err != nil {
		return err
	}
	after, err := b.rest(ctx, "the last passes end")
	if err != nil {
		return err
	}
	spent, err := b.operator.cpu()
	if err != nil {
		return err
	}
	written, err := b.counter(ctx, "rest_client_requests_total", `method="PATCH"`)
	if err != nil {
		return err
	}
	n := float64(b.Roles)
	out.CallsPerRole, out.OperatorCPU = rounded(float64(after.all-before.all)/n, 1), rounded((spent-cpu).Seconds(), 1)
	out.ClusterWrites, out.RateLimited = rounded((written-writes)/n, 1), after.limited-before.limited
	b.say("calls by kind for each Role: %s", after.since(before, n))
	return nil
}

// createRoles creates all Roles, eight at a time.
func (b *scaleBench) createRoles(ctx context.Context) func() error {
	return func() error {
		group, ctx := errgroup.WithContext(ctx)
		var next atomic.Int64
		for range 8 {
			group.Go(func() error {
				for i := int(next.Add(1)) - 1; i < b.Roles; i = int(next.Add(1)) - 1 {
					if err := b.kube.Create(ctx, roleOf(i)); err != nil {
						return fmt.Errorf("create a Role: %w", err)
					}
				}
				return nil
			})
		}
		return group.Wait()
	}
}

// untilReady waits until all Roles are Ready for their generation.
func (b *scaleBench) untilReady(ctx context.Context, began time.Time) error {
	for time.Since(began) < scaleTimeout {
		if err := pause(ctx, 2*time.Second); err != nil {
			return err
		}
		var list v1alpha1.RoleList
		if err := b.kube.List(ctx, &list); err != nil {
			return fmt.Errorf("list the Roles: %w", err)
		}
		ready, waiting := 0, map[string]int{}
		for i := range list.Items {
			r := &list.Items[i]
			if !strings.HasPrefix(r.Namespace, tenantPrefix) {
				continue
			}
			c := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionReady)
			switch {
			case c != nil && c.Status == "True" && c.ObservedGeneration == r.Generation:
				ready++
			case c != nil:
				waiting[c.Reason]++
			}
		}
		now, err := b.emulator.calls(ctx)
		if err != nil {
			return err
		}
		b.say("%4.0f s: %d of %d Roles Ready, %d calls so far %v", time.Since(began).Seconds(), ready, b.Roles, now.all, waiting)
		if ready == b.Roles {
			return nil
		}
	}
	return fmt.Errorf("the Roles are not Ready after %s", scaleTimeout)
}

// resync lets every Role be looked at by its timer once, with nothing changed.
func (b *scaleBench) resync(ctx context.Context, out *scaled) error {
	b.say("a resync of everything with nothing changed, every %d s", shortResync)
	ws := &v1alpha1.Workspace{}
	ws.Name = "main"
	patch := fmt.Sprintf(`{"spec":{"resyncIntervalSeconds":%d}}`, shortResync)
	if err := b.kube.Patch(ctx, ws, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		return fmt.Errorf("change the interval: %w", err)
	}
	before, err := b.rest(ctx, "each Role learns the interval")
	if err != nil {
		return err
	}
	passes, err := b.passes(ctx)
	if err != nil {
		return err
	}
	for began := time.Now(); ; {
		if err := pause(ctx, 2*time.Second); err != nil {
			return err
		}
		now, err := b.passes(ctx)
		if err != nil {
			return err
		}
		calls, err := b.emulator.calls(ctx)
		if err != nil {
			return err
		}
		b.say("%4.0f s: %.0f of %d Roles looked at, %d calls, %d writes", time.Since(began).Seconds(), now.roles-passes.roles, b.Roles, calls.all-before.all, calls.writes-before.writes)
		if int(now.roles-passes.roles) >= b.Roles && now.policies > passes.policies {
			out.ResyncCalls, out.ResyncWrites = calls.all-before.all, calls.writes-before.writes
			b.say("calls by kind: %s", calls.since(before, 1))
			return nil
		}
		if time.Since(began) > scaleTimeout {
			return fmt.Errorf("not every Role was looked at within %s", scaleTimeout)
		}
	}
}

// passes are those that the operator has made over Roles and over FederationPolicies.
type passes struct{ roles, policies float64 }

func (b *scaleBench) passes(ctx context.Context) (passes, error) {
	const name = "controller_runtime_reconcile_total"
	roles, err := b.counter(ctx, name, `controller="role"`)
	if err != nil {
		return passes{}, err
	}
	policies, err := b.counter(ctx, name, `controller="federationpolicy"`)
	return passes{roles, policies}, err
}

// rest waits until the operator has called nobody for a while.
func (b *scaleBench) rest(ctx context.Context, until string) (counts, error) {
	b.say("waiting until %s", until)
	last, err := b.emulator.calls(ctx)
	for at := time.Now(); err == nil && time.Since(at) < still; {
		if err := pause(ctx, time.Second); err != nil {
			return last, err
		}
		var now counts
		if now, err = b.emulator.calls(ctx); now.all != last.all {
			last, at = now, time.Now()
		}
	}
	return last, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// profile keeps the operator's metrics, among them how long its passes took.
func (b *scaleBench) profile(ctx context.Context) error {
	if b.Profile == "" {
		return nil
	}
	raw, err := b.fetch(ctx, "/metrics")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.Profile, "operator-metrics.txt"), raw, 0o600)
}
