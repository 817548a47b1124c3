// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/sqlengine"
)

// Executor runs a statement.
type Executor interface {
	Execute(ctx context.Context, s sqlengine.Session, st sqlengine.Statement) (*sqlengine.Result, error)
}

// Directory knows the groups of a principal.
type Directory interface {
	GroupsOf(principal string) []string
	WorkspaceGroupsOf(principal string) []string
}

// Warehouses say where a principal may run statements.
type Warehouses interface {
	Exists(id string) bool
	MayUse(principal, id string) bool
}

// Of is the session of a principal, with its groups.
func Of(d Directory, principal string) sqlengine.Session {
	return sqlengine.Session{Principal: principal, Groups: d.GroupsOf(principal), WorkspaceGroups: d.WorkspaceGroupsOf(principal)}
}

// Sleep waits for a while. If the context ends before, the error is its cause.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
