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
	ends := func(d time.Duration) map[string]map[string][]Term {
		return map[string]map[string][]Term{"sales/manager": {"query_deals": {{Until: noon.Add(d)}}}}
	}
	for name, c := range map[string]struct {
		rules []v1alpha1.AccessRule
		want  map[string]map[string][]Term
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
			d, _ := compile(t, estate(rules(c.rules...)))
			if diff := cmp.Diff(c.want, d.Terms); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEndsAreInUTCWhereverTheyWereWritten(t *testing.T) {
	elsewhere := metav1.NewTime(noon.Add(time.Hour).In(time.FixedZone("elsewhere", 7200)))
	here, _ := compile(t, estate(rules(gives("query_deals", after(time.Hour)))))
	there, _ := compile(t, estate(rules(gives("query_deals", &elsewhere))))
	if here.Hash != there.Hash {
		t.Error("one time in two zones makes two documents")
	}
}

func TestGrantsEndWithTheirCells(t *testing.T) {
	e := estate(rules(gives("query_deals", after(time.Hour))))
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
