// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"context"
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// masked is an estate with a DataPolicy that masks a column, all of it Ready.
func masked() (*estate, *v1alpha1.DataPolicy) {
	GinkgoHelper()
	e := newEstate()
	e.Boundaries[0].Spec.DataPolicies = v1alpha1.BoundaryDataPolicies{Tables: []v1alpha1.NamePattern{"main.sales.*"}, Functions: []v1alpha1.NamePattern{"main.sales.gh_*"}}
	e.ready()
	data := &v1alpha1.DataPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: e.Name, Name: "deals"}, Spec: v1alpha1.DataPolicySpec{
		WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, WarehouseID: env.WarehouseID, Table: "main.sales.deals", DeletionPolicy: v1alpha1.DeletionDelete,
		ColumnMasks: []v1alpha1.ColumnMask{{Column: "margin_pct", VisibleTo: &v1alpha1.Audience{Groups: []v1alpha1.AccountGroupName{"finance"}}}},
	}}
	create(data)
	eventuallyReady(data)
	return e, data
}

// drifts are the events of an object that tell of drift, as `<action>: <note>`.
func drifts(g Gomega, o client.Object) []string {
	var list eventsv1.EventList
	g.Expect(kube.List(context.Background(), &list, client.InNamespace(o.GetNamespace()))).To(Succeed())
	var out []string
	for _, e := range list.Items {
		if e.Regarding.UID == o.GetUID() && e.Reason == "Drifted" {
			out = append(out, e.Action+": "+e.Note)
		}
	}
	return out
}

// eventuallyDrifted asks for a pass and waits until an object tells that something drifted.
func eventuallyDrifted(o external.Object, action, step string) *v1alpha1.Drift {
	GinkgoHelper()
	var drift *v1alpha1.Drift
	Eventually(func(g Gomega) {
		g.Expect(fetch(o)).To(Succeed())
		drift = o.(interface {
			GetExternalStatus() *v1alpha1.ExternalStatus
		}).GetExternalStatus().LastDrift
		g.Expect(drift).NotTo(BeNil())
		g.Expect(drift.Steps).To(ContainElement(ContainSubstring(step)))
		g.Expect(drifts(g, o)).To(ContainElement(And(HavePrefix(action+": "), ContainSubstring(step), ContainSubstring("nobody declared a change"))))
	}).Should(Succeed())
	Expect(drift.Since.After(drift.DetectedAt.Time)).To(BeFalse())
	return drift
}

// strip takes the privilege on the table from a Role behind the operator's back.
func strip(r *v1alpha1.Role) {
	GinkgoHelper()
	p, _ := principal(r)
	emulator.Do(GinkgoTB(), http.MethodPatch, emulator.WorkspaceURL, "/api/2.1/unity-catalog/permissions/table/main.sales.deals",
		fmt.Sprintf(`{"changes":[{"principal":%q,"remove":["SELECT"]}]}`, p.ApplicationID), nil)
	Expect(selects(r, "main.sales.deals")).To(BeFalse())
}

var _ = Describe("a change behind the operator's back", func() {
	It("is told and undone at once when a pass is asked for, of each kind", func() {
		e, data := masked()
		t := GinkgoTB()

		By("revoking a grant of a Role")
		strip(e.West)
		ask(e.West)
		Eventually(func() bool { return selects(e.West, "main.sales.deals") }).Should(BeTrue())
		drift := eventuallyDrifted(e.West, "Repair", "Grant SELECT on Table main.sales.deals")
		Expect(drift.By).To(BeEmpty(), "nobody tells who changed a grant")

		By("deleting a federation policy")
		p, policies := principal(e.West)
		emulator.Do(t, http.MethodDelete, emulator.AccountURL, "/api/2.0/accounts/"+env.AccountID+"/servicePrincipals/"+p.ID+"/federationPolicies/"+policies[0].PolicyID, "", nil)
		ask(e.Policy)
		Eventually(func() []trust { _, now := principal(e.West); return now }).Should(Equal(policies))
		eventuallyDrifted(e.Policy, "Repair", "Create the federation policy "+policies[0].PolicyID)

		By("dropping a mask")
		emulator.SQL(t, "ALTER TABLE main.sales.deals ALTER COLUMN margin_pct DROP MASK")
		ask(data)
		drift = eventuallyDrifted(data, "Repair", "Create the mask of the column margin_pct of main.sales.deals")
		Expect(drift.By).NotTo(BeEmpty())
		Eventually(func(g Gomega) {
			g.Expect(drifts(g, data)).To(ContainElement(ContainSubstring("changed last by " + drift.By)))
		}).Should(Succeed())
		eventuallyReady(e.West, e.Policy, data)

		By("deleting the service principal")
		emulator.Do(t, http.MethodDelete, emulator.AccountURL, "/api/2.0/accounts/"+env.AccountID+"/scim/v2/ServicePrincipals/"+p.ID, "", nil)
		ask(e.West)
		eventuallyDrifted(e.West, "Repair", "Create the service principal")
		eventuallyReady(e.West, e.Policy)
	})

	It("is none where what is declared changed", func() {
		e, _ := masked()
		change(e.Access, func(a *v1alpha1.ToolAccess) { a.Spec.Rules[0].Tools = []string{"whoami"} })
		Eventually(func() bool { return selects(e.West, "main.sales.deals") }).Should(BeFalse())
		change(e.Access, func(a *v1alpha1.ToolAccess) { a.Spec.Rules[0].Tools = []string{"deals", "whoami"} })
		Eventually(func() bool { return selects(e.West, "main.sales.deals") }).Should(BeTrue())
		eventuallyReady(e.West)
		Expect(e.West.Status.LastDrift).To(BeNil())
		Expect(drifts(Default, e.West)).To(BeEmpty())
	})
})

// manage sets the management policy of the Workspace that all cases share.
func manage(policy v1alpha1.ManagementPolicy) {
	GinkgoHelper()
	ws := &v1alpha1.Workspace{ObjectMeta: metav1.ObjectMeta{Name: "main"}}
	change(ws, func(w *v1alpha1.Workspace) { w.Spec.ManagementPolicy = policy })
}

var _ = Describe("the management policy of a Workspace", func() {
	It("holds for everything in it", func() {
		e, data := masked()
		defer manage(v1alpha1.ManagementEnforce) // before the suite removes everything

		By("observing only")
		manage(v1alpha1.ManagementObserveOnly)
		eventuallyReady(e.West, e.Partner, e.Policy, data)
		since := emulator.Last(GinkgoTB())
		strip(e.West)
		emulator.SQL(GinkgoTB(), "ALTER TABLE main.sales.deals ALTER COLUMN margin_pct DROP MASK")
		byOthers := len(emulator.Writes(GinkgoTB(), since))
		ask(e.West, data)
		eventuallySays(e.West, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonObserveOnly,
			"the management policy of the Workspace main is ObserveOnly", "Grant SELECT on Table main.sales.deals")
		Expect(e.West.Status.Plan).To(Equal([]string{"Grant SELECT on Table main.sales.deals"}))
		eventuallySays(data, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonObserveOnly, "the Workspace main")
		Expect(data.Status.Plan).To(ConsistOf(HavePrefix("Create the mask of the column margin_pct")))
		eventuallyDrifted(e.West, "Observe", "Grant SELECT on Table main.sales.deals")
		eventuallyQuiet()
		Expect(emulator.Writes(GinkgoTB(), since)).To(HaveLen(byOthers))

		By("pausing: nothing is looked at, a deletion waits, and a revocation in the cluster does not")
		manage(v1alpha1.ManagementPaused)
		eventuallySays(e.West, v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonPaused, "The management policy of the Workspace main is Paused")
		eventuallySays(data, v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonPaused, "The management policy of the Workspace main is Paused")
		Expect(e.West.Status.Plan).To(BeEmpty())
		change(e.Access, func(a *v1alpha1.ToolAccess) { a.Spec.Rules = a.Spec.Rules[:1] })
		e.eventuallyMatrix(v1alpha1.AccessRow{Role: e.tenant() + "/partner"}, v1alpha1.AccessRow{Role: e.Name + "/west", Tools: []string{"deals", "whoami"}})
		erase(e.Policy)
		eventuallySays(e.Policy, v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonPaused, "the deletion waits")
		eventuallyQuiet()
		Expect(emulator.Writes(GinkgoTB(), since)).To(HaveLen(byOthers))
		Expect(selects(e.Partner, "main.sales.deals")).To(BeTrue(), "what the Role has in Databricks stays")

		By("enforcing again")
		manage(v1alpha1.ManagementEnforce)
		eventuallyGone(e.Policy)
		eventuallyReady(e.West, e.Partner, data)
		Expect(e.West.Status.Plan).To(BeEmpty())
		Expect(selects(e.West, "main.sales.deals")).To(BeTrue())
		Expect(selects(e.Partner, "main.sales.deals")).To(BeFalse())
	})
})
