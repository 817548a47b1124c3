// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

const issuer = "https://idp.example.com"

// noon is when it is in all cases.
var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// after is a time from noon.
func after(d time.Duration) *metav1.Time { return new(metav1.NewTime(noon.Add(d))) }

// change is what a case does to the estate that all cases start from.
type change func(*Estate)

// estate is two namespaces: sales, which holds the server, its tools, its policy
// and a Role, and acme, a tenant with a Role that the rules select by labels.
func estate(changes ...change) Estate {
	e := Estate{
		Now: noon, Types: TypesForTests,
		Namespaces: []Namespace{
			{Name: "sales", UID: "u-sales", Labels: map[string]string{"tier": "internal"}},
			{Name: "acme", UID: "u-acme", Labels: map[string]string{"tier": "partner"}},
		},
		Boundaries: []v1alpha1.Boundary{boundaryOf("sales"), boundaryOf("acme")},
		Servers: []v1alpha1.MCPServer{{ObjectMeta: meta("sales", "tools"), Spec: v1alpha1.MCPServerSpec{
			Pattern: v1alpha1.PatternFederation, WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, WarehouseID: "wh1",
			Resource: "https://tools.example.com/mcp", FederationPolicyRefs: refs("idp"), ToolRefs: refs("deals", "whoami"),
		}}},
		Tools: []v1alpha1.Tool{
			sqlTool("deals", "query_deals", "main.sales.deals"),
			{ObjectMeta: meta("sales", "whoami"), Spec: v1alpha1.ToolSpec{ToolName: "whoami", Description: "Says who calls.", Identity: &v1alpha1.IdentityTool{}}},
		},
		Roles: []v1alpha1.Role{role("sales", "manager", "app-manager", nil), role("acme", "west", "app-west", map[string]string{"region": "west"})},
		Accesses: []v1alpha1.ToolAccess{access("sales", "tools", v1alpha1.AccessRule{
			Name: "all", Tools: []string{"query_deals"}, Roles: []string{"manager"},
		})},
		Policies: []v1alpha1.FederationPolicy{policy("idp", v1alpha1.FederatedRole{Name: "manager", Subject: "sales-manager"})},
	}
	for _, c := range changes {
		c(&e)
	}
	return e
}

func meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func refs(names ...string) []v1alpha1.LocalReference {
	var out []v1alpha1.LocalReference
	for _, n := range names {
		out = append(out, v1alpha1.LocalReference{Name: n})
	}
	return out
}

func boundaryOf(namespace string) v1alpha1.Boundary {
	return v1alpha1.Boundary{
		ObjectMeta: metav1.ObjectMeta{Name: "b-" + namespace},
		Spec: v1alpha1.BoundarySpec{
			Namespaces: []v1alpha1.BoundaryNamespace{{Name: namespace, UID: "u-" + namespace}},
			Tools:      []v1alpha1.NamePattern{"*"}, Servers: []v1alpha1.NamePattern{"*/*"}, Issuers: []v1alpha1.HTTPSURL{issuer},
			Workspaces: []v1alpha1.NamePattern{"main"}, Warehouses: []v1alpha1.NamePattern{"*"},
			GenieSpaces: []v1alpha1.NamePattern{"*"}, ServingEndpoints: []v1alpha1.NamePattern{"*"},
			Scopes: []v1alpha1.OAuthScope{"sql", "genie", "dashboards.genie", "vector-search", "model-serving"},
			Grants: []v1alpha1.BoundaryGrant{
				{Type: "Catalog", Names: []v1alpha1.NamePattern{"*"}, Privileges: []v1alpha1.Privilege{"USE_CATALOG"}},
				{Type: "Schema", Names: []v1alpha1.NamePattern{"*.*"}, Privileges: []v1alpha1.Privilege{"USE_SCHEMA"}},
				{Type: "Table", Names: []v1alpha1.NamePattern{"*.*.*"}, Privileges: []v1alpha1.Privilege{"SELECT"}},
				{Type: "Function", Names: []v1alpha1.NamePattern{"*.*.*"}, Privileges: []v1alpha1.Privilege{"EXECUTE"}},
				{Type: "Connection", Names: []v1alpha1.NamePattern{"*"}, Privileges: []v1alpha1.Privilege{"USE_CONNECTION"}},
			},
		},
	}
}

func sqlTool(name, toolName string, reads ...v1alpha1.SecurableName) v1alpha1.Tool {
	return v1alpha1.Tool{ObjectMeta: meta("sales", name), Spec: v1alpha1.ToolSpec{
		ToolName: toolName, Description: "Reads.", Reads: reads, SQL: &v1alpha1.SQLTool{Statement: "SELECT 1", MaxRows: 10},
	}}
}

func role(namespace, name, applicationID string, labels map[string]string) v1alpha1.Role {
	r := v1alpha1.Role{ObjectMeta: meta(namespace, name), Spec: v1alpha1.RoleSpec{WorkspaceRef: v1alpha1.LocalReference{Name: "main"}}}
	r.Labels = labels
	r.Status.ServicePrincipal.ApplicationID = applicationID
	return r
}

func access(namespace, server string, rules ...v1alpha1.AccessRule) v1alpha1.ToolAccess {
	return v1alpha1.ToolAccess{ObjectMeta: meta(namespace, "access"), Spec: v1alpha1.ToolAccessSpec{
		ServerRef: v1alpha1.LocalReference{Name: server}, Rules: rules,
	}}
}

func policy(name string, roles ...v1alpha1.FederatedRole) v1alpha1.FederationPolicy {
	return v1alpha1.FederationPolicy{ObjectMeta: meta("sales", name), Spec: v1alpha1.FederationPolicySpec{
		WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, Issuer: issuer, Audiences: []string{"https://tools.example.com/mcp"},
		Algorithms: []v1alpha1.SigningAlgorithm{"RS256"}, TokenType: v1alpha1.TokenTypeAccessToken,
		Claims: v1alpha1.FederationClaims{Role: "role"}, Roles: roles,
	}}
}

// selecting is a selector of namespaces by one label and, if given, of Roles by another.
func selecting(key, value string, roles map[string]string) *v1alpha1.RoleSelector {
	s := &v1alpha1.RoleSelector{}
	if key != "" {
		s.Namespaces.MatchLabels = map[string]string{key: value}
	}
	if roles != nil {
		s.Roles = &metav1.LabelSelector{MatchLabels: roles}
	}
	return s
}

var broken = []metav1.LabelSelectorRequirement{{Key: "tier", Operator: "Resembles", Values: []string{"partner"}}}

func gone(o metav1.Object) {
	now := metav1.NewTime(time.Unix(1, 0))
	o.SetDeletionTimestamp(&now)
}

// rules replaces the rules of the one ToolAccess.
func rules(r ...v1alpha1.AccessRule) change {
	return func(e *Estate) { e.Accesses[0].Spec.Rules = r }
}

// selects replaces the rules with one that selects Roles by labels.
func selects(s *v1alpha1.RoleSelector) change {
	return rules(v1alpha1.AccessRule{Name: "partners", Tools: []string{"query_deals"}, Selector: s})
}

func schema(text string) *apiextensionsv1.JSON { return &apiextensionsv1.JSON{Raw: []byte(text)} }
