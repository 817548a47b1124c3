// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

var _ = Describe("the comparison of the matrix with Databricks", func() {
	const permissions = "/api/2.1/unity-catalog/permissions/"
	grant := func(path, principal, verb, privilege string) {
		GinkgoHelper()
		emulator.Do(GinkgoTB(), http.MethodPatch, emulator.WorkspaceURL, permissions+path, fmt.Sprintf(`{"changes":[{"principal":%q,%q:[%q]}]}`, principal, verb, privilege), nil)
	}

	It("names what is missing, what is open and by whom, and what only the matrix keeps", func() {
		e := newEstate()
		// The partner may ask who it is and nothing else, so that its other cell can be opened.
		e.Access.Spec.Rules[0].Tools, e.Access.Spec.Rules[1].Tools = []string{"deals"}, []string{"whoami"}
		e.ready()
		west, partner := e.Name+"/west", e.tenant()+"/partner"
		agrees := func() {
			GinkgoHelper()
			eventuallySays(e.Server, v1alpha1.ConditionMatrixEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced, west+" whoami")
			Expect(e.Server.Status.Enforcement.MatrixOnly).To(Equal([]string{west + " whoami"}))
			Expect(e.Server.Status.Enforcement.Granted).To(BeEquivalentTo(2))
			Expect(e.Server.Status.Enforcement.Enforced).To(BeEquivalentTo(1))
			Expect(e.Server.Status.Enforcement.CheckedAt).NotTo(BeNil())
		}
		agrees()

		By("looking again, which writes nothing")
		eventuallyQuiet()
		version := func() string { Expect(fetch(e.Server)).To(Succeed()); return e.Server.ResourceVersion }
		ask(e.Server)
		asked := e.Server.ResourceVersion
		Consistently(version, "3s", "200ms").Should(Equal(asked))

		By("taking a grant away behind the operator's back")
		p, _ := principal(e.West)
		grant("table/main.sales.deals", p.ApplicationID, "remove", "SELECT")
		ask(e.Server)
		eventuallySays(e.Server, v1alpha1.ConditionMatrixEnforced, metav1.ConditionFalse, v1alpha1.ReasonGrantMissing, west+" deals", "SELECT on Table main.sales.deals")
		Expect(e.Server.Status.Enforcement.Missing).To(HaveLen(1))
		askAndWait(e.West)
		ask(e.Server)
		agrees()

		By("granting to a group that the partner is in by another group")
		account := "/api/2.0/accounts/" + env.AccountID + "/scim/v2/Groups"
		var inner string
		for _, g := range emulator.State(GinkgoTB()).Groups {
			if g.DisplayName == e.Name+"_partner" {
				inner = g.ID
			}
		}
		Expect(inner).NotTo(BeEmpty())
		var outer struct {
			ID string `json:"id"`
		}
		emulator.Do(GinkgoTB(), http.MethodPost, emulator.AccountURL, account, fmt.Sprintf(`{"displayName":%q,"members":[{"value":%q}]}`, e.Name+" analysts", inner), &outer)
		for _, privilege := range []string{"USE_CATALOG", "USE_SCHEMA", "SELECT"} {
			grant("catalog/main", e.Name+" analysts", "add", privilege)
		}
		ask(e.Server)
		eventuallySays(e.Server, v1alpha1.ConditionMatrixEnforced, metav1.ConditionFalse, v1alpha1.ReasonOpen,
			partner+" deals", "SELECT on Table main.sales.deals from the group "+e.Name+" analysts on Catalog main")
		Expect(e.Server.Status.Enforcement.Open).To(HaveLen(1))
		for _, privilege := range []string{"USE_CATALOG", "USE_SCHEMA", "SELECT"} {
			grant("catalog/main", e.Name+" analysts", "remove", privilege)
		}
		emulator.Do(GinkgoTB(), http.MethodDelete, emulator.AccountURL, account+"/"+outer.ID, "", nil)
		ask(e.Server)
		agrees()
		eventuallyReady(e.West, e.Partner, e.Access, e.Server)

		By("Databricks not answering the question")
		emulator.Break(GinkgoTB(), env.Fault{Match: env.FaultMatch{Method: http.MethodGet, PathRegex: "effective-permissions/table/main.sales.deals", Times: -1}, Stage: "before_commit", Action: "status", Status: http.StatusInternalServerError})
		ask(e.Server)
		eventuallySays(e.Server, v1alpha1.ConditionMatrixEnforced, metav1.ConditionUnknown, v1alpha1.ReasonNotRead, "main.sales.deals")
		emulator.Heal(GinkgoTB())
		eventuallyReady(e.Server)
	})
})
