// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package genie

import (
	"context"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
)

// Client asks a Genie space as the owner of a token.
type Client interface {
	Start(ctx context.Context, c caller.GenieCall, question string) (caller.GenieMessage, error)
	Follow(ctx context.Context, c caller.GenieCall, conversation, question string) (caller.GenieMessage, error)
	Message(ctx context.Context, c caller.GenieCall, conversation, message string) (caller.GenieMessage, error)
	Result(ctx context.Context, c caller.GenieCall, conversation, message, attachment string) (*wire.StatementResult, error)
	Forget(ctx context.Context, c caller.GenieCall, conversation, message string) error
}

// Conversations make and open the handles of conversations.
type Conversations interface {
	Seal(payload []byte, holder []string, now, end time.Time) string
	Open(handle string, holder []string, now time.Time) ([]byte, error)
}

// Quota is the limit on the questions that all callers together ask Genie in a workspace.
type Quota struct {
	// Limiter counts questions under Key. Required.
	Limiter ratelimit.Limiter
	Key     string
	// Limit is this pod's part of it.
	Limit ratelimit.Limit
	// Declared is how many questions all pods together may ask in a minute.
	Declared int
}

// Options are what an Executor is made of.
type Options struct {
	Tool access.GenieTool
	// Name is the tool's name; conversations are bound to it.
	Name string
	// Client, Conversations and Quota are required.
	Client        Client
	Conversations Conversations
	Quota         Quota
	// Now is the clock. Required.
	Now func() time.Time
	// Sleep waits between two looks at a message. Default is to wait, or to end with the context.
	Sleep func(ctx context.Context, d time.Duration) error
}
