// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// TestARoleMayExecuteAnMCPService: what is granted on an MCP service is found again, kept, and revoked.
func TestARoleMayExecuteAnMCPService(t *testing.T) {
	w := newWorld(t)
	const at = "/api/2.1/unity-catalog"
	w.emulator.Do(t, http.MethodPost, w.emulator.WorkspaceURL, at+"/connections", `{"name":"gh","connection_type":"HTTP","options":{"host":"https://api.example.com","bearer_token":"t","is_mcp_connection":"true"}}`, nil)
	w.emulator.Do(t, http.MethodPost, w.emulator.WorkspaceURL, at+"/mcp-services?mcp_service_id=gh&parent=schemas/main.sales", `{"config":{"source_connection":{"name":"connections/gh"}}}`, nil)
	var b v1alpha1.Boundary
	w.change(&b, "", "tenant", func() {
		b.Spec.Grants = append(b.Spec.Grants, v1alpha1.BoundaryGrant{Type: v1alpha1.SecurableMCPService, Names: []v1alpha1.NamePattern{"main.sales.*"}, Privileges: []v1alpha1.Privilege{"EXECUTE"}})
	})
	r := w.role("west")
	r.Spec.Grants = append(r.Spec.Grants, v1alpha1.Grant{Securable: v1alpha1.Securable{Type: v1alpha1.SecurableMCPService, Name: "main.sales.gh"}, Privileges: []v1alpha1.Privilege{"EXECUTE"}})
	env.Create(t, w.kube, r)
	w.settle("west")
	holds := func(want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, w.emulator.Grants(t, "mcp_service", "main.sales.gh", w.get("west").Status.ServicePrincipal.ApplicationID)); diff != "" {
			t.Error(diff)
		}
	}
	holds("EXECUTE")
	since := w.emulator.Last(t)
	w.settle("west")
	if writes := w.emulator.Writes(t, since); len(writes) > 0 {
		t.Errorf("a second pass writes: %v", writes)
	}
	w.change(&b, "", "tenant", func() { b.Spec.Grants = b.Spec.Grants[:len(b.Spec.Grants)-1] })
	_ = w.operator()(t.Context(), w.get("west"))
	holds()
}
