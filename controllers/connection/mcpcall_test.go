// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/controllers/role"
	"github.com/gatehouse-dev/gatehouse/test/env"
	"github.com/gatehouse-dev/gatehouse/test/externaltest"
)

// github is an MCP server that only answers who has a token.
func github(t *testing.T, w *world, token string) (host string, port int32) {
	t.Helper()
	server := mcp.NewServer(&mcp.Implementation{Name: "github", Version: "1"}, &mcp.ServerOptions{PageSize: 2})
	for _, name := range []string{"delete_repository", "get_issue", "get_issues", "search_code", "search_users"} {
		server.AddTool(&mcp.Tool{Name: name, InputSchema: map[string]any{"type": "object"}}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "from " + name}}}, nil
		})
	}
	h := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: true})
	return w.Emulator.Upstream(t, func(out http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token || r.URL.Path != "/mcp" {
			out.WriteHeader(http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(out, r)
	})
}

// roles are the passes of a Role until it is Ready for its generation.
func (w *world) roles(name string) *v1alpha1.Role {
	w.T.Helper()
	loop := role.NewReconciler(w.Kube, events.NewFakeRecorder(1000), role.Options{Installation: externaltest.Installation, Connect: w.options().Connect})
	r := &v1alpha1.Role{}
	for range 12 {
		for _, step := range []func() error{
			func() error { return w.Kube.Get(w.T.Context(), client.ObjectKey{Namespace: "sales", Name: name}, r) },
			func() error { _, err := loop.Reconcile(w.T.Context(), r); return err },
			func() error { return w.Kube.Get(w.T.Context(), client.ObjectKey{Namespace: "sales", Name: name}, r) },
		} {
			if err := step(); err != nil {
				w.T.Logf("a pass: %v", err)
			}
		}
		ready := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionReady)
		if ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == r.Generation {
			return r
		}
	}
	w.T.Fatalf("%s did not settle: %+v", name, r.Status.Conditions)
	return nil
}

// TestARoleCallsTheToolsOfAnMCPService is the whole way: a Connection, a Role that may
// execute its service, and the Role's service principal with an MCP client.
func TestARoleCallsTheToolsOfAnMCPService(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	host, port := github(t, w, firstToken)
	grants := []v1alpha1.Grant{
		{Securable: v1alpha1.Securable{Type: v1alpha1.SecurableCatalog, Name: "main"}, Privileges: []v1alpha1.Privilege{"USE_CATALOG"}},
		{Securable: v1alpha1.Securable{Type: v1alpha1.SecurableSchema, Name: "main.shared"}, Privileges: []v1alpha1.Privilege{"USE_SCHEMA"}},
		{Securable: v1alpha1.Securable{Type: v1alpha1.SecurableMCPService, Name: serviceName}, Privileges: []v1alpha1.Privilege{"EXECUTE"}},
	}
	var b v1alpha1.Boundary
	if err := w.Kube.Get(t.Context(), client.ObjectKey{Name: "sales"}, &b); err != nil {
		t.Fatal(err)
	}
	b.Spec.Connections.Hosts = []v1alpha1.NamePattern{"127.0.0.1"}
	for _, g := range grants {
		b.Spec.Grants = append(b.Spec.Grants, v1alpha1.BoundaryGrant{Type: g.Type, Names: []v1alpha1.NamePattern{v1alpha1.NamePattern(g.Name)}, Privileges: g.Privileges})
	}
	if err := w.Kube.Update(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	c := declared("gh")
	c.Spec.Host, c.Spec.Port = v1alpha1.HTTPSHost(host), port
	env.Create(t, w.Kube, c, &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "sales", Name: "agent"}, Spec: v1alpha1.RoleSpec{
		WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, DisplayName: "Agent", Grants: grants,
	}})
	w.Settle("gh")
	agent := w.Emulator.As(t, w.roles("agent").Status.ServicePrincipal.ApplicationID)
	lists := func(what string, want ...string) {
		t.Helper()
		got, err := agent.Tools(t, serviceName)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", what, err, diff)
		}
	}
	lists("as declared", "get_issue", "search_code", "search_users")
	session, err := agent.Session(t, serviceName)
	if err != nil {
		t.Fatal(err)
	}
	calls := func(tool, want string) {
		t.Helper()
		out, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool})
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = out.Content[0].(*mcp.TextContent).Text
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s answered %q, want %q", tool, got, want)
		}
	}
	calls("search_code", "from search_code")
	calls("delete_repository", "unknown tool")

	w.edit("gh", func(s *v1alpha1.ConnectionSpec) { s.MCPService.Tools = []v1alpha1.ToolSelector{"get_*"} })
	w.Settle("gh")
	lists("with other selectors", "get_issue", "get_issues")
	calls("search_code", "unknown tool")
	calls("get_issues", "from get_issues")

	w.rotate(secondToken)
	w.Settle("gh")
	calls("get_issues", "refused the connection's credential")
	w.rotate(firstToken)
	w.Settle("gh")

	w.grants("agent", grants[:2])
	if _, err := agent.Tools(t, serviceName); err == nil || !strings.Contains(err.Error(), "Not Found") {
		t.Errorf("without its grant: %v", err)
	}
	calls("get_issues", "Not Found")
	w.grants("agent", grants)
	lists("with its grant again", "get_issue", "get_issues")
	w.quiet()
}

// grants changes what a Role is granted and waits until it is.
func (w *world) grants(name string, grants []v1alpha1.Grant) {
	w.T.Helper()
	r := w.roles(name)
	r.Spec.Grants = grants
	if err := w.Kube.Update(w.T.Context(), r); err != nil {
		w.T.Fatal(err)
	}
	w.roles(name)
}
