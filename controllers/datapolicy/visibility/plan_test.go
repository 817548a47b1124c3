// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package visibility

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/roleprobe"
)

func TestPlanned(t *testing.T) {
	stale := []v1alpha1.ProbePolicy{{PrincipalID: "7", PolicyID: "gh-1"}, {PrincipalID: "8", PolicyID: "gh-1"}}
	due := []roleprobe.Probe{{PrincipalID: "7", Checks: []string{"true"}}}
	const seven, eight = "Delete the temporary federation policy gh-1 of the service principal 7", "Delete the temporary federation policy gh-1 of the service principal 8"
	const start = "Create temporary federation policies for 1 probes"
	for name, c := range map[string]struct {
		want, have State
		steps      []string
	}{
		"nothing is due":                         {State{Running: true}, State{}, nil},
		"a due probe starts":                     {State{Running: true, Due: due}, State{}, []string{start}},
		"a run goes on, and no other starts":     {State{Running: true, Due: due}, State{Running: true, Policies: stale}, nil},
		"what a crash left goes before":          {State{Running: true, Due: due}, State{Policies: stale}, []string{seven, eight, start}},
		"what a crash left goes in any case":     {State{Running: true}, State{Policies: stale[:1]}, []string{seven}},
		"towards nothing, with stale policies":   {State{}, State{Policies: stale}, []string{seven, eight}},
		"towards nothing, with a run: it stops":  {State{}, State{Running: true, Policies: stale}, []string{"Delete the probes that are running"}},
		"towards nothing, when nothing is there": {State{}, State{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, s := range planned(c.want, c.have) {
				got = append(got, s.String())
			}
			if diff := cmp.Diff(c.steps, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
