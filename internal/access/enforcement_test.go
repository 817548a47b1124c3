// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

var (
	deals     = AuditObject{"Table", "main.sales.deals"}
	schemaOf  = AuditObject{"Schema", "main.sales"}
	catalogOf = AuditObject{"Catalog", "main"}
	warehouse = AuditObject{"Warehouse", "wh1"}
)

// holds is what Databricks says of the objects of the inventory's two tools, of one principal.
func holds(principal string, objects ...AuditObject) Effective {
	privileges := map[AuditObject]string{deals: "SELECT", schemaOf: "USE_SCHEMA", catalogOf: "USE_CATALOG", warehouse: "CAN_USE"}
	out := Effective{Holdings: map[AuditObject][]Holding{}, Unread: map[AuditObject]string{}, Members: map[string]map[string]bool{}}
	for _, o := range objects {
		out.Holdings[o] = append(out.Holdings[o], Holding{Privilege: privileges[o], Principal: principal})
	}
	return out
}

// TestCompare looks at the cells of one role with two tools: query_deals, which needs a
// table and the warehouse, and whoami, which needs the warehouse.
func TestCompare(t *testing.T) {
	const me = "app-manager"
	also := func(e Effective, o AuditObject, h ...Holding) Effective {
		e.Holdings[o] = append(e.Holdings[o], h...)
		return e
	}
	member := func(e Effective, group string) Effective {
		e.Members[group] = map[string]bool{me: true}
		return e
	}
	unread := func(e Effective, o AuditObject) Effective {
		e.Unread[o] = "it failed"
		return e
	}
	for name, c := range map[string]struct {
		yes   []string // tools
		found Effective
		// "<kind> <tool>: <because>"
		want              []string
		granted, enforced int
	}{
		"everything as declared": {
			yes: []string{"query_deals"}, found: holds(me, deals, schemaOf, catalogOf, warehouse), granted: 1, want: []string{"MatrixOnly whoami: "},
		},
		"a no that lacks one of four":          {yes: []string{"whoami"}, found: holds(me, warehouse), granted: 1, enforced: 1},
		"nothing is declared and nothing held": {enforced: 2},
		"a missing grant": {
			yes: []string{"query_deals"}, found: holds(me, deals, schemaOf, catalogOf),
			want: []string{"Missing query_deals: CAN_USE on Warehouse wh1"}, enforced: 1,
		},
		"what another principal holds is nothing": {
			yes: []string{"whoami"}, found: also(holds(me, warehouse, schemaOf, catalogOf), deals, Holding{Privilege: "SELECT", Principal: "somebody"}), granted: 1, enforced: 1,
		},
		"another privilege is not the one": {
			yes: []string{"whoami"}, found: also(holds(me, warehouse, schemaOf, catalogOf), deals, Holding{Privilege: "MODIFY", Principal: me}), granted: 1, enforced: 1,
		},
		"a direct grant from elsewhere": {
			yes: []string{"whoami"}, found: holds(me, deals, schemaOf, catalogOf, warehouse), granted: 1,
			want: []string{"Open query_deals: USE_CATALOG on Catalog main from its own service principal, USE_SCHEMA on Schema main.sales from its own service principal, SELECT on Table main.sales.deals from its own service principal"},
		},
		"by a group": {
			yes: []string{"whoami"}, found: member(also(holds(me, schemaOf, catalogOf, warehouse), deals, Holding{Privilege: "SELECT", Principal: "analysts"}), "analysts"), granted: 1,
			want: []string{"Open query_deals: USE_CATALOG on Catalog main from its own service principal, USE_SCHEMA on Schema main.sales from its own service principal, SELECT on Table main.sales.deals from the group analysts"},
		},
		"by a group that it is not in": {
			yes: []string{"whoami"}, found: also(holds(me, schemaOf, catalogOf, warehouse), deals, Holding{Privilege: "SELECT", Principal: "analysts"}), granted: 1, enforced: 1,
		},
		"from above, by everyone and everything": {
			yes: []string{"whoami"}, granted: 1,
			found: also(also(also(holds(me, warehouse), deals, Holding{"ALL_PRIVILEGES", "account users", catalogOf}), schemaOf, Holding{"ALL_PRIVILEGES", "account users", catalogOf}), catalogOf, Holding{Privilege: "ALL_PRIVILEGES", Principal: "account users"}),
			want:  []string{"Open query_deals: USE_CATALOG on Catalog main from the group account users, USE_SCHEMA on Schema main.sales from the group account users on Catalog main, SELECT on Table main.sales.deals from the group account users on Catalog main"},
		},
		"a yes by a grant from elsewhere is a yes": {
			yes: []string{"whoami"}, found: member(also(holds(me), warehouse, Holding{Privilege: "CAN_USE", Principal: "g"}), "g"), granted: 1, enforced: 1,
		},
		"what was not read is not known": {
			yes: []string{"query_deals"}, found: unread(holds(me, deals, schemaOf, catalogOf), warehouse),
			want: []string{"Unknown query_deals: CAN_USE on Warehouse wh1: it failed", "Unknown whoami: CAN_USE on Warehouse wh1: it failed"},
		},
		"a no that lacks what was read is enforced": {yes: []string{"whoami"}, found: unread(holds(me, warehouse, catalogOf), deals), granted: 1, enforced: 1},
	} {
		t.Run(name, func(t *testing.T) {
			e := inventory()
			e.Accesses[0].Spec.Rules = nil
			if len(c.yes) > 0 {
				rules(v1alpha1.AccessRule{Tools: c.yes, Roles: []string{"manager"}})(&e)
			}
			d, _ := compile(t, e)
			audit := e.Audit(&e.Servers[0], d)
			if len(audit.Cells) != 2 {
				t.Fatalf("%d cells", len(audit.Cells))
			}
			got := audit.Compare(c.found)
			var said []string
			for kind, list := range map[string][]Finding{"MatrixOnly": got.MatrixOnly, "Open": got.Open, "Missing": got.Missing, "Unknown": got.Unknown} {
				for _, f := range list {
					if f.Role != "sales/manager" {
						t.Errorf("a finding of %s", f.Role)
					}
					said = append(said, kind+" "+f.Tool+": "+f.Because)
				}
			}
			if diff := cmp.Diff(c.want, said, cmp.Transformer("sorted", func(in []string) string { return strings.Join(slices.Sorted(slices.Values(in)), "\n") })); diff != "" {
				t.Error(diff)
			}
			if got.Granted != c.granted || got.Enforced != c.enforced {
				t.Errorf("%d granted and %d enforced, want %d and %d", got.Granted, got.Enforced, c.granted, c.enforced)
			}
		})
	}
}

func TestScopesThatAreLackingAreSaidOfWhatGrantsDoNotStop(t *testing.T) {
	e := inventory(rules(v1alpha1.AccessRule{Tools: []string{"whoami"}, Roles: []string{"manager"}}), func(e *Inventory) {
		e.Tools[0].Spec.SQL, e.Tools[0].Spec.Genie = nil, &v1alpha1.GenieTool{SpaceID: "01ef"}
	})
	d, _ := compile(t, e)
	found := holds("app-manager", deals, schemaOf, catalogOf, warehouse)
	found.Holdings[AuditObject{"GenieSpace", "01ef"}] = []Holding{{Privilege: "CAN_RUN", Principal: "users"}}
	got := e.Audit(&e.Servers[0], d).Compare(found)
	if len(got.Open) != 1 || strings.Join(got.Open[0].Lacking, " ") != "genie dashboards.genie" || !strings.Contains(got.Open[0].Because, "the group users") {
		t.Errorf("found %+v", got)
	}
}

func TestUseSchemaOnTheSystemCatalogHasNoEffect(t *testing.T) {
	e := inventory(rules(v1alpha1.AccessRule{Tools: []string{"whoami"}, Roles: []string{"manager"}}), func(e *Inventory) {
		e.Tools[0].Spec.Reads = []v1alpha1.SecurableName{"system.access.audit"}
	})
	d, _ := compile(t, e)
	found := holds("app-manager", warehouse)
	system := AuditObject{"Catalog", "system"}
	found.Holdings[system] = []Holding{{Privilege: "ALL_PRIVILEGES", Principal: "users"}}
	found.Holdings[AuditObject{"Schema", "system.access"}] = []Holding{{"ALL_PRIVILEGES", "users", system}}
	found.Holdings[AuditObject{"Table", "system.access.audit"}] = []Holding{{"ALL_PRIVILEGES", "users", system}}
	if got := e.Audit(&e.Servers[0], d).Compare(found); got.Enforced != 1 {
		t.Errorf("found %+v", got)
	}
}
