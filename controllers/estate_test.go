// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"fmt"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// estate is a platform namespace with a Role, two tools and a server, and the
// namespace of a tenant that the platform takes in by its label.
//
//	<name>/west ------------- deals, whoami --+
//	                                          +--> <name>/tools, trusting <name>/idp
//	<name>-tenant/partner --- deals ----------+
type estate struct {
	Name       string
	Namespaces []*corev1.Namespace
	Boundaries []*v1alpha1.Boundary
	West       *v1alpha1.Role
	Partner    *v1alpha1.Role
	Policy     *v1alpha1.FederationPolicy
	Deals      *v1alpha1.Tool
	Whoami     *v1alpha1.Tool
	Access     *v1alpha1.ToolAccess
	Server     *v1alpha1.MCPServer
}

var estates int

// newEstate declares an estate that nobody has created yet, under a name of its own.
func newEstate() *estate {
	estates++
	e := &estate{Name: fmt.Sprintf("e%d", estates)}
	tenant := e.tenant()
	e.Namespaces = []*corev1.Namespace{
		{ObjectMeta: metav1.ObjectMeta{Name: e.Name}},
		{ObjectMeta: metav1.ObjectMeta{Name: tenant, Labels: map[string]string{"tier": e.Name}}},
	}
	e.Boundaries = []*v1alpha1.Boundary{e.boundary(e.Name, e.Name), e.boundary(tenant, tenant)}
	e.West, e.Partner = e.role(e.Name, "west"), e.role(tenant, "partner")
	e.Policy = e.policy("idp", v1alpha1.FederatedRole{Name: "west", Subject: "west"})
	e.Policy.Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": e.Name}}
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: e.Name, Name: name} }
	e.Deals = &v1alpha1.Tool{ObjectMeta: meta("deals"), Spec: v1alpha1.ToolSpec{
		ToolName: "deals", Description: "Deals.", Reads: []v1alpha1.SecurableName{"main.sales.deals"}, SQL: &v1alpha1.SQLTool{Statement: "SELECT id FROM main.sales.deals"},
	}}
	e.Whoami = &v1alpha1.Tool{ObjectMeta: meta("whoami"), Spec: v1alpha1.ToolSpec{ToolName: "whoami", Description: "Who is asking.", Identity: &v1alpha1.IdentityTool{}}}
	e.Access = &v1alpha1.ToolAccess{ObjectMeta: meta("matrix"), Spec: v1alpha1.ToolAccessSpec{
		ServerRef: v1alpha1.LocalReference{Name: "tools"},
		Rules: []v1alpha1.AccessRule{
			{Name: "staff", Tools: []string{"deals", "whoami"}, Roles: []string{"west"}},
			{Name: "partners", Tools: []string{"deals"}, Selector: &v1alpha1.RoleSelector{
				Namespaces: metav1.LabelSelector{MatchLabels: map[string]string{"tier": e.Name}},
			}},
		},
	}}
	e.Server = &v1alpha1.MCPServer{ObjectMeta: meta("tools"), Spec: v1alpha1.MCPServerSpec{
		WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, WarehouseID: env.WarehouseID, Resource: "https://tools.example.com/mcp",
		FederationPolicyRefs: []v1alpha1.LocalReference{{Name: "idp"}}, ToolRefs: []v1alpha1.LocalReference{{Name: "deals"}, {Name: "whoami"}},
		Replicas: new(int32(0)), // there is no kubelet: without replicas, no pod is waited for
	}}
	return e
}

func (e *estate) tenant() string { return e.Name + "-tenant" }

// boundary allows in a namespace what an estate needs.
func (e *estate) boundary(name, namespace string) *v1alpha1.Boundary {
	return &v1alpha1.Boundary{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.BoundarySpec{
		Namespaces: []v1alpha1.BoundaryNamespace{{Name: namespace}}, Workspaces: []v1alpha1.NamePattern{"main"},
		Groups: v1alpha1.BoundaryGroups{
			MemberOf: []v1alpha1.NamePattern{v1alpha1.NamePattern(e.Name + "_*")}, Create: []v1alpha1.NamePattern{v1alpha1.NamePattern(e.Name + "_*")},
		},
		Grants: []v1alpha1.BoundaryGrant{
			{Type: "Catalog", Names: []v1alpha1.NamePattern{"main"}, Privileges: []v1alpha1.Privilege{"USE_CATALOG"}},
			{Type: "Schema", Names: []v1alpha1.NamePattern{"main.sales"}, Privileges: []v1alpha1.Privilege{"USE_SCHEMA"}},
			{Type: "Table", Names: []v1alpha1.NamePattern{"main.sales.*"}, Privileges: []v1alpha1.Privilege{"SELECT"}},
		},
		Warehouses: []v1alpha1.NamePattern{env.WarehouseID}, Scopes: []v1alpha1.OAuthScope{"sql"}, Issuers: []v1alpha1.HTTPSURL{issuer},
		Tools: []v1alpha1.NamePattern{"*"}, Servers: []v1alpha1.NamePattern{v1alpha1.NamePattern(e.Name + "/tools")}, Hosting: v1alpha1.HostingAllowed,
	}}
}

// role is a Role that is a member of a group of its own.
func (e *estate) role(namespace, name string) *v1alpha1.Role {
	return &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1alpha1.RoleSpec{
		WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, DisplayName: e.Name + " " + name, MemberOf: []v1alpha1.AccountGroupName{v1alpha1.AccountGroupName(e.Name + "_" + name)},
	}}
}

// policy trusts the identity provider for some Roles of the platform's namespace.
func (e *estate) policy(name string, roles ...v1alpha1.FederatedRole) *v1alpha1.FederationPolicy {
	return &v1alpha1.FederationPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: e.Name, Name: name}, Spec: v1alpha1.FederationPolicySpec{
		WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, Issuer: issuer, Audiences: []string{"https://tools.example.com/mcp"},
		Claims: v1alpha1.FederationClaims{Role: "role"}, Roles: roles,
	}}
}

// create makes everything declared, in an order in which much is missing at first.
func (e *estate) create() *estate {
	all := []client.Object{}
	for _, n := range e.Namespaces {
		all = append(all, n)
	}
	all = append(all, e.Server, e.Access, e.Policy, e.West, e.Partner, e.Deals, e.Whoami)
	for _, b := range e.Boundaries {
		all = append(all, b)
	}
	create(all...)
	return e
}

// ready makes the estate and waits until all of it is Ready.
func (e *estate) ready() *estate {
	e.create()
	for _, b := range e.Boundaries {
		eventuallyReady(b)
	}
	eventuallyReady(e.West, e.Partner, e.Policy, e.Deals, e.Whoami, e.Access, own(e.Server), e.Server)
	return e
}

// matrix is the estate's matrix as declared.
func (e *estate) matrix() []v1alpha1.AccessRow {
	return []v1alpha1.AccessRow{{Role: e.tenant() + "/partner", Tools: []string{"deals"}}, {Role: e.Name + "/west", Tools: []string{"deals", "whoami"}}}
}

// eventuallyMatrix waits until the server's matrix is as given and is what the pods get.
func (e *estate) eventuallyMatrix(want ...v1alpha1.AccessRow) {
	Eventually(func(g Gomega) {
		g.Expect(fetch(e.Server)).To(Succeed())
		g.Expect(e.Server.Status.Access.Matrix).To(Equal(want))
		g.Expect(documentOf(g, e.Server).Hash).To(Equal(e.Server.Status.Access.Hash))
	}).Should(Succeed())
}
