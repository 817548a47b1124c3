// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

var _ = Describe("what a tenant may have", func() {
	It("shrinks with the ToolAccess: the grants go from Databricks, the cells from the matrix", func() {
		e := newEstate().ready()
		Expect(selects(e.West, "main.sales.deals")).To(BeTrue())
		Expect(selects(e.Partner, "main.sales.deals")).To(BeTrue())

		By("taking the tool that reads the table from west")
		change(e.Access, func(a *v1alpha1.ToolAccess) { a.Spec.Rules[0].Tools = []string{"whoami"} })
		e.eventuallyMatrix(v1alpha1.AccessRow{Role: e.tenant() + "/partner", Tools: []string{"deals"}}, v1alpha1.AccessRow{Role: e.Name + "/west", Tools: []string{"whoami"}})
		Eventually(func() bool { return selects(e.West, "main.sales.deals") }).Should(BeFalse())
		p, _ := principal(e.West)
		Eventually(func() []string { return emulator.Grants(GinkgoTB(), "schema", "main.sales", p.ApplicationID) }).Should(BeEmpty())
		Eventually(func() []string { return emulator.Grants(GinkgoTB(), "catalog", "main", p.ApplicationID) }).Should(BeEmpty())
		Expect(selects(e.Partner, "main.sales.deals")).To(BeTrue())
		eventuallyReady(e.West, e.Access, e.Server)
		Expect(e.West.Status.Scopes).To(Equal([]string{"sql"}))

		By("taking the tenant's label away")
		change(e.Namespaces[1], func(n *corev1.Namespace) { n.Labels["tier"] = "none" })
		e.eventuallyMatrix(v1alpha1.AccessRow{Role: e.Name + "/west", Tools: []string{"whoami"}})
		Eventually(func() bool { return selects(e.Partner, "main.sales.deals") }).Should(BeFalse())
		Eventually(func() []trust { _, policies := principal(e.Partner); return policies }).Should(BeEmpty())
		eventuallyReady(e.Partner, e.Policy)
	})

	It("is revoked also when it was taken away while it was being granted", func() {
		e := newEstate()
		e.Access.Spec.Rules[0].Tools = []string{"whoami"}
		e.ready()
		eventuallyQuiet()
		since := emulator.Last(GinkgoTB())
		const path = "/api/2.1/unity-catalog/permissions/table/main.sales.deals"
		emulator.Break(GinkgoTB(), env.Fault{Match: env.FaultMatch{Method: http.MethodPatch, PathRegex: path}, Stage: "before_commit", Action: "hold"})
		change(e.Access, func(a *v1alpha1.ToolAccess) { a.Spec.Rules[0].Tools = []string{"deals", "whoami"} })
		Expect(emulator.Held(GinkgoTB(), 60)).To(BeTrue())
		change(e.Access, func(a *v1alpha1.ToolAccess) { a.Spec.Rules[0].Tools = []string{"whoami"} })
		e.eventuallyMatrix(e.matrix()[0], v1alpha1.AccessRow{Role: e.Name + "/west", Tools: []string{"whoami"}})
		eventuallyReady(e.Access)
		emulator.Heal(GinkgoTB())
		Eventually(func() []string { return emulator.Writes(GinkgoTB(), since) }).Should(ContainElement("PATCH " + path))
		Eventually(func() bool { return selects(e.West, "main.sales.deals") }).Should(BeFalse())
		eventuallyQuiet()
		Expect(selects(e.West, "main.sales.deals")).To(BeFalse())
		eventuallyReady(e.West)
	})

	It("is nothing beyond the Boundary, and the condition says what was asked for and what is allowed", func() {
		e := newEstate().ready()
		eventuallyQuiet()
		since := emulator.Last(GinkgoTB())
		beyond := e.role(e.tenant(), "beyond")
		beyond.Spec.MemberOf = []v1alpha1.AccountGroupName{"hr"}
		beyond.Spec.Grants = []v1alpha1.Grant{{Securable: v1alpha1.Securable{Type: "Table", Name: "main.hr.salaries"}, Privileges: []v1alpha1.Privilege{"SELECT"}}}
		create(beyond)
		for _, condition := range []string{v1alpha1.ConditionWithinBoundary, v1alpha1.ConditionReady} {
			eventuallySays(beyond, condition, metav1.ConditionFalse, v1alpha1.ReasonOutsideBoundary,
				"asks for membership of the group hr; allowed: "+e.Name+"_*", "asks for SELECT on Table main.hr.salaries; allowed: SELECT on main.sales.*")
		}
		eventuallySays(beyond, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonOutsideBoundary)
		eventuallyQuiet()
		p, _ := principal(beyond)
		Expect(p).To(BeNil())
		Expect(emulator.Writes(GinkgoTB(), since)).To(BeEmpty())

		By("asking for what is allowed instead")
		change(beyond, func(r *v1alpha1.Role) { r.Spec.MemberOf, r.Spec.Grants = nil, nil })
		eventuallyReady(beyond)
		eventuallySays(beyond, v1alpha1.ConditionWithinBoundary, metav1.ConditionTrue, v1alpha1.ReasonAllowed)
	})

	It("is not widened by labels that the tenant writes", func() {
		e := newEstate()
		narrowed := e.Access.Spec.Rules[1].Selector
		narrowed.Roles = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "west"}}
		e.Partner.Labels = map[string]string{"team": "west"}
		stranger := e.role(e.Name+"-stranger", "stranger")
		stranger.Labels = map[string]string{"team": "west", "tier": e.Name}
		e.Namespaces = append(e.Namespaces, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: stranger.Namespace, Labels: map[string]string{"tier": "other"}}})
		e.Boundaries = append(e.Boundaries, e.boundary(stranger.Namespace, stranger.Namespace))
		unlabelled := e.role(e.tenant(), "unlabelled")
		e.ready()
		create(stranger, unlabelled)
		eventuallyReady(stranger, unlabelled)
		eventuallyReady(e.Access, e.Policy, e.Server)
		eventuallyQuiet()
		// The server knows `unlabelled`, whose namespace is trusted, and gives it no cell.
		e.eventuallyMatrix(e.matrix()[0], v1alpha1.AccessRow{Role: e.tenant() + "/unlabelled"}, e.matrix()[1])
		Expect(fetch(e.Access)).To(Succeed())
		Expect([]int32{e.Access.Status.Roles, e.Access.Status.Cells}).To(Equal([]int32{2, 3}))
		for _, r := range []*v1alpha1.Role{stranger, unlabelled} {
			Expect(fetch(r)).To(Succeed())
			Expect(selects(r, "main.sales.deals")).To(BeFalse())
			Expect(r.Status.Scopes).To(BeEmpty())
		}
		_, policies := principal(stranger)
		Expect(policies).To(BeEmpty())
	})

	It("is nothing without a Boundary", func() {
		e := newEstate()
		tenants := e.Boundaries[1]
		e.Boundaries = e.Boundaries[:1]
		e.create()
		eventuallySays(e.Partner, v1alpha1.ConditionWithinBoundary, metav1.ConditionFalse, v1alpha1.ReasonNoBoundary, e.tenant())
		eventuallySays(e.Access, v1alpha1.ConditionWithinBoundary, metav1.ConditionFalse, v1alpha1.ReasonNoBoundary, e.tenant())
		eventuallySays(e.Policy, v1alpha1.ConditionWithinBoundary, metav1.ConditionFalse, v1alpha1.ReasonNoBoundary, e.tenant())
		e.eventuallyWithoutPartner()

		By("giving it one")
		create(tenants)
		eventuallyReady(tenants, e.Partner, e.Policy, e.Access, e.Server)
		e.eventuallyMatrix(e.matrix()...)
	})

	It("is nothing in two Boundaries", func() {
		e := newEstate()
		first, second := e.Boundaries[1], e.boundary(e.tenant()+"-second", e.tenant())
		create(first, second) // before the Role: with one of them it would be allowed for a moment
		e.Boundaries = e.Boundaries[:1]
		e.create()
		eventuallySays(e.Partner, v1alpha1.ConditionWithinBoundary, metav1.ConditionFalse, v1alpha1.ReasonSeveralBoundaries, first.Name, second.Name)
		eventuallySays(e.Policy, v1alpha1.ConditionWithinBoundary, metav1.ConditionFalse, v1alpha1.ReasonSeveralBoundaries)
		e.eventuallyWithoutPartner()

		By("taking one of them away")
		remove(second)
		eventuallyReady(e.Partner, e.Policy, e.Access, e.Server)
		e.eventuallyMatrix(e.matrix()...)
	})

	It("is for neither of two Roles that want the same claim value", func() {
		e := newEstate()
		east := e.role(e.Name, "east")
		other := e.policy("other", v1alpha1.FederatedRole{Name: "east", Subject: "west"})
		e.Server.Spec.FederationPolicyRefs = append(e.Server.Spec.FederationPolicyRefs, v1alpha1.LocalReference{Name: "other"})
		e.Access.Spec.Rules[0].Roles = []string{"west", "east"}
		e.create()
		create(east, other)
		eventuallyReady(e.West, east, e.Partner, e.Access)
		eventuallySays(e.Server, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonConflict, `the claim value "west"`)
		e.eventuallyMatrix(e.matrix()[0])
		Eventually(func(g Gomega) {
			d := documentOf(g, e.Server)
			g.Expect(d.Issuers).To(HaveLen(2))
			g.Expect(d.Issuers[0].Subjects).To(Equal(map[string]string{e.tenant() + "/partner": e.tenant() + "/partner"}))
			g.Expect(d.Issuers[1].Subjects).To(BeEmpty())
		}).Should(Succeed())

		By("settling the dispute")
		change(other, func(p *v1alpha1.FederationPolicy) { p.Spec.Roles[0].Subject = "east" })
		eventuallyReady(e.Server, other, e.Policy)
		e.eventuallyMatrix(v1alpha1.AccessRow{Role: e.tenant() + "/partner", Tools: []string{"deals"}},
			v1alpha1.AccessRow{Role: e.Name + "/east", Tools: []string{"deals", "whoami"}}, v1alpha1.AccessRow{Role: e.Name + "/west", Tools: []string{"deals", "whoami"}})
	})
})

// eventuallyWithoutPartner waits until all but the tenant's Role is served, and that one has no service principal.
func (e *estate) eventuallyWithoutPartner() {
	GinkgoHelper()
	eventuallyReady(e.West, e.Server)
	e.eventuallyMatrix(e.matrix()[1])
	eventuallyQuiet()
	p, _ := principal(e.Partner)
	Expect(p).To(BeNil())
}
