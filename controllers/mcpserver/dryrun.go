// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpserver

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/dump"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// defaulted is true for kinds in which the API server fills in fields that nobody sets.
// Objects of other kinds are compared without a dry run.
func defaulted(o client.Object) bool {
	switch o.(type) {
	case *appsv1.Deployment, *corev1.Service, *policyv1.PodDisruptionBudget, *v1alpha1.Role:
		return true
	}
	return false
}

// differs says whether writing an object as wanted would change the live one. The API server
// answers it by a dry run of the same write, with its defaults filled in. It is asked only
// when either has changed since it last said no.
func (a adapter) differs(ctx context.Context, want, live client.Object) (bool, error) {
	key, now := keyOf(want), versionsOf(want, live)
	if last, ok := a.compared.Load(key); ok && last == now {
		return false, nil
	}
	target, err := merged(want, live)
	if err != nil {
		return false, err
	}
	if err := a.writer.Patch(ctx, target, client.MergeFrom(live), client.DryRunAll, client.FieldOwner(fieldOwner)); err != nil {
		return false, fmt.Errorf("compare the %s %s with what is wanted: %w", key.kind, live.GetName(), err)
	}
	if !equality.Semantic.DeepEqual(specOf(target), specOf(live)) {
		return true, nil
	}
	a.compared.Store(key, now)
	return false, nil
}

// comparisons are the versions of objects that were found to be as wanted. The zero value is
// ready to use.
type comparisons struct{ sync.Map }

// forget drops what is remembered of objects that go with their server.
func (c *comparisons) forget(objects []object) {
	for _, o := range objects {
		c.Delete(keyOf(o.Value))
	}
}

type comparedKey struct{ kind, namespace, name string }

func keyOf(o client.Object) comparedKey {
	return comparedKey{fmt.Sprintf("%T", o), o.GetNamespace(), o.GetName()}
}

// comparedVersions are what a comparison depends on. The generation of an object moves with
// its spec; one of a kind without generations has a resource version that moves with all of it.
type comparedVersions struct {
	uid             types.UID
	generation      int64
	resourceVersion string
	want            [sha256.Size]byte
}

func versionsOf(want, live client.Object) comparedVersions {
	out := comparedVersions{uid: live.GetUID(), generation: live.GetGeneration(), want: sha256.Sum256([]byte(dump.ForHash(specOf(want))))}
	if out.generation == 0 {
		out.resourceVersion = live.GetResourceVersion()
	}
	return out
}

// merged is the live object with the wanted content. It drops fields that somebody else
// added, which a server-side apply would keep. Labels and annotations of others stay.
func merged(want, live client.Object) (client.Object, error) {
	target, ok := live.DeepCopyObject().(client.Object)
	if !ok {
		return nil, fmt.Errorf("copy %s", live.GetName())
	}
	target.SetLabels(joined(live.GetLabels(), want.GetLabels()))
	target.SetAnnotations(joined(live.GetAnnotations(), want.GetAnnotations()))
	switch t := target.(type) {
	case *corev1.ConfigMap:
		t.Data, t.BinaryData = want.(*corev1.ConfigMap).Data, nil //nolint:forcetypeassert // of the same kind
	case *corev1.Service:
		spec := want.(*corev1.Service).Spec //nolint:forcetypeassert // of the same kind
		t.Spec.Ports, t.Spec.Selector, t.Spec.ExternalIPs = spec.Ports, spec.Selector, nil
	case *appsv1.Deployment:
		annotations := t.Spec.Template.Annotations // `kubectl rollout restart` writes one
		want.(*appsv1.Deployment).Spec.DeepCopyInto(&t.Spec)
		if len(annotations) > 0 {
			t.Spec.Template.Annotations = joined(annotations, t.Spec.Template.Annotations)
		}
	case *policyv1.PodDisruptionBudget:
		t.Spec = want.(*policyv1.PodDisruptionBudget).Spec //nolint:forcetypeassert // of the same kind
	case *v1alpha1.Role:
		t.Spec = want.(*v1alpha1.Role).Spec //nolint:forcetypeassert // of the same kind
	case *rbacv1.ClusterRoleBinding:
		t.Subjects = want.(*rbacv1.ClusterRoleBinding).Subjects //nolint:forcetypeassert // of the same kind
	}
	return target, nil
}

// specOf is the spec of an object as JSON has it.
func specOf(o client.Object) any {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return nil
	}
	return fields["spec"]
}
