// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"context"

	"github.com/gatehouse-dev/gatehouse/internal/external"
)

// glanceShare is how much of the time between two looks a shared answer may be old, up
// to external.MostGlanceAge: what somebody changes in Databricks is found at the next
// look, or, where that was told of the moment before, at the one after.
const glanceShare = 10

// Glance is Observe by what was read lately for all Roles together: the lists of
// service principals and assignments, and each securable, object and group once. The
// federation policy, by which others become the Role, is asked for as always.
func (a adapter) Glance(ctx context.Context, in input) (state, bool, error) {
	if in.client == nil || in.deleting {
		return state{}, false, nil
	}
	in.reads = in.client.Recent(min(in.resync/glanceShare, external.MostGlanceAge))
	have, err := a.Observe(ctx, in)
	return have, err == nil && have.Principal != nil, err
}
