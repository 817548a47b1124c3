// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// securables are the Unity Catalog objects that the tools of these tests use.
var securables = [][2]string{
	{"catalog", "main"}, {"schema", "main.sales"}, {"table", "main.sales.deals"}, {"table", "main.sales.extra"},
	{"table", env.VectorIndex}, {"function", "main.sales.discount"}, {"connection", "crm"},
}

// lists are the objects with an access control list.
var lists = [][2]string{
	{env.KindWarehouse, env.WarehouseID}, {env.KindGenieSpace, env.GenieSpaceID}, {env.KindServingEndpoint, env.EndpointName},
}

// everyType adds a tool of each type to the server and opens it to the Roles of the
// tenants' namespaces. The team of the group shared manages the objects.
func (w *world) everyType() {
	w.T.Helper()
	w.Emulator.SQL(w.T, "CREATE FUNCTION main.sales.discount(amount INT) RETURNS INT RETURN amount")
	w.connection("crm")
	for _, l := range lists {
		w.Emulator.Permit(w.T, l[0], l[1], false, map[string]string{"shared": "CAN_MANAGE"}, nil)
	}
	w.Bound("tenant", func(b *v1alpha1.BoundarySpec) {
		b.GenieSpaces, b.ServingEndpoints = []v1alpha1.NamePattern{"*"}, []v1alpha1.NamePattern{"support_*"}
		b.Grants = append(b.Grants,
			v1alpha1.BoundaryGrant{Type: "Function", Names: []v1alpha1.NamePattern{"main.sales.*"}, Privileges: []v1alpha1.Privilege{"EXECUTE"}},
			v1alpha1.BoundaryGrant{Type: "Connection", Names: []v1alpha1.NamePattern{"crm*"}, Privileges: []v1alpha1.Privilege{"USE_CONNECTION"}})
		b.Scopes = []v1alpha1.OAuthScope{"sql", "genie", "dashboards.genie", "vector-search", "model-serving"}
	})
	w.serve("ask", v1alpha1.ToolSpec{Genie: &v1alpha1.GenieTool{SpaceID: env.GenieSpaceID}})
	w.serve("support", v1alpha1.ToolSpec{Serving: &v1alpha1.ServingTool{Endpoint: env.EndpointName}})
	w.serve("notes", v1alpha1.ToolSpec{VectorSearch: &v1alpha1.VectorSearchTool{Index: env.VectorIndex, Columns: []v1alpha1.ColumnName{"text"}}})
	w.serve("customers", v1alpha1.ToolSpec{HTTP: &v1alpha1.HTTPTool{Connection: "crm", Allow: []v1alpha1.HTTPRoute{{Path: "/customers/*"}}}})
	w.serve("discount", v1alpha1.ToolSpec{Function: &v1alpha1.FunctionTool{Name: "main.sales.discount"}})
}

func (w *world) connection(name string) {
	w.T.Helper()
	w.Emulator.SQL(w.T, "CREATE CONNECTION "+name+" TYPE HTTP OPTIONS (host 'https://crm.example.com', port '443', base_path '/v1', bearer_token 'dosetoken')")
}

// serve declares a tool and lets every Role of the tenants' namespaces call it.
func (w *world) serve(name string, spec v1alpha1.ToolSpec) {
	w.T.Helper()
	spec.ToolName, spec.Description = name, "A tool."
	env.Create(w.T, w.Kube, &v1alpha1.Tool{ObjectMeta: metav1.ObjectMeta{Namespace: "platform", Name: name}, Spec: spec})
	var s v1alpha1.MCPServer
	w.Change(&s, "platform", "tools", func() { s.Spec.ToolRefs = append(s.Spec.ToolRefs, v1alpha1.LocalReference{Name: name}) })
	w.allow(func(tools []string) []string { return append(tools, name) })
}

// allow changes which tools the Roles of the tenants' namespaces may call.
func (w *world) allow(edit func(tools []string) []string) {
	w.T.Helper()
	var a v1alpha1.ToolAccess
	w.Change(&a, "platform", "matrix", func() { a.Spec.Rules[0].Tools = edit(a.Spec.Rules[0].Tools) })
}

// held is everything that the service principal of a Role holds, as `<privilege> on <object>`.
func (w *world) held(name string) []string {
	w.T.Helper()
	application, out := w.ours(name)[0].ApplicationID, []string{}
	for _, s := range securables {
		for _, p := range w.Emulator.Grants(w.T, s[0], s[1], application) {
			out = append(out, p+" on "+s[1])
		}
	}
	for _, l := range lists {
		if level := w.Emulator.Permissions(w.T, l[0], l[1])[application]; level != "" {
			out = append(out, level+" on "+l[1])
		}
	}
	return out
}

func (w *world) holds(name string, want []string) {
	w.T.Helper()
	if diff := cmp.Diff(want, w.held(name)); diff != "" {
		w.T.Errorf("%s: %s", name, diff)
	}
	for _, l := range lists {
		others := w.Emulator.Permissions(w.T, l[0], l[1])
		delete(others, w.ours(name)[0].ApplicationID)
		if diff := cmp.Diff(map[string]string{"shared": "CAN_MANAGE"}, others); diff != "" {
			w.T.Errorf("the entries of others on %s: %s", l[1], diff)
		}
	}
	w.others()
}

var (
	dealsOnly = []string{
		"USE_CATALOG on main", "USE_SCHEMA on main.sales", "SELECT on main.sales.deals", "SELECT on main.sales.extra", "CAN_USE on " + env.WarehouseID,
	}
	everyGrant = []string{
		"USE_CATALOG on main", "USE_SCHEMA on main.sales", "SELECT on main.sales.deals", "SELECT on main.sales.extra", "SELECT on " + env.VectorIndex,
		"EXECUTE on main.sales.discount", "USE_CONNECTION on crm",
		"CAN_USE on " + env.WarehouseID, "CAN_RUN on " + env.GenieSpaceID, "CAN_QUERY on " + env.EndpointName,
	}
)

func TestToolsOfEveryType(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.everyType()
	env.Create(t, w.Kube, w.role("west"))
	r := w.Settle("west")
	w.holds("west", everyGrant)
	if want := []string{"dashboards.genie", "genie", "model-serving", "sql", "vector-search"}; !slices.Equal(r.Status.Scopes, want) {
		t.Errorf("scopes %v, want %v", r.Status.Scopes, want)
	}
	if len(r.Status.Grants) != len(everyGrant) || len(r.Status.Applied) != len(everyGrant) {
		t.Errorf("%d grants in the status and %d recorded, want %d", len(r.Status.Grants), len(r.Status.Applied), len(everyGrant))
	}

	t.Run("a second pass writes nothing", func(t *testing.T) {
		since := w.Emulator.Last(t)
		w.Settle("west")
		w.WroteNothing(since)
	})
	t.Run("what is taken away behind the operator's back comes back", func(*testing.T) {
		application := w.ours("west")[0].ApplicationID
		for _, l := range lists {
			w.Emulator.Permit(t, l[0], l[1], true, map[string]string{"shared": "CAN_MANAGE"}, nil)
		}
		for _, g := range [][3]string{{"connection", "crm", "USE_CONNECTION"}, {"function", "main.sales.discount", "EXECUTE"}, {"table", env.VectorIndex, "SELECT"}} {
			w.Emulator.Do(t, http.MethodPatch, w.Emulator.WorkspaceURL, "/api/2.1/unity-catalog/permissions/"+g[0]+"/"+g[1],
				fmt.Sprintf(`{"changes":[{"principal":%q,"remove":[%q]}]}`, application, g[2]), nil)
		}
		w.holds("west", []string{"USE_CATALOG on main", "USE_SCHEMA on main.sales", "SELECT on main.sales.deals", "SELECT on main.sales.extra"})
		w.Settle("west")
		w.holds("west", everyGrant)
	})
	t.Run("a level that does not let it use the object is replaced", func(*testing.T) {
		application := w.ours("west")[0].ApplicationID
		w.Emulator.Permit(t, env.KindGenieSpace, env.GenieSpaceID, false, nil, map[string]string{application: "CAN_READ"})
		w.Settle("west")
		w.holds("west", everyGrant)
	})
	t.Run("without the cells it has what is left", func(*testing.T) {
		w.allow(func([]string) []string { return []string{"deals"} })
		r := w.Settle("west")
		w.holds("west", dealsOnly)
		if len(r.Status.Applied) != len(dealsOnly) || !slices.Equal(r.Status.Scopes, []string{"sql"}) {
			t.Errorf("status %+v", r.Status)
		}
		w.allow(func([]string) []string { return []string{"deals", "ask", "support", "notes", "customers", "discount"} })
		w.Settle("west")
		w.holds("west", everyGrant)
	})
	t.Run("a higher level of somebody else is enough, and stays", func(*testing.T) {
		application := w.ours("west")[0].ApplicationID
		w.Emulator.Permit(t, env.KindGenieSpace, env.GenieSpaceID, false, nil, map[string]string{application: "CAN_MANAGE"})
		raised := slices.Clone(everyGrant)
		raised[8] = "CAN_MANAGE on " + env.GenieSpaceID
		w.Settle("west")
		w.holds("west", raised)
		w.allow(func([]string) []string { return []string{"deals"} })
		w.Settle("west")
		w.holds("west", append(slices.Clone(dealsOnly), raised[8]))
	})
	t.Run("deleting it leaves everything of others", func(*testing.T) {
		w.Remove("west")
		w.absent("west")
		for _, l := range lists {
			if got := w.Emulator.Permissions(t, l[0], l[1]); !maps.Equal(got, map[string]string{"shared": "CAN_MANAGE"}) {
				t.Errorf("left on %s: %v", l[1], got)
			}
		}
	})
}

func TestOneRolesRevocationKeepsTheOthersEntry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.everyType()
	for _, name := range []string{"west", "east"} {
		env.Create(t, w.Kube, w.role(name))
		w.Settle(name)
	}
	left := w.ours("east")[0].ApplicationID
	w.Remove("west")
	for i, l := range lists {
		want := map[string]string{"shared": "CAN_MANAGE", left: []string{"CAN_USE", "CAN_RUN", "CAN_QUERY"}[i]}
		if diff := cmp.Diff(want, w.Emulator.Permissions(t, l[0], l[1])); diff != "" {
			t.Error(diff)
		}
	}
}

// TestWhatIsMissingKeepsNothingElseBack: each kind of object may come later than the
// Role that needs it, and one pass makes everything that can be made.
func TestWhatIsMissingKeepsNothingElseBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.everyType()
	for name, spec := range map[string]v1alpha1.ToolSpec{
		"laterconnection": {HTTP: &v1alpha1.HTTPTool{Connection: "crm_later", Allow: []v1alpha1.HTTPRoute{{Path: "/x"}}}},
		"laterspace":      {Genie: &v1alpha1.GenieTool{SpaceID: "later"}},
		"laterendpoint":   {Serving: &v1alpha1.ServingTool{Endpoint: "support_later"}},
		"laterfunction":   {Function: &v1alpha1.FunctionTool{Name: "main.sales.later"}},
		"laterindex":      {VectorSearch: &v1alpha1.VectorSearchTool{Index: "main.sales.later_index", Columns: []v1alpha1.ColumnName{"text"}}},
	} {
		t.Run(name, func(t *testing.T) {
			w.T = t
			w.serve(name, spec)
			env.Create(t, w.Kube, w.role(name))
			if err := w.operator()(t.Context(), w.Get(name)); err != nil {
				t.Fatal(err)
			}
			w.holds(name, everyGrant)
			c := meta.FindStatusCondition(w.Get(name).Status.Conditions, v1alpha1.ConditionReady)
			if c == nil || c.Status != metav1.ConditionFalse || c.Reason != v1alpha1.ReasonSecurableNotFound || !strings.Contains(c.Message, "later") {
				t.Errorf("Ready is %+v", c)
			}
			switch name {
			case "laterconnection":
				w.connection("crm_later")
			case "laterfunction":
				w.Emulator.SQL(t, "CREATE FUNCTION main.sales.later() RETURNS INT RETURN 1")
			default: // those exist from the start or never
				w.allow(func(tools []string) []string {
					return slices.DeleteFunc(tools, func(n string) bool { return n == name })
				})
			}
			w.Settle(name)
			w.Remove(name)
			w.allow(func(tools []string) []string {
				return slices.DeleteFunc(tools, func(n string) bool { return n == name })
			})
		})
	}
}
