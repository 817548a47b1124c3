// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/controllers/datapolicy"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/test/env"
	"github.com/gatehouse-dev/gatehouse/test/externaltest"
)

const (
	installation = externaltest.Installation
	deals        = "main.sales.deals"
	query        = "SELECT id, region, margin, phone FROM main.sales.deals ORDER BY id"
)

// world is one with a table, and users who read it.
type world struct {
	*externaltest.World[*v1alpha1.DataPolicy]
	// west and boss are in the groups of their names; nobody is in none.
	west, boss, nobody *env.User
	// tokenFile is the operator's projected token, if it has one.
	tokenFile string
}

func newWorld(t *testing.T, switches ...string) *world {
	t.Helper()
	w := &world{World: externaltest.New[*v1alpha1.DataPolicy](t, switches...)}
	w.Options = externaltest.Options[*v1alpha1.DataPolicy]{Namespace: "sales", Restart: true, Passes: 6, Start: w.start}
	w.Connection = func(o *connect.Options) { o.TokenFile = w.tokenFile }
	w.Emulator.SQL(t, "CREATE CATALOG main", "CREATE SCHEMA main.sales", "CREATE SCHEMA main.shared",
		"CREATE TABLE main.sales.deals (id STRING, region STRING, owner STRING, margin DOUBLE, phone STRING)",
		"INSERT INTO main.sales.deals VALUES ('a', 'WEST', 'x', 0.5, '555-0199'), ('b', 'EAST', 'x', 0.25, '555-0123')",
		"CREATE VIEW main.sales.seen AS SELECT id FROM main.sales.deals",
		"CREATE FUNCTION main.shared.west_only(r STRING) RETURNS BOOLEAN RETURN r = 'WEST'",
		"CREATE FUNCTION main.shared.east_only(r STRING) RETURNS BOOLEAN RETURN r = 'EAST'",
		"CREATE FUNCTION main.shared.masked(o STRING) RETURNS STRING RETURN NULL",
		"CREATE FUNCTION main.shared.no_margin(m DOUBLE, r STRING) RETURNS DOUBLE RETURN CASE WHEN r = 'EAST' THEN m ELSE NULL END")
	w.west, w.boss, w.nobody = w.Emulator.User(t, "west", "west"), w.Emulator.User(t, "boss", "boss"), w.Emulator.User(t, "nobody")
	for _, g := range []string{"west", "boss"} {
		w.Emulator.AssignToWorkspace(t, w.Emulator.Group(t, g))
	}
	for _, name := range []string{"sales", "rival"} {
		w.Tenant(name, nil, func(b *v1alpha1.BoundarySpec) {
			b.Warehouses = []v1alpha1.NamePattern{env.WarehouseID}
			b.DataPolicies = v1alpha1.BoundaryDataPolicies{Tables: []v1alpha1.NamePattern{"main.sales.*"}, Functions: []v1alpha1.NamePattern{"main.sales.gh_*", "main.shared.*"}}
		})
	}
	return w
}

// declared shows West its own region and the boss everything, margins included; phone numbers end in what is seen of them.
func declared(name string) *v1alpha1.DataPolicy {
	return &v1alpha1.DataPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "sales", Name: name}, Spec: v1alpha1.DataPolicySpec{
		WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, WarehouseID: env.WarehouseID, Table: deals, DeletionPolicy: v1alpha1.DeletionDelete,
		RowFilter: &v1alpha1.RowFilter{Rules: []v1alpha1.RowRule{
			{Groups: []v1alpha1.AccountGroupName{"boss"}, Rows: v1alpha1.VisibleRows{All: &v1alpha1.AllRows{}}},
			{Groups: []v1alpha1.AccountGroupName{"west"}, Rows: where("WEST")},
		}},
		ColumnMasks: []v1alpha1.ColumnMask{
			{Column: "margin", VisibleTo: &v1alpha1.Audience{Groups: []v1alpha1.AccountGroupName{"boss"}}},
			{Column: "phone", VisibleTo: &v1alpha1.Audience{Groups: []v1alpha1.AccountGroupName{"boss"}}, Otherwise: &v1alpha1.MaskedValue{KeepLast: 4}},
		},
	}}
}

func where(values ...v1alpha1.ColumnValue) v1alpha1.VisibleRows {
	return v1alpha1.VisibleRows{Where: &v1alpha1.ColumnCondition{Column: "region", Values: values}}
}

func (w *world) options() datapolicy.Options {
	return datapolicy.Options{Connect: w.Connector(), Installation: installation}
}

func (w *world) start() externaltest.Operator[*v1alpha1.DataPolicy] {
	loop := datapolicy.NewReconciler(w.Kube, w.Recorder, w.options())
	return func(ctx context.Context, p *v1alpha1.DataPolicy) error {
		_, err := loop.Reconcile(ctx, p)
		return err
	}
}

func (w *world) edit(name string, change func(*v1alpha1.DataPolicySpec)) {
	w.T.Helper()
	w.Edit(name, func(p *v1alpha1.DataPolicy) { change(&p.Spec) })
}

// table is the filter and the masks that the table has, by column.
func (w *world) table() map[string]string {
	w.T.Helper()
	var out struct {
		Filter *struct {
			Function string   `json:"function_name"`
			Columns  []string `json:"input_column_names"`
		} `json:"row_filter"`
		Columns []struct {
			Name string `json:"name"`
			Mask *struct {
				Function string   `json:"function_name"`
				Columns  []string `json:"using_column_names"`
			} `json:"mask"`
		} `json:"columns"`
	}
	w.Emulator.Do(w.T, http.MethodGet, w.Emulator.WorkspaceURL, "/api/2.1/unity-catalog/tables/"+deals, "", &out)
	found := map[string]string{}
	if f := out.Filter; f != nil {
		found[""] = f.Function + "(" + strings.Join(f.Columns, ",") + ")"
	}
	for _, c := range out.Columns {
		if c.Mask != nil {
			found[c.Name] = c.Mask.Function + "(" + strings.Join(c.Mask.Columns, ",") + ")"
		}
	}
	return found
}

// made are the functions of a schema that begin with our prefix.
func (w *world) made() []string {
	w.T.Helper()
	var out struct {
		Functions []struct {
			FullName string `json:"full_name"`
		} `json:"functions"`
	}
	w.Emulator.Do(w.T, http.MethodGet, w.Emulator.WorkspaceURL, "/api/2.1/unity-catalog/functions?catalog_name=main&schema_name=sales", "", &out)
	var found []string
	for _, f := range out.Functions {
		if strings.Contains(f.FullName, ".gh_") {
			found = append(found, f.FullName)
		}
	}
	slices.Sort(found)
	return found
}

// see checks what people see of the table.
func (w *world) see(west, boss, nobody []string) {
	w.T.Helper()
	for _, p := range []struct {
		name string
		who  *env.User
		want []string
	}{{"west", w.west, west}, {"boss", w.boss, boss}, {"nobody", w.nobody, nobody}} {
		if diff := cmp.Diff(p.want, p.who.Rows(w.T, query)); diff != "" {
			w.T.Errorf("%s sees (-want +got):\n%s", p.name, diff)
		}
	}
}

var (
	all, none = []string{"a|WEST|0.5|555-0199", "b|EAST|0.25|555-0123"}, []string{}
	onlyOwn   = []string{"a|WEST|NULL|****0199"}
)

// first is what is seen under the declared spec, second under the changed one.
func (w *world) first() {
	w.T.Helper()
	w.see(onlyOwn, all, none)
	w.has(3, "", "margin", "phone")
}

// changed is another spec: West also sees East, the mask of margins is new and that of phone numbers is gone.
func changed(s *v1alpha1.DataPolicySpec) {
	s.RowFilter.Rules[1].Rows = where("WEST", "EAST")
	s.ColumnMasks = []v1alpha1.ColumnMask{{Column: "margin", VisibleTo: &v1alpha1.Audience{Groups: []v1alpha1.AccountGroupName{"west"}}}}
}

func (w *world) second() {
	w.T.Helper()
	w.see(all, []string{"a|WEST|NULL|555-0199", "b|EAST|NULL|555-0123"}, none)
	w.has(2, "", "margin")
}

// has checks where functions of ours are, and that there are no others of ours.
func (w *world) has(functions int, places ...string) {
	w.T.Helper()
	table, made := w.table(), w.made()
	if len(table) != len(places) || len(made) != functions {
		w.T.Errorf("the table has %v and there are %v; want functions at %q", table, made, places)
	}
	for _, p := range places {
		name, _, _ := strings.Cut(table[p], "(")
		if !slices.Contains(made, name) {
			w.T.Errorf("at %q is %s, which is not one of %v", p, table[p], made)
		}
	}
}

func (w *world) open() {
	w.T.Helper()
	if table, made := w.table(), w.made(); len(table)+len(made) > 0 {
		w.T.Errorf("left: %v %v", table, made)
	}
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env.Create(t, w.Kube, declared("deals"))
	p := w.Settle("deals")
	w.first()
	if len(p.Status.Attached) != 3 || !cmp.Equal(p.Status.Attached, p.Status.Applied) || !slices.Equal(p.Status.Functions, w.made()) {
		t.Errorf("status %+v", p.Status)
	}
	if !meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionGroupsVisible) || !meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionWithinBoundary) {
		t.Errorf("conditions %+v", p.Status.Conditions)
	}
	quiet := func(t *testing.T) { t.Helper(); w.In(t, func() { w.Steady("deals") }) }
	t.Run("a second pass writes nothing", quiet)
	filter, _, _ := strings.Cut(w.table()[""], "(")
	for name, drift := range map[string]string{
		"the filter was dropped":         "ALTER TABLE main.sales.deals DROP ROW FILTER",
		"the filter was replaced":        "ALTER TABLE main.sales.deals SET ROW FILTER main.shared.east_only ON (region)",
		"a mask was dropped":             "ALTER TABLE main.sales.deals ALTER COLUMN margin DROP MASK",
		"the function's body changed":    "CREATE OR REPLACE FUNCTION " + filter + "(region STRING) RETURNS BOOLEAN COMMENT 'Managed by Gatehouse: test/datapolicy/sales/deals' RETURN true",
		"the function lost its mark":     "CREATE OR REPLACE FUNCTION " + filter + "(region STRING) RETURNS BOOLEAN RETURN true",
		"the function's type is another": "CREATE OR REPLACE FUNCTION " + filter + "(region BIGINT) RETURNS BOOLEAN COMMENT 'Managed by Gatehouse: test/datapolicy/sales/deals' RETURN true",
	} {
		t.Run("repaired: "+name, func(t *testing.T) {
			w.Emulator.SQL(t, drift)
			for len(w.Recorder.Events) > 0 {
				<-w.Recorder.Events
			}
			w.Settle("deals")
			if len(w.Recorder.Events) == 0 {
				t.Error("no event tells of it")
			}
			w.first()
		})
	}
	t.Run("a lost status finds it again", func(t *testing.T) {
		p := w.Get("deals")
		before := p.Status.DeepCopy()
		p.Status = v1alpha1.DataPolicyStatus{}
		if err := w.Kube.Status().Update(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		since := w.Emulator.Last(t)
		after := w.Settle("deals").Status
		if !cmp.Equal(before.Applied, after.Applied) || !cmp.Equal(before.Functions, after.Functions) {
			t.Errorf("before %+v, after %+v", before, after)
		}
		w.WroteNothing(since)
	})
	t.Run("another spec is seen at once and leaves nothing of the old one", func(t *testing.T) {
		w.edit("deals", changed)
		w.Settle("deals")
		w.second()
		quiet(t)
	})
	t.Run("existing functions are used and stay", func(t *testing.T) {
		w.edit("deals", func(s *v1alpha1.DataPolicySpec) {
			s.RowFilter = &v1alpha1.RowFilter{Function: &v1alpha1.FilterFunction{Name: "main.shared.west_only", Columns: []v1alpha1.TableColumn{"region"}}}
			s.ColumnMasks = []v1alpha1.ColumnMask{{Column: "margin", Function: &v1alpha1.MaskFunction{Name: "main.shared.no_margin", UsingColumns: []v1alpha1.TableColumn{"region"}}}}
		})
		w.Settle("deals")
		if diff := cmp.Diff(map[string]string{"": "main.shared.west_only(region)", "margin": "main.shared.no_margin(region)"}, w.table()); diff != "" {
			t.Error(diff)
		}
		if made := w.made(); len(made) > 0 {
			t.Errorf("left: %v", made)
		}
		quiet(t)
		w.edit("deals", func(s *v1alpha1.DataPolicySpec) {
			s.RowFilter.Function.Name = "main.shared.east_only"
			s.ColumnMasks = nil
		})
		w.Settle("deals")
		if diff := cmp.Diff(map[string]string{"": "main.shared.east_only(region)"}, w.table()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("deleting it takes off what it had put there", func(t *testing.T) {
		w.Remove("deals")
		w.open()
		w.see(all, all, all)
		w.Emulator.Do(t, http.MethodGet, w.Emulator.WorkspaceURL, "/api/2.1/unity-catalog/functions/main.shared.east_only", "", nil)
	})
	t.Run("an orphan leaves everything", func(t *testing.T) {
		p := declared("orphan")
		p.Spec.DeletionPolicy = "" // the default
		env.Create(t, w.Kube, p)
		w.Settle("orphan")
		since := w.Emulator.Last(t)
		w.Remove("orphan")
		w.first()
		for _, c := range w.Emulator.Calls(t, since) {
			if c.Committed && strings.HasPrefix(c.Path, "/api/2.0/sql") && c.Principal == env.OperatorID {
				t.Errorf("written: %+v", c)
			}
		}
	})
}

// TestTheTableIsNeverOpen looks at the table before and after each statement of a change.
func TestTheTableIsNeverOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env.Create(t, w.Kube, declared("deals"))
	w.Settle("deals")
	looks := 0
	look := func() {
		looks++
		table := w.table()
		if table[""] == "" || table["margin"] == "" {
			t.Errorf("the table is open: %v", table)
		}
		if seen := w.nobody.Rows(t, query); len(seen) > 0 {
			t.Errorf("nobody sees %v", seen)
		}
	}
	for _, stage := range []string{"before_commit", "after_commit"} {
		w.edit("deals", changed)
		for n := 1; n <= 12; n++ {
			w.OnCall(stage, env.FaultMatch{Method: "POST", PathRegex: "^/api/2.0/sql/statements$", Nth: n}, look)
		}
		w.Settle("deals")
		w.Emulator.Heal(t)
		w.second()
		w.edit("deals", func(s *v1alpha1.DataPolicySpec) { *s = declared("deals").Spec })
		w.Settle("deals")
		w.first()
	}
	if looks < 6 {
		t.Errorf("there were only %d looks", looks)
	}
}

func TestWhatOthersHaveSetIsNotTouched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Emulator.SQL(t, "ALTER TABLE main.sales.deals SET ROW FILTER main.shared.east_only ON (region)", "ALTER TABLE main.sales.deals ALTER COLUMN margin SET MASK main.shared.no_margin USING COLUMNS (region)")
	theirs := w.table()
	p := declared("deals")
	p.Spec.ColumnMasks = nil
	env.Create(t, w.Kube, p)
	since := w.Emulator.Last(t)
	if m := w.Ends(w.Get("deals"), v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNotOurs); !strings.Contains(m, "main.shared.east_only") {
		t.Errorf("the message does not name the function: %s", m)
	}
	w.WroteNothing(since)
	t.Run("nor when it is deleted", func(t *testing.T) {
		w.Remove("deals")
		if diff := cmp.Diff(theirs, w.table()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("an observer says what adopting would do", func(t *testing.T) {
		p := p.DeepCopy()
		p.ResourceVersion, p.UID = "", ""
		p.Spec.Adoption, p.Spec.ManagementPolicy = v1alpha1.AdoptionAdopt, v1alpha1.ManagementObserveOnly
		env.Create(t, w.Kube, p)
		if m := w.Ends(w.Get("deals"), v1alpha1.ConditionSynced, metav1.ConditionFalse, v1alpha1.ReasonObserveOnly); !strings.Contains(m, `Update the row filter of main.sales.deals (function: "main.shared.east_only(region)" -> "main.sales.gh_`) {
			t.Errorf("the plan is not shown: %s", m)
		}
		if diff := cmp.Diff(theirs, w.table()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("adopted, it is replaced, and what the spec does not name stays", func(t *testing.T) {
		w.edit("deals", func(s *v1alpha1.DataPolicySpec) { s.ManagementPolicy = v1alpha1.ManagementEnforce })
		w.Settle("deals")
		table := w.table()
		if !strings.HasPrefix(table[""], "main.sales.gh_") || table["margin"] != theirs["margin"] {
			t.Errorf("the table has %v", table)
		}
		w.Remove("deals")
		if diff := cmp.Diff(map[string]string{"margin": theirs["margin"]}, w.table()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a function of our name and not of our making", func(t *testing.T) {
		p := declared("deals")
		p.Spec.ColumnMasks = nil
		env.Create(t, w.Kube, p)
		w.Settle("deals")
		name := w.made()[0]
		w.Remove("deals")
		w.Emulator.SQL(t, "CREATE FUNCTION "+name+"(region STRING) RETURNS BOOLEAN RETURN true")
		p.ResourceVersion, p.UID = "", ""
		env.Create(t, w.Kube, p)
		w.Ends(w.Get("deals"), v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNotOurs)
		w.Remove("deals")
		if made := w.made(); len(made) != 1 {
			t.Errorf("functions %v", made)
		}
	})
}

func TestEachTableAndColumnHasOneOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env.Create(t, w.Kube, declared("deals"))
	w.Settle("deals")
	rival := declared("aaa")
	rival.Namespace = "rival"
	rival.Spec.RowFilter, rival.Spec.Adoption = nil, v1alpha1.AdoptionAdopt
	time.Sleep(time.Until(w.Get("deals").CreationTimestamp.Add(1100 * time.Millisecond))) // times of creation are whole seconds
	env.Create(t, w.Kube, rival)
	since := w.Emulator.Last(t)
	if m := w.Ends(w.Find("rival", "aaa"), v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonConflict); !strings.Contains(m, "sales/deals") || !strings.Contains(m, "the mask of the column margin") {
		t.Errorf("the message does not say whose what is: %s", m)
	}
	w.Settle("deals")
	w.WroteNothing(since)
	w.first()
	t.Run("another column of the same table is no conflict", func(*testing.T) {
		w.edit("deals", func(s *v1alpha1.DataPolicySpec) { s.ColumnMasks = s.ColumnMasks[:1] })
		w.Settle("deals")
		r := w.Find("rival", "aaa")
		r.Spec.ColumnMasks = r.Spec.ColumnMasks[1:]
		if err := w.Kube.Update(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		w.Ends(w.Find("rival", "aaa"), v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
		w.Settle("deals")
		w.first()
	})
	t.Run("what a Boundary does not allow claims nothing", func(*testing.T) {
		outside := declared("zzz")
		outside.Namespace = "nobody"
		env.Namespace(t, w.Kube, "nobody", nil)
		env.Create(t, w.Kube, outside)
		w.Ends(w.Find("nobody", "zzz"), v1alpha1.ConditionWithinBoundary, metav1.ConditionFalse, v1alpha1.ReasonNoBoundary)
		time.Sleep(1100 * time.Millisecond)
		later := declared("later")
		later.Spec.RowFilter, later.Spec.ColumnMasks = nil, []v1alpha1.ColumnMask{{Column: "owner", VisibleTo: &v1alpha1.Audience{Groups: []v1alpha1.AccountGroupName{"boss"}}}}
		env.Create(t, w.Kube, later)
		w.Settle("later")
	})
}

func TestWhatCannotBeHad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]struct {
		edit              func(*v1alpha1.DataPolicySpec)
		condition, reason string
		says              string
	}{
		"table":  {func(s *v1alpha1.DataPolicySpec) { s.Table = "main.sales.gone" }, v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonSecurableNotFound, "main.sales.gone"},
		"view":   {func(s *v1alpha1.DataPolicySpec) { s.Table = "main.sales.seen" }, v1alpha1.ConditionReady, v1alpha1.ReasonInvalid, "is a view"},
		"column": {func(s *v1alpha1.DataPolicySpec) { s.ColumnMasks[0].Column = "gone" }, v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonSecurableNotFound, "has no column gone"},
		"type":   {func(s *v1alpha1.DataPolicySpec) { s.ColumnMasks[0].Otherwise = &v1alpha1.MaskedValue{KeepLast: 2} }, v1alpha1.ConditionReady, v1alpha1.ReasonInvalid, "`keepLast` is for text"},
		"function": {func(s *v1alpha1.DataPolicySpec) {
			s.RowFilter = &v1alpha1.RowFilter{Function: &v1alpha1.FilterFunction{Name: "main.shared.gone"}}
		}, v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonFunctionNotFound, "main.shared.gone"},
		"outside": {func(s *v1alpha1.DataPolicySpec) { s.Table = "main.hr.salaries" }, v1alpha1.ConditionWithinBoundary, v1alpha1.ReasonOutsideBoundary, "asks for governing the table main.hr.salaries; allowed: main.sales.*"},
		"schema":  {func(s *v1alpha1.DataPolicySpec) { s.FunctionSchema = "main.hr" }, v1alpha1.ConditionWithinBoundary, v1alpha1.ReasonOutsideBoundary, "asks for the function main.hr.gh_*; allowed: main.sales.gh_*"},
	} {
		t.Run(name, func(t *testing.T) {
			w.T = t
			p := declared("the-" + name)
			c.edit(&p.Spec)
			env.Create(t, w.Kube, p)
			// What can be had is, before it is said what cannot.
			for range 2 {
				_ = w.Pass(t.Context(), w.Get(p.Name))
			}
			if m := w.Ends(w.Get(p.Name), c.condition, metav1.ConditionFalse, c.reason); !strings.Contains(m, c.says) {
				t.Errorf("the message %q does not say %q", m, c.says)
			}
			if name == "column" {
				w.has(2, "", "phone")
			}
			w.Remove(p.Name)
			w.open()
		})
	}
}

func TestGroupsThatNobodyIsSeenIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env.Create(t, w.Kube, declared("deals"))
	ask := func(group v1alpha1.AccountGroupName, status metav1.ConditionStatus, reason, says string) {
		t.Helper()
		w.edit("deals", func(s *v1alpha1.DataPolicySpec) { s.RowFilter.Rules[1].Groups = []v1alpha1.AccountGroupName{group} })
		c := meta.FindStatusCondition(w.Settle("deals").Status.Conditions, v1alpha1.ConditionGroupsVisible)
		if c == nil || c.Status != status || c.Reason != reason || !strings.Contains(c.Message, says) {
			t.Errorf("%s: %+v", group, c)
		}
	}
	ask("typo", metav1.ConditionFalse, v1alpha1.ReasonGroupNotFound, "typo")
	w.Emulator.Group(t, "outside")
	ask("outside", metav1.ConditionFalse, v1alpha1.ReasonGroupNotAssigned, "outside")
	ask("west", metav1.ConditionTrue, v1alpha1.ReasonGroupsVisible, "")
	w.edit("deals", func(s *v1alpha1.DataPolicySpec) { s.Groups = v1alpha1.GroupsWorkspace })
	ask("west", metav1.ConditionUnknown, v1alpha1.ReasonGroupsUnknown, "no Role that is a member can be checked for west")
	w.Remove("deals")
}

// TestACrashAtAnyCallEndsTheSame lets the operator crash at each call of creating,
// changing and deleting a DataPolicy, before it takes effect, and at each statement after
// that and after its answer; a new operator then finishes. Looks at groups change
// nothing and are left out.
func TestACrashAtAnyCallEndsTheSame(t *testing.T) {
	t.Parallel()
	for _, stage := range externaltest.Stages {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			// What a run without a fault ends with.
			env.Create(t, w.Kube, declared("deals"))
			w.Settle("deals")
			w.first()
			want := map[string]map[string]string{"create": w.table(), "delete": {}}
			w.edit("deals", changed)
			w.Settle("deals")
			w.second()
			want["change"] = w.table()
			w.Remove("deals")
			w.open()
			for _, act := range []string{"create", "change", "delete"} {
				t.Run(act, func(t *testing.T) {
					w.T = t
					externaltest.EachCall(t, 5, func(n int) bool { return w.crash(act, stage, n, want[act]) })
				})
			}
		})
	}
}

// crash lets the operator crash at the nth call of an act, checks what a new one
// makes of it, and says whether there was an nth call.
func (w *world) crash(act, stage string, n int, want map[string]string) bool {
	t, name := w.T, "deals"
	env.Create(t, w.Kube, declared(name))
	if act != "create" {
		w.Settle(name)
	}
	switch act {
	case "change":
		w.edit(name, changed)
	case "delete":
		w.Delete(w.Get(name))
	}
	path := map[bool]string{true: "^/api/2.*/(unity-catalog|sql)/", false: "^/api/2.0/sql/"}[stage == "before_commit"]
	crashed, _ := w.CrashAt(w.Get(name), stage, env.FaultMatch{PathRegex: path, Nth: n})
	if act == "change" {
		if table := w.table(); table[""] == "" || table["margin"] == "" {
			t.Errorf("the crash left the table open: %v", table)
		}
	}
	w.Settle(name)
	if diff := cmp.Diff(want, w.table()); diff != "" {
		t.Errorf("the table ends with (-want +got):\n%s", diff)
	}
	if len(w.made()) != len(want) {
		t.Errorf("functions %v, and the table has %v", w.made(), want)
	}
	if act != "delete" {
		w.Remove(name)
		w.open()
	}
	return crashed
}
