// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/controllers/connection"
	"github.com/gatehouse-dev/gatehouse/internal/external/externaltest"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

func TestTheAdapterKeepsTheContract(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(http.MethodPost, connections, `{"name":"theirs","connection_type":"HTTP","options":{"host":"https://theirs.example.com","bearer_token":"t","is_mcp_connection":"true"}}`)
	w.call(http.MethodPost, services+"?mcp_service_id=theirs&parent=schemas/main.shared", `{"config":{"source_connection":{"name":"connections/theirs"}}}`)
	c := declared("suite")
	env.Create(t, w.kube, c)
	faults := map[string]externaltest.Fault{}
	for name, f := range map[string]struct {
		status int
		want   fault.Class
	}{"rate limited": {429, fault.ClassRateLimited}, "denied": {403, fault.ClassDenied}, "failing": {500, fault.ClassTransient}} {
		for _, path := range []string{"/unity-catalog/connections/", "/unity-catalog/mcp-services/"} {
			faults[name+" at "+path] = externaltest.Fault{
				Break: func() {
					w.emulator.Break(t, env.Fault{Match: env.FaultMatch{Method: "GET", PathRegex: path}, Stage: "before_commit", Action: "status", Status: f.status})
				},
				Heal: func() { w.emulator.Heal(t) },
				Want: f.want,
			}
		}
	}
	start := w.emulator.Last(t)
	externaltest.Run(t, connection.NewAdapter(w.kube, w.live, w.options()).Kind(), externaltest.Case[*v1alpha1.Connection]{
		Object: c, Faults: faults,
		Writes: func() int { return len(w.emulator.Writes(t, start)) },
		Others: func() any {
			all := w.found()
			for name := range all {
				if !strings.HasSuffix(name, "theirs") {
					delete(all, name)
				}
			}
			return all
		},
	})
	w.quiet()
}
