// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package registry_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/genie"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/registry"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/toolstest"
)

// each type of tool, how long a call may take where the standard is a second, and the parts that it needs.
var each = map[string]struct {
	tool  access.Tool
	want  time.Duration
	needs []string
}{
	"identity":     {access.Tool{Identity: &access.IdentityTool{}}, time.Second, []string{"statements"}},
	"sql":          {access.Tool{SQL: &access.SQLTool{Statement: "SELECT 1", MaxRows: 1}}, time.Second, []string{"statements"}},
	"genie":        {access.Tool{Genie: &access.GenieTool{}}, 70 * time.Second, []string{"for Genie", "conversations", "limit on quest", "a clock"}},
	"vectorSearch": {access.Tool{VectorSearch: &access.VectorSearchTool{}}, time.Second, []string{"vector search"}},
	"serving":      {access.Tool{Serving: &access.ServingTool{}}, 125 * time.Second, []string{"serving"}},
	"http":         {access.Tool{HTTP: &access.HTTPTool{}}, time.Second, []string{"statements"}},
	"function":     {access.Tool{Function: &access.FunctionTool{}}, time.Second, []string{"statements"}},
}

// parts are all of them.
func parts() registry.Parts {
	p := (&toolstest.Workspace{}).Parts()
	p.Genie, p.Conversations, p.Questions, p.Now = struct{ genie.Client }{}, &seal.Keyring{}, genie.Quota{Limiter: &ratelimit.Memory{}}, time.Now
	return p
}

// lacking are all parts but one.
var lacking = map[string]func(*registry.Parts){
	"statements":     func(p *registry.Parts) { p.Statements = nil },
	"vector search":  func(p *registry.Parts) { p.VectorSearch = nil },
	"serving":        func(p *registry.Parts) { p.Serving = nil },
	"for Genie":      func(p *registry.Parts) { p.Genie = nil },
	"conversations":  func(p *registry.Parts) { p.Conversations = nil },
	"limit on quest": func(p *registry.Parts) { p.Questions = genie.Quota{} },
	"a clock":        func(p *registry.Parts) { p.Now = nil },
}

// TestEachTypeIsMadeWithWhatItNeedsAndNothingElse: an executor is refused exactly when a
// part that its type needs is missing.
func TestEachTypeIsMadeWithWhatItNeedsAndNothingElse(t *testing.T) {
	if len(each) != len(registry.Names()) {
		t.Errorf("%d types are tested, of %q", len(each), registry.Names())
	}
	for name, c := range each {
		t.Run(name, func(t *testing.T) {
			c.tool.Name, c.tool.InputSchema = "tool", json.RawMessage(`{"type":"object"}`)
			d, err := registry.Define(c.tool, parts())
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Timeout(time.Second); got != c.want {
				t.Errorf("may take %v, want %v", got, c.want)
			}
			for words, drop := range lacking {
				p := parts()
				drop(&p)
				_, err := registry.Define(c.tool, p)
				if needed := slices.Contains(c.needs, words); needed != (err != nil) || needed && !strings.Contains(err.Error(), words) {
					t.Errorf("without %s: %v", words, err)
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
		if _, err := registry.Define(tool, parts()); err == nil || !strings.Contains(err.Error(), "exactly one type") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
