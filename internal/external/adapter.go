// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Object is a custom resource as the loop sees it.
type Object interface {
	client.Object
	GetConditions() []metav1.Condition
	SetConditions([]metav1.Condition)
	GetObservedGeneration() int64
	SetObservedGeneration(int64)
	// GetManagementPolicy is Enforce, ObserveOnly or Paused.
	GetManagementPolicy() string
	// GetDeletionPolicy is Delete or Orphan.
	GetDeletionPolicy() string
}

// Adapter is the required part of a Kind. O is the custom resource, I what was gathered
// for it, S the external state in the kind's own types. The zero S means that nothing
// exists.
type Adapter[O Object, I, S any] interface {
	// Gather reads the cluster and nothing outside: references, credentials. For an object
	// being deleted it needs status and credentials only.
	Gather(ctx context.Context, obj O) (I, error)
	// Desired is pure.
	Desired(in I) (S, error)
	// Observe reads the outside and not the cluster: only what obj owns.
	Observe(ctx context.Context, in I) (S, error)
	// Plan is pure: the writes, in order, that lead from observed to desired.
	Plan(desired, observed S) (Plan[S], error)
	// Apply writes one step, and returns the state with what the step learned, also
	// when it failed half way.
	Apply(ctx context.Context, in I, have S, step Step[S]) (S, error)
	// Report is pure: it fills in status fields. Conditions are the loop's.
	Report(obj O, observed S)
}
