// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

var _ = DescribeTable("deleting a Role, its FederationPolicy and its ToolAccess leaves nothing, whatever goes first",
	func(order ...string) {
		for _, patient := range []bool{true, false} {
			e := newEstate().ready()
			objects := map[string]external.Object{"Role": e.West, "FederationPolicy": e.Policy, "ToolAccess": e.Access}
			sp, policies := principal(e.West)
			Expect(policies).To(HaveLen(1))
			for _, kind := range order {
				if patient {
					remove(objects[kind])
				} else {
					erase(objects[kind])
				}
			}
			for _, kind := range order {
				eventuallyGone(objects[kind])
			}
			Eventually(func() []string { return of(e) }).Should(ConsistOf(
				installation+"/role/"+e.tenant()+"/partner", installation+"/group/"+e.Name+"_partner", installation+"/role/"+e.Name+"/tools-health"))
			Expect(emulator.State(GinkgoTB()).Principals).NotTo(HaveKey(sp.ID))

			By("leaving the tenant's Role and the server as they should be")
			eventuallyReady(e.Partner, e.Deals, e.Whoami)
			Eventually(func() bool { return selects(e.Partner, "main.sales.deals") }).Should(BeFalse())
			Eventually(func(g Gomega) {
				g.Expect(fetch(e.Server)).To(Succeed())
				g.Expect(e.Server.Status.Access.Matrix).To(BeEmpty())
				g.Expect(documentOf(g, e.Server).Issuers).To(BeEmpty())
			}).Should(Succeed())
			remove(e.Partner, e.Server)
			remove(own(e.Server)) // there is no garbage collection here
			Expect(of(e)).To(BeEmpty())
			eventuallyGone(reviewer(e.Server))
		}
	},
	func(order ...string) string { return strings.Join(order, ", ") },
	Entry(nil, "Role", "FederationPolicy", "ToolAccess"),
	Entry(nil, "Role", "ToolAccess", "FederationPolicy"),
	Entry(nil, "FederationPolicy", "Role", "ToolAccess"),
	Entry(nil, "FederationPolicy", "ToolAccess", "Role"),
	Entry(nil, "ToolAccess", "Role", "FederationPolicy"),
	Entry(nil, "ToolAccess", "FederationPolicy", "Role"),
)

var _ = It("lets objects go that never had anything in Databricks, whatever is missing", func() {
	e := newEstate()
	e.West.Spec.WorkspaceRef.Name, e.Policy.Spec.WorkspaceRef.Name, e.Server.Spec.WorkspaceRef.Name = "none", "none", "none"
	for _, b := range e.Boundaries {
		b.Spec.Workspaces = []v1alpha1.NamePattern{"*"}
	}
	e.create()
	eventuallySays(e.West, v1alpha1.ConditionReady, "False", v1alpha1.ReasonWorkspaceNotFound, "none")
	eventuallySays(e.Server, v1alpha1.ConditionReady, "False", v1alpha1.ReasonWorkspaceNotFound, "none")
	remove(e.West, e.Policy, e.Access, e.Server)
})

// of names what of an estate is left in Databricks.
func of(e *estate) []string {
	GinkgoHelper()
	var out []string
	for _, mark := range ours() {
		if strings.Contains(mark, "/"+e.Name+"/") || strings.Contains(mark, "/"+e.tenant()+"/") || strings.Contains(mark, "/"+e.Name+"_") {
			out = append(out, mark)
		}
	}
	return out
}
