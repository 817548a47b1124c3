// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire/wiretest"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

const token = `dose-"token"/+ of the upstream`

func crm() admin.ConnectionWrite {
	return admin.ConnectionWrite{
		Name: "crm", Comment: "c", Options: map[string]string{admin.OptionHost: "https://api.example.com"}, Secrets: map[string]wire.Secret{admin.OptionBearerToken: token},
	}
}

const crmAnswer = `{"name":"crm","connection_id":"i","connection_type":"HTTP","credential_type":"BEARER_TOKEN","comment":"c","url":"u",
	"updated_at":7,"updated_by":"me","options":{"host":"https://api.example.com","bearer_token":"leaked","accessKey":"leaked"}}`

func TestAWriteOfAConnectionSendsAllOptions(t *testing.T) {
	s := newService(t, wiretest.Answers(200, crmAnswer))
	c := s.client(t)
	want := &admin.Connection{
		Name: "crm", ID: "i", Type: admin.HTTPConnection, CredentialType: "BEARER_TOKEN", Comment: "c", URL: "u", UpdatedAt: 7, UpdatedBy: "me",
		Options: map[string]string{"host": "https://api.example.com"},
	}
	for name, do := range map[string]func() (*admin.Connection, error){
		"GET /api/2.1/unity-catalog/connections/crm":   func() (*admin.Connection, error) { return c.Connection(t.Context(), "crm") },
		"POST /api/2.1/unity-catalog/connections":      func() (*admin.Connection, error) { return c.CreateConnection(t.Context(), crm()) },
		"PATCH /api/2.1/unity-catalog/connections/crm": func() (*admin.Connection, error) { return c.UpdateConnection(t.Context(), crm()) },
	} {
		got, err := do()
		if err != nil {
			t.Fatal(name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(name, diff)
		}
		if call := s.calls[len(s.calls)-1]; call != name {
			t.Errorf("called %s, want %s", call, name)
		}
		if strings.HasPrefix(name, "GET") {
			continue
		}
		var body struct {
			Options map[string]string `json:"options"`
		}
		if err := json.Unmarshal([]byte(s.bodies[len(s.bodies)-1]), &body); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"host": "https://api.example.com", "bearer_token": token}, body.Options); diff != "" {
			t.Error(name, diff)
		}
	}
}

func TestAnErrorThatRepeatsTheCredentialIsWithheld(t *testing.T) {
	quoted, _ := json.Marshal(token)
	for name, c := range map[string]struct {
		said string
		want string
	}{
		"as it is":          {"Option bearer_token '" + token + "' is not valid", "withheld"},
		"a part of it":      {"Option bearer_token 'dose-\"token...' is not valid", "withheld"},
		"escaped as JSON":   {"body was {" + string(quoted) + "}", "withheld"},
		"escaped as a URL":  {"tried " + url.QueryEscape(token), "withheld"},
		"in base 64":        {"sent Basic " + base64.StdEncoding.EncodeToString([]byte(token)), "withheld"},
		"that it is there":  {"'" + token + "' already exists", "withheld"},
		"something else":    {"Option port must be a number", "Option port must be a number"},
		"that a name is so": {"Connection 'crm' already exists", "Connection 'crm' already exists"},
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := json.Marshal(map[string]string{"error_code": "INVALID_PARAMETER_VALUE", "message": c.said})
			if err != nil {
				t.Fatal(err)
			}
			_, err = newService(t, wiretest.Answers(400, string(raw))).client(t).UpdateConnection(t.Context(), crm())
			text := fmt.Sprintf("%v %+v", err, err)
			switch c.want {
			case "withheld":
				if !strings.Contains(text, "repeats the credential") || strings.Contains(text, "dose-") || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(token))) {
					t.Errorf("got %s", text)
				}
			default:
				if !strings.Contains(text, c.want) {
					t.Errorf("got %s", text)
				}
			}
			if got := admin.IsAlreadyExists(err); got != strings.Contains(c.said, "already exists") {
				t.Errorf("it says that something exists: %v", got)
			}
		})
	}
}

func TestAConnectionWhoseNameIsNoNameIsNotAskedFor(t *testing.T) {
	s := newService(t, wiretest.Answers(200, crmAnswer))
	c := s.client(t)
	for _, name := range []string{"", "a/b", "..", "a?b", "a b", "a%2fb"} {
		w := crm()
		w.Name = name
		for call, err := range map[string]error{
			"Connection":       second(c.Connection(t.Context(), name)),
			"CreateConnection": second(c.CreateConnection(t.Context(), w)),
			"UpdateConnection": second(c.UpdateConnection(t.Context(), w)),
			"DeleteConnection": c.DeleteConnection(t.Context(), name),
			"MCPService":       second(c.MCPService(t.Context(), "a.b."+name)),
			"CreateMCPService": c.CreateMCPService(t.Context(), admin.MCPService{Name: "a.b." + name}),
			"UpdateMCPService": c.UpdateMCPService(t.Context(), admin.MCPService{Name: "a.b." + name}),
			"DeleteMCPService": c.DeleteMCPService(t.Context(), "a.b."+name, ""),
		} {
			if !fault.Is(err, fault.ClassInvalid) {
				t.Errorf("%s of %q: %v", call, name, err)
			}
		}
	}
	if err := c.CreateMCPService(t.Context(), admin.MCPService{Name: "a.b"}); !fault.Is(err, fault.ClassInvalid) {
		t.Errorf("a service of two parts: %v", err)
	}
	if len(s.calls) > 0 {
		t.Errorf("called %q", s.calls)
	}
}

func second[T any](_ T, err error) error { return err }

func TestCallsForMCPServices(t *testing.T) {
	s := newService(t, wiretest.Answers(200, `{"name":"mcp-services/a.b.c","comment":"x","etag":"e/1","updated_by":"me","config":{"source_connection":{"name":"connections/crm","is_deleted":true},"include_tool_selectors":["t"]}}`))
	c := s.client(t)
	got, err := c.MCPService(t.Context(), "a.b.c")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&admin.MCPService{Name: "a.b.c", Comment: "x", Connection: "crm", ConnectionDeleted: true, Tools: []string{"t"}, ETag: "e/1", UpdatedBy: "me"}, got); diff != "" {
		t.Error(diff)
	}
	every := admin.MCPService{Name: "a.b.c", Comment: "x", Connection: "crm", ETag: "e/1"}
	for _, err := range []error{c.CreateMCPService(t.Context(), every), c.UpdateMCPService(t.Context(), every), c.DeleteMCPService(t.Context(), "a.b.c", "e/1"), c.DeleteMCPService(t.Context(), "a.b.c", "")} {
		if err != nil {
			t.Error(err)
		}
	}
	const at = "/api/2.1/unity-catalog/mcp-services"
	if diff := cmp.Diff([]string{
		"GET " + at + "/a.b.c", "POST " + at + "?mcp_service_id=c&parent=schemas%2Fa.b",
		"PATCH " + at + "/a.b.c?etag=e%2F1&update_mask=comment%2Cconfig.source_connection.name%2Cconfig.include_tool_selectors",
		"DELETE " + at + "/a.b.c?etag=e%2F1", "DELETE " + at + "/a.b.c",
	}, s.calls); diff != "" {
		t.Error(diff)
	}
	for _, body := range s.bodies[1:3] { // all tools are an empty list, which must be sent
		if body != `{"comment":"x","config":{"source_connection":{"name":"connections/crm"},"include_tool_selectors":[]}}` {
			t.Errorf("sent %s", body)
		}
	}
}

func TestErrorsOfMCPServices(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		class  fault.Class
		reason string
	}{
		"no such API":           {404, `{"error_code":"ENDPOINT_NOT_FOUND","message":"x"}`, fault.ClassDenied, wire.ReasonMCPServicesUnavailable},
		"not implemented":       {501, `{"error_code":"NOT_IMPLEMENTED","message":"x"}`, fault.ClassDenied, wire.ReasonMCPServicesUnavailable},
		"a proxy that says 501": {501, `<html>`, fault.ClassTransient, wire.ReasonUnavailable},
		"a stale etag":          {409, `{"error_code":"ABORTED","message":"x"}`, fault.ClassTransient, wire.ReasonChanged},
		"not allowed":           {403, `{"error_code":"PERMISSION_DENIED","message":"x"}`, fault.ClassDenied, wire.ReasonPermissionDenied},
	} {
		t.Run(name, func(t *testing.T) {
			cl := newService(t, wiretest.Answers(c.status, c.body)).client(t)
			for call, err := range map[string]error{
				"get": second(cl.MCPService(t.Context(), "a.b.c")), "create": cl.CreateMCPService(t.Context(), admin.MCPService{Name: "a.b.c"}),
				"update": cl.UpdateMCPService(t.Context(), admin.MCPService{Name: "a.b.c"}), "delete": cl.DeleteMCPService(t.Context(), "a.b.c", ""),
			} {
				if f := fault.Of(err); f == nil || f.Class != c.class || f.Reason != c.reason {
					t.Errorf("%s: %+v", call, f)
				}
			}
		})
	}
	missing := newService(t, wiretest.Answers(http.StatusNotFound, `{"error_code":"MCP_SERVICE_DOES_NOT_EXIST","message":"x"}`)).client(t)
	if s, err := missing.MCPService(t.Context(), "a.b.c"); s != nil || err != nil {
		t.Errorf("a service that is not there: %v %v", s, err)
	}
	if err := missing.DeleteMCPService(t.Context(), "a.b.c", ""); err != nil {
		t.Errorf("deleting it: %v", err)
	}
}
