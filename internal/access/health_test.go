// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// ownedBy says that a server is the controller of an object.
func ownedBy(server string) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: v1alpha1.GroupVersion.String(), Kind: "MCPServer", Name: server, UID: "u-tools", Controller: new(true)}
}

// watched adds the Role that the server has for itself, as it is when it is ready.
func watched(e *Estate) {
	e.Servers[0].UID = "u-tools"
	r := role("sales", "tools-health", "app-health", nil)
	r.OwnerReferences = []metav1.OwnerReference{ownedBy("tools")}
	r.Spec.ServiceAccountName = "tools"
	r.Status.Trust = v1alpha1.RoleTrust{PolicyID: "p", Subject: "system:serviceaccount:sales:tools"}
	e.Roles = append(e.Roles, r)
}

// everyType makes the server serve a tool of each type.
func everyType(e *Estate) {
	add := func(name string, spec v1alpha1.ToolSpec) {
		spec.ToolName, spec.Description = name, "x"
		e.Tools = append(e.Tools, v1alpha1.Tool{ObjectMeta: meta("sales", name), Spec: spec})
		e.Servers[0].Spec.ToolRefs = append(e.Servers[0].Spec.ToolRefs, refs(name)...)
	}
	add("genie", v1alpha1.ToolSpec{Genie: &v1alpha1.GenieTool{SpaceID: "space", WarehouseID: "wh2"}})
	add("search", v1alpha1.ToolSpec{VectorSearch: &v1alpha1.VectorSearchTool{Index: "main.sales.notes", Columns: []v1alpha1.ColumnName{"text"}}})
	add("agent", v1alpha1.ToolSpec{Serving: &v1alpha1.ServingTool{Endpoint: "chat", Agents: []v1alpha1.ServingAgent{{Index: "main.sales.notes"}, {GenieSpaceID: "inner"}}}})
	add("api", v1alpha1.ToolSpec{HTTP: &v1alpha1.HTTPTool{Connection: "crm", Allow: []v1alpha1.HTTPRoute{{Method: "GET", Path: "/a"}}}})
	add("quote", v1alpha1.ToolSpec{Function: &v1alpha1.FunctionTool{Name: "main.sales.quote"}})
}

func TestTheServersOwnRoleNeedsToSeeAndNoMore(t *testing.T) {
	e := estate(everyType, watched)
	for _, tool := range e.Tools {
		if e.toolsOf(&e.Servers[0])[tool.Spec.ToolName].Tool == nil {
			t.Fatalf("%s is not served", tool.Name)
		}
	}
	own := &e.Roles[len(e.Roles)-1]
	cells, _ := e.Cells()
	needs := e.Needs(own, cells)
	var got []string
	for _, g := range needs.Grants {
		got = append(got, g.Type+" "+g.Name+" "+g.Privilege+": "+strings.Join(g.From, ","))
	}
	want := []string{
		"Connection crm USE_CONNECTION: sales/tools:api",
		"GenieSpace inner CAN_READ: sales/tools:agent",
		"GenieSpace space CAN_READ: sales/tools:genie",
		"Schema main.sales BROWSE: sales/tools:quote",
		"ServingEndpoint chat CAN_VIEW: sales/tools:agent",
		"Table main.sales.notes BROWSE: sales/tools:agent,sales/tools:search",
		"Warehouse wh1 CAN_USE: sales/tools:agent,sales/tools:api,sales/tools:query_deals,sales/tools:quote,sales/tools:whoami",
		"Warehouse wh2 CAN_USE: sales/tools:genie",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	scopes := []string{"dashboards.genie", "genie", "model-serving", "sql", "unity-catalog", "vector-search"}
	if diff := cmp.Diff(scopes, needs.Scopes); diff != "" {
		t.Error(diff)
	}
	d, _ := compile(t, e)
	if diff := cmp.Diff(&Health{"app-health", scopes}, d.Health); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Dependency{
		{"Connection", "crm"}, {"Function", "main.sales.quote"}, {"GenieSpace", "inner"}, {"GenieSpace", "space"},
		{"Index", "main.sales.notes"}, {"ServingEndpoint", "chat"}, {"Warehouse", "wh1"}, {"Warehouse", "wh2"},
	}, d.Dependencies); diff != "" {
		t.Error(diff)
	}
}

// TestTheServersOwnRoleIsNobodyElses: it has no cells and no identity provider, however it is meant.
func TestTheServersOwnRoleIsNobodyElses(t *testing.T) {
	e := estate(watched, rules(
		v1alpha1.AccessRule{Name: "named", Tools: []string{"query_deals"}, Roles: []string{"tools-health"}},
		v1alpha1.AccessRule{Name: "selected", Tools: []string{"query_deals"}, Selector: selecting("tier", "internal", nil)},
	), func(e *Estate) {
		e.Policies[0].Spec.Roles = append(e.Policies[0].Spec.Roles, v1alpha1.FederatedRole{Name: "tools-health", Subject: "mallory"})
		e.Policies[0].Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "internal"}}
	})
	cells, _ := e.Cells()
	if diff := cmp.Diff([]Cell{{"sales/tools", "sales/manager", "query_deals"}}, cells); diff != "" {
		t.Error(diff)
	}
	bindings, refusals := e.Bindings(&e.Policies[0])
	for _, b := range bindings {
		if b.Role.Name == "tools-health" {
			t.Errorf("bound as %s", b.Subject)
		}
	}
	if !slices.ContainsFunc(refusals, func(r Refusal) bool { return r.Role == "sales/tools-health" && r.Reason == v1alpha1.ReasonInvalid }) {
		t.Errorf("refused %v", refusals)
	}
	d, _ := compile(t, e)
	if _, there := d.Roles["sales/tools-health"]; there {
		t.Error("the document has it among the roles")
	}
}

func TestWithoutAReadyRoleThereIsNoHealth(t *testing.T) {
	own := func(e *Estate) *v1alpha1.Role { return &e.Roles[len(e.Roles)-1] }
	for name, change := range map[string]change{
		"without a service principal":     func(e *Estate) { own(e).Status.ServicePrincipal.ApplicationID = "" },
		"before its policy was seen":      func(e *Estate) { own(e).Status.Trust.Subject = "" },
		"with a policy for another":       func(e *Estate) { own(e).Status.Trust.Subject = "system:serviceaccount:sales:other" },
		"while it goes":                   func(e *Estate) { gone(own(e)) },
		"under another name":              func(e *Estate) { own(e).Name = "tools-healthy" },
		"when it is nobody's":             func(e *Estate) { own(e).OwnerReferences = nil },
		"when it is of an earlier server": func(e *Estate) { own(e).OwnerReferences[0].UID = "u-before" },
		"when it is of another kind":      func(e *Estate) { own(e).OwnerReferences[0].Kind = "Deployment" },
		"without tools":                   func(e *Estate) { e.Servers[0].Spec.ToolRefs = nil },
	} {
		t.Run(name, func(t *testing.T) {
			if d, _ := compile(t, estate(watched, change)); d.Health != nil {
				t.Errorf("it is %+v", d.Health)
			}
		})
	}
	if d, _ := compile(t, estate(watched)); d.Health == nil {
		t.Error("there is none when the Role is ready")
	}
}
