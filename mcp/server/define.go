// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"

	"github.com/gatehouse-dev/gatehouse/mcp/tools"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/genie"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/registry"
)

// define makes the tools of a snapshot with its backend and its limiter.
func (s *Server) define(snap *snapshot) error {
	parts := registry.Parts{Clients: snap.backend.Tools, WarehouseID: snap.doc.Workspace.WarehouseID, Conversations: s.keys, Now: s.now}
	if r := snap.doc.Limits.Genie; r != nil {
		parts.Questions = genie.Quota{Limiter: snap.limiter, Key: "genie:" + snap.doc.Workspace.Host, Limit: limitOf(r), Declared: int(r.Declared)}
	}
	for _, t := range snap.doc.Tools {
		d, err := registry.Define(t, parts)
		if err != nil {
			return err
		}
		snap.tools[t.Name] = d
	}
	return nil
}

// handed is what the executor of a tool is handed of a call. Nothing in it leads to the
// server's own identity.
func (s *Server) handed(ctx context.Context, snap *snapshot, caller *principal, progress func(step int, message string)) tools.Call {
	return tools.Call{
		Caller: caller.forTools(), RequestID: requestID(ctx), Expires: caller.Expires, Progress: progress,
		Session: &session{tokens: s.tokens, metrics: s.metrics, snap: snap, caller: caller},
	}
}
