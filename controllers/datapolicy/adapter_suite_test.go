// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/controllers/datapolicy"
	"github.com/gatehouse-dev/gatehouse/test/env"
	"github.com/gatehouse-dev/gatehouse/test/externaltest"
)

func TestTheAdapterKeepsTheContract(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Emulator.SQL(t, "ALTER TABLE main.sales.deals ALTER COLUMN owner SET MASK main.shared.masked")
	p := declared("suite")
	env.Create(t, w.Kube, p)
	// The operator's statements are counted; those that the test itself looks with are not.
	start := w.Emulator.Last(t)
	externaltest.Run(t, datapolicy.NewKind(w.Kube, w.options()), externaltest.Case[*v1alpha1.DataPolicy]{
		Object: p, Faults: w.ReadFaults("/unity-catalog/tables/", "/unity-catalog/functions/"),
		Writes: func() int { return len(w.Emulator.Writes(t, start)) },
		Others: func() any {
			table := w.table()
			maps.DeleteFunc(table, func(_, f string) bool { return strings.HasPrefix(f, "main.sales.gh_") })
			return table
		},
	})
}
