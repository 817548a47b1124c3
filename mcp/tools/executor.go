// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"time"
)

// Executor runs one tool. It is made with the clients that its type needs and holds no
// credential; all that it acts with comes with the call. It is safe for concurrent use.
type Executor interface {
	// Run runs the tool as the caller. The arguments fit the tool's input schema.
	Run(ctx context.Context, c Call, args Arguments) (*Output, error)
	// Timeout returns how long a call may take; standard is what the server allows a tool
	// that sets no time of its own.
	Timeout(standard time.Duration) time.Duration
}

// StandardTimeout is the time-out of executors that set none of their own.
type StandardTimeout struct{}

// Timeout returns the standard.
func (StandardTimeout) Timeout(standard time.Duration) time.Duration { return standard }
