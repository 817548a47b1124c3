// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/access"
)

// executor runs one type of tool.
type executor interface {
	run(ctx Context, args Arguments) (*Output, error)
	// missing names what the context must have and has not, or is empty.
	missing(ctx Context) string
}

// executors are those of the types that are set.
func executors(t access.Tool) []executor {
	var out []executor
	if t.Identity != nil {
		out = append(out, identityExecutor{groups: t.Identity.Groups})
	}
	if t.SQL != nil {
		out = append(out, sqlExecutor{tool: *t.SQL})
	}
	if t.Genie != nil {
		out = append(out, genieExecutor{tool: *t.Genie, name: t.Name})
	}
	if t.VectorSearch != nil {
		out = append(out, vectorSearchExecutor{tool: *t.VectorSearch})
	}
	if t.Serving != nil {
		out = append(out, servingExecutor{tool: *t.Serving})
	}
	if t.HTTP != nil {
		out = append(out, httpExecutor{tool: *t.HTTP})
	}
	if t.Function != nil {
		out = append(out, functionExecutor{tool: *t.Function})
	}
	return out
}

// missing names what the tool cannot run without, or is empty.
func (d *Definition) missing(ctx Context) string {
	switch {
	case ctx.Context == nil:
		return "context"
	case ctx.Session == nil:
		return "session"
	}
	return d.executor.missing(ctx)
}

// onStatements is an executor that runs statements.
type onStatements struct{}

func (onStatements) missing(ctx Context) string {
	if ctx.Statements == nil {
		return "statements"
	}
	return ""
}

// Timeout is how long a call of the tool may take: the standard, or what waiting for
// Genie or for an agent takes.
func (d *Definition) Timeout(standard time.Duration) time.Duration {
	switch d.executor.(type) {
	case genieExecutor:
		return genieNew + 10*time.Second
	case servingExecutor:
		return servingPatience + 5*time.Second
	}
	return standard
}
