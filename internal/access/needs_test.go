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
	explicit := func(e *Estate) {
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
			e := estate(c.changes...)
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
