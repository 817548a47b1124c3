// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package faults_test

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// idp is a FederationPolicy for a Role of the same name.
func (w *world) idp(role string) *v1alpha1.FederationPolicy {
	return &v1alpha1.FederationPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: w.name, Name: "idp-" + role}, Spec: v1alpha1.FederationPolicySpec{
		WorkspaceRef: v1alpha1.LocalReference{Name: w.name}, Issuer: issuer, Audiences: []string{"https://tools.example.com/mcp"}, Claims: v1alpha1.FederationClaims{Role: "role"},
		Roles: []v1alpha1.FederatedRole{{Name: role, Subject: role}},
	}}
}

// tool is a Tool that reads a table.
func (w *world) tool(name, table string) *v1alpha1.Tool {
	return &v1alpha1.Tool{ObjectMeta: metav1.ObjectMeta{Namespace: w.name, Name: name}, Spec: v1alpha1.ToolSpec{
		ToolName: name, Description: "Rows.", Reads: []v1alpha1.SecurableName{v1alpha1.SecurableName("main.sales." + table)},
		SQL: &v1alpha1.SQLTool{Statement: "SELECT id FROM main.sales." + table},
	}}
}

// server is an MCPServer with one tool. It has no pods: there is no kubelet.
func (w *world) server(name, policy, tool string) *v1alpha1.MCPServer {
	return &v1alpha1.MCPServer{ObjectMeta: metav1.ObjectMeta{Namespace: w.name, Name: name}, Spec: v1alpha1.MCPServerSpec{
		WorkspaceRef: v1alpha1.LocalReference{Name: w.name}, WarehouseID: env.WarehouseID, Resource: "https://tools.example.com/mcp",
		FederationPolicyRefs: []v1alpha1.LocalReference{{Name: policy}}, ToolRefs: []v1alpha1.LocalReference{{Name: tool}}, Replicas: new(int32(0)),
	}}
}

// health is the Role that a server makes for itself. Nobody collects what it leaves here.
func (w *world) health(s *v1alpha1.MCPServer) *v1alpha1.Role {
	return &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: w.name, Name: s.Name + "-health"}}
}

// opens is a ToolAccess that opens a tool of a server to a Role.
func (w *world) opens(name, server, tool, role string) *v1alpha1.ToolAccess {
	return &v1alpha1.ToolAccess{ObjectMeta: metav1.ObjectMeta{Namespace: w.name, Name: name}, Spec: v1alpha1.ToolAccessSpec{
		ServerRef: v1alpha1.LocalReference{Name: server}, Rules: []v1alpha1.AccessRule{{Name: "all", Tools: []string{tool}, Roles: []string{role}}},
	}}
}
