// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/controllers/connection"
	"github.com/gatehouse-dev/gatehouse/test/env"
	"github.com/gatehouse-dev/gatehouse/test/externaltest"
)

func TestTheAdapterKeepsTheContract(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(http.MethodPost, connections, `{"name":"theirs","connection_type":"HTTP","options":{"host":"https://theirs.example.com","bearer_token":"t","is_mcp_connection":"true"}}`)
	w.call(http.MethodPost, services+"?mcp_service_id=theirs&parent=schemas/main.shared", `{"config":{"source_connection":{"name":"connections/theirs"}}}`)
	c := declared("suite")
	env.Create(t, w.Kube, c)
	start := w.Emulator.Last(t)
	externaltest.Run(t, connection.NewAdapter(w.Kube, w.live, w.options()).Kind(), externaltest.Case[*v1alpha1.Connection]{
		Object: c, Faults: w.ReadFaults("/unity-catalog/connections/", "/unity-catalog/mcp-services/"),
		Writes: func() int { return len(w.Emulator.Writes(t, start)) },
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
