// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
)

// Health is who a server's pods are when they ask for its dependencies: a service
// principal that may see them and read nothing.
type Health struct {
	// ApplicationID is the service principal's, used as client_id of the exchange.
	ApplicationID string `json:"applicationID"`
	// Scopes are asked for at the exchange, sorted.
	Scopes []string `json:"scopes"`
}

// DependencyKind is what a dependency is.
type DependencyKind string

// The kinds of dependencies. The token endpoint is not among them: every server has it.
const (
	DependencyWarehouse       DependencyKind = "Warehouse"
	DependencyGenieSpace      DependencyKind = "GenieSpace"
	DependencyServingEndpoint DependencyKind = "ServingEndpoint"
	DependencyIndex           DependencyKind = "Index"
	DependencyConnection      DependencyKind = "Connection"
	DependencyFunction        DependencyKind = "Function"
)

// Dependency is something in the workspace without which a tool does not work.
type Dependency struct {
	Kind DependencyKind `json:"kind"`
	// Name is the id of a warehouse and of a Genie space, and the full name of anything else.
	Name string `json:"name"`
}

// scopes are the OAuth scopes with which a dependency is asked for.
func (d Dependency) scopes() []string {
	switch d.Kind {
	case DependencyGenieSpace:
		return []string{ScopeGenie, ScopeGenieDashboards}
	case DependencyServingEndpoint:
		return []string{ScopeServing}
	case DependencyIndex:
		return []string{ScopeVectorSearch}
	case DependencyConnection, DependencyFunction:
		return []string{ScopeCatalog}
	default:
		return []string{ScopeSQL}
	}
}

// sight is the least that lets somebody see whether a dependency is there. For a
// warehouse that is running `SELECT 1`. Nothing says that BROWSE on an index or on
// the schema of a function is enough at Databricks; the emulator takes it for that,
// and both are privileges on metadata. A connection has no such privilege: what lets
// it be seen also lets it be used.
func (d Dependency) sight() (kind, name, privilege string) {
	switch d.Kind {
	case DependencyGenieSpace:
		return boundary.GenieSpace, d.Name, "CAN_READ"
	case DependencyServingEndpoint:
		return boundary.ServingEndpoint, d.Name, "CAN_VIEW"
	case DependencyIndex:
		return string(v1alpha1.SecurableTable), d.Name, "BROWSE" // an index is granted like a table
	case DependencyConnection:
		return string(v1alpha1.SecurableConnection), d.Name, "USE_CONNECTION"
	case DependencyFunction:
		return string(v1alpha1.SecurableSchema), d.Name[:max(strings.LastIndex(d.Name, "."), 0)], "BROWSE" // functions have no BROWSE of their own
	default:
		return boundary.Warehouse, d.Name, "CAN_USE"
	}
}

// dependencies are those of a server, each with the tools that need it, sorted.
func (e Estate) dependencies(server *v1alpha1.MCPServer) map[Dependency][]string {
	tools, out := e.toolsOf(server), map[Dependency][]string{}
	for _, name := range slices.Sorted(maps.Keys(tools)) {
		for _, d := range e.toolNeeds(tools[name], string(server.Spec.WarehouseID)).Dependencies {
			out[d] = append(out[d], name)
		}
	}
	return out
}

// Dependencies are what the tools of a server need of its workspace, sorted. Tables
// are not among them: whether a caller may read one is a matter of grants.
func (e Estate) Dependencies(server *v1alpha1.MCPServer) []Dependency {
	return slices.SortedFunc(maps.Keys(e.dependencies(server)), func(a, b Dependency) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
}

// HealthRole is the name of the Role that a server of a name has for itself.
func HealthRole(server string) string { return server + "-health" }

// ofServer says whether a Role is an MCPServer's own. Such a Role has no cells, and
// nobody signs in as it but the server's pods. Who claims that of a Role that is not
// takes access away from it and gives it none.
func ofServer(r *v1alpha1.Role) bool {
	owner := metav1.GetControllerOf(r)
	return owner != nil && owner.Kind == "MCPServer" && strings.HasPrefix(owner.APIVersion, v1alpha1.GroupVersion.Group+"/")
}

// watched is the server whose dependencies a Role is there to ask for, or nil.
func (e Estate) watched(r *v1alpha1.Role) *v1alpha1.MCPServer {
	if !ofServer(r) {
		return nil
	}
	server := e.server(r.Namespace, metav1.GetControllerOf(r).Name)
	if server == nil || !server.DeletionTimestamp.IsZero() || !metav1.IsControlledBy(r, server) || r.Name != HealthRole(server.Name) {
		return nil
	}
	return server
}

// health is who the pods of a server are, once its own Role has all that makes it so.
func (e Estate) health(server *v1alpha1.MCPServer) *Health {
	r := e.role(server.Namespace, HealthRole(server.Name))
	if r == nil || !r.DeletionTimestamp.IsZero() || e.watched(r) == nil || r.Status.ServicePrincipal.ApplicationID == "" ||
		r.Status.Trust.Subject != ServiceAccountSubject(server.Namespace, server.Name) {
		return nil
	}
	if needs := e.Needs(r, nil); len(needs.Scopes) > 0 {
		return &Health{ApplicationID: r.Status.ServicePrincipal.ApplicationID, Scopes: needs.Scopes}
	}
	return nil
}

// ServiceAccountSubject is the subject of the tokens of a Kubernetes service account.
func ServiceAccountSubject(namespace, name string) string {
	return "system:serviceaccount:" + namespace + ":" + name
}
