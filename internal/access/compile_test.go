// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func workspace() *v1alpha1.Workspace {
	return &v1alpha1.Workspace{ObjectMeta: metav1.ObjectMeta{Name: "main"}, Spec: v1alpha1.WorkspaceSpec{Host: "https://dbc-1.example.com", CABundle: "PEM"}}
}

func compile(t *testing.T, e Inventory) (Document, []Refusal) {
	t.Helper()
	d, refusals, err := e.Compile(&e.Servers[0], workspace(), Lookups{})
	if err != nil {
		t.Fatal(err)
	}
	return d, refusals
}

func TestCompile(t *testing.T) {
	e := inventory(func(e *Inventory) {
		e.Tools[0].Spec.InputSchema = schema(`{"type":"object","properties":{"region":{"type":"string"}}}`)
		e.Tools[0].Spec.SQL = &v1alpha1.SQLTool{Statement: "SELECT :region", MaxRows: 10, Parameters: []v1alpha1.SQLParameter{{Name: "region", Type: "STRING"}}}
		e.Tools[0].Spec.Title = "Deals"
		e.Tools[0].Spec.Behavior = v1alpha1.ToolBehavior{ReadOnly: v1alpha1.HintNo, Idempotent: v1alpha1.HintNo, OpenWorld: v1alpha1.HintYes, Destructive: v1alpha1.HintYes}
		e.Tools[1].Spec.Identity.Groups = []v1alpha1.AccountGroupName{"sales_west"}
		e.Servers[0].Spec.Limits = v1alpha1.ServerLimits{MaxTokenLifetimeSeconds: 1, MaxBodyBytes: 2, MaxConcurrentCalls: 3, CallTimeoutSeconds: 4}
		e.Servers[0].Spec.DeniedSubjects = []string{issuer + " mallory smith"}
		p := &e.Policies[0].Spec
		p.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "partner"}}
		p.Keys, p.CABundle = &v1alpha1.IssuerKeys{URI: issuer + "/keys", Inline: "{}"}, "CA"
		p.Claims = v1alpha1.FederationClaims{Role: "role", Email: "mail", Name: "called"}
		p.Audiences, p.AllowedClients, p.Algorithms = []string{"b", "a"}, []string{"d", "c"}, []v1alpha1.SigningAlgorithm{"RS256", "ES256"}
		e.Boundaries[0].Spec.IssuerNetwork = v1alpha1.IssuerNetworkAny
	})
	got, refusals := compile(t, e)
	if len(refusals) != 0 {
		t.Errorf("refused %v", refusals)
	}
	want := Document{
		Version: DocumentVersion, Server: "sales/tools", Pattern: "Federation", Resource: "https://tools.example.com/mcp",
		Workspace: Workspace{Name: "main", Host: "https://dbc-1.example.com", CABundle: "PEM", WarehouseID: "wh1"},
		Issuers: []Issuer{{
			Policy: "sales/idp", Issuer: issuer, Audiences: []string{"a", "b"}, JWKSURI: issuer + "/keys", JWKS: "{}", CABundle: "CA",
			Algorithms: []string{"ES256", "RS256"}, TokenType: "AccessToken", RoleClaim: "role", EmailClaim: "mail", NameClaim: "called",
			AllowedClients: []string{"c", "d"}, Network: "Any", Subjects: map[string]string{"sales-manager": "sales/manager", "acme/west": "acme/west"},
		}},
		Roles: map[string]Role{
			"sales/manager": {ApplicationID: "app-manager", Scopes: []string{"sql"}},
			"acme/west":     {ApplicationID: "app-west", Scopes: []string{}},
		},
		Matrix: map[string][]string{"sales/manager": {"query_deals"}, "acme/west": {}},
		Tools: []Tool{
			{
				Name: "query_deals", Title: "Deals", Description: "Reads.", InputSchema: json.RawMessage(`{"type":"object","properties":{"region":{"type":"string"}}}`),
				OpenWorld: true, Destructive: true,
				SQL: &SQLTool{Statement: "SELECT :region", MaxRows: 10, Parameters: []Parameter{{"region", "STRING"}}},
			},
			{
				Name: "whoami", Description: "Says who calls.", InputSchema: json.RawMessage(`{"additionalProperties":false,"properties":{},"type":"object"}`),
				ReadOnly: true, Idempotent: true, Identity: &IdentityTool{Groups: []string{"sales_west"}},
			},
		},
		Limits:         Limits{MaxTokenLifetimeSeconds: 1, MaxBodyBytes: 2, MaxConcurrentCalls: 3, CallTimeoutSeconds: 4},
		Dependencies:   []Dependency{{DependencyWarehouse, "wh1"}},
		DeniedSubjects: []Subject{{issuer, "mallory smith"}},
	}
	want.Hash = got.Hash
	if len(got.Hash) != 64 {
		t.Errorf("the hash is %q", got.Hash)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCompileLeavesOutWhatMayNotBe(t *testing.T) {
	clash := func(e *Inventory) { // both Roles claim the value sales-manager of one issuer
		e.Roles = append(e.Roles, role("sales", "second", "app-second", nil))
		e.Policies[0].Spec.Roles = append(e.Policies[0].Spec.Roles, v1alpha1.FederatedRole{Name: "second", Subject: "sales-manager"})
	}
	overTwoPolicies := func(e *Inventory) {
		e.Roles = append(e.Roles, role("sales", "second", "app-second", nil))
		e.Policies = append(e.Policies, policy("other", v1alpha1.FederatedRole{Name: "second", Subject: "sales-manager"}))
		e.Servers[0].Spec.FederationPolicyRefs = refs("idp", "other")
	}
	whole := []string{"sales/manager=sales-manager: query_deals"}
	for name, c := range map[string]struct {
		changes []change
		roles   []string // "<role>=<subjects>: <tools>"
		tools   string
		issuers int
		refused []string
	}{
		"nothing is wrong": {roles: whole, tools: "query_deals whoami", issuers: 1},
		"cells of another server": {
			changes: []change{func(e *Inventory) {
				other := *e.Servers[0].DeepCopy()
				other.Name = "other"
				e.Servers = append(e.Servers, other)
				e.Accesses = append(e.Accesses, access("sales", "other", v1alpha1.AccessRule{Tools: []string{"whoami"}, Roles: []string{"manager"}}))
			}},
			roles: whole, tools: "query_deals whoami", issuers: 1,
		},
		"a policy that does not exist": {
			changes: []change{func(e *Inventory) { e.Servers[0].Spec.FederationPolicyRefs = refs("idp", "none") }},
			roles:   whole, tools: "query_deals whoami", issuers: 1, refused: []string{" PolicyNotFound"},
		},
		"a policy of another namespace": {
			changes: []change{func(e *Inventory) { e.Policies[0].Namespace = "acme" }}, tools: "query_deals whoami", refused: []string{" PolicyNotFound"},
		},
		"a policy that is being deleted": {
			changes: []change{func(e *Inventory) { gone(&e.Policies[0]) }}, tools: "query_deals whoami", refused: []string{" PolicyNotFound"},
		},
		"an issuer that the server's Boundary does not allow": {
			changes: []change{func(e *Inventory) { e.Boundaries[0].Spec.Issuers = nil }}, tools: "query_deals whoami", refused: []string{" OutsideBoundary"},
		},
		"a server whose namespace no Boundary names": {
			changes: []change{func(e *Inventory) { e.Boundaries = e.Boundaries[1:] }}, tools: "query_deals whoami",
			refused: []string{" NoBoundary", "sales/manager NoBoundary"},
		},
		"a tool that does not exist": {
			changes: []change{func(e *Inventory) { e.Servers[0].Spec.ToolRefs = refs("deals", "none") }},
			roles:   whole, tools: "query_deals", issuers: 1, refused: []string{" ToolNotFound"},
		},
		"a tool that is being deleted": {
			changes: []change{func(e *Inventory) { gone(&e.Tools[1]) }}, roles: whole, tools: "query_deals", issuers: 1, refused: []string{" ToolNotFound"},
		},
		"a tool whose schema is wrong": {
			changes: []change{func(e *Inventory) { e.Tools[1].Spec.InputSchema = schema(`[]`) }}, roles: whole, tools: "query_deals", issuers: 1, refused: []string{" InvalidSchema"},
		},
		"a toolName that two Tools have": {
			changes: []change{func(e *Inventory) { e.Tools[1].Spec.ToolName = "query_deals" }},
			roles:   []string{"sales/manager=sales-manager: "}, issuers: 1, refused: []string{" Conflict"},
		},
		"a Role without a service principal": {
			changes: []change{func(e *Inventory) { e.Roles[0].Status.ServicePrincipal.ApplicationID = "" }}, tools: "query_deals whoami", issuers: 1,
		},
		"a Role with cells that no policy reaches": {
			changes: []change{selects(selecting("tier", "partner", nil))}, roles: []string{"sales/manager=sales-manager: "}, tools: "query_deals whoami", issuers: 1,
		},
		"a claim value of two Roles of one policy counts for neither": {
			changes: []change{clash}, tools: "query_deals whoami", issuers: 1, refused: []string{"sales/second Conflict"},
		},
		"a claim value of two Roles over two policies of an issuer counts for neither": {
			changes: []change{overTwoPolicies}, tools: "query_deals whoami", issuers: 2, refused: []string{"sales/manager Conflict", "sales/second Conflict"},
		},
		"the same claim value at two issuers is two values": {
			changes: []change{overTwoPolicies, func(e *Inventory) {
				e.Policies[1].Spec.Issuer = "https://second.example.com"
				e.Boundaries[0].Spec.Issuers = append(e.Boundaries[0].Spec.Issuers, "https://second.example.com")
			}},
			roles: append(slices.Clone(whole), "sales/second=sales-manager: "), tools: "query_deals whoami", issuers: 2,
		},
		"a conflict over one value leaves a Role its other value": {
			changes: []change{clash, func(e *Inventory) {
				e.Policies[0].Spec.Roles = append(e.Policies[0].Spec.Roles, v1alpha1.FederatedRole{Name: "manager", Subject: "boss"})
			}},
			roles: []string{"sales/manager=boss: query_deals"}, tools: "query_deals whoami", issuers: 1, refused: []string{"sales/second Conflict"},
		},
		"one Role with the same value in two policies is no conflict": {
			changes: []change{overTwoPolicies, func(e *Inventory) { e.Policies[1].Spec.Roles[0].Name = "manager" }},
			roles:   []string{"sales/manager=sales-manager,sales-manager: query_deals"}, tools: "query_deals whoami", issuers: 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, refusals := compile(t, inventory(c.changes...))
			subjects := map[string][]string{}
			for _, i := range d.Issuers {
				for s, r := range i.Subjects {
					subjects[r] = append(subjects[r], s)
				}
			}
			var roles, refused, tools []string
			for key := range d.Roles {
				roles = append(roles, fmt.Sprintf("%s=%s: %s", key, strings.Join(subjects[key], ","), strings.Join(d.Matrix[key], " ")))
			}
			if len(d.Matrix) != len(d.Roles) || len(subjects) != len(d.Roles) {
				t.Errorf("roles, matrix and subjects do not name the same: %v, %v, %v", d.Roles, d.Matrix, subjects)
			}
			for _, r := range refusals {
				refused = append(refused, r.Role+" "+r.Reason)
			}
			for _, tool := range d.Tools {
				tools = append(tools, tool.Name)
			}
			slices.Sort(roles)
			if diff := cmp.Diff(c.roles, roles); diff != "" {
				t.Error("roles:", diff)
			}
			if diff := cmp.Diff(c.refused, refused); diff != "" {
				t.Error("refusals:", diff)
			}
			if got := strings.Join(tools, " "); got != c.tools || len(d.Issuers) != c.issuers {
				t.Errorf("tools %q, %d issuers", got, len(d.Issuers))
			}
		})
	}
}

func TestTheOrderOfTheEstateDoesNotChangeTheDocument(t *testing.T) {
	fill := func(e *Inventory) {
		e.Roles = append(e.Roles, role("sales", "second", "app-second", nil))
		e.Policies = append(e.Policies, policy("other", v1alpha1.FederatedRole{Name: "second", Subject: "second"}))
		e.Servers[0].Spec.FederationPolicyRefs = refs("idp", "other")
		e.Servers[0].Spec.DeniedSubjects = []string{issuer + " a", issuer + " b"}
		e.Policies[0].Spec.Audiences = []string{"a", "b"}
		e.Accesses = append(e.Accesses, access("sales", "tools", v1alpha1.AccessRule{Tools: []string{"whoami", "query_deals"}, Roles: []string{"second", "manager"}}))
	}
	e := inventory(fill)
	want, _ := compile(t, e)
	slices.Reverse(e.Roles)
	slices.Reverse(e.Policies)
	slices.Reverse(e.Tools)
	slices.Reverse(e.Accesses)
	slices.Reverse(e.Boundaries)
	slices.Reverse(e.Namespaces)
	slices.Reverse(e.Servers[0].Spec.ToolRefs)
	slices.Reverse(e.Servers[0].Spec.FederationPolicyRefs)
	slices.Reverse(e.Servers[0].Spec.DeniedSubjects)
	for i := range e.Policies {
		slices.Reverse(e.Policies[i].Spec.Audiences)
	}
	slices.Reverse(e.Accesses[0].Spec.Rules[0].Tools)
	got, _ := compile(t, e)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
