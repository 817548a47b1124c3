// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package index

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
)

// The names of the indexes: what is found, by what. Keys are `<namespace>/<name>`.
const (
	// AccessByRole finds ToolAccesses by a Role that a rule names, and under BySelector those
	// with a rule that selects Roles by labels.
	AccessByRole = "access-by-role"
	// PolicyByRole finds FederationPolicies by a Role that they name, and under BySelector those
	// that select namespaces by labels.
	PolicyByRole = "policy-by-role"
	// ServerByPolicy finds MCPServers by a FederationPolicy that they refer to.
	ServerByPolicy = "server-by-policy"
	// ServerByOwnRole finds the MCPServer whose own Role has a name.
	ServerByOwnRole = "server-by-own-role"
	// EndpointByRole finds ModelEndpoints by a Role that they limit.
	EndpointByRole = "endpoint-by-role"
)

// BySelector is the key of objects that select by labels, which no key can stand for: they
// are found together and matched one by one. It is no key of an object, which has a slash.
const BySelector = "by-selector"

// Field is one index.
type Field struct {
	// Object is an empty one of the kind that is found.
	Object client.Object
	Name   string
	Keys   client.IndexerFunc
}

// Fields are all indexes.
func Fields() []Field {
	return []Field{
		{&v1alpha1.ToolAccess{}, AccessByRole, keys(rolesOfAccess)},
		{&v1alpha1.FederationPolicy{}, PolicyByRole, keys(rolesOfPolicy)},
		{&v1alpha1.MCPServer{}, ServerByPolicy, keys(policiesOfServer)},
		{&v1alpha1.MCPServer{}, ServerByOwnRole, keys(func(s *v1alpha1.MCPServer) []string {
			return []string{s.Namespace + "/" + access.HealthRole(s.Name)}
		})},
		{&v1alpha1.ModelEndpoint{}, EndpointByRole, keys(rolesOfEndpoint)},
	}
}

// Register adds all indexes to a cache. It must be called before the cache starts.
func Register(ctx context.Context, to client.FieldIndexer) error {
	for _, f := range Fields() {
		if err := to.IndexField(ctx, f.Object, f.Name, f.Keys); err != nil {
			return fmt.Errorf("add the index %s: %w", f.Name, err)
		}
	}
	return nil
}

// keys adapts a function of one kind. An object of another kind has no key.
func keys[O client.Object](of func(O) []string) client.IndexerFunc {
	return func(obj client.Object) []string {
		o, ok := obj.(O)
		if !ok {
			return nil
		}
		return of(o)
	}
}

func rolesOfAccess(a *v1alpha1.ToolAccess) []string {
	var out []string
	for _, rule := range a.Spec.Rules {
		for _, role := range rule.Roles {
			out = append(out, a.Namespace+"/"+role)
		}
		if rule.Selector != nil {
			out = append(out, BySelector)
		}
	}
	return out
}

func rolesOfPolicy(p *v1alpha1.FederationPolicy) []string {
	var out []string
	for _, role := range p.Spec.Roles {
		out = append(out, p.Namespace+"/"+role.Name)
	}
	if p.Spec.NamespaceSelector != nil {
		out = append(out, BySelector)
	}
	return out
}

func policiesOfServer(s *v1alpha1.MCPServer) []string {
	var out []string
	for _, ref := range s.Spec.FederationPolicyRefs {
		out = append(out, s.Namespace+"/"+ref.Name)
	}
	return out
}

func rolesOfEndpoint(m *v1alpha1.ModelEndpoint) []string {
	var out []string
	for _, l := range m.Spec.RateLimits {
		if l.Role != nil {
			out = append(out, m.Namespace+"/"+l.Role.Name)
		}
	}
	return out
}
