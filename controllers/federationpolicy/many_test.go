// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package federationpolicy_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/test/env"
)

// TestARoleThatArrivesCostsNoLookAtTheOthers: while Roles arrive, one after the other,
// the policies of those that are there are not read again; and many that arrive at once
// cost one write of the status and not one each.
func TestARoleThatArrivesCostsNoLookAtTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env.Create(t, w.Kube, w.declared("idp"))
	w.Settle("idp")
	statuses := 0
	operator := w.operator(counting{w.Kube, &statuses})
	looks := func() int {
		t.Helper()
		since := w.Emulator.Last(t)
		if err := operator(t.Context(), w.Get("idp")); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, c := range w.Emulator.Calls(t, since) {
			if c.Method == http.MethodGet && strings.Contains(c.Path, "/federationPolicies/") {
				n++
			}
		}
		return n
	}
	looks() // the first of this process looks at all
	const many = 10
	for i := range many {
		w.role("tenant", fmt.Sprintf("late-%d", i))
		// The new one is looked at before and after; who came last is looked at once more.
		if n := looks(); n > 4 {
			t.Fatalf("%d policies were read for one more Role beside %d", n, 2+i)
		}
	}
	for i := range many {
		w.role("tenant", fmt.Sprintf("together-%d", i))
	}
	statuses = 0
	if err := operator(t.Context(), w.Get("idp")); err != nil {
		t.Fatal(err)
	}
	p := w.Get("idp")
	if len(p.Status.Roles) != 2+2*many || len(p.Status.Applied) != 2+2*many {
		t.Errorf("%d Roles and %d records, want %d", len(p.Status.Roles), len(p.Status.Applied), 2+2*many)
	}
	if statuses > 2 {
		t.Errorf("the status was written %d times, want before the first create and at the end", statuses)
	}
}

// counting is a client that counts how often it writes a status.
type counting struct {
	client.Client
	statuses *int
}

func (c counting) Status() client.SubResourceWriter {
	return countingStatus{c.Client.Status(), c.statuses}
}

type countingStatus struct {
	client.SubResourceWriter
	n *int
}

func (c countingStatus) Patch(ctx context.Context, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
	*c.n++
	return c.SubResourceWriter.Patch(ctx, o, p, opts...)
}
