// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package boundary

import (
	"fmt"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// Namespace is a namespace as the cluster has it.
type Namespace struct{ Name, UID string }

// Limits are what one namespace may ask for.
type Limits struct {
	// Name is that of the Boundary.
	Name string
	spec v1alpha1.BoundarySpec
}

// Denial says why a namespace may ask for nothing.
type Denial struct{ Reason, Message string }

// Find returns the limits of a namespace, or why it has none.
func Find(ns Namespace, all []v1alpha1.Boundary) (*Limits, *Denial) {
	var found []*v1alpha1.Boundary
	for i := range all {
		if all[i].DeletionTimestamp.IsZero() && entry(all[i].Spec.Namespaces, ns.Name) != nil {
			found = append(found, &all[i])
		}
	}
	switch {
	case len(found) == 0:
		return nil, &Denial{v1alpha1.ReasonNoBoundary, fmt.Sprintf("no Boundary names the namespace %s, so nothing is allowed in it; a platform administrator must add it to one", ns.Name)}
	case len(found) > 1:
		names := make([]string, len(found))
		for i, b := range found {
			names[i] = b.Name
		}
		return nil, &Denial{v1alpha1.ReasonSeveralBoundaries, fmt.Sprintf("the Boundaries %s all name the namespace %s, so nothing is allowed in it; exactly one may", strings.Join(names, ", "), ns.Name)}
	}
	b := found[0]
	accepted := entry(b.Spec.Namespaces, ns.Name).UID
	if accepted == "" {
		if pinned := entry(b.Status.Namespaces, ns.Name); pinned != nil {
			accepted = pinned.UID
		}
	}
	switch {
	case accepted == "":
		return nil, &Denial{v1alpha1.ReasonPending, fmt.Sprintf("the Boundary %s has not taken note of the namespace %s yet", b.Name, ns.Name)}
	case accepted != ns.UID:
		return nil, &Denial{v1alpha1.ReasonNamespaceRecreated, fmt.Sprintf(
			"the namespace %s was recreated since the Boundary %s first saw it; an administrator accepts the new one by writing its UID to `spec.namespaces[].uid`", ns.Name, b.Name)}
	}
	return &Limits{Name: b.Name, spec: b.Spec}, nil
}

func entry(list []v1alpha1.BoundaryNamespace, name string) *v1alpha1.BoundaryNamespace {
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return nil
}
