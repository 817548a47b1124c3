// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpserver

import (
	"context"
	"errors"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// counted counts the dry runs and the other patches of a client, and can fail dry runs.
type counted struct {
	dry, writes int
	fail        error
}

func (c *counted) client(kube client.WithWatch) client.Client {
	return interceptor.NewClient(kube, interceptor.Funcs{Patch: func(ctx context.Context, w client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
		if len((&client.PatchOptions{}).ApplyOptions(opts).DryRun) == 0 {
			c.writes++
			return w.Patch(ctx, o, p, opts...)
		}
		if c.dry++; c.fail != nil {
			return c.fail
		}
		return w.Patch(ctx, o, p, opts...)
	}})
}

// TestDriftIsSeenAndDefaultsAreNot holds what was written against what the API server made of
// it, each kind by itself: drift is seen and undone by one write, defaults are no drift, and an
// object that has not changed is not asked about again.
func TestDriftIsSeenAndDefaultsAreNot(t *testing.T) {
	config, _ := env.Cluster(t)
	kube, err := client.NewWithWatch(config, client.Options{Scheme: env.Scheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	env.Namespace(t, kube, "sales", nil)
	var calls counted
	a := adapter{live: kube, writer: calls.client(kube), compared: &comparisons{}}
	server := testServer()
	server.Spec.Replicas = new(int32(2))
	server.Spec.WorkspaceRef.Name = "main"
	objects, err := testPods.objects(server, access.Document{}, sealing{})
	if err != nil {
		t.Fatal(err)
	}
	drifts := map[string]map[string]func(client.Object){
		kindDeployment: {
			"replicas": deploymentSpec(func(d *appsv1.DeploymentSpec) { d.Replicas = new(int32(0)) }),
			"image":    deploymentSpec(func(d *appsv1.DeploymentSpec) { d.Template.Spec.Containers[0].Image = "other" }),
			"privileges": deploymentSpec(func(d *appsv1.DeploymentSpec) {
				d.Template.Spec.Containers[0].SecurityContext.RunAsUser = new(int64(1))
			}),
			"root": deploymentSpec(func(d *appsv1.DeploymentSpec) { d.Template.Spec.SecurityContext.RunAsNonRoot = new(false) }),
			"an argument": deploymentSpec(func(d *appsv1.DeploymentSpec) {
				c := &d.Template.Spec.Containers[0]
				c.Args = append(c.Args, "--log-level=debug")
			}),
			"a second container": deploymentSpec(func(d *appsv1.DeploymentSpec) {
				d.Template.Spec.Containers = append(d.Template.Spec.Containers, corev1.Container{Name: "second", Image: "x"})
			}),
			"a writable root": deploymentSpec(func(d *appsv1.DeploymentSpec) {
				d.Template.Spec.Containers[0].SecurityContext.ReadOnlyRootFilesystem = new(false)
			}),
			"the host's network": deploymentSpec(func(d *appsv1.DeploymentSpec) { d.Template.Spec.HostNetwork = true }),
			"a default":          deploymentSpec(func(d *appsv1.DeploymentSpec) { d.Template.Spec.DNSPolicy = corev1.DNSDefault }),
		},
		kindService: {
			"the selector":    serviceSpec(func(s *corev1.ServiceSpec) { s.Selector = map[string]string{"app": "other"} }),
			"another address": serviceSpec(func(s *corev1.ServiceSpec) { s.ExternalIPs = []string{"192.0.2.1"} }),
			"another port":    serviceSpec(func(s *corev1.ServiceSpec) { s.Ports[0].TargetPort = intstr.FromString("operator") }),
		},
		kindRole: {
			"the service account": func(o client.Object) { o.(*v1alpha1.Role).Spec.ServiceAccountName = "other" },
			"a group":             func(o client.Object) { o.(*v1alpha1.Role).Spec.MemberOf = []v1alpha1.AccountGroupName{"admins"} },
		},
		kindBudget: {},
	}
	for _, o := range objects {
		changes, ok := drifts[o.Kind]
		if defaulted(o.Value) != ok {
			t.Errorf("whether a %s has defaults: %v, and %v cases", o.Kind, !ok, len(changes))
		}
		if !ok {
			continue
		}
		t.Run(o.Kind, func(t *testing.T) {
			live := func() client.Object {
				t.Helper()
				out, err := a.empty(o.Value)
				if err == nil {
					err = kube.Get(t.Context(), client.ObjectKeyFromObject(o.Value), out)
				}
				if err != nil {
					t.Fatal(err)
				}
				return out
			}
			want := func(differs bool, dry int) {
				t.Helper()
				before := calls
				now := live()
				got, err := a.differs(t.Context(), o.Value, now)
				if err != nil || got != differs || calls.dry-before.dry != dry || calls.writes != before.writes {
					t.Errorf("differs: %v, want %v, after %d dry runs, want %d, and %d writes: %v", got, differs, calls.dry-before.dry, dry, calls.writes-before.writes, err)
				}
				if after := live(); after.GetResourceVersion() != now.GetResourceVersion() {
					t.Error("comparing wrote it")
				}
			}
			if err := a.create(t.Context(), o.Value); err != nil {
				t.Fatal(err)
			}
			want(false, 1)
			want(false, 0)
			for name, change := range changes {
				t.Run(name, func(t *testing.T) {
					drifted := live()
					change(drifted)
					if err := kube.Update(t.Context(), drifted); err != nil {
						t.Fatal(err)
					}
					want(true, 1)
					want(true, 1)
					if err := a.update(t.Context(), o.Value); err != nil {
						t.Fatal(err)
					}
					want(false, 1)
					want(false, 0)
				})
			}
			if d, ok := live().(*appsv1.Deployment); ok {
				d.Spec.Template.Annotations = map[string]string{"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
				if err := kube.Update(t.Context(), d); err != nil {
					t.Fatal(err)
				}
				want(false, 1) // a restart is no drift
				d = live().(*appsv1.Deployment)
				d.Status.ObservedGeneration = d.Generation
				if err := kube.Status().Update(t.Context(), d); err != nil {
					t.Fatal(err)
				}
				want(false, 0) // nor is a status
			}
			calls.fail = errors.New("a webhook is down")
			defer func() { calls.fail = nil }()
			a.compared.Delete(keyOf(o.Value))
			if got, err := a.differs(t.Context(), o.Value, live()); got || err == nil || !strings.Contains(err.Error(), "a webhook is down") {
				t.Errorf("what cannot be compared: %v, %v", got, err)
			}
		})
	}
}

func deploymentSpec(change func(*appsv1.DeploymentSpec)) func(client.Object) {
	return func(o client.Object) { change(&o.(*appsv1.Deployment).Spec) }
}

func serviceSpec(change func(*corev1.ServiceSpec)) func(client.Object) {
	return func(o client.Object) { change(&o.(*corev1.Service).Spec) }
}
