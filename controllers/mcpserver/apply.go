// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpserver

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
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
	if err := a.apply(ctx, o.Value); err != nil {
		return have, err
	}
	have.Objects = append(rest, o)
	return have, nil
}

// apply writes an object server-side. An object that appeared in the meantime and
// is not ours would be taken over: the next look finds it, and its owner reference decides.
func (a adapter) apply(ctx context.Context, o client.Object) error {
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
