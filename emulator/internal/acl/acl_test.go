// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package acl_test

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/acl"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/store"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// people are principals with their groups; root is an administrator.
type people map[string][]string

func (p people) GroupsOf(n string) []string    { return p[n] }
func (p people) PrincipalExists(n string) bool { _, ok := p[n]; return ok || n == "team" }
func (p people) IsAdmin(n string) bool         { return n == "root" }
func (p people) DisplayName(n string) string   { return strings.ToUpper(n) }

var kind = acl.Kind{
	Path: "things", Type: "thing", Noun: "thing", Levels: []string{"CAN_READ", "CAN_RUN", "CAN_MANAGE"},
	Alias: map[string]string{"CAN_VIEW": "CAN_READ"}, Exists: func(id string) bool { return id == "t" },
}

func open(t *testing.T, dir string, p people) *acl.Store {
	t.Helper()
	state, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := acl.Open(state, kind, p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// call calls a route and returns the answer as JSON, or the code of its error.
func call(t *testing.T, s *acl.Store, who, method, end, body string) string {
	t.Helper()
	routes := s.Routes()
	i := slices.IndexFunc(routes, func(r wire.Route) bool {
		return r.Method == method && r.Pattern == "/api/2.0/permissions/things/{id}"+end
	})
	raw := httptest.NewRequest(method, "/", nil)
	raw.SetPathValue("id", "t")
	out, err := routes[i].Handle(t.Context(), &wire.Request{Request: raw, Body: []byte(body), Caller: wire.Caller{UserName: who}})
	var we *wire.Error
	if errors.As(err, &we) {
		return we.Code
	}
	encoded, err2 := json.Marshal(out)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	return string(encoded)
}

func list(entries string) string { return `{"access_control_list":[` + entries + `]}` }

const ann, team = `{"user_name":"ann","permission_level":"CAN_MANAGE"}`, `{"group_name":"team","permission_level":"CAN_VIEW"}`

func TestEntriesAreAddedReplacedAndKept(t *testing.T) {
	dir, p := t.TempDir(), people{"root": nil, "ann": nil, "bob": {"team"}}
	s := open(t, dir, p)
	call(t, s, "root", "PATCH", "", list(ann))
	got := call(t, s, "ann", "PATCH", "", list(team))
	want := `{"access_control_list":[` +
		`{"all_permissions":[{"permission_level":"CAN_MANAGE","inherited":true,"inherited_from_object":["/things/"]}],"group_name":"admins"},` +
		`{"all_permissions":[{"permission_level":"CAN_READ","inherited":false,"inherited_from_object":[]}],"group_name":"team"},` +
		`{"all_permissions":[{"permission_level":"CAN_MANAGE","inherited":false,"inherited_from_object":[]}],"display_name":"ANN","user_name":"ann"}],` +
		`"object_id":"/things/t","object_type":"thing"}`
	if got != want {
		t.Errorf("the list is\n%s, want\n%s", got, want)
	}
	s = open(t, dir, p) // a restart
	if !s.Allows("bob", "t", "CAN_READ") || s.Allows("bob", "t", "CAN_RUN", "CAN_MANAGE") || !s.Allows("root", "t", "CAN_RUN") || s.Allows("ann", "u", "CAN_MANAGE") {
		t.Error("the levels are not those that were given")
	}
	call(t, s, "root", "PUT", "", "{}")
	if s.Allows("bob", "t", "CAN_READ") || s.Allows("ann", "t", "CAN_MANAGE") {
		t.Error("replacing by nothing leaves something")
	}
}

func TestAnUnknownPrincipalIsNamedWithItsKind(t *testing.T) {
	for kind, want := range map[string]string{
		"service_principal_name": "Principal: ServicePrincipalName(x) does not exist",
		"user_name":              "Principal: UserName(x) does not exist",
		"group_name":             "Principal: GroupName(x) does not exist",
	} {
		var we *wire.Error
		if err := acl.UnknownPrincipal(kind, "x"); !errors.As(err, &we) || we.Message != want || we.Status != 404 {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	s := open(t, "", people{"root": nil, "ann": nil, "bob": {"team"}})
	call(t, s, "root", "PATCH", "", list(ann+","+team))
	for name, c := range map[string][5]string{
		"who may not manage":            {"bob", "GET", "", "", "PERMISSION_DENIED"},
		"who may not change":            {"bob", "PATCH", "", list(team), "PERMISSION_DENIED"},
		"losing one's own to a PUT":     {"ann", "PUT", "", list(team), "INVALID_PARAMETER_VALUE"},
		"losing one's own to a PATCH":   {"ann", "PATCH", "", list(`{"user_name":"ann","permission_level":"CAN_RUN"}`), "INVALID_PARAMETER_VALUE"},
		"a level of another kind":       {"root", "PATCH", "", list(`{"user_name":"ann","permission_level":"CAN_USE"}`), "INVALID_PARAMETER_VALUE"},
		"two principals in an entry":    {"root", "PATCH", "", list(`{"user_name":"ann","group_name":"team","permission_level":"CAN_RUN"}`), "INVALID_PARAMETER_VALUE"},
		"a principal that is not there": {"root", "PATCH", "", list(`{"user_name":"eve","permission_level":"CAN_RUN"}`), "RESOURCE_DOES_NOT_EXIST"},
		"levels for who may not":        {"bob", "GET", "/permissionLevels", "", "PERMISSION_DENIED"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := call(t, s, c[0], c[1], c[2], c[3]); got != c[4] {
				t.Errorf("answered %s, want %s", got, c[4])
			}
		})
	}
	if got := call(t, s, "ann", "GET", "/permissionLevels", ""); strings.Count(got, "permission_level\"") != 3 {
		t.Errorf("the levels are %s", got)
	}
	if !s.Allows("ann", "t", "CAN_MANAGE") {
		t.Error("a refused change took effect")
	}
}
