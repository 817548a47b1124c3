// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

const (
	managerDeals = "sales/manager query_deals"
	westDeals    = "acme/west query_deals"
)

func TestCells(t *testing.T) {
	partners := selecting("tier", "partner", nil)
	for name, c := range map[string]struct {
		changes []change
		want    []string // "<role> <tool>" on the server sales/tools
		refused []string // "<role> <reason>"
	}{
		"a rule names a Role of its namespace": {want: []string{managerDeals}},
		"a rule without tools grants nothing":  {changes: []change{rules(v1alpha1.AccessRule{Roles: []string{"manager"}})}},
		"a rule names several tools and a Role that does not exist": {
			changes: []change{rules(v1alpha1.AccessRule{Tools: []string{"whoami", "query_deals"}, Roles: []string{"manager", "nobody"}})},
			want:    []string{managerDeals, "sales/manager whoami"},
		},
		"a rule cannot name a Role of another namespace":       {changes: []change{rules(v1alpha1.AccessRule{Tools: []string{"query_deals"}, Roles: []string{"west", "acme/west"}})}},
		"a tool that the server does not list is not served":   {changes: []change{rules(v1alpha1.AccessRule{Tools: []string{"drop_all"}, Roles: []string{"manager"}})}},
		"a tool is named by its toolName, not by its resource": {changes: []change{rules(v1alpha1.AccessRule{Tools: []string{"deals"}, Roles: []string{"manager"}})}},
		"two rules that say the same make one cell": {
			changes: []change{rules(
				v1alpha1.AccessRule{Tools: []string{"query_deals"}, Roles: []string{"manager"}},
				v1alpha1.AccessRule{Tools: []string{"query_deals", "query_deals"}, Roles: []string{"manager"}, Selector: selecting("tier", "internal", nil)},
			)},
			want: []string{managerDeals},
		},
		"a selector takes in Roles by the labels of their namespace":  {changes: []change{selects(partners)}, want: []string{westDeals}},
		"a selector narrows by Role labels":                           {changes: []change{selects(selecting("tier", "partner", map[string]string{"region": "west"}))}, want: []string{westDeals}},
		"a selector that no Role label fits selects nothing":          {changes: []change{selects(selecting("tier", "partner", map[string]string{"region": "east"}))}},
		"a tenant's own labels alone select nothing":                  {changes: []change{selects(selecting("", "", map[string]string{"region": "west"}))}},
		"labels of a Role do not stand in for those of its namespace": {changes: []change{selects(selecting("region", "west", nil))}},
		"an empty selector matches nothing":                           {changes: []change{selects(&v1alpha1.RoleSelector{})}},
		"no selector matches nothing":                                 {changes: []change{selects(nil)}},
		"a broken namespace selector matches nothing":                 {changes: []change{selects(&v1alpha1.RoleSelector{Namespaces: metav1.LabelSelector{MatchExpressions: broken}})}},
		"a broken Role selector matches nothing":                      {changes: []change{selects(&v1alpha1.RoleSelector{Namespaces: partners.Namespaces, Roles: &metav1.LabelSelector{MatchExpressions: broken}})}},
		"a namespace that is not known has no labels":                 {changes: []change{selects(partners), func(e *Inventory) { e.Namespaces = e.Namespaces[:1] }}},
		"a selector of what a namespace lacks still needs the namespace": {
			changes: []change{
				selects(&v1alpha1.RoleSelector{Namespaces: metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "x", Operator: metav1.LabelSelectorOpDoesNotExist}}}}),
				func(e *Inventory) { e.Namespaces = nil },
			},
		},
		"a ToolAccess that is being deleted grants nothing":   {changes: []change{func(e *Inventory) { gone(&e.Accesses[0]) }}},
		"a server that is being deleted serves nothing":       {changes: []change{func(e *Inventory) { gone(&e.Servers[0]) }}},
		"a Role that is being deleted holds nothing":          {changes: []change{func(e *Inventory) { gone(&e.Roles[0]) }}},
		"a selected Role that is being deleted holds nothing": {changes: []change{selects(partners), func(e *Inventory) { gone(&e.Roles[1]) }}},
		"a Tool that is being deleted is not served":          {changes: []change{func(e *Inventory) { gone(&e.Tools[0]) }}},
		"a ToolAccess means a server of its own namespace":    {changes: []change{func(e *Inventory) { e.Accesses[0].Namespace = "acme" }}},
		"a server serves Tools of its own namespace":          {changes: []change{func(e *Inventory) { e.Tools[0].Namespace = "acme" }}},
		"a Tool that cannot be checked is not served":         {changes: []change{func(e *Inventory) { e.Tools[0].Spec.SQL.Statement = "DROP TABLE x" }}},
		"a toolName that two Tools claim is served by neither": {changes: []change{func(e *Inventory) {
			e.Tools = append(e.Tools, sqlTool("copy", "query_deals"))
			e.Servers[0].Spec.ToolRefs = refs("deals", "copy")
		}}},
		"a toolName that three Tools claim is served by none": {changes: []change{func(e *Inventory) {
			e.Tools = append(e.Tools, sqlTool("copy", "query_deals"), sqlTool("copy2", "query_deals"))
			e.Servers[0].Spec.ToolRefs = refs("deals", "copy", "copy2")
		}}},
		"a Tool of the same toolName that the server does not list is no clash": {
			changes: []change{func(e *Inventory) { e.Tools = append(e.Tools, sqlTool("copy", "query_deals")) }}, want: []string{managerDeals},
		},
		"a Role of another workspace is refused": {
			changes: []change{func(e *Inventory) { e.Roles[0].Spec.WorkspaceRef.Name = "other" }}, refused: []string{"sales/manager Invalid"},
		},
		"a Role whose namespace has no Boundary is refused": {
			changes: []change{selects(partners), func(e *Inventory) { e.Boundaries = e.Boundaries[:1] }}, refused: []string{"acme/west NoBoundary"},
		},
		"a Role whose namespace two Boundaries name is refused": {
			changes: []change{selects(partners), func(e *Inventory) { e.Boundaries = append(e.Boundaries, boundaryOf("acme")) }}, refused: []string{"acme/west SeveralBoundaries"},
		},
		"a Role whose namespace was recreated is refused": {
			changes: []change{selects(partners), func(e *Inventory) { e.Namespaces[1].UID = "u-new" }}, refused: []string{"acme/west NamespaceRecreated"},
		},
		"the Boundary of the Role's namespace decides about the server": {
			changes: []change{selects(partners), func(e *Inventory) { e.Boundaries[1].Spec.Servers = []v1alpha1.NamePattern{"acme/*"} }},
			refused: []string{"acme/west OutsideBoundary"},
		},
		"the Boundary of the Role's namespace decides about the tool": {
			changes: []change{selects(partners), func(e *Inventory) { e.Boundaries[1].Spec.Tools = []v1alpha1.NamePattern{"whoami"} }},
			refused: []string{"acme/west OutsideBoundary"},
		},
		"the Boundary of another namespace does not matter": {
			changes: []change{selects(partners), func(e *Inventory) {
				e.Boundaries[0].Spec = v1alpha1.BoundarySpec{Namespaces: e.Boundaries[0].Spec.Namespaces}
			}},
			want: []string{westDeals},
		},
		"a refusal of one Role leaves the others, and is said once": {
			changes: []change{
				rules(v1alpha1.AccessRule{Tools: []string{"query_deals"}, Roles: []string{"manager"}, Selector: partners},
					v1alpha1.AccessRule{Tools: []string{"query_deals"}, Selector: partners}),
				func(e *Inventory) { e.Boundaries[1].Spec.Tools = nil },
			},
			want: []string{managerDeals}, refused: []string{"acme/west OutsideBoundary"},
		},
		"a Boundary without a grant that a tool needs takes that tool and no other": {
			changes: []change{
				rules(v1alpha1.AccessRule{Tools: []string{"query_deals", "whoami"}, Roles: []string{"manager"}}),
				func(e *Inventory) { e.Boundaries[0].Spec.Grants = nil },
			},
			want: []string{"sales/manager whoami"}, refused: []string{"sales/manager OutsideBoundary"},
		},
		"a Boundary without the warehouse takes every tool that needs it": {
			changes: []change{
				rules(v1alpha1.AccessRule{Tools: []string{"query_deals"}, Roles: []string{"manager"}}),
				func(e *Inventory) { e.Boundaries[0].Spec.Warehouses = []v1alpha1.NamePattern{"other"} },
			},
			refused: []string{"sales/manager OutsideBoundary"},
		},
		"a Boundary without the scope": {
			changes: []change{
				rules(v1alpha1.AccessRule{Tools: []string{"query_deals"}, Roles: []string{"manager"}}),
				func(e *Inventory) { e.Boundaries[0].Spec.Scopes = []v1alpha1.OAuthScope{"genie"} },
			},
			refused: []string{"sales/manager OutsideBoundary"},
		},
		"a Role that asks for a group outside its Boundary calls nothing": {
			changes: []change{
				rules(v1alpha1.AccessRule{Tools: []string{"query_deals", "whoami"}, Roles: []string{"manager"}}),
				func(e *Inventory) { e.Roles[0].Spec.MemberOf = []v1alpha1.AccountGroupName{"admins"} },
			},
			refused: []string{"sales/manager OutsideBoundary"},
		},
		"a rule that ends later counts": {
			changes: []change{rules(v1alpha1.AccessRule{Tools: []string{"query_deals"}, Roles: []string{"manager"}, Until: after(time.Second)})}, want: []string{managerDeals},
		},
		"a rule that ends now has ended":    {changes: []change{rules(v1alpha1.AccessRule{Tools: []string{"query_deals"}, Roles: []string{"manager"}, Until: after(0)})}},
		"a rule that ended gives nothing":   {changes: []change{rules(v1alpha1.AccessRule{Tools: []string{"query_deals"}, Roles: []string{"manager"}, Until: after(-time.Second)})}},
		"a rule that ended refuses nothing": {changes: []change{rules(v1alpha1.AccessRule{Tools: []string{"query_deals"}, Roles: []string{"manager"}, Until: after(-time.Second)}), func(e *Inventory) { e.Boundaries = nil }}},
		"without a clock a rule that ends counts not": {
			changes: []change{rules(v1alpha1.AccessRule{Tools: []string{"query_deals"}, Roles: []string{"manager"}, Until: after(time.Hour)}), func(e *Inventory) { e.Now = time.Time{} }},
		},
		"a rule that ended leaves what another gives": {
			changes: []change{rules(
				v1alpha1.AccessRule{Tools: []string{"query_deals", "whoami"}, Roles: []string{"manager"}, Until: after(-time.Hour)},
				v1alpha1.AccessRule{Tools: []string{"whoami"}, Roles: []string{"manager"}, Until: after(time.Hour)},
			)},
			want: []string{"sales/manager whoami"},
		},
		"a Role that asks for a grant outside its Boundary calls nothing": {
			changes: []change{
				rules(v1alpha1.AccessRule{Tools: []string{"query_deals"}, Roles: []string{"manager"}}),
				func(e *Inventory) {
					e.Roles[0].Spec.Grants = []v1alpha1.Grant{{Securable: v1alpha1.Securable{Type: "Table", Name: "main.hr.pay"}, Privileges: []v1alpha1.Privilege{"MODIFY"}}}
				},
			},
			refused: []string{"sales/manager OutsideBoundary"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			cells, refusals := inventory(c.changes...).Cells()
			var got, refused []string
			for _, cell := range cells {
				if cell.Server != "sales/tools" {
					t.Errorf("a cell of the server %s", cell.Server)
				}
				got = append(got, cell.Role+" "+cell.Tool)
			}
			for _, r := range refusals {
				if r.Message == "" {
					t.Errorf("the refusal of %s says nothing", r.Role)
				}
				refused = append(refused, r.Role+" "+r.Reason)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error("cells:", diff)
			}
			if diff := cmp.Diff(c.refused, refused); diff != "" {
				t.Error("refusals:", diff)
			}
		})
	}
}

func TestToolNamesAreThoseServedSorted(t *testing.T) {
	e := inventory(func(e *Inventory) {
		e.Tools = append(e.Tools, sqlTool("a", "twice"), sqlTool("b", "twice"))
		e.Servers[0].Spec.ToolRefs = refs("whoami", "a", "deals", "b", "missing")
	})
	if diff := cmp.Diff([]string{"query_deals", "whoami"}, e.ToolNames(&e.Servers[0])); diff != "" {
		t.Error(diff)
	}
}
