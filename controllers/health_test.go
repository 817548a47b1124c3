// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/mcp/health"
	"github.com/gatehouse-dev/gatehouse/mcp/server"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// own is the Role that a server has for itself, by its name.
func own(s *v1alpha1.MCPServer) *v1alpha1.Role {
	return &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: s.Name + "-health"}}
}

// workloadToken is a token of a server's ServiceAccount for Databricks, as kubelet puts
// it into the pods: signed by the cluster.
func workloadToken(s *v1alpha1.MCPServer) string {
	GinkgoHelper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: s.Name}}
	Eventually(func() error { return fetch(account) }).Should(Succeed())
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{"databricks"}}}
	Expect(kube.SubResource("token").Create(context.Background(), account, request)).To(Succeed())
	return request.Status.Token
}

// health is what a pod says of the dependencies: the status of each, and that of the answer.
func (p *runningPod) health() (map[string]health.Status, int) {
	GinkgoHelper()
	res, err := http.Get("http://" + p.ip + ":9090" + server.HealthPath)
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = res.Body.Close() }()
	var r health.Report
	Expect(json.NewDecoder(res.Body).Decode(&r)).To(Succeed())
	out := map[string]health.Status{"": r.Status}
	for _, d := range r.Dependencies {
		out[d.Kind+" "+d.Name] = d.Status
	}
	return out, res.StatusCode
}

var _ = Describe("the health of a server", func() {
	It("is seen by its own Role, which sees every dependency and reads nothing", func() {
		e := newEstate()
		connection, function := e.Name+"_crm", "main.sales."+e.Name+"_discount"
		tools := e.everyType(connection, function)
		t := GinkgoTB()
		emulator.SQL(t, "CREATE FUNCTION "+function+"(amount INT) RETURNS INT RETURN amount", "CREATE TABLE IF NOT EXISTS main.sales.notes (id STRING, text STRING)")
		createConnection(connection)
		b := &e.Boundaries[0].Spec
		b.Scopes = append(b.Scopes, "unity-catalog")
		b.Grants = append(b.Grants,
			v1alpha1.BoundaryGrant{Type: "Table", Names: []v1alpha1.NamePattern{env.VectorIndex}, Privileges: []v1alpha1.Privilege{"BROWSE"}},
			v1alpha1.BoundaryGrant{Type: "Schema", Names: []v1alpha1.NamePattern{"main.sales"}, Privileges: []v1alpha1.Privilege{"BROWSE"}})
		e.Server.Spec.Replicas = new(int32(1))
		e.create()
		for _, tool := range tools {
			create(tool)
		}
		r := own(e.Server)
		eventuallyReady(r)
		pod := startPod(e.Server, "a")
		eventuallyReady(e.Server)
		Eventually(func(g Gomega) {
			h := documentOf(g, e.Server).Health
			g.Expect(h).NotTo(BeNil())
			g.Expect(h.ApplicationID).To(Equal(r.Status.ServicePrincipal.ApplicationID))
		}).Should(Succeed())
		Expect(metav1.IsControlledBy(r, e.Server)).To(BeTrue())
		Expect(r.Labels).To(HaveKeyWithValue(v1alpha1.LabelServer, e.Server.Name))

		By("holding no more than what lets it see")
		Expect(holdings(r, "function "+function, "connection "+connection)).To(Equal(map[string]string{
			"main.sales": "BROWSE", env.VectorIndex: "BROWSE", connection: "USE_CONNECTION",
			env.WarehouseID: "CAN_USE", env.GenieSpaceID: "CAN_READ", env.EndpointName: "CAN_VIEW",
		}))
		_, policies := principal(r)
		Expect(policies).To(HaveLen(1))
		Expect(policies[0].OIDC.Subject).To(Equal("system:serviceaccount:" + e.Name + ":tools"))
		Expect(policies[0].OIDC.Audiences).To(Equal([]string{"databricks"}))

		By("asking Databricks with the token of the pod")
		want := map[string]health.Status{
			"": health.OK, "TokenEndpoint main": health.OK, "Warehouse " + env.WarehouseID: health.OK, "GenieSpace " + env.GenieSpaceID: health.OK,
			"ServingEndpoint " + env.EndpointName: health.OK, "Index " + env.VectorIndex: health.OK, "Connection " + connection: health.OK, "Function " + function: health.OK,
		}
		Eventually(func(g Gomega) {
			got, code := pod.health()
			g.Expect(got).To(Equal(want))
			g.Expect(code).To(Equal(http.StatusOK))
		}).Should(Succeed())

		By("telling what is denied and what is gone")
		p, _ := principal(r)
		emulator.Do(t, http.MethodPatch, emulator.WorkspaceURL, "/api/2.1/unity-catalog/permissions/connection/"+connection,
			fmt.Sprintf(`{"changes":[{"principal":%q,"remove":["USE_CONNECTION"]}]}`, p.ApplicationID), nil)
		emulator.Permit(t, env.KindGenieSpace, env.GenieSpaceID, true, nil, map[string]string{env.OperatorID: "CAN_MANAGE"})
		emulator.SQL(t, "DROP TABLE main.sales.notes")
		pod.stop()
		pod = startPod(e.Server, "b") // it remembers nothing
		want[""], want["Connection "+connection], want["GenieSpace "+env.GenieSpaceID], want["Index "+env.VectorIndex] = health.Degraded, health.Missing, health.Denied, health.Unavailable
		Eventually(func(g Gomega) {
			got, code := pod.health()
			g.Expect(got).To(Equal(want))
			g.Expect(code).To(Equal(http.StatusServiceUnavailable))
		}).Should(Succeed())
		Expect(pod.server.Status().Ready).To(BeTrue())
	})

	It("keeps its own Role as it should be, and goes with it", func() {
		e := newEstate().ready()
		r := own(e.Server)
		eventuallyReady(r)
		wanted := r.Spec
		change(r, func(r *v1alpha1.Role) {
			r.Spec.ServiceAccountName, r.Spec.MemberOf = "default", []v1alpha1.AccountGroupName{v1alpha1.AccountGroupName(e.Name + "_more")}
			r.Labels = nil
		})
		Eventually(func(g Gomega) {
			g.Expect(fetch(r)).To(Succeed())
			g.Expect(r.Spec).To(Equal(wanted))
			g.Expect(r.Labels).To(HaveKey(v1alpha1.LabelServer))
		}).Should(Succeed())
		eventuallyReady(r)

		By("making it anew")
		uid := r.UID
		erase(r)
		Eventually(func(g Gomega) {
			g.Expect(fetch(r)).To(Succeed())
			g.Expect(r.UID).NotTo(Equal(uid))
		}).Should(Succeed())
		eventuallyReady(r, e.Server)
		Eventually(func(g Gomega) {
			h := documentOf(g, e.Server).Health
			g.Expect(h).NotTo(BeNil())
			g.Expect(h.ApplicationID).To(Equal(r.Status.ServicePrincipal.ApplicationID))
		}).Should(Succeed())
	})

	It("leaves a Role of that name alone that is somebody's, and serves all the same", func() {
		e := newEstate()
		theirs := e.role(e.Name, "tools-health")
		create(e.Namespaces[0], theirs)
		e.Namespaces = e.Namespaces[1:]
		e.create()
		eventuallySays(e.Server, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNotOurs, "Role tools-health")
		e.eventuallyMatrix(e.matrix()...)
		change(e.Access, func(a *v1alpha1.ToolAccess) { a.Spec.Rules[0].Tools = []string{"whoami"} })
		e.eventuallyMatrix(e.matrix()[0], v1alpha1.AccessRow{Role: e.Name + "/west", Tools: []string{"whoami"}})
		eventuallyReady(theirs)
		Expect(theirs.OwnerReferences).To(BeEmpty())
		Expect(theirs.Spec.ServiceAccountName).To(BeEmpty())
		Eventually(func(g Gomega) { g.Expect(documentOf(g, e.Server).Health).To(BeNil()) }).Should(Succeed())
	})

	It("stays unknown where the Boundary does not allow it, and keeps nothing back", func() {
		e := newEstate()
		connection := e.Name + "_crm"
		tools := e.everyType(connection, "main.sales."+e.Name+"_discount")[:4] // all but the function, which is not there
		createConnection(connection)
		e.Server.Spec.ToolRefs = e.Server.Spec.ToolRefs[:6]
		e.Access.Spec.Rules[0].Tools = e.Access.Spec.Rules[0].Tools[:6]
		e.create()
		for _, tool := range tools {
			create(tool)
		}
		eventuallyReady(e.Access, e.Server)
		r := own(e.Server)
		eventuallySays(r, v1alpha1.ConditionWithinBoundary, metav1.ConditionFalse, v1alpha1.ReasonOutsideBoundary, "BROWSE on Table "+env.VectorIndex, "unity-catalog")
		// It may have been more modest, and have had something, before it knew all of the tools.
		Eventually(func() map[string]string { return holdings(r) }).Should(BeEmpty())
		Eventually(func() []trust { _, policies := principal(r); return policies }).Should(BeEmpty())
		change(e.Access, func(a *v1alpha1.ToolAccess) { a.Spec.Rules[0].Tools = []string{"whoami"} })
		e.eventuallyMatrix(e.matrix()[0], v1alpha1.AccessRow{Role: e.Name + "/west", Tools: []string{"whoami"}})
		eventuallyReady(e.Server)
		Eventually(func(g Gomega) {
			d := documentOf(g, e.Server)
			g.Expect(d.Health).To(BeNil())
			var kinds []string
			for _, one := range d.Dependencies {
				kinds = append(kinds, string(one.Kind))
			}
			g.Expect(strings.Join(kinds, " ")).To(Equal("Connection GenieSpace Index ServingEndpoint Warehouse"))
		}).Should(Succeed())
	})
})
