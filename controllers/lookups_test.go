// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"encoding/json"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

var _ = It("types the arguments of a function tool by the function's signature, once the function is there", func() {
	e := newEstate()
	name := "main.sales." + e.Name + "_discount"
	tool := &v1alpha1.Tool{ObjectMeta: metav1.ObjectMeta{Namespace: e.Name, Name: "discount"}, Spec: v1alpha1.ToolSpec{
		ToolName: "discount", Description: "The discount of an amount.", Function: &v1alpha1.FunctionTool{Name: v1alpha1.SecurableName(name)},
	}}
	e.Server.Spec.ToolRefs = append(e.Server.Spec.ToolRefs, v1alpha1.LocalReference{Name: "discount"})
	e.create()
	create(tool)
	eventuallySays(e.Server, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonFunctionNotFound, name)
	Eventually(func(g Gomega) {
		names := []string{}
		for _, t := range documentOf(g, e.Server).Tools {
			names = append(names, t.Name)
		}
		g.Expect(names).To(ConsistOf("deals", "whoami"), "the others are served meanwhile")
	}).Should(Succeed())

	emulator.SQL(GinkgoTB(), "CREATE FUNCTION "+name+"(amount DECIMAL(18,2), day DATE, code INT) RETURNS DOUBLE RETURN 0.1")
	Eventually(func(g Gomega) {
		ask(e.Server)
		var schema struct {
			Properties map[string]struct{ Type string }
			Required   []string
		}
		found := false
		for _, t := range documentOf(g, e.Server).Tools {
			if t.Function == nil {
				continue
			}
			found = true
			g.Expect(json.Unmarshal(t.InputSchema, &schema)).To(Succeed())
			g.Expect(t.Function.Parameters).To(HaveLen(3))
			g.Expect(t.Function.Parameters[0].Type).To(Equal("DECIMAL(18,2)"))
		}
		g.Expect(found).To(BeTrue())
		g.Expect(schema.Properties).To(HaveKeyWithValue("amount", struct{ Type string }{"string"}))
		g.Expect(schema.Properties).To(HaveKeyWithValue("code", struct{ Type string }{"integer"}))
		g.Expect(schema.Required).To(ConsistOf("amount", "day", "code"))
	}).WithTimeout(2 * time.Minute).WithPolling(time.Second).Should(Succeed())
	eventuallyReady(e.Server)
})

var _ = It("says when a pod's share of a limit is less than one call in a minute, and divides Genie's over all servers", func() {
	e := newEstate()
	genie := &v1alpha1.Tool{ObjectMeta: metav1.ObjectMeta{Namespace: e.Name, Name: "genie"}, Spec: v1alpha1.ToolSpec{
		ToolName: "ask", Description: "Asks.", Genie: &v1alpha1.GenieTool{SpaceID: "01f00000000010008000000000000001"},
	}}
	e.Server.Spec.ToolRefs = append(e.Server.Spec.ToolRefs, v1alpha1.LocalReference{Name: "genie"})
	e.create()
	create(genie)
	eventuallySays(e.Server, v1alpha1.ConditionRateLimitsShared, metav1.ConditionTrue, v1alpha1.ReasonAllowed)
	Eventually(func(g Gomega) {
		rate := documentOf(g, e.Server).Limits.Genie
		g.Expect(rate).NotTo(BeNil())
		g.Expect(*rate).To(HaveField("Declared", BeEquivalentTo(5)))
	}).Should(Succeed())

	By("having more pods than questions")
	change(e.Server, func(s *v1alpha1.MCPServer) { s.Spec.Replicas = new(int32(8)) })
	eventuallySays(e.Server, v1alpha1.ConditionRateLimitsShared, metav1.ConditionFalse, v1alpha1.ReasonShareBelowOne, "questions to Genie", "rateLimitStore")

	By("naming a store, in which the pods count together")
	change(e.Server, func(s *v1alpha1.MCPServer) {
		s.Spec.RateLimitStore = &v1alpha1.RateLimitStore{Address: "valkey.tools.svc:6379"}
	})
	eventuallySays(e.Server, v1alpha1.ConditionRateLimitsShared, metav1.ConditionTrue, v1alpha1.ReasonAllowed)
	Eventually(func(g Gomega) {
		d := documentOf(g, e.Server)
		g.Expect(d.Limits.Genie.Max).To(BeEquivalentTo(5))
		g.Expect(d.Limits.Store.Address).To(Equal("valkey.tools.svc:6379"))
		g.Expect(d.Limits.Store.TLS).To(BeTrue())
	}).Should(Succeed())
	remove(e.Server)
})
