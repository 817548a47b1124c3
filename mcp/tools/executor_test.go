// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tools_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
)

// each type of tool, and how long a call may take where the standard is a second.
var each = map[string]struct {
	tool access.Tool
	want time.Duration
}{
	"identity":     {access.Tool{Identity: &access.IdentityTool{}}, time.Second},
	"sql":          {access.Tool{SQL: &access.SQLTool{Statement: "SELECT 1", MaxRows: 1}}, time.Second},
	"genie":        {access.Tool{Genie: &access.GenieTool{}}, 70 * time.Second},
	"vectorSearch": {access.Tool{VectorSearch: &access.VectorSearchTool{}}, time.Second},
	"serving":      {access.Tool{Serving: &access.ServingTool{}}, 125 * time.Second},
	"http":         {access.Tool{HTTP: &access.HTTPTool{}}, time.Second},
	"function":     {access.Tool{Function: &access.FunctionTool{}}, time.Second},
}

func TestEachTypeHasATimeoutAndSaysWhatItMisses(t *testing.T) {
	for name, c := range each {
		t.Run(name, func(t *testing.T) {
			c.tool.Name, c.tool.InputSchema = "tool", json.RawMessage(`{"type":"object"}`)
			d, err := tools.Define(c.tool)
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Timeout(time.Second); got != c.want {
				t.Errorf("may take %v, want %v", got, c.want)
			}
			for _, ctx := range []tools.Context{{}, {Context: t.Context()}, {Context: t.Context(), Session: tokens{}}} {
				_, err := d.Run(ctx, nil)
				refused(t, tools.AsError(err), tools.CodeInternal, "the server cannot run tool as it is set up")
				if cause := tools.AsError(err).Unwrap(); cause == nil || !strings.Contains(cause.Error(), "its context has no ") {
					t.Errorf("because of %v", cause)
				}
			}
		})
	}
}

func TestAToolHasOneType(t *testing.T) {
	both := each["serving"].tool
	both.HTTP = &access.HTTPTool{}
	for name, tool := range map[string]access.Tool{"none": {}, "two": both} {
		tool.InputSchema = json.RawMessage(`{"type":"object"}`)
		if _, err := tools.Define(tool); err == nil || !strings.Contains(err.Error(), "exactly one type") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
