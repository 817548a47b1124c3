// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package boundary

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// +kubebuilder:rbac:groups=gatehouse.dev,resources=boundaries,verbs=get;list;watch
// +kubebuilder:rbac:groups=gatehouse.dev,resources=boundaries/status,verbs=patch

// state is the namespaces with the UIDs that count.
type state struct {
	Pinned []v1alpha1.BoundaryNamespace
	// Problem says which namespaces are missing or were created again.
	Problem error
}

type adapter struct {
	external.Reporting[state]
	reader client.Reader
}

func (a adapter) Gather(ctx context.Context, b *v1alpha1.Boundary) (state, error) {
	var list corev1.NamespaceList
	if err := a.reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return state{}, fmt.Errorf("list the namespaces: %w", err)
	}
	seen := map[string]string{}
	for _, n := range list.Items {
		seen[n.Name] = string(n.UID)
	}
	return pin(b, seen), nil
}

// pin keeps every UID that was pinned, and pins what is seen for the first time.
func pin(b *v1alpha1.Boundary, seen map[string]string) state {
	var out state
	var missing, again []string
	for _, n := range b.Spec.Namespaces {
		uid := n.UID // an administrator's word
		for _, old := range b.Status.Namespaces {
			if uid == "" && old.Name == n.Name {
				uid = old.UID
			}
		}
		now, exists := seen[n.Name]
		switch {
		case uid == "" && !exists:
			missing = append(missing, n.Name)
			continue
		case uid == "":
			uid = now
		case exists && uid != now:
			again = append(again, n.Name)
		}
		out.Pinned = append(out.Pinned, v1alpha1.BoundaryNamespace{Name: n.Name, UID: uid})
	}
	slices.SortFunc(out.Pinned, func(a, b v1alpha1.BoundaryNamespace) int { return strings.Compare(a.Name, b.Name) })
	switch {
	case len(again) > 0:
		out.Problem = fault.Denied(v1alpha1.ReasonNamespaceRecreated, fmt.Errorf(
			"these namespaces were deleted and created again, and get nothing: %s; accept one by writing its UID to `spec.namespaces[].uid`", strings.Join(again, ", ")))
	case len(missing) > 0:
		out.Problem = fault.Waiting(v1alpha1.ReasonPending, fmt.Errorf("these namespaces do not exist yet: %s", strings.Join(missing, ", ")))
	}
	return out
}
