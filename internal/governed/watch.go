// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package governed

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

// Watches are those that every governed kind has: Workspaces, Boundaries and Namespaces.
type Watches[O client.Object] struct {
	// Reader is a cache, and List an empty list of the kind.
	Reader client.Reader
	List   client.ObjectList
	// Workspace names that of an object. Nil: objects of the kind depend on none.
	Workspace func(obj O) string
	// OwnBoundary says that only Boundaries that name the namespace of an object concern it,
	// and OwnNamespace that only its own Namespace does. Otherwise all of them do, because an
	// object depends on what is declared in other namespaces too.
	OwnBoundary, OwnNamespace bool
}

// Add adds the watches to a controller.
func (w Watches[O]) Add(b *builder.Builder) *builder.Builder {
	if w.Workspace != nil {
		in := external.Concerned(w.Reader, w.List, func(obj O, ws client.Object) bool { return w.Workspace(obj) == ws.GetName() })
		b = b.Watches(&v1alpha1.Workspace{}, in, builder.WithPredicates(external.GenerationChanged()))
	}
	// All of its events: its status pins namespaces, without which nothing is allowed.
	b = b.Watches(&v1alpha1.Boundary{}, external.Concerned(w.Reader, w.List, w.bounded))
	return b.Watches(&corev1.Namespace{}, external.Concerned(w.Reader, w.List, w.within), builder.WithPredicates(NamespaceChanged()))
}

func (w Watches[O]) bounded(obj O, event client.Object) bool {
	b, ok := event.(*v1alpha1.Boundary)
	return !w.OwnBoundary || ok && slices.ContainsFunc(b.Spec.Namespaces, func(n v1alpha1.BoundaryNamespace) bool { return n.Name == obj.GetNamespace() })
}

func (w Watches[O]) within(obj O, ns client.Object) bool {
	return !w.OwnNamespace || obj.GetNamespace() == ns.GetName()
}

// NamespaceChanged lets through Namespaces that came, went, were replaced, or have other
// labels, by which selectors select.
func NamespaceChanged() predicate.Predicate {
	return predicate.Or(predicate.LabelChangedPredicate{}, external.Replaced())
}
