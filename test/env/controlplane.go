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
	planes []*ControlPlane
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
		for _, p := range idle.planes {
			if err := p.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, err)
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
	p := reuse()
	if p == nil {
		var err error
		p, err = StartControlPlane(context.WithoutCancel(t.Context()))
		check(t, err)
	}
	t.Cleanup(func() {
		idle.Lock()
		defer idle.Unlock()
		if idle.pooled {
			err := empty(p.Client)
			if err == nil {
				idle.planes = append(idle.planes, p)
				return
			}
			t.Logf("the API server is not used again: %v", err)
		}
		if err := p.Stop(); err != nil {
			t.Log(err)
		}
	})
	return rest.CopyConfig(p.Config), p.Client
}

func reuse() *ControlPlane {
	idle.Lock()
	defer idle.Unlock()
	last := len(idle.planes) - 1
	if last < 0 {
		return nil
	}
	p := idle.planes[last]
	idle.planes = idle.planes[:last]
	return p
}

// ControlPlane is a kube-apiserver with etcd and our CRDs.
type ControlPlane struct {
	// Config and Client are the administrator's.
	Config *rest.Config
	Client client.Client
	env    *envtest.Environment
}

// StartControlPlane starts a control plane, which runs until Stop. Its programs are built
// the first time, which takes minutes; KUBEBUILDER_ASSETS names others.
func StartControlPlane(ctx context.Context) (*ControlPlane, error) {
	building, cancel := context.WithTimeout(ctx, 30*time.Minute)
	defer cancel()
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		var err error
		if assets, err = node.Binaries(building, os.Stderr, node.Assets); err != nil {
			return nil, fmt.Errorf("build kube-apiserver and etcd: %w", err)
		}
	}
	root, err := node.Root()
	if err != nil {
		return nil, err
	}
	p := &ControlPlane{env: &envtest.Environment{
		BinaryAssetsDirectory: assets, CRDDirectoryPaths: []string{filepath.Join(root, "config", "crd", "bases")}, ErrorIfCRDPathMissing: true,
		ControlPlaneStartTimeout: 2 * time.Minute, ControlPlaneStopTimeout: 2 * time.Minute,
	}}
	if p.Config, err = p.env.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the API server: %w", err), p.Stop()) // what has started before something failed
	}
	p.Config.QPS, p.Config.Burst = 500, 1000
	scheme, err := NewScheme()
	if err == nil {
		p.Client, err = client.New(p.Config, client.Options{Scheme: scheme})
	}
	if err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// Stop ends the programs and waits for them.
func (p *ControlPlane) Stop() error {
	if err := p.env.Stop(); err != nil {
		return fmt.Errorf("stop the API server: %w", err)
	}
	return nil
}

// empty deletes every object of ours, every Secret and every namespace but those that
// the API server makes itself, past all finalizers, and makes sure of it.
func empty(c client.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	lists, err := ownLists()
	if err != nil {
		return err
	}
	for _, list := range lists {
		for _, erase := range []bool{true, false} {
			if err := emptyList(ctx, c, list, erase); err != nil {
				return err
			}
		}
	}
	return nil
}

// ownLists are the kinds that tests leave objects of: ours first, and namespaces last, because
// what is in them would come back with their name.
func ownLists() ([]client.ObjectList, error) {
	lists := []client.ObjectList{&rbacv1.RoleBindingList{}, &rbacv1.RoleList{}, &corev1.SecretList{}, &corev1.NamespaceList{}}
	kinds := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(kinds); err != nil {
		return nil, err
	}
	for gvk := range kinds.AllKnownTypes() {
		if gvk.GroupVersion() != v1alpha1.GroupVersion || !strings.HasSuffix(gvk.Kind, "List") {
			continue
		}
		o, err := kinds.New(gvk)
		if err != nil {
			return nil, err
		}
		if list, ok := o.(client.ObjectList); ok && meta.IsListType(o) {
			lists = append([]client.ObjectList{list}, lists...)
		}
	}
	return lists, nil
}

// emptyList deletes the objects of a list, or fails when one is there.
func emptyList(ctx context.Context, c client.Client, list client.ObjectList, erase bool) error {
	if err := c.List(ctx, list); err != nil {
		return err
	}
	return meta.EachListItem(list, func(item runtime.Object) error {
		o, ok := item.(client.Object)
		if !ok || ofTheServer(o) {
			return nil
		}
		if !erase {
			return fmt.Errorf("%T %s is left", o, o.GetName())
		}
		return purge(ctx, c, o)
	})
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
