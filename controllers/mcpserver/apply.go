// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpserver

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// fieldOwner is who our fields belong to.
const fieldOwner = "gatehouse"

// Apply writes one step.
func (a adapter) Apply(ctx context.Context, in input, have state, s external.Step[state]) (state, error) {
	if len(s.Want.Pods) > 0 {
		return have, a.touch(ctx, in.server.Namespace, s.Want.Pods[0])
	}
	o := s.Want.Objects[0]
	rest := slices.DeleteFunc(slices.Clone(have.Objects), func(h object) bool { return h.Kind == o.Kind })
	if s.Verb == external.Delete {
		uid := o.Value.GetUID()
		err := a.writer.Delete(ctx, o.Value, client.Preconditions{UID: &uid})
		have.Objects = rest
		return have, client.IgnoreNotFound(err)
	}
	write := a.create
	if s.Verb == external.Update && o.Kind != kindSecret {
		write = a.update
	}
	err := write(ctx, o.Value)
	switch {
	case o.Kind != kindSecret:
	case apierrors.IsInvalid(err):
		err = fault.Conflict(v1alpha1.ReasonNotOurs, fmt.Errorf("the Secret %s exists and does not hold sealing keys", o.Name))
	default:
		*in.sealing.present = err == nil
	}
	if err != nil {
		return have, err
	}
	rest = append(rest, o)
	have.Objects = rest
	return have, nil
}

// update makes an object as wanted: also what somebody added to it goes, which a
// server-side apply would leave. It fails when the object changed since it was read.
func (a adapter) update(ctx context.Context, o client.Object) error {
	live, err := a.empty(o)
	if err != nil {
		return err
	}
	if err := a.live.Get(ctx, client.ObjectKeyFromObject(o), live); err != nil {
		return err
	}
	target, ok := live.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("copy %s", o.GetName())
	}
	target.SetLabels(joined(live.GetLabels(), o.GetLabels()))
	target.SetAnnotations(joined(live.GetAnnotations(), o.GetAnnotations()))
	switch t := target.(type) {
	case *corev1.ConfigMap:
		t.Data, t.BinaryData = o.(*corev1.ConfigMap).Data, nil //nolint:forcetypeassert // of the same kind
	case *corev1.Service:
		want := o.(*corev1.Service).Spec //nolint:forcetypeassert // of the same kind
		t.Spec.Ports, t.Spec.Selector, t.Spec.ExternalIPs = want.Ports, want.Selector, nil
	case *appsv1.Deployment:
		t.Spec = o.(*appsv1.Deployment).Spec //nolint:forcetypeassert // of the same kind
	case *policyv1.PodDisruptionBudget:
		t.Spec = o.(*policyv1.PodDisruptionBudget).Spec //nolint:forcetypeassert // of the same kind
	case *v1alpha1.Role:
		t.Spec = o.(*v1alpha1.Role).Spec //nolint:forcetypeassert // of the same kind
	case *rbacv1.ClusterRoleBinding:
		t.Subjects = o.(*rbacv1.ClusterRoleBinding).Subjects //nolint:forcetypeassert // of the same kind
	}
	return a.writer.Patch(ctx, target, client.MergeFromWithOptions(live, client.MergeFromWithOptimisticLock{}), client.FieldOwner(fieldOwner))
}

func joined(have, want map[string]string) map[string]string {
	out := maps.Clone(have)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, want)
	return out
}

// create writes an object server-side.
func (a adapter) create(ctx context.Context, o client.Object) error {
	gvk, err := a.writer.GroupVersionKindFor(o)
	if err != nil {
		return fmt.Errorf("name the kind of %s: %w", o.GetName(), err)
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return fmt.Errorf("encode the %s %s: %w", gvk.Kind, o.GetName(), err)
	}
	u := &unstructured.Unstructured{Object: fields}
	u.SetGroupVersionKind(gvk)
	unstructured.RemoveNestedField(fields, "status")
	unstructured.RemoveNestedField(fields, "metadata", "creationTimestamp")
	unstructured.RemoveNestedField(fields, "spec", "template", "metadata", "creationTimestamp")
	return a.writer.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(fieldOwner), client.ForceOwnership)
}

// touch changes one annotation of a pod, which is all that the admission policy lets us change.
func (a adapter) touch(ctx context.Context, namespace string, p pod) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": p.UID, "annotations": map[string]string{v1alpha1.AnnotationAccessHash: p.Touched},
	}})
	if err != nil {
		return err
	}
	o := &corev1.Pod{}
	o.Namespace, o.Name = namespace, p.Name
	err = a.writer.Patch(ctx, o, client.RawPatch(types.MergePatchType, patch))
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // it went: its successor starts with the current document
	}
	return err
}
