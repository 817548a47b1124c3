// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package modelendpoint

import (
	"context"
	"slices"
	"strings"
)

// Observe reads the endpoint.
func (adapter) Observe(ctx context.Context, in input) (state, error) {
	out := state{Endpoint: string(in.spec.EndpointName), Ours: in.mark, Recorded: in.recorded, Wanted: in.want, Roles: in.roles}
	if in.client == nil {
		out.Missing = true
		return out, nil
	}
	e, err := in.client.GatewayEndpoint(ctx, out.Endpoint)
	if err != nil {
		return state{}, err
	}
	if e == nil {
		out.Missing = true
		return out, nil
	}
	out.Mark, out.Busy, out.Settings = e.Tags[tagKey], e.Busy, read(e.Gateway)
	out.Stale = strings.HasPrefix(out.Mark, in.installation+"/modelendpoint/") && !in.living[out.Mark]
	// What this pass has set is ours, and not yet in the record that it began with.
	out.Recorded = append(slices.Clone(in.recorded), *in.placed...)
	return out, nil
}
