// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gatehouse-dev/gatehouse/hack/node/internal/binaries"
	"github.com/gatehouse-dev/gatehouse/hack/node/internal/cgroup"
	"github.com/gatehouse-dev/gatehouse/hack/node/internal/instance"
	"github.com/gatehouse-dev/gatehouse/hack/node/internal/namespace"
	"github.com/gatehouse-dev/gatehouse/hack/node/internal/packages"
	"github.com/gatehouse-dev/gatehouse/hack/node/internal/pki"
	"github.com/gatehouse-dev/gatehouse/hack/node/internal/process"
	"github.com/gatehouse-dev/gatehouse/hack/node/internal/render"
)

// Up brings the instance up and returns when its node is ready, cluster DNS answers and pods can be made in the namespace
// default. Each step only does what has not been done: called on a healthy instance it finds everything there, after a
// crash or a reboot it starts what is missing, with the objects as they were.
func Up(ctx context.Context, options Options) (node *Node, err error) {
	if err := requireHost(); err != nil {
		return nil, err
	}
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	if _, _, err := lookup(o); err != nil && !errors.Is(err, errNoInstance) {
		return nil, err
	}
	unlock, err := lockInstance(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()

	pluginDir, err := packages.Ensure(ctx, o.Progress)
	if err != nil {
		return nil, err
	}
	bin, err := Binaries(ctx, o.Progress, All)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, upLimit)
	defer cancel()
	found, plan, err := register(ctx, o, bin)
	if err != nil {
		return nil, err
	}
	b := &bringUp{
		options: o,
		plan:    plan,
		cluster: render.Cluster{
			Instance:    plan,
			Binaries:    found.Binaries,
			PluginDir:   pluginDir,
			Snapshotter: snapshotter(plan.State),
			Issuer:      found.Issuer,
		},
		began: time.Now(),
	}
	if err := b.run(ctx); err != nil {
		return nil, fmt.Errorf("bring up %s: %w", o.Name, err)
	}
	return nodeOf(plan, found), nil
}

// Find returns the instance without changing or probing it.
func Find(options Options) (*Node, error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	found, plan, err := lookup(o)
	if err != nil {
		return nil, err
	}
	return nodeOf(plan, found), nil
}

func nodeOf(plan instance.Instance, r record) *Node {
	return &Node{
		Name:        plan.Name,
		Kubeconfig:  plan.Kubeconfig(),
		APIServer:   plan.APIServer(),
		Address:     plan.NodeAddress(),
		HostAddress: plan.HostAddress(),
		Issuer:      r.Issuer,
		Binaries:    r.Binaries,
		State:       plan.State,
		plan:        plan,
	}
}

// bringUp is one run of Up.
type bringUp struct {
	options Options
	plan    instance.Instance
	cluster render.Cluster
	began   time.Time
	waiter  waiter
	// fresh is when this run started the kubelet: what the node reported before does not count. Zero when it ran already.
	fresh time.Time
}

// step is one thing to do, in the words it is announced with.
type step struct {
	what string
	do   func(ctx context.Context) error
}

func (b *bringUp) run(ctx context.Context) error {
	steps := []step{
		{"certificates and configuration", b.configure},
		{"namespaces and control group", b.isolate},
		{"etcd, container runtime and API server", b.start(render.Etcd, render.Containerd, render.APIServer)},
		{"container runtime answers, pause image is there", b.importPause},
		{"API server is ready", b.awaitAPIServer},
		{"controllers, scheduler, node, service proxy and DNS",
			b.start(render.ControllerManager, render.Scheduler, render.Kubelet, render.Proxy, render.DNS)},
		{"node is ready, DNS answers, pods can be made", b.awaitCluster},
		{"kubeconfig", b.publish},
	}
	for n, s := range steps {
		fmt.Fprintf(b.options.Progress, "%s [%d/%d] %s (%s)\n", b.plan.Name, n+1, len(steps), s.what,
			time.Since(b.began).Round(100*time.Millisecond))
		if err := s.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
	}
	fmt.Fprintf(b.options.Progress, "%s is up after %s\n", b.plan.Name, time.Since(b.began).Round(100*time.Millisecond))
	return nil
}

// configure writes keys once, and what is rendered every time.
func (b *bringUp) configure(context.Context) error {
	if err := pki.Ensure(b.plan.Path("pki"), time.Now(), render.Identities(b.plan)); err != nil {
		return err
	}
	for _, dir := range []string{"log", "pid", "etc/cni", "kubelet", "containerd"} {
		if err := os.MkdirAll(b.plan.Path(dir), 0o700); err != nil {
			return err
		}
	}
	for _, name := range render.KubeconfigNames() {
		if err := b.writeKubeconfig(name, b.plan.Path(name+".kubeconfig")); err != nil {
			return err
		}
	}
	files, err := b.cluster.Files()
	if err != nil {
		return err
	}
	for path, text := range files {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// isolate makes what keeps the node apart. Processes left over in namespaces that are no longer whole end first: they could
// not be reached.
func (b *bringUp) isolate(ctx context.Context) error {
	if !namespace.Intact(b.plan) {
		if err := process.EndAll(ctx, matches(b.plan)...); err != nil {
			return err
		}
	}
	if err := cgroup.Ensure(b.plan.Cgroup()); err != nil {
		return err
	}
	return withRegistry(ctx, func() error { return namespace.Ensure(ctx, b.plan) })
}

// start returns a step that starts the named parts, as far as they do not run.
func (b *bringUp) start(names ...string) func(context.Context) error {
	return func(context.Context) error {
		programs := b.cluster.Programs()
		for _, name := range names {
			started, err := process.Start(process.Program{
				Name:    name,
				Argv:    namespace.Enter(b.plan, programs[name].Argv...),
				Env:     environment(os.Getenv("PATH")),
				LogDir:  b.plan.Path("log"),
				PIDDir:  b.plan.Path("pid"),
				WorkDir: b.plan.State,
			})
			if err != nil {
				return err
			}
			if started && name == render.Kubelet {
				b.fresh = time.Now()
			}
			b.waiter.watched = append(b.waiter.watched, name)
		}
		return nil
	}
}

// environment is what the parts see: nothing of the caller's, who may have set proxies or credentials, but the path.
func environment(path string) []string {
	return []string{"PATH=" + path + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8"}
}

// publish writes the copy of the kubeconfig that was asked for.
func (b *bringUp) publish(context.Context) error {
	if b.options.Kubeconfig == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(b.options.Kubeconfig), 0o755); err != nil {
		return err
	}
	return b.writeKubeconfig("admin", b.options.Kubeconfig)
}

func (b *bringUp) writeKubeconfig(name, path string) error {
	var credentials render.Credentials
	for file, into := range map[string]*[]byte{
		"ca.crt": &credentials.Authority, name + ".crt": &credentials.Certificate, name + ".key": &credentials.Key,
	} {
		data, err := os.ReadFile(b.plan.Path("pki", file))
		if err != nil {
			return err
		}
		*into = data
	}
	text, err := render.Kubeconfig(b.plan, name, credentials)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// Root returns the folder of the repository that the process runs in.
func Root() (string, error) { return binaries.Root() }
