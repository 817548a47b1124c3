// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"context"
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

var _ = Describe("an estate at rest", func() {
	It("is written nowhere by two passes over every object of every kind", func() {
		e := newEstate()
		e.Server.Spec.Replicas = new(int32(1))
		e.Boundaries[0].Spec.DataPolicies = v1alpha1.BoundaryDataPolicies{Tables: []v1alpha1.NamePattern{"main.sales.*"}, Functions: []v1alpha1.NamePattern{"main.sales.gh_*"}}
		e.Boundaries[0].Spec.Connections = v1alpha1.BoundaryConnections{Names: []v1alpha1.NamePattern{"steady"}, Hosts: []v1alpha1.NamePattern{"api.example.com"}, MCPServices: []v1alpha1.NamePattern{"main.sales.steady"}}
		e.Boundaries[0].Spec.ModelEndpoints = v1alpha1.BoundaryModelEndpoints{Names: []v1alpha1.NamePattern{env.EndpointName}}
		e.create()
		data := &v1alpha1.DataPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: e.Name, Name: "deals"}, Spec: v1alpha1.DataPolicySpec{
			WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, WarehouseID: env.WarehouseID, Table: "main.sales.deals", DeletionPolicy: v1alpha1.DeletionDelete,
			ColumnMasks: []v1alpha1.ColumnMask{{Column: "margin_pct", VisibleTo: &v1alpha1.Audience{Groups: []v1alpha1.AccountGroupName{"finance"}}}},
		}}
		create(data)
		connection := &v1alpha1.Connection{ObjectMeta: metav1.ObjectMeta{Namespace: e.Name, Name: "steady"}, Spec: v1alpha1.ConnectionSpec{
			WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, ConnectionName: "steady", Host: "https://api.example.com", Protocol: v1alpha1.ProtocolMCP,
			BearerToken: &v1alpha1.BearerToken{SecretRef: v1alpha1.SecretKeyReference{Name: "steady", Key: "token"}},
			MCPService:  &v1alpha1.MCPService{Name: "main.sales.steady", Tools: []v1alpha1.ToolSelector{"get_*"}},
		}}
		create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: e.Name, Name: "steady"}, StringData: map[string]string{"token": "t"}}, connection)
		model := &v1alpha1.ModelEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: e.Name, Name: "model"}, Spec: v1alpha1.ModelEndpointSpec{
			WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, EndpointName: env.EndpointName, DeletionPolicy: v1alpha1.DeletionDelete,
			RateLimits: []v1alpha1.EndpointRateLimit{{Role: &v1alpha1.LocalReference{Name: e.West.Name}, CallsPerMinute: 1000}},
		}}
		create(model)
		for _, b := range e.Boundaries {
			eventuallyReady(b)
		}
		startPod(e.Server, "a")
		eventuallyReady(own(e.Server))
		eventuallyReady(e.West, e.Partner, e.Policy, e.Deals, e.Whoami, e.Access, e.Server, data, connection, model)
		eventuallySays(e.Server, v1alpha1.ConditionMatrixEnforced, metav1.ConditionTrue, v1alpha1.ReasonEnforced) // it comes beside the passes
		eventuallyQuiet()
		runs := []client.Object{
			&corev1.ConfigMap{}, &corev1.ServiceAccount{}, &corev1.Service{}, &appsv1.Deployment{},
			&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "tools-a"}}, reviewer(e.Server),
		}
		for _, o := range runs {
			if o.GetName() == "" {
				o.SetName(e.Server.Name)
			}
			if o.GetName() != reviewer(e.Server).Name {
				o.SetNamespace(e.Name)
			}
			Expect(fetch(o)).To(Succeed())
		}
		since := emulator.Last(GinkgoTB())
		for range 2 {
			seen := map[string]bool{}
			for _, o := range everything() {
				seen[kindOf(o)] = true
				askAndWait(o)
				asked := o.GetResourceVersion()
				eventuallyQuiet()
				Expect(fetch(o)).To(Succeed())
				Expect(o.GetResourceVersion()).To(Equal(asked), "a pass wrote the %T %s", o, key(o))
			}
			Expect(seen).To(HaveLen(len(kinds)), "not every kind has an object")
		}
		Expect(emulator.Calls(GinkgoTB(), since)).NotTo(BeEmpty())
		Expect(emulator.Writes(GinkgoTB(), since)).To(BeEmpty())
		for _, o := range runs {
			before := o.GetResourceVersion()
			Expect(fetch(o)).To(Succeed())
			Expect(o.GetResourceVersion()).To(Equal(before), "%T %s", o, key(o))
		}
	})
})

var _ = Describe("drift", func() {
	It("in Databricks is undone by the next look, and what others added stays", func() {
		e := newEstate().ready()
		t := GinkgoTB()
		p, policies := principal(e.West)
		Expect(policies).To(HaveLen(1))
		wanted := policies[0]
		account := "/api/2.0/accounts/" + env.AccountID
		path := account + "/servicePrincipals/" + p.ID + "/federationPolicies"

		By("changing the federation policy, and adding one of somebody else")
		emulator.Do(t, http.MethodPatch, emulator.AccountURL, path+"/"+wanted.PolicyID+"?update_mask=oidc_policy.issuer,oidc_policy.subject",
			`{"oidc_policy":{"issuer":"https://elsewhere.example.com/","subject":"anybody"}}`, nil)
		emulator.Do(t, http.MethodPost, emulator.AccountURL, path+"?policy_id=theirs", `{"oidc_policy":{"issuer":"https://theirs.example.com/","subject":"x"}}`, nil)
		ask(e.Policy)
		Eventually(func(g Gomega) {
			_, now := principal(e.West)
			g.Expect(now).To(HaveLen(2))
			g.Expect(now[0]).To(Equal(wanted))
			g.Expect(now[1].OIDC.Issuer).To(Equal("https://theirs.example.com/"))
		}).Should(Succeed())

		By("deleting the federation policy")
		emulator.Do(t, http.MethodDelete, emulator.AccountURL, path+"/"+wanted.PolicyID, "", nil)
		ask(e.Policy)
		Eventually(func() []trust { _, now := principal(e.West); return now }).Should(ContainElement(wanted))

		By("revoking the grant, the membership and the assignment")
		emulator.Do(t, http.MethodPatch, emulator.WorkspaceURL, "/api/2.1/unity-catalog/permissions/table/main.sales.deals",
			fmt.Sprintf(`{"changes":[{"principal":%q,"add":["APPLY_TAG"],"remove":["SELECT"]}]}`, p.ApplicationID), nil)
		emulator.Do(t, http.MethodDelete, emulator.AccountURL, account+"/workspaces/"+env.WorkspaceID+"/permissionassignments/principals/"+p.ID, "", nil)
		ask(e.West)
		Eventually(func() []string { return emulator.Grants(GinkgoTB(), "table", "main.sales.deals", p.ApplicationID) }).Should(Equal([]string{"APPLY_TAG", "SELECT"}))
		Eventually(func() []string { return emulator.State(GinkgoTB()).Assignments[p.ID] }).Should(Equal([]string{"USER"}))

		By("deleting the service principal, on which the federation policy was")
		emulator.Do(t, http.MethodDelete, emulator.AccountURL, account+"/scim/v2/ServicePrincipals/"+p.ID, "", nil)
		ask(e.West)
		Eventually(func(g Gomega) {
			again, now := principal(e.West)
			g.Expect(again).NotTo(BeNil())
			g.Expect(again.ID).NotTo(Equal(p.ID))
			g.Expect(now).To(Equal([]trust{wanted}))
			d := documentOf(g, e.Server)
			g.Expect(d.Roles[e.Name+"/west"].ApplicationID).To(Equal(again.ApplicationID))
		}).Should(Succeed())
		eventuallyReady(e.West, e.Partner, e.Policy, e.Access, e.Server)
	})

	It("in the cluster is undone: of the Deployment at once, of the rest by the next look", func() {
		e := newEstate()
		e.Server.Spec.Replicas = new(int32(2))
		e.create()
		eventuallyRuns(e.Server)
		e.eventuallyMatrix(e.matrix()...)
		named := func(o client.Object) client.Object {
			o.SetNamespace(e.Name)
			o.SetName(e.Server.Name)
			return o
		}

		By("opening the matrix in the ConfigMap")
		change(named(&corev1.ConfigMap{}).(*corev1.ConfigMap), func(c *corev1.ConfigMap) {
			c.Data[access.DocumentKey] = `{"version":1}`
			c.Data["more"] = "x"
		})
		ask(e.Server)
		eventuallyRuns(e.Server)
		Eventually(func(g Gomega) {
			c := named(&corev1.ConfigMap{}).(*corev1.ConfigMap)
			g.Expect(fetch(c)).To(Succeed())
			g.Expect(c.Data).To(HaveLen(1))
		}).Should(Succeed())

		By("changing the Deployment")
		change(named(&appsv1.Deployment{}).(*appsv1.Deployment), func(d *appsv1.Deployment) {
			d.Spec.Replicas = new(int32(5))
			d.Spec.Template.Spec.HostNetwork = true
			d.Spec.Template.Spec.Containers[0].Image = "example.com/other:1"
			d.Spec.Template.Spec.Containers = append(d.Spec.Template.Spec.Containers, corev1.Container{Name: "second", Image: "example.com/second:1"})
		})
		eventuallyRuns(e.Server)
		Eventually(func(g Gomega) {
			d := named(&appsv1.Deployment{}).(*appsv1.Deployment)
			g.Expect(fetch(d)).To(Succeed())
			g.Expect(d.Spec.Template.Spec.HostNetwork).To(BeFalse())
		}).Should(Succeed())

		By("letting others into the Service and the review of tokens")
		change(named(&corev1.Service{}).(*corev1.Service), func(s *corev1.Service) {
			s.Spec.Selector, s.Spec.ExternalIPs = map[string]string{"app": "other"}, []string{"192.0.2.1"}
		})
		binding := reviewer(e.Server)
		Expect(fetch(binding)).To(Succeed())
		binding.Subjects[0].Name = "other"
		Expect(kube.Update(context.Background(), binding)).To(Succeed())
		ask(e.Server)
		eventuallyRuns(e.Server)

		By("deleting all of it")
		for _, o := range []client.Object{
			named(&corev1.ConfigMap{}), named(&corev1.ServiceAccount{}), named(&corev1.Service{}), named(&appsv1.Deployment{}), named(&policyv1.PodDisruptionBudget{}), reviewer(e.Server),
		} {
			Expect(fetch(o)).To(Succeed())
			uid := o.GetUID()
			erase(o)
			ask(e.Server)
			Eventually(func(g Gomega) {
				g.Expect(fetch(o)).To(Succeed())
				g.Expect(o.GetUID()).NotTo(Equal(uid), "%T", o)
			}).Should(Succeed())
		}
		eventuallyRuns(e.Server)

		By("leaving alone what belongs to somebody else under the same name")
		account := named(&corev1.ServiceAccount{}).(*corev1.ServiceAccount)
		change(account, func(a *corev1.ServiceAccount) { a.OwnerReferences = nil })
		ask(e.Server)
		eventuallySays(e.Server, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNotOurs, "ServiceAccount")
		Expect(fetch(account)).To(Succeed())
		Expect(account.OwnerReferences).To(BeEmpty())

		By("asking for fewer pods, which need no budget")
		erase(account)
		change(e.Server, func(s *v1alpha1.MCPServer) { s.Spec.Replicas = new(int32(0)) })
		eventuallyReady(e.Server)
		eventuallyGone(named(&policyv1.PodDisruptionBudget{}))
		Expect(e.Server.Status.Access.Matrix).To(Equal(e.matrix()))
	})
})
