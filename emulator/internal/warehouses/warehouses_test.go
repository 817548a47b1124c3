// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package warehouses_test

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/store"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/warehouses"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// directory has an administrator, root, and everybody else without groups but eve.
type directory struct{}

func (directory) GroupsOf(string) []string      { return nil }
func (directory) PrincipalExists(n string) bool { return n != "eve" }
func (directory) IsAdmin(n string) bool         { return n == "root" }
func (directory) DisplayName(string) string     { return "" }

// call calls a route and returns the answer as JSON, or the message of its error.
func call(t *testing.T, s *warehouses.Store, who, method, pattern, id, body string) string {
	t.Helper()
	routes := s.Routes()
	i := slices.IndexFunc(routes, func(r wire.Route) bool { return r.Method == method && r.Pattern == pattern })
	if i < 0 {
		t.Fatalf("there is no %s %s", method, pattern)
	}
	raw := httptest.NewRequest(method, "/", nil)
	raw.SetPathValue("id", id)
	out, err := routes[i].Handle(t.Context(), &wire.Request{Request: raw, Body: []byte(body), Caller: wire.Caller{UserName: who}})
	if we, ok := errors.AsType[*wire.Error](err); ok {
		return we.Message
	}
	encoded, err2 := json.Marshal(out)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	return string(encoded)
}

func entry(name, level string) string {
	return `{"access_control_list":[{"user_name":"` + name + `","permission_level":"` + level + `"}]}`
}

func open(t *testing.T) *warehouses.Store {
	t.Helper()
	state, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	s, err := warehouses.Open(state, []warehouses.Warehouse{{ID: "w", Name: "W"}}, directory{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const (
	at    = "/api/2.0/permissions/warehouses/{id}"
	older = "/api/2.0/permissions/sql/warehouses/{id}"
	get   = "/api/2.0/sql/warehouses/{id}"
)

// TestTheAccessListOfAWarehouse goes through one list, a step after the other.
func TestTheAccessListOfAWarehouse(t *testing.T) {
	s := open(t)
	const admins = `{"all_permissions":[{"permission_level":"CAN_MANAGE","inherited":true,"inherited_from_object":["/warehouses/"]}],"group_name":"admins"}`
	const adminsOlder = `{"all_permissions":[{"permission_level":"CAN_MANAGE","inherited":true,"inherited_from_object":["/sql/warehouses/"]}],"group_name":"admins"}`
	direct := func(name, level string) string {
		return `,{"all_permissions":[{"permission_level":"` + level + `","inherited":false,"inherited_from_object":[]}],"user_name":"` + name + `"}`
	}
	list := func(entries, path string) string {
		return `{"access_control_list":[` + entries + `],"object_id":"/` + path + `/w","object_type":"warehouses"}`
	}
	for _, c := range []struct{ who, method, pattern, id, body, want string }{
		{"root", "GET", at, "x", "", "SQL warehouse does not exist."},
		{"ann", "GET", at, "w", "", "You do not have permission to manage this SQL warehouse."},
		{"ann", "GET", get, "w", "", "You do not have permission to view this SQL warehouse."},
		{"root", "PATCH", at, "w", entry("ann", "CAN_RUN"), "Permission level is not applicable to SQL warehouses"},
		{"root", "PATCH", at, "w", entry("eve", "CAN_USE"), "Principal: UserName(eve) does not exist"},
		{"root", "PATCH", at, "w", entry("ann", "IS_OWNER"), list(admins+direct("ann", "IS_OWNER"), "warehouses")},
		{"ann", "GET", older, "w", "", list(adminsOlder+direct("ann", "IS_OWNER"), "sql/warehouses")},
		{"ann", "PATCH", older, "w", entry("bob", "CAN_VIEW"), list(adminsOlder+direct("ann", "IS_OWNER")+direct("bob", "CAN_VIEW"), "sql/warehouses")},
		{"bob", "GET", get, "w", "", `{"id":"w","name":"W","state":"RUNNING"}`},
		// Of the others' kinds, none lets a caller take its own right to manage away.
		{"ann", "PUT", at, "w", entry("bob", "CAN_USE"), list(admins+direct("bob", "CAN_USE"), "warehouses")},
		{"ann", "GET", at + "/permissionLevels", "w", "", "You do not have permission to manage this SQL warehouse."},
		{"root", "GET", older + "/permissionLevels", "w", "", `{"permission_levels":[{"description":"","permission_level":"CAN_USE"},{"description":"","permission_level":"CAN_MONITOR"},` +
			`{"description":"","permission_level":"CAN_VIEW"},{"description":"","permission_level":"CAN_MANAGE"},{"description":"","permission_level":"IS_OWNER"}]}`},
	} {
		if got := call(t, s, c.who, c.method, c.pattern, c.id, c.body); got != c.want {
			t.Errorf("%s %s %s %s %s is answered\n%s, want\n%s", c.who, c.method, c.pattern, c.id, c.body, got, c.want)
		}
	}
}

func TestLevelsThatRunStatements(t *testing.T) {
	s := open(t)
	for level, want := range map[string]bool{"CAN_USE": true, "CAN_MANAGE": true, "IS_OWNER": true, "CAN_VIEW": false, "CAN_MONITOR": false} {
		call(t, s, "root", "PUT", at, "w", entry("ann", level))
		if got := s.MayUse("ann", "w"); got != want {
			t.Errorf("%s: %v", level, got)
		}
	}
	if !s.MayUse("root", "w") || s.Exists("x") {
		t.Error("the administrator may not use it, or there is one more")
	}
}
