// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package lease_test

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/gatehouse-dev/gatehouse/internal/lease"
)

// TestAClientWritesOnlyWithALease goes through all writes of a client: each is refused
// without a lease and made with one.
func TestAClientWritesOnlyWithALease(t *testing.T) {
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`))
	apply := func() *applycorev1.PodApplyConfiguration {
		return applycorev1.Pod("pod", "default").WithLabels(map[string]string{"c": "d"}) // what is applied is changed by it
	}
	for name, write := range map[string]func(context.Context, client.Client, *corev1.Pod) error{
		"create": func(ctx context.Context, c client.Client, _ *corev1.Pod) error {
			return c.Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "other", Namespace: "default"}})
		},
		"update": func(ctx context.Context, c client.Client, p *corev1.Pod) error { return c.Update(ctx, p) },
		"patch":  func(ctx context.Context, c client.Client, p *corev1.Pod) error { return c.Patch(ctx, p, patch) },
		"apply": func(ctx context.Context, c client.Client, _ *corev1.Pod) error {
			return c.Apply(ctx, apply(), client.FieldOwner("test"))
		},
		"delete": func(ctx context.Context, c client.Client, p *corev1.Pod) error { return c.Delete(ctx, p) },
		"delete all of": func(ctx context.Context, c client.Client, _ *corev1.Pod) error {
			return c.DeleteAllOf(ctx, &corev1.Pod{}, client.InNamespace("default"))
		},
		"update of the status": func(ctx context.Context, c client.Client, p *corev1.Pod) error { return c.Status().Update(ctx, p) },
		"patch of the status": func(ctx context.Context, c client.Client, p *corev1.Pod) error {
			return c.Status().Patch(ctx, p, patch)
		},
		"apply of the status": func(ctx context.Context, c client.Client, _ *corev1.Pod) error {
			return c.Status().Apply(ctx, apply(), client.FieldOwner("test"))
		},
		"create of a part": func(ctx context.Context, c client.Client, p *corev1.Pod) error {
			return c.SubResource("eviction").Create(ctx, p, &policyv1.Eviction{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "pod", Namespace: "default"}}
			under := fake.NewClientBuilder().WithObjects(pod).WithStatusSubresource(pod).Build()
			held := false
			lost := errors.New("lost")
			c := lease.Client(under, func() error {
				if held {
					return nil
				}
				return lost
			})
			now := &corev1.Pod{}
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(pod), now); err != nil {
				t.Fatalf("a read without a lease: %v", err)
			}
			if err := write(t.Context(), c, now.DeepCopy()); !errors.Is(err, lost) {
				t.Errorf("without a lease: %v", err)
			}
			after := &corev1.PodList{}
			if err := under.List(t.Context(), after); err != nil || len(after.Items) != 1 || after.Items[0].ResourceVersion != now.ResourceVersion {
				t.Errorf("written without a lease: %+v %v", after.Items, err)
			}
			held = true
			if err := write(t.Context(), c, now.DeepCopy()); err != nil {
				t.Errorf("with a lease: %v", err)
			}
		})
	}
}
