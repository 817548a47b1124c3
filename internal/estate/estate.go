// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package estate reads what the cluster declares, so that controllers decide from
// one and the same picture.
package estate

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype"
)

// Load reads everything that access depends on. The lists are shared with the
// cache and must not be changed. What was worked out of the same tools, namespaces and
// Boundaries before, by whomever, comes along.
func Load(ctx context.Context, c client.Reader) (access.Estate, error) {
	var (
		servers    v1alpha1.MCPServerList
		tools      v1alpha1.ToolList
		accesses   v1alpha1.ToolAccessList
		roles      v1alpha1.RoleList
		policies   v1alpha1.FederationPolicyList
		boundaries v1alpha1.BoundaryList
		namespaces corev1.NamespaceList
	)
	for _, list := range []client.ObjectList{&servers, &tools, &accesses, &roles, &policies, &boundaries, &namespaces} {
		if err := c.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
			return access.Estate{}, fmt.Errorf("list %T: %w", list, err)
		}
	}
	out := access.Estate{
		Now:     time.Now(),
		Types:   tooltype.All(),
		Servers: servers.Items, Tools: tools.Items, Accesses: accesses.Items, Roles: roles.Items, Policies: policies.Items, Boundaries: boundaries.Items,
	}
	for _, n := range namespaces.Items {
		out.Namespaces = append(out.Namespaces, access.Namespace{Name: n.Name, UID: string(n.UID), Labels: n.Labels})
	}
	out.Memo = memos.of(c, version(tools.Items, boundaries.Items, namespaces.Items))
	return out, nil
}
