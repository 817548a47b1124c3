// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"context"

	"github.com/gatehouse-dev/gatehouse/internal/external"
)

// cachedShare is the maximum age of a cached read as a share of the time between two
// observations, up to external.MaxCachedAge. A change in Databricks is found by the next
// pass, or by the one after when it was made just after a read was cached.
const cachedShare = 10

// observeCached is Observe through the read-through cache that all Roles share: the lists of
// service principals and assignments, and each securable, object and group once. The
// federation policy, by which others become the Role, is read past the cache.
func (a adapter) observeCached(ctx context.Context, in input) (state, bool, error) {
	if in.client == nil || in.deleting {
		return state{}, false, nil
	}
	in.reads = in.client.Recent(min(in.resync/cachedShare, external.MaxCachedAge))
	have, err := a.Observe(ctx, in)
	return have, err == nil && have.Principal != nil, err
}
