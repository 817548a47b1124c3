// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package boundary

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func named(name string, namespaces ...v1alpha1.BoundaryNamespace) v1alpha1.Boundary {
	return v1alpha1.Boundary{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.BoundarySpec{Namespaces: namespaces}}
}

func pinned(b v1alpha1.Boundary, name, uid string) v1alpha1.Boundary {
	b.Status.Namespaces = append(b.Status.Namespaces, v1alpha1.BoundaryNamespace{Name: name, UID: uid})
	return b
}

func TestFind(t *testing.T) {
	acme := v1alpha1.BoundaryNamespace{Name: "acme"}
	gone := pinned(named("gone", acme), "acme", "u1")
	gone.DeletionTimestamp = &metav1.Time{}
	*gone.DeletionTimestamp = metav1.Now()
	for name, c := range map[string]struct {
		all  []v1alpha1.Boundary
		want string
	}{
		"no Boundary names it":                       {[]v1alpha1.Boundary{named("a", v1alpha1.BoundaryNamespace{Name: "other"})}, v1alpha1.ReasonNoBoundary},
		"one names it and saw it":                    {[]v1alpha1.Boundary{pinned(named("a", acme), "acme", "u1")}, ""},
		"two name it":                                {[]v1alpha1.Boundary{pinned(named("a", acme), "acme", "u1"), named("b", acme)}, v1alpha1.ReasonSeveralBoundaries},
		"it was not seen yet":                        {[]v1alpha1.Boundary{named("a", acme)}, v1alpha1.ReasonPending},
		"it was recreated":                           {[]v1alpha1.Boundary{pinned(named("a", acme), "acme", "u0")}, v1alpha1.ReasonNamespaceRecreated},
		"it was recreated and accepted":              {[]v1alpha1.Boundary{pinned(named("a", v1alpha1.BoundaryNamespace{Name: "acme", UID: "u1"}), "acme", "u0")}, ""},
		"another one is accepted":                    {[]v1alpha1.Boundary{named("a", v1alpha1.BoundaryNamespace{Name: "acme", UID: "u2"})}, v1alpha1.ReasonNamespaceRecreated},
		"the Boundary is being deleted":              {[]v1alpha1.Boundary{gone}, v1alpha1.ReasonNoBoundary},
		"one of two that name it is being deleted":   {[]v1alpha1.Boundary{gone, pinned(named("a", acme), "acme", "u1")}, ""},
		"there is none at all":                       {nil, v1alpha1.ReasonNoBoundary},
		"a Boundary of a namespace with that prefix": {[]v1alpha1.Boundary{named("a", v1alpha1.BoundaryNamespace{Name: "acm"})}, v1alpha1.ReasonNoBoundary},
	} {
		t.Run(name, func(t *testing.T) {
			limits, denial := Find(Namespace{"acme", "u1"}, c.all)
			got := ""
			if denial != nil {
				got = denial.Reason
			}
			if got != c.want || (limits == nil) != (c.want != "") {
				t.Errorf("got %v, %q; want %q", limits, got, c.want)
			}
		})
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name, separator string
		want                     bool
	}{
		{"main.sales.deals", "main.sales.deals", ".", true},
		{"main.sales.*", "main.sales.deals", ".", true},
		{"main.*", "main.sales.deals", ".", false},
		{"main.*.deals", "main.sales.deals", ".", true},
		{"*.deals", "main.sales.deals", ".", false},
		{"*", "main", ".", true},
		{"*", "main.sales", ".", false},
		{"main.sales.d*s", "main.sales.deals", ".", true},
		{"main.sales.d*ls*", "main.sales.deals", ".", true},
		{"ab*ba", "aba", "", false},
		{"a*b*c", "a.b", "", false},
		{"sales_*", "sales_west", "", true},
		{"sales_*", "Sales_west", "", false},
		{"sales/*", "sales/tools", "/", true},
		{"*", "sales/tools", "/", false},
		{"*/*", "sales/tools", "/", true},
		{"query_*", "query_sales_data", "", true},
		{"", "x", "", false},
	} {
		if got := match(c.pattern, c.name, c.separator); got != c.want {
			t.Errorf("match(%q, %q, %q) = %v", c.pattern, c.name, c.separator, got)
		}
	}
}

func TestCheckSaysWhatWasAskedForAndWhatIsAllowed(t *testing.T) {
	l := &Limits{Name: "a", spec: v1alpha1.BoundarySpec{
		Workspaces: []v1alpha1.NamePattern{"main"},
		Groups:     v1alpha1.BoundaryGroups{MemberOf: []v1alpha1.NamePattern{"*"}},
		Grants: []v1alpha1.BoundaryGrant{{
			Type: v1alpha1.SecurableTable, Names: []v1alpha1.NamePattern{"main.sales.*"}, Privileges: []v1alpha1.Privilege{"SELECT"},
		}},
		Warehouses: []v1alpha1.NamePattern{"wh1"}, Scopes: []v1alpha1.OAuthScope{"sql"},
	}}
	allowed := Request{
		Workspace: "main", MemberOf: []string{"sales_west"}, Scopes: []string{"sql"},
		Grants: []Grant{{"Table", "main.sales.deals", "SELECT"}, {"Warehouse", "wh1", "CAN_USE"}},
	}
	if got := l.Check(allowed); len(got) != 0 {
		t.Errorf("refused what is allowed: %v", got)
	}
	got := l.Check(Request{
		Workspace: "other", MemberOf: []string{"admins", "Account Users"}, Scopes: []string{"genie"},
		Grants: []Grant{{"Table", "main.hr.salaries", "SELECT"}, {"Table", "main.sales.deals", "MODIFY"}, {"Table", "main.sales.deals", "MANAGE"}, {"Schema", "main.sales", "SELECT"}, {"Warehouse", "wh1", "CAN_MANAGE"}},
	})
	want := []string{
		"asks for the Workspace other; allowed: main",
		"asks for membership of the group admins; allowed: *",
		"asks for membership of the group Account Users; allowed: *",
		"asks for SELECT on Table main.hr.salaries; allowed: SELECT on main.sales.*",
		"asks for MODIFY on Table main.sales.deals; allowed: SELECT on main.sales.*",
		"asks for MANAGE on Table main.sales.deals; allowed: SELECT on main.sales.*",
		"asks for SELECT on Schema main.sales; allowed: none",
		"asks for CAN_MANAGE on Warehouse wh1; allowed: wh1",
		"asks for the scope genie; allowed: sql",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var empty Limits
	if got := empty.Check(allowed); len(got) != 5 || !strings.Contains(got[0], "allowed: none") {
		t.Errorf("an empty Boundary allowed something: %v", got)
	}
}

func TestGrantsOnObjectsOfEachKind(t *testing.T) {
	l := &Limits{Name: "a", spec: v1alpha1.BoundarySpec{
		Workspaces: []v1alpha1.NamePattern{"main"},
		Grants: []v1alpha1.BoundaryGrant{
			{Type: v1alpha1.SecurableConnection, Names: []v1alpha1.NamePattern{"crm", "crm-*"}, Privileges: []v1alpha1.Privilege{"USE_CONNECTION"}},
			{Type: v1alpha1.SecurableCatalog, Names: []v1alpha1.NamePattern{"*"}, Privileges: []v1alpha1.Privilege{"USE_CATALOG"}},
		},
		Warehouses: []v1alpha1.NamePattern{"wh1"}, GenieSpaces: []v1alpha1.NamePattern{"01f0*"}, ServingEndpoints: []v1alpha1.NamePattern{"support_*", "chat"},
	}}
	for _, c := range []struct {
		grant Grant
		// refused is what is said of it; empty means that it is allowed.
		refused string
	}{
		{Grant{"Connection", "crm", "USE_CONNECTION"}, ""},
		{Grant{"Connection", "crm-eu", "USE_CONNECTION"}, ""},
		{Grant{"Connection", "hr", "USE_CONNECTION"}, "asks for USE_CONNECTION on Connection hr; allowed: USE_CONNECTION on crm, USE_CONNECTION on crm-*"},
		{Grant{"Connection", "crm", "MANAGE"}, "asks for MANAGE on Connection crm; allowed: USE_CONNECTION on crm, USE_CONNECTION on crm-*"},
		{Grant{"Catalog", "crm", "USE_CONNECTION"}, "asks for USE_CONNECTION on Catalog crm; allowed: USE_CATALOG on *"},
		{Grant{GenieSpace, "01f0abc", "CAN_RUN"}, ""},
		{Grant{GenieSpace, "02f0abc", "CAN_RUN"}, "asks for CAN_RUN on GenieSpace 02f0abc; allowed: 01f0*"},
		{Grant{GenieSpace, "01f0abc", "CAN_EDIT"}, "asks for CAN_EDIT on GenieSpace 01f0abc; allowed: 01f0*"},
		{Grant{GenieSpace, "01f0abc", "CAN_MANAGE"}, "asks for CAN_MANAGE on GenieSpace 01f0abc; allowed: 01f0*"},
		{Grant{ServingEndpoint, "support_1", "CAN_QUERY"}, ""},
		{Grant{ServingEndpoint, "chat", "CAN_QUERY"}, ""},
		{Grant{GenieSpace, "01f0abc", "CAN_READ"}, ""},
		{Grant{GenieSpace, "02f0abc", "CAN_READ"}, "asks for CAN_READ on GenieSpace 02f0abc; allowed: 01f0*"},
		{Grant{ServingEndpoint, "chat", "CAN_VIEW"}, ""},
		{Grant{ServingEndpoint, "chat-2", "CAN_VIEW"}, "asks for CAN_VIEW on ServingEndpoint chat-2; allowed: support_*, chat"},
		{Grant{Warehouse, "wh1", "CAN_VIEW"}, "asks for CAN_VIEW on Warehouse wh1; allowed: wh1"},
		{Grant{ServingEndpoint, "chat-2", "CAN_QUERY"}, "asks for CAN_QUERY on ServingEndpoint chat-2; allowed: support_*, chat"},
		{Grant{ServingEndpoint, "chat", "CAN_MANAGE"}, "asks for CAN_MANAGE on ServingEndpoint chat; allowed: support_*, chat"},
		{Grant{ServingEndpoint, "chat", "CAN_USE"}, "asks for CAN_USE on ServingEndpoint chat; allowed: support_*, chat"},
		{Grant{Warehouse, "wh1", "CAN_USE"}, ""},
		{Grant{Warehouse, "01f0abc", "CAN_USE"}, "asks for CAN_USE on Warehouse 01f0abc; allowed: wh1"},
		{Grant{"Dashboard", "01f0abc", "CAN_RUN"}, "asks for CAN_RUN on Dashboard 01f0abc; allowed: none"},
	} {
		want := []string(nil)
		if c.refused != "" {
			want = []string{c.refused}
		}
		if diff := cmp.Diff(want, l.Check(Request{Workspace: "main", Grants: []Grant{c.grant}})); diff != "" {
			t.Errorf("%+v: %s", c.grant, diff)
		}
		if got := new(Limits).Grant(c.grant); got {
			t.Errorf("an empty Boundary allows %+v", c.grant)
		}
	}
}

func TestWhatDataPoliciesMayGovern(t *testing.T) {
	l := &Limits{Name: "a", spec: v1alpha1.BoundarySpec{
		Workspaces: []v1alpha1.NamePattern{"main"}, Warehouses: []v1alpha1.NamePattern{"wh1"},
		DataPolicies: v1alpha1.BoundaryDataPolicies{Tables: []v1alpha1.NamePattern{"main.sales.*"}, Functions: []v1alpha1.NamePattern{"main.sales.gh_*", "main.shared.mask"}},
	}}
	allowed := DataPolicy{Workspace: "main", Warehouse: "wh1", Table: "main.sales.deals", Functions: []string{"main.sales.gh_*", "main.shared.mask"}}
	if got := l.CheckDataPolicy(allowed); len(got) != 0 {
		t.Errorf("refused what is allowed: %v", got)
	}
	got := l.CheckDataPolicy(DataPolicy{Workspace: "other", Warehouse: "wh2", Table: "main.hr.salaries", Functions: []string{"main.hr.gh_*", "main.shared.other"}})
	want := []string{
		"asks for the Workspace other; allowed: main",
		"asks for CAN_USE on Warehouse wh2; allowed: wh1",
		"asks for governing the table main.hr.salaries; allowed: main.sales.*",
		"asks for the function main.hr.gh_*; allowed: main.sales.gh_*, main.shared.mask",
		"asks for the function main.shared.other; allowed: main.sales.gh_*, main.shared.mask",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// A pattern that takes in only some hashes would refuse the next change of a rule.
	l.spec.DataPolicies.Functions = []v1alpha1.NamePattern{"main.sales.gh_0*", "main.shared.mask"}
	if got := l.CheckDataPolicy(allowed); len(got) != 1 {
		t.Errorf("a part of the hashes is enough: %v", got)
	}
	var empty Limits
	if got := empty.CheckDataPolicy(allowed); len(got) != 5 {
		t.Errorf("an empty Boundary allowed something: %v", got)
	}
}

func TestWhatConnectionsMayLeadTo(t *testing.T) {
	l := &Limits{Name: "a", spec: v1alpha1.BoundarySpec{
		Workspaces: []v1alpha1.NamePattern{"main"},
		Connections: v1alpha1.BoundaryConnections{
			Names: []v1alpha1.NamePattern{"sales_*"}, Hosts: []v1alpha1.NamePattern{"API.example.com", "*.internal.example.com"}, MCPServices: []v1alpha1.NamePattern{"main.sales.*"},
		},
	}}
	allowed := Connection{Workspace: "main", Name: "sales_crm", Hosts: []string{"api.EXAMPLE.com", "login.internal.example.com"}, MCPService: "main.sales.crm"}
	if got := l.CheckConnection(allowed); len(got) != 0 {
		t.Errorf("refused what is allowed: %v", got)
	}
	const hosts = "; allowed: API.example.com, *.internal.example.com"
	if diff := cmp.Diff([]string{
		"asks for the Workspace other; allowed: main",
		"asks for the connection hr; allowed: sales_*",
		"asks for the host evil.example.com" + hosts,
		"asks for the host a.b.internal.example.com" + hosts,
		"asks for the host internal.example.com" + hosts,
		"asks for the host api.example.com.evil.org" + hosts,
		"asks for the host " + hosts,
		"asks for the MCP service main.hr.crm; allowed: main.sales.*",
	}, l.CheckConnection(Connection{
		Workspace: "other", Name: "hr", MCPService: "main.hr.crm",
		Hosts: []string{"evil.example.com", "a.b.internal.example.com", "internal.example.com", "api.example.com.evil.org", ""},
	})); diff != "" {
		t.Error(diff)
	}
	var empty Limits
	if got := empty.CheckConnection(allowed); len(got) != 5 {
		t.Errorf("an empty Boundary allowed something: %v", got)
	}
	l.spec.Connections.MCPServices = nil
	allowed.MCPService = ""
	if got := l.CheckConnection(allowed); len(got) != 0 {
		t.Errorf("a connection without an MCP service needs no pattern for one: %v", got)
	}
}

func TestGrantsOnMCPServices(t *testing.T) {
	l := &Limits{spec: v1alpha1.BoundarySpec{Grants: []v1alpha1.BoundaryGrant{{Type: v1alpha1.SecurableMCPService, Names: []v1alpha1.NamePattern{"main.sales.*"}, Privileges: []v1alpha1.Privilege{"EXECUTE"}}}}}
	for g, want := range map[Grant]bool{
		{"MCPService", "main.sales.crm", "EXECUTE"}: true,
		{"MCPService", "main.hr.crm", "EXECUTE"}:    false,
		{"MCPService", "main.sales.crm", "MANAGE"}:  false,
		{"Function", "main.sales.crm", "EXECUTE"}:   false,
	} {
		if got := l.Grant(g); got != want {
			t.Errorf("%+v: %v", g, got)
		}
	}
}

func TestWhatModelEndpointsMayConfigure(t *testing.T) {
	l := &Limits{Name: "sales", spec: v1alpha1.BoundarySpec{
		Workspaces:     []v1alpha1.NamePattern{"main"},
		ModelEndpoints: v1alpha1.BoundaryModelEndpoints{Names: []v1alpha1.NamePattern{"sales-*"}, PayloadTables: []v1alpha1.NamePattern{"main.logs.sales_*"}},
	}}
	for name, c := range map[string]struct {
		ask  ModelEndpoint
		want []string
	}{
		"what is allowed":          {ModelEndpoint{Workspace: "main", Endpoint: "sales-supervisor", PayloadTable: "main.logs.sales_a"}, nil},
		"no payload logging":       {ModelEndpoint{Workspace: "main", Endpoint: "sales-supervisor"}, nil},
		"another endpoint":         {ModelEndpoint{Workspace: "main", Endpoint: "hr"}, []string{"asks for configuring the serving endpoint hr; allowed: sales-*"}},
		"another workspace":        {ModelEndpoint{Workspace: "other", Endpoint: "sales-a"}, []string{"asks for the Workspace other; allowed: main"}},
		"another table":            {ModelEndpoint{Workspace: "main", Endpoint: "sales-a", PayloadTable: "main.hr.x"}, []string{"asks for payload logging into tables that begin with main.hr.x; allowed: main.logs.sales_*"}},
		"a pattern stays in parts": {ModelEndpoint{Workspace: "main", Endpoint: "sales-a", PayloadTable: "main.logs.sales_a.b"}, []string{"asks for payload logging into tables that begin with main.logs.sales_a.b; allowed: main.logs.sales_*"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := l.CheckModelEndpoint(c.ask); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	if got := (&Limits{}).CheckModelEndpoint(ModelEndpoint{Workspace: "main", Endpoint: "e", PayloadTable: "a.b.c"}); len(got) != 3 {
		t.Errorf("an empty Boundary allows some of it: %q", got)
	}
}
