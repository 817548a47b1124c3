// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package externaltest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// Installation is the installation that the operators of a World belong to.
const Installation = "test"

// Operator makes one pass over an object.
type Operator[O external.Object] func(context.Context, O) error

// Options say how the objects of one kind are reconciled.
type Options[O external.Object] struct {
	// Namespace is where the objects are.
	Namespace string
	// Start starts an operator, with nothing in its memory.
	Start func() Operator[O]
	// Restart starts a new operator for each pass of Settle, instead of one for all.
	Restart bool
	// Passes is how many passes Settle makes at the most.
	Passes int
}

// World is an API server, an emulator and a Workspace that leads to it, for the tests of
// one kind. O is that kind.
type World[O external.Object] struct {
	// T is the running test. A subtest may put itself there.
	T *testing.T
	Options[O]
	// Config and Kube are the administrator's. While an operator has crashed, Kube reads and patches nothing.
	Config   *rest.Config
	Kube     client.WithWatch
	Emulator *env.Emulator
	Recorder *events.FakeRecorder
	// Connection changes how operators reach Databricks.
	Connection func(*connect.Options)

	// dead makes the cluster unreachable: the operator has crashed.
	dead atomic.Bool
	// end ends the crashed operator's calls.
	end  atomic.Pointer[context.CancelFunc]
	hook *httptest.Server
	// struck is what happens when the emulator calls the hook.
	struck atomic.Pointer[func()]
}

var errCrashed = errors.New("the operator has crashed")

// New makes a World with the Workspace main. The caller sets its Options. More are lines for
// the end of the emulator's bootstrap file.
func New[O external.Object](t *testing.T, more ...string) *World[O] {
	t.Helper()
	config, c := env.Cluster(t)
	w := &World[O]{T: t, Config: config, Emulator: env.NewEmulator(t, more...), Recorder: events.NewFakeRecorder(100_000)}
	plain, err := client.NewWithWatch(config, client.Options{Scheme: env.Scheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	alive := func() error {
		if w.dead.Load() {
			return errCrashed
		}
		return nil
	}
	w.Kube = interceptor.NewClient(plain, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			return errors.Join(alive(), c.Get(ctx, key, o, opts...))
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			if err := alive(); err != nil {
				return err
			}
			return c.Patch(ctx, o, p, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			if err := alive(); err != nil {
				return err
			}
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	})
	w.hook = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { (*w.struck.Load())() }))
	t.Cleanup(w.hook.Close)
	env.Workspace(t, c, w.Emulator)
	return w
}

// Tenant makes a namespace and its Boundary, which allows the Workspace main; edit allows more.
func (w *World[O]) Tenant(name string, labels map[string]string, edit func(*v1alpha1.BoundarySpec)) *corev1.Namespace {
	w.T.Helper()
	ns := env.Namespace(w.T, w.Kube, name, labels)
	env.Create(w.T, w.Kube, env.BoundaryOf(ns, "main", edit))
	return ns
}

// Connector is how an operator that has just started reaches Databricks.
func (w *World[O]) Connector() *connect.Connector {
	o := connect.Options{
		Workspaces: w.Kube, Secrets: w.Kube, Namespace: env.OperatorNamespace,
		Pool: admin.NewPool(admin.PoolOptions{UserAgent: "test", RequestsPerSecond: 2000}),
	}
	if w.Connection != nil {
		w.Connection(&o)
	}
	return connect.New(o)
}

// empty is an object with nothing in it.
func (w *World[O]) empty() O {
	return reflect.New(reflect.TypeFor[O]().Elem()).Interface().(O)
}
