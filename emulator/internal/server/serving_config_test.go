// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/server"
)

func TestServingIsCheckedBeforeItStarts(t *testing.T) {
	agent := server.ServingAgent{Name: "a", Description: "d", SQL: &server.AgentSQL{WarehouseID: warehouseID, Statement: "SELECT 1"}}
	many := make([]server.ServingAgent, 21)
	for i := range many {
		many[i] = agent
		many[i].Name = fmt.Sprint("a", i)
	}
	two := agent
	two.Model = "m"
	chain := server.ServingAgent{Name: "a", Description: "d", Model: "e"}
	for name, c := range map[string]struct {
		endpoints []server.ServingEndpoint
		want      string
	}{
		"more than 20 agents":         {[]server.ServingEndpoint{{Name: "e", Agents: many}}, "at most 20"},
		"20 agents":                   {[]server.ServingEndpoint{{Name: "e", Agents: many[:20]}}, ""},
		"two endpoints of one name":   {[]server.ServingEndpoint{{Name: "e"}, {Name: "e"}}, "its own"},
		"a name with a slash":         {[]server.ServingEndpoint{{Name: "a/b"}}, "63 letters"},
		"an agent of two kinds":       {[]server.ServingEndpoint{{Name: "m"}, {Name: "e", Agents: []server.ServingAgent{two}}}, "exactly one"},
		"a supervisor of supervisors": {[]server.ServingEndpoint{{Name: "e", Agents: []server.ServingAgent{chain}}}, "without agents"},
		"a shape that does not exist": {[]server.ServingEndpoint{{Name: "e", Shape: "round"}}, "shape"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := server.New(server.Options{
				Config: server.Config{
					AccountID: accountID, Workspace: server.Workspace{ID: workspaceID}, Serving: server.Serving{Endpoints: c.endpoints},
				},
				IssuerClient: http.DefaultClient, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
			})
			if err == nil {
				_ = s.Close()
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
