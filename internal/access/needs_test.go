// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func TestNeeds(t *testing.T) {
	const dealsTool, whoami = "sales/tools:query_deals", "sales/tools:whoami"
	cell := func(role, tool string) Cell { return Cell{"sales/tools", role, tool} }
	explicit := func(e *Inventory) {
		e.Roles[0].Spec.Grants = []v1alpha1.Grant{{
			Securable: v1alpha1.Securable{Type: v1alpha1.SecurableTable, Name: "main.sales.deals"}, Privileges: []v1alpha1.Privilege{"SELECT", "MODIFY"},
		}}
	}
	for name, c := range map[string]struct {
		changes []change
		cells   []Cell
		want    []string // "<type> <name> <privilege>: <from>"
		scopes  []string
	}{
		"a Role without cells and grants needs nothing": {},
		"the cells of another Role give nothing":        {cells: []Cell{cell("acme/west", "query_deals"), cell("acme/manager", "query_deals"), cell("sales/manager2", "whoami")}},
		"a sql tool needs its warehouse, what it reads, and the way there": {
			cells: []Cell{cell("sales/manager", "query_deals")},
			want: []string{
				"Catalog main USE_CATALOG: " + dealsTool, "Schema main.sales USE_SCHEMA: " + dealsTool,
				"Table main.sales.deals SELECT: " + dealsTool, "Warehouse wh1 CAN_USE: " + dealsTool,
			},
			scopes: []string{"sql"},
		},
		"an identity tool needs a warehouse and nothing else": {
			cells: []Cell{cell("sales/manager", "whoami")}, want: []string{"Warehouse wh1 CAN_USE: " + whoami}, scopes: []string{"sql"},
		},
		"what two tools share keeps both as its source": {
			cells: []Cell{cell("sales/manager", "whoami"), cell("sales/manager", "query_deals")},
			want: []string{
				"Catalog main USE_CATALOG: " + dealsTool, "Schema main.sales USE_SCHEMA: " + dealsTool,
				"Table main.sales.deals SELECT: " + dealsTool, "Warehouse wh1 CAN_USE: " + dealsTool + "," + whoami,
			},
			scopes: []string{"sql"},
		},
		"explicit grants come from the spec, need no scope and no way there": {
			changes: []change{explicit},
			want:    []string{"Table main.sales.deals MODIFY: spec", "Table main.sales.deals SELECT: spec"},
		},
		"an explicit grant that a tool needs too keeps both as its source": {
			changes: []change{explicit}, cells: []Cell{cell("sales/manager", "query_deals")},
			want: []string{
				"Catalog main USE_CATALOG: " + dealsTool, "Schema main.sales USE_SCHEMA: " + dealsTool,
				"Table main.sales.deals MODIFY: spec", "Table main.sales.deals SELECT: " + dealsTool + ",spec", "Warehouse wh1 CAN_USE: " + dealsTool,
			},
			scopes: []string{"sql"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := inventory(c.changes...)
			needs := e.Needs(&e.Roles[0], c.cells)
			var got []string
			for _, g := range needs.Grants {
				got = append(got, g.Type+" "+g.Name+" "+g.Privilege+": "+strings.Join(g.From, ","))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error("grants:", diff)
			}
			if diff := cmp.Diff(c.scopes, needs.Scopes); diff != "" {
				t.Error("scopes:", diff)
			}
		})
	}
}

// TestNeedsOfEachTypeOfTool: what one cell needs, by what the tool is.
func TestNeedsOfEachTypeOfTool(t *testing.T) {
	const catalog, schema, warehouse = "Catalog main USE_CATALOG", "Schema main.sales USE_SCHEMA", "Warehouse wh1 CAN_USE"
	genie, index := []string{"dashboards.genie", "genie"}, []string{"vector-search"}
	serving := func(reads []v1alpha1.SecurableName, agents ...v1alpha1.ServingAgent) v1alpha1.ToolSpec {
		return v1alpha1.ToolSpec{Reads: reads, Serving: &v1alpha1.ServingTool{Endpoint: "chat_1", Agents: agents}}
	}
	for name, c := range map[string]struct {
		spec   v1alpha1.ToolSpec
		want   []string
		scopes []string
	}{
		"a genie tool runs on the server's warehouse": {
			v1alpha1.ToolSpec{Genie: &v1alpha1.GenieTool{SpaceID: "s1"}}, []string{"GenieSpace s1 CAN_RUN", warehouse}, genie,
		},
		"or on that of its space alone": {
			v1alpha1.ToolSpec{Genie: &v1alpha1.GenieTool{SpaceID: "s1", WarehouseID: "wh2"}}, []string{"GenieSpace s1 CAN_RUN", "Warehouse wh2 CAN_USE"}, genie,
		},
		"and reads the tables of the space as the role": {
			v1alpha1.ToolSpec{Genie: &v1alpha1.GenieTool{SpaceID: "s1"}, Reads: []v1alpha1.SecurableName{"main.sales.deals"}},
			[]string{catalog, "GenieSpace s1 CAN_RUN", schema, "Table main.sales.deals SELECT", warehouse}, genie,
		},
		"an index is granted like a table, and needs no warehouse": {
			v1alpha1.ToolSpec{VectorSearch: &v1alpha1.VectorSearchTool{Index: "main.sales.notes"}}, []string{catalog, schema, "Table main.sales.notes SELECT"}, index,
		},
		"a connection is called from the warehouse": {
			v1alpha1.ToolSpec{HTTP: &v1alpha1.HTTPTool{Connection: "crm"}}, []string{"Connection crm USE_CONNECTION", warehouse}, []string{"sql"},
		},
		"and so is a function": {
			v1alpha1.ToolSpec{Function: &v1alpha1.FunctionTool{Name: "main.sales.f"}}, []string{catalog, "Function main.sales.f EXECUTE", schema, warehouse}, []string{"sql"},
		},
		"a model needs its endpoint and nothing else": {serving(nil), []string{"ServingEndpoint chat_1 CAN_QUERY"}, []string{"model-serving"}},
		"an agent that reads needs the tables and the warehouse": {
			serving([]v1alpha1.SecurableName{"main.sales.deals"}),
			[]string{catalog, schema, "ServingEndpoint chat_1 CAN_QUERY", "Table main.sales.deals SELECT", warehouse}, []string{"model-serving", "sql"},
		},
		"a supervisor's other endpoint": {
			serving(nil, v1alpha1.ServingAgent{Endpoint: "chat-2"}), []string{"ServingEndpoint chat-2 CAN_QUERY", "ServingEndpoint chat_1 CAN_QUERY"}, []string{"model-serving"},
		},
		"a supervisor's Genie space": {
			serving(nil, v1alpha1.ServingAgent{GenieSpaceID: "s1"}), []string{"GenieSpace s1 CAN_RUN", "ServingEndpoint chat_1 CAN_QUERY", warehouse},
			[]string{"dashboards.genie", "genie", "model-serving"},
		},
		"a supervisor's index": {
			serving(nil, v1alpha1.ServingAgent{Index: "main.sales.notes"}),
			[]string{catalog, schema, "ServingEndpoint chat_1 CAN_QUERY", "Table main.sales.notes SELECT"}, []string{"model-serving", "vector-search"},
		},
		"a supervisor's function": {
			serving(nil, v1alpha1.ServingAgent{Function: "main.sales.f"}),
			[]string{catalog, "Function main.sales.f EXECUTE", schema, "ServingEndpoint chat_1 CAN_QUERY", warehouse}, []string{"model-serving", "sql"},
		},
		"a supervisor's connection": {
			serving(nil, v1alpha1.ServingAgent{Connection: "crm"}), []string{"Connection crm USE_CONNECTION", "ServingEndpoint chat_1 CAN_QUERY"}, []string{"model-serving", "sql"},
		},
		"a supervisor that has all of them needs each once": {
			serving([]v1alpha1.SecurableName{"main.sales.deals"}, v1alpha1.ServingAgent{GenieSpaceID: "s1"}, v1alpha1.ServingAgent{GenieSpaceID: "s1"},
				v1alpha1.ServingAgent{Index: "main.sales.deals"}, v1alpha1.ServingAgent{Function: "main.sales.f"}, v1alpha1.ServingAgent{Endpoint: "chat_1"}),
			[]string{
				catalog, "Function main.sales.f EXECUTE", "GenieSpace s1 CAN_RUN", schema, "ServingEndpoint chat_1 CAN_QUERY", "Table main.sales.deals SELECT", warehouse,
			},
			[]string{"dashboards.genie", "genie", "model-serving", "sql", "vector-search"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := inventory(func(e *Inventory) {
				c.spec.ToolName, c.spec.Description = "one", "One."
				e.Tools = []v1alpha1.Tool{{ObjectMeta: meta("sales", "one"), Spec: c.spec}}
				e.Servers[0].Spec.ToolRefs = refs("one")
			})
			needs := e.Needs(&e.Roles[0], []Cell{{"sales/tools", "sales/manager", "one"}})
			var got []string
			for _, g := range needs.Grants {
				got = append(got, g.Type+" "+g.Name+" "+g.Privilege)
				if diff := cmp.Diff([]string{"sales/tools:one"}, g.From); diff != "" {
					t.Error("from:", diff)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error("grants:", diff)
			}
			if diff := cmp.Diff(c.scopes, needs.Scopes); diff != "" {
				t.Error("scopes:", diff)
			}
		})
	}
}
