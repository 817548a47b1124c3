// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/controllers/datapolicy"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/test/env"
	"github.com/gatehouse-dev/gatehouse/test/externaltest"
)

func TestTheAdapterKeepsTheContract(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.emulator.SQL(t, "ALTER TABLE main.sales.deals ALTER COLUMN owner SET MASK main.shared.masked")
	p := declared("suite")
	env.Create(t, w.kube, p)
	faults := map[string]externaltest.Fault{}
	for name, f := range map[string]struct {
		status int
		want   fault.Class
	}{"rate limited": {429, fault.ClassRateLimited}, "denied": {403, fault.ClassDenied}, "failing": {500, fault.ClassTransient}} {
		for _, path := range []string{"/unity-catalog/tables/", "/unity-catalog/functions/"} {
			faults[name+" at "+path] = externaltest.Fault{
				Break: func() {
					w.emulator.Break(t, env.Fault{Match: env.FaultMatch{Method: "GET", PathRegex: path}, Stage: "before_commit", Action: "status", Status: f.status})
				},
				Heal: func() { w.emulator.Heal(t) },
				Want: f.want,
			}
		}
	}
	// The operator's statements are counted; those that the test itself looks with are not.
	start := w.emulator.Last(t)
	externaltest.Run(t, datapolicy.NewKind(w.kube, datapolicy.Options{Connect: w.connector(), Installation: installation}), externaltest.Case[*v1alpha1.DataPolicy]{
		Object: p, Faults: faults,
		Writes: func() int { return len(w.emulator.Writes(t, start)) },
		Others: func() any {
			table := w.table()
			maps.DeleteFunc(table, func(_, f string) bool { return strings.HasPrefix(f, "main.sales.gh_") })
			return table
		},
	})
}
