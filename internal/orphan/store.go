// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package orphan keeps, in a ConfigMap of the operator's namespace, inventories of
// what resources that were deleted have left in Databricks.
package orphan

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/internal/external"
)

// The operator's Role in its own namespace grants exactly this ConfigMap: config/rbac/own_namespace_role.yaml.

// Name is the name of the ConfigMap.
const Name = "gatehouse-left-behind"

// Store is where inventories are.
type Store struct {
	// Live reads past every cache.
	Live client.Reader
	// Writer creates and patches the ConfigMap.
	Writer client.Client
	// Namespace is the operator's.
	Namespace string
}

var _ external.Orphans = Store{}

// Record writes an inventory down. What others write meanwhile is kept: a write that met
// another's is made again from what is there then.
func (s Store) Record(ctx context.Context, r external.Orphaned) (string, error) {
	at := types.NamespacedName{Namespace: s.Namespace, Name: Name}
	where := fmt.Sprintf("the ConfigMap %s of the namespace %s", Name, s.Namespace)
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error { return s.record(ctx, at, r) })
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return "", fmt.Errorf("the operator's namespace is being deleted, and %s with it: delete resources before the operator: %w", where, err)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", where, err)
	}
	return where, nil
}

func (s Store) record(ctx context.Context, at types.NamespacedName, r external.Orphaned) error {
	var have corev1.ConfigMap
	err := s.Live.Get(ctx, at, &have)
	if apierrors.IsNotFound(err) {
		data, _ := with(nil, r)
		fresh := corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: at.Namespace, Name: at.Name}, Data: data}
		err = s.Writer.Create(ctx, &fresh)
		if apierrors.IsAlreadyExists(err) {
			return apierrors.NewConflict(corev1.Resource("configmaps"), at.Name, err) // made meanwhile: once more
		}
		return err
	}
	if err != nil {
		return err
	}
	data, news := with(maps.Clone(have.Data), r)
	if !news {
		return nil
	}
	before := have.DeepCopy()
	have.Data = data
	return s.Writer.Patch(ctx, &have, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}
