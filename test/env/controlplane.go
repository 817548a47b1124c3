// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/hack/node"
)

// idle are control planes that a test has given back. Starting one costs seconds of
// processor time, and emptying one costs little.
var idle struct {
	sync.Mutex
	pooled bool // Main runs, and stops them at the end
	planes []*envtest.Environment
}

// Main runs the tests of a package that shares control planes among its tests, one
// after the other. It is called by TestMain.
func Main(m *testing.M) int {
	idle.Lock()
	idle.pooled = true
	idle.Unlock()
	defer func() {
		idle.Lock()
		defer idle.Unlock()
		for _, env := range idle.planes {
			if err := env.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, "stop the API server:", err)
			}
		}
		idle.planes = nil
	}()
	return m.Run()
}

// Cluster gives the test an API server of its own, with our CRDs and nothing in it. It
// is stopped when the test ends, or emptied for the next test in a package that has
// Main. Its programs are built the first time, which takes minutes.
func Cluster(t testing.TB) (*rest.Config, client.Client) {
	t.Helper()
	env := reuse()
	if env == nil {
		env = start(t)
	}
	config := rest.CopyConfig(env.Config)
	config.QPS, config.Burst = 500, 1000
	c, err := client.New(config, client.Options{Scheme: Scheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		idle.Lock()
		defer idle.Unlock()
		if idle.pooled {
			err := empty(c)
			if err == nil {
				idle.planes = append(idle.planes, env)
				return
			}
			t.Logf("the API server is not used again: %v", err)
		}
		if err := env.Stop(); err != nil {
			t.Logf("stop the API server: %v", err)
		}
	})
	return config, c
}

func reuse() *envtest.Environment {
	idle.Lock()
	defer idle.Unlock()
	last := len(idle.planes) - 1
	if last < 0 {
		return nil
	}
	env := idle.planes[last]
	idle.planes = idle.planes[:last]
	return env
}

func start(t testing.TB) *envtest.Environment {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		var err error
		if assets, err = node.Binaries(ctx, os.Stderr, node.Assets); err != nil {
			t.Fatalf("build kube-apiserver and etcd: %v", err)
		}
	}
	env := &envtest.Environment{
		BinaryAssetsDirectory: assets, CRDDirectoryPaths: []string{filepath.Join(Root(t), "config", "crd", "bases")}, ErrorIfCRDPathMissing: true,
		ControlPlaneStartTimeout: 2 * time.Minute, ControlPlaneStopTimeout: 2 * time.Minute,
	}
	if _, err := env.Start(); err != nil {
		_ = env.Stop() // what has started before something failed
		t.Fatalf("start the API server: %v", err)
	}
	return env
}

// empty deletes every object of ours, every Secret and every namespace but those that
// the API server makes itself, past all finalizers, and makes sure of it.
func empty(c client.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	lists := []client.ObjectList{&rbacv1.RoleBindingList{}, &rbacv1.RoleList{}, &corev1.SecretList{}, &corev1.NamespaceList{}} // namespaces last: what is in them would come back with their name
	kinds := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(kinds); err != nil {
		return err
	}
	for gvk := range kinds.AllKnownTypes() {
		if gvk.GroupVersion() != v1alpha1.GroupVersion || !strings.HasSuffix(gvk.Kind, "List") {
			continue
		}
		o, err := kinds.New(gvk)
		if err != nil {
			return err
		}
		if list, ok := o.(client.ObjectList); ok && meta.IsListType(o) {
			lists = append([]client.ObjectList{list}, lists...)
		}
	}
	for _, list := range lists {
		for _, erase := range []bool{true, false} {
			if err := c.List(ctx, list); err != nil {
				return err
			}
			err := meta.EachListItem(list, func(item runtime.Object) error {
				o, ok := item.(client.Object)
				if !ok || ofTheServer(o) {
					return nil
				}
				if !erase {
					return fmt.Errorf("%T %s is left", o, o.GetName())
				}
				return purge(ctx, c, o)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func ofTheServer(o client.Object) bool {
	name := o.GetNamespace()
	if _, ok := o.(*corev1.Namespace); ok {
		name = o.GetName()
	}
	return name == "default" || strings.HasPrefix(name, "kube-")
}

// purge deletes an object and takes off what holds it back.
func purge(ctx context.Context, c client.Client, o client.Object) error {
	if ns, ok := o.(*corev1.Namespace); ok {
		err := client.IgnoreNotFound(c.Delete(ctx, ns))
		ns.Spec.Finalizers, ns.ResourceVersion = nil, ""
		return errors.Join(err, client.IgnoreNotFound(c.SubResource("finalize").Update(ctx, ns)))
	}
	if len(o.GetFinalizers()) > 0 {
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
		if err := c.Patch(ctx, o, patch); client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	return client.IgnoreNotFound(c.Delete(ctx, o))
}
