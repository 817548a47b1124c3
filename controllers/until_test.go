// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
)

var _ = Describe("a rule that ends", func() {
	It("takes its cells and their grants with it, and a later time brings them back", func() {
		e := newEstate().ready()
		west := []v1alpha1.AccessRow{{Role: e.tenant() + "/partner", Tools: []string{"deals"}}, {Role: e.Name + "/west", Tools: []string{}}}
		Expect(selects(e.West, "main.sales.deals")).To(BeTrue())
		end := metav1.NewTime(time.Now().Add(4 * time.Second).Truncate(time.Second)) // as JSON has it
		change(e.Access, func(a *v1alpha1.ToolAccess) { a.Spec.Rules[0].Until = &end })
		Eventually(func(g Gomega) {
			d := documentOf(g, e.Server)
			g.Expect(d.AllowRules[e.Name+"/west"]["deals"]).To(HaveLen(1))
			g.Expect(d.AllowRules[e.Name+"/west"]["deals"][0].Until.Unix()).To(Equal(end.Unix()))
			g.Expect(d.AllowRules).NotTo(HaveKey(e.tenant() + "/partner"))
		}).Should(Succeed())
		eventuallySays(e.Access, v1alpha1.ConditionRulesInForce, metav1.ConditionTrue, v1alpha1.ReasonInForce)
		Expect(e.Access.Status.NextEnd.Unix()).To(Equal(end.Unix()))

		By("waiting for the end, with nobody asking")
		Eventually(func(g Gomega) {
			g.Expect(fetch(e.Server)).To(Succeed())
			g.Expect(e.Server.Status.Access.Matrix[1].Tools).To(BeEmpty())
			g.Expect(documentOf(g, e.Server).Matrix[e.Name+"/west"]).To(BeEmpty())
		}).Should(Succeed())
		Eventually(func() bool { return selects(e.West, "main.sales.deals") }).Should(BeFalse())
		Expect(time.Now()).To(BeTemporally(">=", end.Time))
		Expect(selects(e.Partner, "main.sales.deals")).To(BeTrue())
		eventuallySays(e.Access, v1alpha1.ConditionRulesInForce, metav1.ConditionFalse, v1alpha1.ReasonRulesEnded, "staff")
		Expect(e.Access.Status.EndedRules).To(Equal([]string{"staff"}))
		Expect(e.Access.Status.NextEnd).To(BeNil())
		Expect(e.Access.Status.Cells).To(BeEquivalentTo(1))
		eventuallyReady(e.West, e.Partner, e.Access, e.Server)
		Expect(e.Server.Status.Access.Matrix[0]).To(Equal(west[0]))

		By("setting a later time")
		change(e.Access, func(a *v1alpha1.ToolAccess) { a.Spec.Rules[0].Until = new(metav1.NewTime(time.Now().Add(time.Hour))) })
		e.eventuallyMatrix(e.matrix()...)
		Eventually(func() bool { return selects(e.West, "main.sales.deals") }).Should(BeTrue())
		eventuallySays(e.Access, v1alpha1.ConditionRulesInForce, metav1.ConditionTrue, v1alpha1.ReasonInForce)
		eventuallyReady(e.West, e.Partner, e.Access, e.Server)
	})

	It("in the past is accepted, gives nothing and says so", func() {
		e := newEstate()
		e.Access.Spec.Rules[0].Until = new(metav1.NewTime(time.Now().Add(-time.Hour)))
		e.create()
		eventuallySays(e.Access, v1alpha1.ConditionRulesInForce, metav1.ConditionFalse, v1alpha1.ReasonRulesEnded, "the rule staff ended at")
		eventuallyReady(e.West, e.Partner, e.Policy, e.Access, e.Server)
		Expect(selects(e.West, "main.sales.deals")).To(BeFalse())
		Expect(selects(e.Partner, "main.sales.deals")).To(BeTrue())
	})
})

var _ = Describe("a rule with a condition", func() {
	It("gives grants and a conditional cell, and nothing while it cannot be used", func() {
		e := newEstate()
		e.Access.Spec.Rules[0].When = `caller.claims.department == 'sales'`
		e.ready()
		e.eventuallyMatrix(e.matrix()...)
		d := documentOf(Default, e.Server)
		Expect(d.Conditions).To(Equal(map[string]string{"matrix/staff": e.Access.Spec.Rules[0].When}))
		Expect(d.AllowRules[e.Name+"/west"]["deals"]).To(Equal([]access.AllowRule{{Rule: "matrix/staff"}}))
		Expect(selects(e.West, "main.sales.deals")).To(BeTrue())

		By("writing a condition that does not compile")
		change(e.Access, func(a *v1alpha1.ToolAccess) { a.Spec.Rules[0].When = "caller.role == 'x' &&\n  caller.emial == 'y'" })
		for _, condition := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionStalled} {
			status := metav1.ConditionFalse
			if condition == v1alpha1.ConditionStalled {
				status = metav1.ConditionTrue
			}
			eventuallySays(e.Access, condition, status, v1alpha1.ReasonInvalidExpression, "the rule staff", "line 2, column", "undeclared reference")
		}
		e.eventuallyMatrix(e.matrix()[0], v1alpha1.AccessRow{Role: e.Name + "/west"})
		Eventually(func() bool { return selects(e.West, "main.sales.deals") }).Should(BeFalse())
		Expect(selects(e.Partner, "main.sales.deals")).To(BeTrue())

		By("mending it")
		change(e.Access, func(a *v1alpha1.ToolAccess) { a.Spec.Rules[0].When = "" })
		e.eventuallyMatrix(e.matrix()...)
		eventuallyReady(e.West, e.Partner, e.Access, e.Server)
	})
})
