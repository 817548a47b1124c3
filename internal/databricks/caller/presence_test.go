// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package caller_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

func TestPresence(t *testing.T) {
	space, index, endpoint := (*caller.Presence).Space, (*caller.Presence).Index, (*caller.Presence).Endpoint
	connection, function, warehouse := (*caller.Presence).Connection, (*caller.Presence).Function, (*caller.Presence).Warehouse
	for name, c := range map[string]struct {
		ask    func(*caller.Presence, context.Context, wire.Secret, string) error
		of     string
		path   string // empty: nothing is asked
		status int
		body   string
		want   string // the code of the error
	}{
		"a space":                      {space, "s1", "/api/2.0/genie/spaces/s1", 200, `{"space_id":"s1"}`, ""},
		"an index that is ready":       {index, "a.b.c", "/api/2.0/vector-search/indexes/a.b.c", 200, `{"name":"a.b.c","status":{"ready":true}}`, ""},
		"an index that is not":         {index, "a.b.c", "/api/2.0/vector-search/indexes/a.b.c", 200, `{"name":"a.b.c","status":{"ready":false}}`, "NOT_READY"},
		"an endpoint that is ready":    {endpoint, "chat", "/api/2.0/serving-endpoints/chat", 200, `{"name":"chat","state":{"ready":"READY"}}`, ""},
		"an endpoint that is not":      {endpoint, "chat", "/api/2.0/serving-endpoints/chat", 200, `{"name":"chat","state":{"ready":"NOT_READY"}}`, "NOT_READY"},
		"a connection":                 {connection, "crm", "/api/2.1/unity-catalog/connections/crm", 200, `{"name":"CRM","options":{"host":"https://secret"}}`, ""},
		"a function":                   {function, "a.b.f", "/api/2.1/unity-catalog/functions/a.b.f", 200, `{"full_name":"a.b.f"}`, ""},
		"an answer about another":      {function, "a.b.f", "/api/2.1/unity-catalog/functions/a.b.f", 200, `{"full_name":"a.b.g"}`, "BAD_ANSWER"},
		"an empty answer":              {space, "s1", "/api/2.0/genie/spaces/s1", 200, `{}`, "BAD_ANSWER"},
		"what is not there":            {connection, "crm", "/api/2.1/unity-catalog/connections/crm", 404, `{}`, "HTTP_404"},
		"what may not be seen":         {space, "s1", "/api/2.0/genie/spaces/s1", 403, `{}`, "HTTP_403"},
		"a warehouse":                  {warehouse, "w1", "/api/2.0/sql/statements", 200, `{"statement_id":"1","status":{"state":"SUCCEEDED"}}`, ""},
		"a warehouse that fails":       {warehouse, "w1", "/api/2.0/sql/statements", 200, `{"statement_id":"1","status":{"state":"FAILED","error":{"error_code":"IO_ERROR"}}}`, "IO_ERROR"},
		"a name that is another path":  {connection, "a/../b", "", 0, "", "BAD_NAME"},
		"an id that is another path":   {space, "../x", "", 0, "", "BAD_NAME"},
		"an endpoint of another path":  {endpoint, "a?b", "", 0, "", "BAD_NAME"},
		"a function of another path":   {function, "a.b.c/d", "", 0, "", "BAD_NAME"},
		"an index under another path":  {index, "a.b.c#", "", 0, "", "BAD_NAME"},
		"what is not JSON but answers": {space, "s1", "/api/2.0/genie/spaces/s1", 200, `<html>`, "NOT_JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := ""
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = r.URL.Path
				if r.Header.Get("Authorization") != "Bearer token" {
					t.Error("asked without the token")
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer s.Close()
			err := c.ask(caller.NewPresence(s.URL, s.Client()), t.Context(), "token", c.of)
			var ce *wire.CallError
			if got := errors.As(err, &ce); got != (c.want != "") || got && ce.Code != c.want {
				t.Errorf("answered %v, want %q", err, c.want)
			}
			if asked != c.path {
				t.Errorf("asked %s, want %s", asked, c.path)
			}
		})
	}
}
