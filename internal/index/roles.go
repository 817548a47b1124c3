// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package index

import (
	"cmp"
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
)

// OfRole finds what an event of a Role concerns. Its methods are for
// handler.EnqueueRequestsFromMapFunc, which calls them for a Role as it was and as it is:
// an object that no longer selects the Role is found too.
type OfRole struct {
	// Reader is a cache with the indexes.
	Reader client.Reader
}

var (
	_ handler.MapFunc = OfRole{}.Accesses
	_ handler.MapFunc = OfRole{}.Policies
	_ handler.MapFunc = OfRole{}.Servers
	_ handler.MapFunc = OfRole{}.Endpoints
)

// Accesses finds the ToolAccesses that name or select the Role.
func (i OfRole) Accesses(ctx context.Context, role client.Object) []reconcile.Request {
	out := requests{}
	for _, a := range i.accesses(ctx, role) {
		out.add(a.Namespace, a.Name)
	}
	return out.list()
}

// Policies finds the FederationPolicies that name or select the Role.
func (i OfRole) Policies(ctx context.Context, role client.Object) []reconcile.Request {
	out := requests{}
	for _, p := range i.policies(ctx, role) {
		out.add(p.Namespace, p.Name)
	}
	return out.list()
}

// Servers finds the MCPServers whose access document the Role can be in: those of the
// ToolAccesses and of the FederationPolicies that name or select it, and the one whose own
// Role it is.
func (i OfRole) Servers(ctx context.Context, role client.Object) []reconcile.Request {
	out := requests{}
	for _, a := range i.accesses(ctx, role) {
		out.add(a.Namespace, a.Spec.ServerRef.Name)
	}
	for _, p := range i.policies(ctx, role) {
		out.addAll(i.servers(ctx, ServerByPolicy, access.Key(p)))
	}
	out.addAll(i.servers(ctx, ServerByOwnRole, access.Key(role)))
	return out.list()
}

// Endpoints finds the ModelEndpoints that limit the Role.
func (i OfRole) Endpoints(ctx context.Context, role client.Object) []reconcile.Request {
	out := requests{}
	var found v1alpha1.ModelEndpointList
	if i.find(ctx, &found, EndpointByRole, access.Key(role)) {
		for _, m := range found.Items {
			out.add(m.Namespace, m.Name)
		}
	}
	return out.list()
}

func (i OfRole) accesses(ctx context.Context, role client.Object) []*v1alpha1.ToolAccess {
	var out []*v1alpha1.ToolAccess
	var named, selecting v1alpha1.ToolAccessList
	if i.find(ctx, &named, AccessByRole, access.Key(role)) {
		for n := range named.Items {
			out = append(out, &named.Items[n])
		}
	}
	r, ok := role.(*v1alpha1.Role)
	if !ok || !i.find(ctx, &selecting, AccessByRole, BySelector) {
		return out
	}
	estate, known := i.namespaceOf(ctx, role)
	for n := range selecting.Items {
		a := &selecting.Items[n]
		if !known || slices.ContainsFunc(a.Spec.Rules, func(rule v1alpha1.AccessRule) bool { return estate.Selects(a.Namespace, rule, r) }) {
			out = append(out, a)
		}
	}
	return out
}

func (i OfRole) policies(ctx context.Context, role client.Object) []*v1alpha1.FederationPolicy {
	var out []*v1alpha1.FederationPolicy
	var named, selecting v1alpha1.FederationPolicyList
	if i.find(ctx, &named, PolicyByRole, access.Key(role)) {
		for n := range named.Items {
			out = append(out, &named.Items[n])
		}
	}
	if !i.find(ctx, &selecting, PolicyByRole, BySelector) {
		return out
	}
	estate, known := i.namespaceOf(ctx, role)
	for n := range selecting.Items {
		if p := &selecting.Items[n]; !known || estate.SelectsNamespace(p, role.GetNamespace()) {
			out = append(out, p)
		}
	}
	return out
}

func (i OfRole) servers(ctx context.Context, field, key string) []v1alpha1.MCPServer {
	var found v1alpha1.MCPServerList
	i.find(ctx, &found, field, key)
	return found.Items
}

// find lists by an index. The cache has no error for a list, once it is there.
func (i OfRole) find(ctx context.Context, list client.ObjectList, field, key string) bool {
	return i.Reader.List(ctx, list, client.MatchingFields{field: key}, client.UnsafeDisableDeepCopy) == nil
}

// namespaceOf is the part of an estate that selectors need of a Role's namespace. Of one that
// is gone nobody knows the labels: whatever selects by labels can have selected the Role.
func (i OfRole) namespaceOf(ctx context.Context, role client.Object) (e access.Estate, known bool) {
	var ns corev1.Namespace
	if err := i.Reader.Get(ctx, types.NamespacedName{Name: role.GetNamespace()}, &ns); err != nil {
		return e, false
	}
	e.Namespaces = []access.Namespace{{Name: ns.Name, UID: string(ns.UID), Labels: ns.Labels}}
	return e, true
}

// requests are names of objects, each once.
type requests map[types.NamespacedName]bool

func (r requests) add(namespace, name string) {
	r[types.NamespacedName{Namespace: namespace, Name: name}] = true
}

func (r requests) addAll(servers []v1alpha1.MCPServer) {
	for _, s := range servers {
		r.add(s.Namespace, s.Name)
	}
}

func (r requests) list() []reconcile.Request {
	out := make([]reconcile.Request, 0, len(r))
	for name := range r {
		out = append(out, reconcile.Request{NamespacedName: name})
	}
	slices.SortFunc(out, func(a, b reconcile.Request) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	return out
}
