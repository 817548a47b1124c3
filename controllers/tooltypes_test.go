// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// everyType gives an estate that nobody has created yet a tool of each of the other
// types, for the Role west, and returns the tools.
func (e *estate) everyType(connection, function string) []*v1alpha1.Tool {
	var out []*v1alpha1.Tool
	add := func(name string, spec v1alpha1.ToolSpec) {
		spec.ToolName, spec.Description = name, "A tool."
		out = append(out, &v1alpha1.Tool{ObjectMeta: metav1.ObjectMeta{Namespace: e.Name, Name: name}, Spec: spec})
		e.Server.Spec.ToolRefs = append(e.Server.Spec.ToolRefs, v1alpha1.LocalReference{Name: name})
		e.Access.Spec.Rules[0].Tools = append(e.Access.Spec.Rules[0].Tools, name)
	}
	add("ask", v1alpha1.ToolSpec{Genie: &v1alpha1.GenieTool{SpaceID: env.GenieSpaceID}})
	add("support", v1alpha1.ToolSpec{Serving: &v1alpha1.ServingTool{Endpoint: env.EndpointName}})
	add("notes", v1alpha1.ToolSpec{VectorSearch: &v1alpha1.VectorSearchTool{Index: env.VectorIndex, Columns: []v1alpha1.ColumnName{"text"}}})
	add("customers", v1alpha1.ToolSpec{HTTP: &v1alpha1.HTTPTool{Connection: v1alpha1.ConnectionName(connection), Allow: []v1alpha1.HTTPRoute{{Path: "/customers/*"}}}})
	add("discount", v1alpha1.ToolSpec{Function: &v1alpha1.FunctionTool{Name: v1alpha1.SecurableName(function)}})
	b := &e.Boundaries[0].Spec
	b.GenieSpaces, b.ServingEndpoints = []v1alpha1.NamePattern{env.GenieSpaceID}, []v1alpha1.NamePattern{env.EndpointName}
	b.Scopes = []v1alpha1.OAuthScope{"sql", "genie", "dashboards.genie", "vector-search", "model-serving"}
	b.Grants = append(b.Grants,
		v1alpha1.BoundaryGrant{Type: "Connection", Names: []v1alpha1.NamePattern{v1alpha1.NamePattern(connection)}, Privileges: []v1alpha1.Privilege{"USE_CONNECTION"}},
		v1alpha1.BoundaryGrant{Type: "Function", Names: []v1alpha1.NamePattern{v1alpha1.NamePattern(function)}, Privileges: []v1alpha1.Privilege{"EXECUTE"}})
	return out
}

func createConnection(name string) {
	GinkgoHelper()
	emulator.SQL(GinkgoTB(), "CREATE CONNECTION "+name+" TYPE HTTP OPTIONS (host 'https://crm.example.com', port '443', base_path '/v1', bearer_token 'dosetoken')")
}

// holdings are the privileges of a Role's service principal on what tools use, by
// object; more are objects of the estate, `<type> <name>`.
func holdings(r *v1alpha1.Role, more ...string) map[string]string {
	GinkgoHelper()
	p, _ := principal(r)
	if p == nil {
		return nil
	}
	t, out := GinkgoTB(), map[string]string{}
	for _, s := range append([]string{"catalog main", "schema main.sales", "table main.sales.deals", "table " + env.VectorIndex}, more...) {
		kind, name, _ := strings.Cut(s, " ")
		for _, privilege := range emulator.Grants(t, kind, name, p.ApplicationID) {
			out[name] += privilege
		}
	}
	for _, l := range [][2]string{
		{env.KindWarehouse, env.WarehouseID}, {env.KindGenieSpace, env.GenieSpaceID}, {env.KindServingEndpoint, env.EndpointName},
	} {
		if level := emulator.Permissions(t, l[0], l[1])[p.ApplicationID]; level != "" {
			out[l[1]] = level
		}
	}
	return out
}

var _ = Describe("tools of every type", func() {
	It("give their Roles what they need, keep it, and take it away again", func() {
		e := newEstate()
		connection, function := e.Name+"_crm", "main.sales."+e.Name+"_discount"
		tools := e.everyType(connection, function)
		emulator.SQL(GinkgoTB(), "CREATE FUNCTION "+function+"(amount INT) RETURNS INT RETURN amount")
		e.create()
		for _, t := range tools {
			create(t)
		}
		deals := map[string]string{
			"main": "USE_CATALOG", "main.sales": "USE_SCHEMA", "main.sales.deals": "SELECT", env.WarehouseID: "CAN_USE",
		}
		all := map[string]string{
			env.VectorIndex: "SELECT", function: "EXECUTE", env.GenieSpaceID: "CAN_RUN", env.EndpointName: "CAN_QUERY",
		}
		maps.Copy(all, deals)

		By("saying that the connection does not exist, with all other grants made")
		Eventually(func() map[string]string { return holdings(e.West, "function "+function) }).Should(Equal(all))
		eventuallySays(e.West, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonSecurableNotFound, connection)

		By("granting it once it is there")
		createConnection(connection)
		ask(e.West)
		all[connection] = "USE_CONNECTION"
		objects := []string{"function " + function, "connection " + connection}
		eventuallyReady(e.West, e.Partner, e.Server)
		Expect(holdings(e.West, objects...)).To(Equal(all))
		Expect(holdings(e.Partner, objects...)).To(Equal(deals))

		By("undoing drift")
		p, _ := principal(e.West)
		t, others := GinkgoTB(), map[string]string{env.OperatorID: "CAN_MANAGE"}
		for _, l := range [][2]string{{env.KindGenieSpace, env.GenieSpaceID}, {env.KindServingEndpoint, env.EndpointName}} {
			emulator.Permit(t, l[0], l[1], true, nil, others)
		}
		emulator.Do(t, http.MethodPatch, emulator.WorkspaceURL, "/api/2.1/unity-catalog/permissions/connection/"+connection,
			fmt.Sprintf(`{"changes":[{"principal":%q,"remove":["USE_CONNECTION"]}]}`, p.ApplicationID), nil)
		ask(e.West)
		Eventually(func() map[string]string { return holdings(e.West, objects...) }).Should(Equal(all))
		Expect(emulator.Permissions(t, env.KindGenieSpace, env.GenieSpaceID)).To(Equal(map[string]string{env.OperatorID: "CAN_MANAGE", p.ApplicationID: "CAN_RUN"}))

		By("taking the cells away")
		change(e.Access, func(a *v1alpha1.ToolAccess) { a.Spec.Rules[0].Tools = []string{"deals"} })
		Eventually(func() map[string]string { return holdings(e.West, objects...) }).Should(Equal(deals))
		Expect(emulator.Permissions(t, env.KindServingEndpoint, env.EndpointName)).To(Equal(others))
		eventuallyReady(e.West)
		Eventually(func() []string {
			Expect(fetch(e.West)).To(Succeed())
			return e.West.Status.Scopes
		}).Should(Equal([]string{"sql"})) // status comes after what it tells of
	})
})
