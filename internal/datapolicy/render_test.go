// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

var types = map[string]string{
	"region": "STRING", "owner": "VARCHAR(64)", "phone": "STRING", "margin": "DOUBLE", "amount": "DECIMAL(18,2)", "year": "INT", "closed": "DATE",
}

func policy(f *v1alpha1.RowFilter, masks ...v1alpha1.ColumnMask) *v1alpha1.DataPolicy {
	return &v1alpha1.DataPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "sales", Name: "deals"}, Spec: v1alpha1.DataPolicySpec{
		Table: "main.sales.deals", RowFilter: f, ColumnMasks: masks,
	}}
}

func rules(list ...v1alpha1.RowRule) *v1alpha1.RowFilter { return &v1alpha1.RowFilter{Rules: list} }

func where(column, value string) v1alpha1.VisibleRows {
	return v1alpha1.VisibleRows{Where: &v1alpha1.ColumnCondition{Column: v1alpha1.TableColumn(column), Values: []v1alpha1.ColumnValue{v1alpha1.ColumnValue(value)}}}
}

func groups(names ...v1alpha1.AccountGroupName) []v1alpha1.AccountGroupName { return names }

func maskOf(column string, otherwise *v1alpha1.MaskedValue) v1alpha1.ColumnMask {
	return v1alpha1.ColumnMask{Column: v1alpha1.TableColumn(column), VisibleTo: &v1alpha1.Audience{Groups: groups("finance")}, Otherwise: otherwise}
}

var everything = v1alpha1.VisibleRows{All: &v1alpha1.AllRows{}}

func TestRender(t *testing.T) {
	workspace := policy(rules(v1alpha1.RowRule{Groups: groups("a"), Rows: everything}))
	workspace.Spec.Groups = v1alpha1.GroupsWorkspace
	for name, c := range map[string]struct {
		policy *v1alpha1.DataPolicy
		want   []string // parameters, type and body of each function
		places []Attachment
		// missing are columns that the table lacks, and problem what is said of a spec that does not fit.
		missing []string
		problem string
	}{
		"rules are joined by OR, callers too": {
			policy: policy(rules(
				v1alpha1.RowRule{Groups: groups("managers", "finance"), Users: []v1alpha1.PrincipalName{"ann@example.com"}, Rows: everything},
				v1alpha1.RowRule{Groups: groups("west"), Rows: where("region", "WEST")},
				v1alpha1.RowRule{Groups: groups("sales"), Rows: v1alpha1.VisibleRows{OwnedBy: &v1alpha1.OwnerColumn{Column: "owner"}}},
			)),
			want: []string{"(`region` STRING, `owner` VARCHAR(64)) BOOLEAN " +
				"(is_account_group_member('managers') OR is_account_group_member('finance') OR current_user() = 'ann@example.com') OR " +
				"((is_account_group_member('west')) AND `region` IN ('WEST')) OR ((is_account_group_member('sales')) AND `owner` = current_user())"},
			places: []Attachment{{Arguments: "region,owner"}},
		},
		"a filter of no columns":                   {policy: policy(rules(v1alpha1.RowRule{Groups: groups("a"), Rows: everything})), want: []string{"() BOOLEAN (is_account_group_member('a'))"}, places: []Attachment{{}}},
		"groups of the workspace":                  {policy: workspace, want: []string{"() BOOLEAN (is_member('a'))"}, places: []Attachment{{}}},
		"a number is compared as the column's":     {policy: policy(rules(v1alpha1.RowRule{Groups: groups("a"), Rows: where("amount", "-1.50")})), want: []string{"(`amount` DECIMAL(18,2)) BOOLEAN ((is_account_group_member('a')) AND `amount` IN (CAST(-1.50 AS DECIMAL(18,2))))"}, places: []Attachment{{Arguments: "amount"}}},
		"a value that is no whole number":          {policy: policy(rules(v1alpha1.RowRule{Groups: groups("a"), Rows: where("year", "1.5")})), problem: `the row filter: rule 1: the column year: "1.5" is not a whole number`},
		"a value that is no number":                {policy: policy(rules(v1alpha1.RowRule{Groups: groups("a"), Rows: where("margin", "1 OR true")})), problem: `the row filter: rule 1: the column margin: "1 OR true" is not a decimal number`},
		"a type that cannot be compared":           {policy: policy(rules(v1alpha1.RowRule{Groups: groups("a"), Rows: where("closed", "2026-01-01")})), problem: "the row filter: rule 1: the column closed: a column of the type DATE cannot be compared with values: only text and numbers can"},
		"a number names nobody":                    {policy: policy(rules(v1alpha1.RowRule{Groups: groups("a"), Rows: v1alpha1.VisibleRows{OwnedBy: &v1alpha1.OwnerColumn{Column: "year"}}})), problem: "the row filter: rule 1: the column year is not of text and cannot name callers"},
		"a rule for nobody":                        {policy: policy(rules(v1alpha1.RowRule{Rows: everything})), problem: "the row filter: rule 1: it names nobody"},
		"a rule of no rows":                        {policy: policy(rules(v1alpha1.RowRule{Groups: groups("a")})), problem: "the row filter: rule 1: it says of no rows that they are seen"},
		"a column that is not there":               {policy: policy(rules(v1alpha1.RowRule{Groups: groups("a"), Rows: where("gone", "x")}), maskOf("lost", nil), maskOf("margin", nil)), want: []string{"(`margin` DOUBLE) DOUBLE CASE WHEN (is_account_group_member('finance')) THEN `margin` ELSE NULL END"}, places: []Attachment{{Column: "margin"}}, missing: []string{"gone", "lost"}},
		"a mask to a constant":                     {policy: policy(nil, maskOf("amount", &v1alpha1.MaskedValue{Constant: "0"})), want: []string{"(`amount` DECIMAL(18,2)) DECIMAL(18,2) CASE WHEN (is_account_group_member('finance')) THEN `amount` ELSE CAST(0 AS DECIMAL(18,2)) END"}, places: []Attachment{{Column: "amount"}}},
		"a mask to the last characters":            {policy: policy(nil, maskOf("phone", &v1alpha1.MaskedValue{KeepLast: 4})), want: []string{"(`phone` STRING) STRING CASE WHEN (is_account_group_member('finance')) THEN `phone` ELSE CASE WHEN length(`phone`) > 4 THEN concat(repeat('*', length(`phone`) - 4), right(`phone`, 4)) ELSE repeat('*', length(`phone`)) END END"}, places: []Attachment{{Column: "phone"}}},
		"the last characters of a number":          {policy: policy(nil, maskOf("year", &v1alpha1.MaskedValue{KeepLast: 4})), problem: "the mask of the column year: `keepLast` is for text, and the column is INT"},
		"a constant that is not the column's type": {policy: policy(nil, maskOf("year", &v1alpha1.MaskedValue{Constant: "none"})), problem: `the mask of the column year: "none" is not a whole number`},
		"existing functions": {
			policy: policy(&v1alpha1.RowFilter{Function: &v1alpha1.FilterFunction{Name: "main.f.rows", Columns: []v1alpha1.TableColumn{"region", "year"}}},
				v1alpha1.ColumnMask{Column: "phone", Function: &v1alpha1.MaskFunction{Name: "main.f.masked", UsingColumns: []v1alpha1.TableColumn{"region"}}}),
			places: []Attachment{{Function: "main.f.rows", Arguments: "region,year"}, {Column: "phone", Function: "main.f.masked", Arguments: "region"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Render("test", c.policy, types)
			if c.problem != "" {
				if err == nil || err.Error() != c.problem {
					t.Fatalf("got %v, want %s", err, c.problem)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var bodies []string
			for _, f := range got.Functions {
				bodies = append(bodies, f.signature+" "+f.Returns+" "+f.Body)
				if !strings.HasPrefix(f.Name, "main.sales.gh_") || len(f.Name) != len("main.sales.gh_")+12 || f.Comment != "Managed by Gatehouse: test/datapolicy/sales/deals" {
					t.Errorf("function %+v", f)
				}
			}
			if diff := cmp.Diff(c.want, bodies); diff != "" {
				t.Error(diff)
			}
			for i, a := range got.Attachments {
				if strings.Contains(a.Function, ".gh_") {
					got.Attachments[i].Function = ""
				}
			}
			if diff := cmp.Diff(c.places, got.Attachments); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.missing, got.Missing, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheNameOfAFunctionSaysWhatItDoesAndWhoseItIs(t *testing.T) {
	name := func(installation string, edit func(*v1alpha1.DataPolicy)) string {
		p := policy(rules(v1alpha1.RowRule{Groups: groups("west"), Rows: where("region", "WEST")}))
		edit(p)
		out, err := Render(installation, p, types)
		if err != nil {
			t.Fatal(err)
		}
		return out.Functions[0].Name
	}
	same := func(*v1alpha1.DataPolicy) {}
	first := name("test", same)
	if first != name("test", same) {
		t.Errorf("the name changes: %s", first)
	}
	seen := map[string]string{first: "the first"}
	for what, edited := range map[string]string{
		"another installation": name("prod", same),
		"another namespace":    name("test", func(p *v1alpha1.DataPolicy) { p.Namespace = "hr" }),
		"another name":         name("test", func(p *v1alpha1.DataPolicy) { p.Name = "other" }),
		"another group":        name("test", func(p *v1alpha1.DataPolicy) { p.Spec.RowFilter.Rules[0].Groups[0] = "east" }),
		"another value":        name("test", func(p *v1alpha1.DataPolicy) { p.Spec.RowFilter.Rules[0].Rows = where("region", "EAST") }),
		"another column":       name("test", func(p *v1alpha1.DataPolicy) { p.Spec.RowFilter.Rules[0].Rows = where("phone", "WEST") }),
		"another schema":       name("test", func(p *v1alpha1.DataPolicy) { p.Spec.FunctionSchema = "main.f" }),
	} {
		if seen[edited] != "" {
			t.Errorf("%s has the name of %s", what, seen[edited])
		}
		seen[edited] = what
	}
}

func TestStatements(t *testing.T) {
	out, err := Render("test", policy(rules(v1alpha1.RowRule{Groups: groups("a"), Rows: where("region", "X")})), types)
	if err != nil {
		t.Fatal(err)
	}
	out.Functions[0].Name = "main.sales.gh_1"
	create, err := CreateFunction(out.Functions[0])
	if want := "CREATE OR REPLACE FUNCTION `main`.`sales`.`gh_1`(`region` STRING) RETURNS BOOLEAN COMMENT 'Managed by Gatehouse: test/datapolicy/sales/deals' RETURN ((is_account_group_member('a')) AND `region` IN ('X'))"; err != nil || create != want {
		t.Errorf("%s, %v", create, err)
	}
	for want, made := range map[string]func() (string, error){
		"ALTER TABLE `m`.`s`.`t` SET ROW FILTER `m`.`s`.`f` ON (`a`, `b`)": func() (string, error) {
			return Attach("m.s.t", Attachment{Function: "m.s.f", Arguments: "a,b"})
		},
		"ALTER TABLE `m`.`s`.`t` SET ROW FILTER `m`.`s`.`f` ON ()":      func() (string, error) { return Attach("m.s.t", Attachment{Function: "m.s.f"}) },
		"ALTER TABLE `m`.`s`.`t` ALTER COLUMN `c` SET MASK `m`.`s`.`f`": func() (string, error) { return Attach("m.s.t", Attachment{Column: "c", Function: "m.s.f"}) },
		"ALTER TABLE `m`.`s`.`t` ALTER COLUMN `c` SET MASK `m`.`s`.`f` USING COLUMNS (`a`)": func() (string, error) {
			return Attach("m.s.t", Attachment{Column: "c", Function: "m.s.f", Arguments: "a"})
		},
		"ALTER TABLE `m`.`s`.`t` DROP ROW FILTER":            func() (string, error) { return Detach("m.s.t", "") },
		"ALTER TABLE `m`.`s`.`t` ALTER COLUMN `c` DROP MASK": func() (string, error) { return Detach("m.s.t", "c") },
		"DROP FUNCTION IF EXISTS `m`.`s`.`f`":                func() (string, error) { return DropFunction("m.s.f") },
	} {
		if got, err := made(); err != nil || got != want {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
	}
}

// TestNothingBreaksOut puts what could end a piece of SQL into every place that a spec
// has, and random text too. What is not refused has no more quotes and backticks
// than the pieces that were made, and no backslash.
func TestNothingBreaksOut(t *testing.T) {
	hostile := []string{"a'b", "a''b", `a\`, `a\'b`, "a`b", "a\nb", "a\x00b", `a"b`, "a\u2028\x7f", "a\xff", "'", "\\", "a') OR true --", "a/*", "a;b", "а", "a’b"}
	alphabet := []rune("ab'`\\\"\n;-/*()., \x00é’")
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		var b strings.Builder
		for range 1 + random.IntN(8) {
			b.WriteRune(alphabet[random.IntN(len(alphabet))])
		}
		hostile = append(hostile, b.String())
	}
	for _, h := range hostile {
		for place, p := range map[string]*v1alpha1.DataPolicy{
			"group":    policy(rules(v1alpha1.RowRule{Groups: groups(v1alpha1.AccountGroupName(h)), Rows: everything})),
			"user":     policy(rules(v1alpha1.RowRule{Users: []v1alpha1.PrincipalName{v1alpha1.PrincipalName(h)}, Rows: everything})),
			"value":    policy(rules(v1alpha1.RowRule{Groups: groups("a"), Rows: where("region", h)})),
			"number":   policy(rules(v1alpha1.RowRule{Groups: groups("a"), Rows: where("amount", h)})),
			"column":   policy(rules(v1alpha1.RowRule{Groups: groups("a"), Rows: where(h, "x")})),
			"masked":   policy(nil, maskOf(h, nil)),
			"constant": policy(nil, maskOf("phone", &v1alpha1.MaskedValue{Constant: v1alpha1.ColumnValue(h)})),
		} {
			known := map[string]string{"region": "STRING", "phone": "STRING", "amount": "DECIMAL(18,2)", h: "STRING"}
			out, err := Render("test", p, known)
			if err != nil {
				continue
			}
			for _, f := range out.Functions {
				sql, err := CreateFunction(f)
				if err != nil {
					continue
				}
				unquoted(t, place, h, sql)
			}
			for _, a := range out.Attachments {
				if sql, err := Attach("main.sales.deals", a); err == nil {
					unquoted(t, place, h, sql)
				}
			}
		}
		for _, made := range []func() (string, error){
			func() (string, error) { return Detach("main.sales."+h, "") },
			func() (string, error) { return Detach("main.sales.deals", h) },
			func() (string, error) { return DropFunction(h) },
			func() (string, error) {
				return Attach("main.sales.deals", Attachment{Function: "main.sales.f", Arguments: h})
			},
			func() (string, error) { return sqlType(h) },
		} {
			if sql, err := made(); err == nil {
				unquoted(t, "name", h, sql)
			}
		}
	}
}

// unquoted reads SQL as a lexer does in either mode of escaping, and checks that
// what is outside of quotes holds nothing but words, numbers and harmless signs.
func unquoted(t *testing.T, place, hostile, sql string) {
	t.Helper()
	if strings.Contains(sql, `\`) || strings.Contains(sql, `"`) || strings.ContainsAny(sql, "\n\r\x00") {
		t.Fatalf("%s %q: %s", place, hostile, sql)
	}
	var open rune
	var outside strings.Builder
	for _, r := range sql {
		switch {
		case open != 0 && r == open:
			open = 0
		case open != 0:
		case r == '\'' || r == '`':
			open = r
		default:
			outside.WriteRune(r)
		}
	}
	rest := outside.String()
	if open != 0 || strings.ContainsAny(rest, ";") || strings.Contains(rest, "--") || strings.Contains(rest, "/*") {
		t.Fatalf("%s %q: %s", place, hostile, sql)
	}
	for _, r := range rest {
		if r > 0x7e {
			t.Fatalf("%s %q: %s", place, hostile, sql)
		}
	}
}

func FuzzLiteral(f *testing.F) {
	for _, s := range []string{"a", "a'b", `a\`, "\x00", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := literal(s)
		if err == nil && (got != "'"+s+"'" || strings.ContainsAny(s, "'\\\"`\n\r\x00")) {
			t.Errorf("%q became %s", s, got)
		}
	})
}

func TestSameBody(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"f('a b') OR x", "f( 'a b' )OR\n x", true}, {"f('a b')", "f('ab')", false}, {"f('a')", "f('b')", false}, {"a OR b", "a AND b", false},
	} {
		if got := SameBody(c.a, c.b); got != c.want {
			t.Errorf("SameBody(%q, %q) = %v", c.a, c.b, got)
		}
	}
}
