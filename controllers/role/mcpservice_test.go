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
	w.Emulator.Do(t, http.MethodPost, w.Emulator.WorkspaceURL, at+"/connections", `{"name":"gh","connection_type":"HTTP","options":{"host":"https://api.example.com","bearer_token":"t","is_mcp_connection":"true"}}`, nil)
	w.Emulator.Do(t, http.MethodPost, w.Emulator.WorkspaceURL, at+"/mcp-services?mcp_service_id=gh&parent=schemas/main.sales", `{"config":{"source_connection":{"name":"connections/gh"}}}`, nil)
	w.Bound("tenant", func(b *v1alpha1.BoundarySpec) {
		b.Grants = append(b.Grants, v1alpha1.BoundaryGrant{Type: v1alpha1.SecurableMCPService, Names: []v1alpha1.NamePattern{"main.sales.*"}, Privileges: []v1alpha1.Privilege{"EXECUTE"}})
	})
	r := w.role("west")
	r.Spec.Grants = append(r.Spec.Grants, v1alpha1.Grant{Securable: v1alpha1.Securable{Type: v1alpha1.SecurableMCPService, Name: "main.sales.gh"}, Privileges: []v1alpha1.Privilege{"EXECUTE"}})
	env.Create(t, w.Kube, r)
	w.Settle("west")
	holds := func(want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, w.Emulator.Grants(t, "mcp_service", "main.sales.gh", w.Get("west").Status.ServicePrincipal.ApplicationID)); diff != "" {
			t.Error(diff)
		}
	}
	holds("EXECUTE")
	since := w.Emulator.Last(t)
	w.Settle("west")
	w.WroteNothing(since)
	w.Bound("tenant", func(b *v1alpha1.BoundarySpec) { b.Grants = b.Grants[:len(b.Grants)-1] })
	_ = w.operator()(t.Context(), w.Get("west"))
	holds()
}
