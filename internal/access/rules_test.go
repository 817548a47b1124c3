// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// gives is a rule that opens a tool to the manager.
func gives(tool string, until *metav1.Time) v1alpha1.AccessRule {
	return v1alpha1.AccessRule{Tools: []string{tool}, Roles: []string{"manager"}, Until: until}
}

func TestTermsOfCells(t *testing.T) {
	ends := func(d time.Duration) map[string]map[string][]AllowRule {
		return map[string]map[string][]AllowRule{"sales/manager": {"query_deals": {{Until: noon.Add(d)}}}}
	}
	for name, c := range map[string]struct {
		rules []v1alpha1.AccessRule
		want  map[string]map[string][]AllowRule
	}{
		"a rule without an end makes a plain yes": {rules: []v1alpha1.AccessRule{gives("query_deals", nil)}},
		"a rule with an end": {
			rules: []v1alpha1.AccessRule{gives("query_deals", after(time.Hour)), gives("whoami", nil)}, want: ends(time.Hour),
		},
		"of several ends the last counts": {
			rules: []v1alpha1.AccessRule{gives("query_deals", after(time.Hour)), gives("query_deals", after(3*time.Hour)), gives("query_deals", after(2*time.Hour))},
			want:  ends(3 * time.Hour),
		},
		"an end beside a rule without one is none":  {rules: []v1alpha1.AccessRule{gives("query_deals", after(time.Hour)), gives("query_deals", nil)}},
		"in either order":                           {rules: []v1alpha1.AccessRule{gives("query_deals", nil), gives("query_deals", after(time.Hour))}},
		"a rule that has ended counts for nothing":  {rules: []v1alpha1.AccessRule{gives("query_deals", after(time.Hour)), gives("query_deals", after(-time.Hour))}, want: ends(time.Hour)},
		"a cell that is given no more has no terms": {rules: []v1alpha1.AccessRule{gives("query_deals", after(-time.Hour))}},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := compile(t, inventory(rules(c.rules...)))
			if diff := cmp.Diff(c.want, d.AllowRules); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestConditionsOfCells(t *testing.T) {
	on := func(name, expression string, until *metav1.Time) v1alpha1.AccessRule {
		r := gives("query_deals", until)
		r.Name, r.When = name, expression
		return r
	}
	for name, c := range map[string]struct {
		rules      []v1alpha1.AccessRule
		terms      []AllowRule
		conditions map[string]string
		denied     bool
	}{
		"a condition": {
			rules: []v1alpha1.AccessRule{on("a", "true", nil)}, terms: []AllowRule{{Rule: "access/a"}}, conditions: map[string]string{"access/a": "true"},
		},
		"two conditions, one with an end": {
			rules: []v1alpha1.AccessRule{on("b", "true", nil), on("a", "false", after(time.Hour))},
			terms: []AllowRule{{Until: noon.Add(time.Hour), Rule: "access/a"}, {Rule: "access/b"}}, conditions: map[string]string{"access/a": "false", "access/b": "true"},
		},
		"a condition beside a plain yes is none": {rules: []v1alpha1.AccessRule{on("a", "true", nil), gives("query_deals", nil)}},
		"a condition that outlasts a plain yes": {
			rules: []v1alpha1.AccessRule{gives("query_deals", after(time.Hour)), on("a", "true", after(2*time.Hour))},
			terms: []AllowRule{{Until: noon.Add(time.Hour)}, {Until: noon.Add(2 * time.Hour), Rule: "access/a"}}, conditions: map[string]string{"access/a": "true"},
		},
		"a condition that does not": {
			rules: []v1alpha1.AccessRule{gives("query_deals", after(time.Hour)), on("a", "true", after(time.Hour))}, terms: []AllowRule{{Until: noon.Add(time.Hour)}},
		},
		"a condition that has ended":                    {rules: []v1alpha1.AccessRule{on("a", "true", after(0))}, denied: true},
		"a condition that cannot be used gives nothing": {rules: []v1alpha1.AccessRule{on("a", "tool ==", nil)}, denied: true},
		"and leaves the others": {
			rules: []v1alpha1.AccessRule{on("a", "tool ==", nil), on("b", "true", nil)}, terms: []AllowRule{{Rule: "access/b"}}, conditions: map[string]string{"access/b": "true"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := compile(t, inventory(rules(c.rules...)))
			if diff := cmp.Diff(c.terms, d.AllowRules["sales/manager"]["query_deals"]); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.conditions, d.Conditions); diff != "" {
				t.Error(diff)
			}
			if denied := len(d.Matrix["sales/manager"]) == 0; denied != c.denied {
				t.Errorf("denied: %v", denied)
			}
		})
	}
}

func TestEndsAreInUTCWhereverTheyWereWritten(t *testing.T) {
	elsewhere := metav1.NewTime(noon.Add(time.Hour).In(time.FixedZone("elsewhere", 7200)))
	here, _ := compile(t, inventory(rules(gives("query_deals", after(time.Hour)))))
	there, _ := compile(t, inventory(rules(gives("query_deals", &elsewhere))))
	if here.Hash != there.Hash {
		t.Error("one time in two zones makes two documents")
	}
}

func TestGrantsEndWithTheirCells(t *testing.T) {
	e := inventory(rules(gives("query_deals", after(time.Hour))))
	needs := func() int {
		cells, _ := e.Cells()
		return len(e.Needs(&e.Roles[0], cells).Grants)
	}
	if needs() == 0 {
		t.Fatal("the cell needs nothing")
	}
	e.Now = noon.Add(time.Hour)
	if n := needs(); n != 0 {
		t.Errorf("%d grants are left when the rule has ended", n)
	}
}
