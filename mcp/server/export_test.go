// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import "context"

// Handed returns what a tool is handed that runs in a context of a request: the call, and
// the tool itself with its executor and the executor's clients.
func Handed(ctx context.Context, s *Server, tool string) []any {
	snap := snapshotOf(ctx)
	return []any{s.handed(ctx, snap, principalOf(ctx), nil), snap.tools[tool]}
}
