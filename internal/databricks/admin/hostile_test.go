// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire/wiretest"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// hostile are names that lead elsewhere where somebody decodes, joins or quotes them.
var hostile = []string{
	"a/b", "/a", "a/", "../a", "a/../b", "..", ".", "a%2fb", "a%2Fb", "a%252fb", "%2e%2e", "a?b=c", "a#b", "a;b", `a\b`, "a b", "a&b=c",
	"`", "a`b", "'", "a' or '1'='1", `"`, `a" or displayName pr`, "a\n", "a\nb", "a\r\nHost: b", "\x00", "a\x00", "a.", ".a", "a..b",
	"m\u0430in" /* a Cyrillic letter */, "\uff41", "a\u2215b", "a\u202eb", "a\u200b", "\u212a" /* Kelvin, which folds to k */, "\xff", "",
}

// placed is a method that is given a name in one of its places.
type placed struct {
	// method is that of the type, and place says where in it the name is.
	method, place string
	// plain is a name that does no harm there.
	plain string
	call  func(n string) error
	// free says that the place is not part of a path: the name is sent as a value.
	free bool
}

// named are all methods that take a name, in every place that takes one.
func named(t *testing.T, s *service) []placed {
	t.Helper()
	ctx, c, age, token := t.Context(), s.client(t), time.Minute, wire.Secret("token")
	recent, presence := c.Recent(age), caller.NewPresence(s.URL, s.Client())
	genie, serving := caller.NewGenie(s.URL, s.Client()), caller.NewServing(s.URL, s.Client())
	vectors, statements := caller.NewVectorSearch(s.URL, s.Client()), caller.NewStatements(s.URL, s.Client())
	table := func(n string) admin.Securable {
		return admin.Securable{Type: "table", Name: "main.sales." + n}
	}
	deals := admin.Securable{Type: "table", Name: "main.sales.deals"}
	policy := func(n string) admin.FederationPolicy { return admin.FederationPolicy{ID: n} }
	space := func(n string) caller.GenieCall { return caller.GenieCall{Space: n} }
	statement := func(n string) wire.StatementRequest {
		return wire.StatementRequest{WarehouseID: n, Statement: "SELECT 1"}
	}
	service := func(n string) admin.MCPService {
		return admin.MCPService{Name: "main.sales." + n, Connection: "crm"}
	}
	change := func(e admin.GatewayEndpoint) (admin.Gateway, error) { return e.Gateway, nil }
	const number, name = "7777777", "harmless"
	at := func(method, place, plain string, call func(string) error) placed {
		return placed{method: method, place: place, plain: plain, call: call}
	}
	free := func(method, place, plain string, call func(string) error) placed {
		return placed{method: method, place: place, plain: plain, call: call, free: true}
	}
	out := []placed{
		at("Client.Ask", "warehouse", name, func(n string) error { return failed(c.Ask(ctx, "app", token, statement(n))) }),
		at("Client.Function", "name", name, func(n string) error { return failed(c.Function(ctx, "main.sales."+n)) }),
		at("Client.Table", "name", name, func(n string) error { return failed(c.Table(ctx, "main.sales."+n)) }),
		at("Client.SchemaExists", "name", name, func(n string) error { return failed(c.SchemaExists(ctx, "main."+n)) }),
		at("Client.ConnectionHost", "name", name, func(n string) error { return failed(c.ConnectionHost(ctx, n)) }),
		at("Client.Connection", "name", name, func(n string) error { return failed(c.Connection(ctx, n)) }),
		at("Client.CreateConnection", "name", name, func(n string) error {
			return failed(c.CreateConnection(ctx, admin.ConnectionWrite{Name: n}))
		}),
		at("Client.UpdateConnection", "name", name, func(n string) error {
			return failed(c.UpdateConnection(ctx, admin.ConnectionWrite{Name: n}))
		}),
		at("Client.DeleteConnection", "name", name, func(n string) error { return c.DeleteConnection(ctx, n) }),
		at("Client.RunStatement", "warehouse", name, func(n string) error { return c.RunStatement(ctx, n, "SELECT 1") }),
		at("Client.EffectivePrivileges", "name", name, func(n string) error { return failed(c.EffectivePrivileges(ctx, table(n))) }),
		at("Client.GroupByID", "id", number, func(n string) error { return failed(c.GroupByID(ctx, n)) }),
		at("Client.GatewayEndpoint", "name", name, func(n string) error { return failed(c.GatewayEndpoint(ctx, n)) }),
		at("Client.ChangeGateway", "name", name, func(n string) error { return c.ChangeGateway(ctx, n, change) }),
		at("Client.TagEndpoint", "name", name, func(n string) error { return c.TagEndpoint(ctx, n, "k", "v") }),
		free("Client.TagEndpoint", "key", name, func(n string) error { return c.TagEndpoint(ctx, "e", n, "v") }),
		free("Client.TagEndpoint", "value", name, func(n string) error { return c.TagEndpoint(ctx, "e", "k", n) }),
		at("Client.UntagEndpoint", "name", name, func(n string) error { return c.UntagEndpoint(ctx, n, "k") }),
		free("Client.UntagEndpoint", "key", name, func(n string) error { return c.UntagEndpoint(ctx, "e", n) }),
		at("Client.Grants", "name", name, func(n string) error { return failed(c.Grants(ctx, table(n), "p")) }),
		free("Client.Grants", "principal", name, func(n string) error { return failed(c.Grants(ctx, deals, n)) }),
		at("Client.ChangeGrants", "name", name, func(n string) error { return c.ChangeGrants(ctx, table(n), "p", []string{"SELECT"}, nil) }),
		free("Client.ChangeGrants", "principal", name, func(n string) error { return c.ChangeGrants(ctx, deals, n, []string{"SELECT"}, nil) }),
		at("Client.RevokeGrants", "name", name, func(n string) error { return c.RevokeGrants(ctx, table(n), "p", []string{"SELECT"}) }),
		free("Client.RevokeGrants", "principal", name, func(n string) error { return c.RevokeGrants(ctx, deals, n, []string{"SELECT"}) }),
		at("Client.MCPService", "name", name, func(n string) error { return failed(c.MCPService(ctx, "main.sales."+n)) }),
		at("Client.CreateMCPService", "name", name, func(n string) error { return c.CreateMCPService(ctx, service(n)) }),
		at("Client.UpdateMCPService", "name", name, func(n string) error { return c.UpdateMCPService(ctx, service(n)) }),
		free("Client.UpdateMCPService", "etag", name, func(n string) error {
			return c.UpdateMCPService(ctx, admin.MCPService{Name: "a.b.c", Connection: "crm", ETag: "e" + n})
		}),
		at("Client.DeleteMCPService", "name", name, func(n string) error { return c.DeleteMCPService(ctx, "main.sales."+n, "e") }),
		free("Client.DeleteMCPService", "etag", name, func(n string) error { return c.DeleteMCPService(ctx, "a.b.c", "e"+n) }),
		at("Client.Policy", "principal", number, func(n string) error { return failed(c.Policy(ctx, n, "p")) }),
		at("Client.Policy", "id", name, func(n string) error { return failed(c.Policy(ctx, "1", n)) }),
		at("Client.CreatePolicy", "principal", number, func(n string) error { return c.CreatePolicy(ctx, n, policy("p")) }),
		at("Client.CreatePolicy", "id", name, func(n string) error { return c.CreatePolicy(ctx, "1", policy(n)) }),
		at("Client.UpdatePolicy", "principal", number, func(n string) error { return c.UpdatePolicy(ctx, n, policy("p")) }),
		at("Client.UpdatePolicy", "id", name, func(n string) error { return c.UpdatePolicy(ctx, "1", policy(n)) }),
		at("Client.DeletePolicy", "principal", number, func(n string) error { return c.DeletePolicy(ctx, n, "p") }),
		at("Client.DeletePolicy", "id", name, func(n string) error { return c.DeletePolicy(ctx, "1", n) }),
		at("Client.RecentPolicy", "principal", number, func(n string) error { return failed(c.RecentPolicy(ctx, age, n, "p")) }),
		at("Client.RecentPolicy", "id", name, func(n string) error { return failed(c.RecentPolicy(ctx, age, "1", n)) }),
		free("Client.ServicePrincipals", "name", name, func(n string) error { return failed(c.ServicePrincipals(ctx, n)) }),
		at("Client.ServicePrincipal", "id", number, func(n string) error { return failed(c.ServicePrincipal(ctx, n)) }),
		free("Client.ServicePrincipalOf", "application", name, func(n string) error { return failed(c.ServicePrincipalOf(ctx, n)) }),
		free("Client.CreateServicePrincipal", "name", name, func(n string) error {
			return failed(c.CreateServicePrincipal(ctx, admin.ServicePrincipal{DisplayName: n}))
		}),
		at("Client.UpdateServicePrincipal", "id", number, func(n string) error {
			return c.UpdateServicePrincipal(ctx, admin.ServicePrincipal{ID: n})
		}),
		free("Client.UpdateServicePrincipal", "name", name, func(n string) error {
			return c.UpdateServicePrincipal(ctx, admin.ServicePrincipal{ID: "1", DisplayName: n})
		}),
		at("Client.AdoptServicePrincipal", "id", number, func(n string) error { return c.AdoptServicePrincipal(ctx, n, "x", "y") }),
		free("Client.AdoptServicePrincipal", "name", name, func(n string) error { return c.AdoptServicePrincipal(ctx, "1", "x", "y"+n) }),
		at("Client.DeleteServicePrincipal", "id", number, func(n string) error { return c.DeleteServicePrincipal(ctx, n) }),
		free("Client.FindGroup", "name", name, func(n string) error { return failed(c.FindGroup(ctx, n)) }),
		free("Client.GroupID", "name", name, func(n string) error { return failed(c.GroupID(ctx, n)) }),
		free("Client.CreateGroup", "name", name, func(n string) error { return failed(c.CreateGroup(ctx, n, "x")) }),
		at("Client.DeleteGroup", "id", number, func(n string) error { return c.DeleteGroup(ctx, n) }),
		at("Client.AddMember", "group", number, func(n string) error { return c.AddMember(ctx, n, "1") }),
		free("Client.AddMember", "principal", number, func(n string) error { return c.AddMember(ctx, "1", n) }),
		at("Client.MarkGroup", "group", number, func(n string) error { return c.MarkGroup(ctx, n, "x") }),
		free("Client.MarkGroup", "mark", name, func(n string) error { return c.MarkGroup(ctx, "1", n) }),
		at("Client.RemoveMember", "group", number, func(n string) error { return c.RemoveMember(ctx, n, "1") }),
		at("Client.RemoveMember", "principal", number, func(n string) error { return c.RemoveMember(ctx, "1", n) }),
		at("Client.Assign", "principal", number, func(n string) error { return c.Assign(ctx, n) }),
		at("Client.Unassign", "principal", number, func(n string) error { return c.Unassign(ctx, n) }),
		free("Client.Assigned", "principal", number, func(n string) error { return failed(c.Assigned(ctx, n)) }),

		free("Recent.ServicePrincipals", "name", name, func(n string) error { return failed(recent.ServicePrincipals(ctx, n)) }),
		free("Recent.ServicePrincipal", "id", number, func(n string) error { return failed(recent.ServicePrincipal(ctx, n)) }),
		free("Recent.FindGroup", "name", name, func(n string) error { return failed(recent.FindGroup(ctx, n)) }),
		free("Recent.Assigned", "principal", number, func(n string) error { return failed(recent.Assigned(ctx, n)) }),
		at("Recent.Grants", "name", name, func(n string) error { return failed(recent.Grants(ctx, table(n), "p")) }),
		at("Recent.Policy", "principal", number, func(n string) error { return failed(recent.Policy(ctx, n, "p")) }),
		at("Recent.Policy", "id", name, func(n string) error { return failed(recent.Policy(ctx, "1", n)) }),

		free("Presence.Warehouse", "id", name, func(n string) error { return presence.Warehouse(ctx, token, n) }),
		at("Presence.Space", "id", name, func(n string) error { return presence.Space(ctx, token, n) }),
		at("Presence.Index", "name", name, func(n string) error { return presence.Index(ctx, token, "main.sales."+n) }),
		at("Presence.Endpoint", "name", name, func(n string) error { return presence.Endpoint(ctx, token, n) }),
		at("Presence.Connection", "name", name, func(n string) error { return presence.Connection(ctx, token, n) }),
		at("Presence.Function", "name", name, func(n string) error { return presence.Function(ctx, token, "main.sales."+n) }),

		at("Genie.Start", "space", name, func(n string) error { return failed(genie.Start(ctx, space(n), "q")) }),
		at("Genie.Follow", "space", name, func(n string) error { return failed(genie.Follow(ctx, space(n), "c", "q")) }),
		at("Genie.Follow", "conversation", name, func(n string) error { return failed(genie.Follow(ctx, space("s"), n, "q")) }),
		at("Genie.Message", "space", name, func(n string) error { return failed(genie.Message(ctx, space(n), "c", "m")) }),
		at("Genie.Message", "conversation", name, func(n string) error { return failed(genie.Message(ctx, space("s"), n, "m")) }),
		at("Genie.Message", "message", name, func(n string) error { return failed(genie.Message(ctx, space("s"), "c", n)) }),
		at("Genie.Result", "space", name, func(n string) error { return failed(genie.Result(ctx, space(n), "c", "m", "a")) }),
		at("Genie.Result", "conversation", name, func(n string) error { return failed(genie.Result(ctx, space("s"), n, "m", "a")) }),
		at("Genie.Result", "message", name, func(n string) error { return failed(genie.Result(ctx, space("s"), "c", n, "a")) }),
		at("Genie.Result", "attachment", name, func(n string) error { return failed(genie.Result(ctx, space("s"), "c", "m", n)) }),
		at("Genie.Forget", "space", name, func(n string) error { return genie.Forget(ctx, space(n), "c", "m") }),
		at("Genie.Forget", "conversation", name, func(n string) error { return genie.Forget(ctx, space("s"), n, "m") }),
		at("Genie.Forget", "message", name, func(n string) error { return genie.Forget(ctx, space("s"), "c", n) }),

		at("Serving.Ask", "endpoint", name, func(n string) error {
			return failed(serving.Ask(ctx, token, caller.ServingRequest{Endpoint: n}))
		}),
		at("VectorSearch.Query", "index", name, func(n string) error {
			return failed(vectors.Query(ctx, token, caller.VectorQuery{Index: "main.sales." + n}))
		}),
		free("Statements.Execute", "warehouse", name, func(n string) error { return failed(statements.Execute(ctx, token, statement(n))) }),
	}
	for method, call := range map[string]func(s admin.Securable) error{
		"Client.Grants":              func(s admin.Securable) error { return failed(c.Grants(ctx, s, "p")) },
		"Client.ChangeGrants":        func(s admin.Securable) error { return c.ChangeGrants(ctx, s, "p", nil, nil) },
		"Client.RevokeGrants":        func(s admin.Securable) error { return c.RevokeGrants(ctx, s, "p", nil) },
		"Client.EffectivePrivileges": func(s admin.Securable) error { return failed(c.EffectivePrivileges(ctx, s)) },
		"Recent.Grants":              func(s admin.Securable) error { return failed(recent.Grants(ctx, s, "p")) },
	} {
		out = append(out, at(method, "type", name, func(n string) error { return call(admin.Securable{Type: n, Name: "a"}) }))
	}
	for method, call := range map[string]func(o admin.Object) error{
		"Client.ObjectPermissions":    func(o admin.Object) error { return failed(c.ObjectPermissions(ctx, o)) },
		"Client.EffectivePermissions": func(o admin.Object) error { return failed(c.EffectivePermissions(ctx, o)) },
		"Client.Levels":               func(o admin.Object) error { return failed(c.Levels(ctx, o, "p")) },
		"Client.GrantObject":          func(o admin.Object) error { return c.GrantObject(ctx, o, "p") },
		"Client.RevokeObject":         func(o admin.Object) error { return c.RevokeObject(ctx, o, "p") },
		"Recent.Levels":               func(o admin.Object) error { return failed(recent.Levels(ctx, o, "p")) },
	} {
		for _, kind := range []admin.ObjectKind{admin.Warehouses, admin.GenieSpaces, admin.ServingEndpoints} {
			out = append(out, at(method, "name of "+string(kind), name, func(n string) error { return call(admin.Object{Kind: kind, Name: n}) }))
		}
		out = append(out, at(method, "kind", string(admin.Warehouses), func(n string) error { return call(admin.Object{Kind: admin.ObjectKind(n), Name: "w"}) }))
	}
	return out
}

func failed[T any](_ T, err error) error { return err }

// nameless are methods that take nothing that names an object.
var nameless = []string{"Client.Me", "Client.CheckAccount", "Client.AssignedPrincipals", "Client.Recent"}

// TestEveryMethodIsHeldAgainstHostileNames fails for a method that the next test does not know.
func TestEveryMethodIsHeldAgainstHostileNames(t *testing.T) {
	known := slices.Clone(nameless)
	for _, p := range named(t, newService(t, wiretest.Answers(200, "{}"))) {
		known = append(known, p.method)
	}
	for _, of := range []any{
		&admin.Client{}, &admin.Recent{}, &caller.Presence{}, &caller.Genie{}, &caller.Serving{}, &caller.VectorSearch{}, &caller.Statements{},
	} {
		typ := reflect.TypeOf(of)
		for m := range typ.Methods() {
			if name := typ.Elem().Name() + "." + m.Name; !slices.Contains(known, name) {
				t.Errorf("no hostile name is given to %s", name)
			}
		}
	}
}

// TestAHostileNameNeverAddressesAnotherObject holds what is sent for a hostile name
// against what is sent for a harmless one: nothing at all where the name is part of a
// path, and else the same calls with the name as one value.
func TestAHostileNameNeverAddressesAnotherObject(t *testing.T) {
	s := newService(t, echo)
	for _, p := range named(t, s) {
		t.Run(p.method+" "+p.place, func(t *testing.T) {
			s.forget()
			_ = p.call(p.plain) // the answers are not all right ones; what counts is what was sent
			want := s.sent(t)
			if len(want) == 0 && !strings.HasPrefix(p.method, "Recent.") {
				t.Fatal("nothing was sent for a harmless name")
			}
			for _, bad := range hostile {
				s.forget()
				err := p.call(bad)
				got := s.sent(t)
				if !p.free {
					var call *wire.CallError
					if !fault.Is(err, fault.ClassInvalid) && (!errors.As(err, &call) || call.Kind != wire.CallFailed) {
						t.Errorf("%q ended with %v", bad, err)
					}
					if len(got) > 0 {
						t.Errorf("%q was sent: %v", bad, got)
					}
					continue
				}
				for i, g := range got {
					// Bytes that are no text become the character that stands for them in JSON.
					if i >= len(want) || !reflect.DeepEqual(g, want[i].with(p.plain, bad)) && !reflect.DeepEqual(g, want[i].with(p.plain, strings.ToValidUTF8(bad, "\ufffd"))) && (bad != "" || !without(g, want[i])) {
						t.Errorf("%q was sent as\n  %v, and\n  %v is what a harmless name is sent as", bad, g, want)
					}
				}
			}
		})
	}
}

// without says whether a call is a harmless one that leaves an empty value out of its query.
func without(got, plain request) bool {
	query := maps.Clone(plain.Query)
	maps.DeleteFunc(query, func(k string, _ []string) bool { return !got.Query.Has(k) })
	plain.Query = query
	return reflect.DeepEqual(got, plain)
}

// request is what was sent, taken apart. Path is decoded as a whole before it is split,
// as a proxy on the way may do.
type request struct {
	Method string
	Path   []string
	Query  url.Values
	Body   any
}

// with is a request with one name in place of another, in its values and never in its path.
func (r request) with(plain, name string) request {
	out := request{Method: r.Method, Path: r.Path, Body: swap(r.Body, plain, name)}
	out.Query = url.Values{}
	for k, all := range r.Query {
		for _, v := range all {
			out.Query.Add(k, strings.ReplaceAll(v, plain, name))
		}
	}
	return out
}

func swap(in any, plain, name string) any {
	switch v := in.(type) {
	case string:
		return strings.ReplaceAll(v, plain, name)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = swap(v[i], plain, name)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k := range v {
			out[k] = swap(v[k], plain, name)
		}
		return out
	}
	return in
}

func (s *service) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls, s.bodies = nil, nil
}

func (s *service) sent(t *testing.T) []request {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []request
	for i, c := range s.calls {
		method, uri, _ := strings.Cut(c, " ")
		raw, query, _ := strings.Cut(uri, "?")
		decoded, err := url.PathUnescape(raw)
		if err != nil {
			t.Fatal(err)
		}
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		r := request{Method: method, Path: strings.Split(decoded, "/"), Query: values}
		if s.bodies[i] != "" {
			if err := json.Unmarshal([]byte(s.bodies[i]), &r.Body); err != nil {
				t.Fatal(err)
			}
		}
		if f := values.Get("filter"); f != "" && strings.Count(f, `"`) != 2 {
			t.Errorf("the filter %s is more than one comparison", f)
		}
		out = append(out, r)
	}
	return out
}

// echo answers with an object of the name that was asked for, so that calls of several
// requests go on.
func echo(w http.ResponseWriter, r *http.Request) {
	name := path.Base(r.URL.Path)
	raw, err := json.Marshal(map[string]any{
		"id": name, "name": name, "full_name": name, "object_id": "/o/1", "status": map[string]string{"state": "SUCCEEDED"},
		"access_control_list": []any{map[string]any{"user_name": "admin", "all_permissions": []any{map[string]any{"permission_level": "CAN_MANAGE"}}}},
		"totalResults":        0, "Resources": []any{},
	})
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(raw)
}
