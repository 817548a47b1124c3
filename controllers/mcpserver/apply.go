// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpserver

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
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

// update makes an object as wanted. It fails when the object changed since it was read.
func (a adapter) update(ctx context.Context, o client.Object) error {
	live, err := a.empty(o)
	if err != nil {
		return err
	}
	if err := a.live.Get(ctx, client.ObjectKeyFromObject(o), live); err != nil {
		return err
	}
	target, err := merged(o, live)
	if err != nil {
		return err
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
