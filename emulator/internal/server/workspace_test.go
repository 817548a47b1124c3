// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/server"
)

// seat is a caller at the workspace.
type seat struct {
	*site
	token string
}

func (e *site) administrator() seat {
	return seat{e, e.signIn(e.workspace.URL + "/oidc/v1/token")}
}

func (s seat) do(method, path, body string) (int, map[string]any) {
	s.t.Helper()
	res, err := s.send(method, path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, decode(s.t, res)
}

func (s seat) send(method, path, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.workspace.URL+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	return http.DefaultClient.Do(req)
}

// attempt is a call whose answer may get lost.
func (s seat) attempt(method, path, body string) error {
	res, err := s.send(method, path, body)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// must fails the test when a call is refused.
func (s seat) must(method, path, body string) map[string]any {
	s.t.Helper()
	status, out := s.do(method, path, body)
	if status > 299 {
		s.t.Fatalf("%s %s: %d %v", method, path, status, out)
	}
	return out
}

// post runs a statement and returns the whole answer.
func (s seat) post(statement, more string) (int, map[string]any) {
	s.t.Helper()
	raw, err := json.Marshal(statement)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.do("POST", "/api/2.0/sql/statements", fmt.Sprintf(`{"warehouse_id":%q,"statement":%s%s}`, warehouseID, raw, more))
}

// sql runs a statement and returns its rows, or why there are none.
func (s seat) sql(statement string) (rows []string, refusal string) {
	s.t.Helper()
	code, out := s.post(statement, `,"wait_timeout":"50s"`)
	if code != 200 {
		return nil, fmt.Sprint(code, " ", out["message"])
	}
	status := out["status"].(map[string]any)
	if status["state"] != "SUCCEEDED" {
		return nil, fmt.Sprint(status["state"], " ", status["sql_state"], " ", status["error"])
	}
	result, _ := out["result"].(map[string]any)
	data, _ := result["data_array"].([]any)
	for _, row := range data {
		rows = append(rows, fmt.Sprint(row.([]any)...))
	}
	return rows, ""
}

// setup makes a table with a filter and a mask, as its owner, and a service
// principal that an identity provider's tokens can be exchanged for.
func (e *site) setup() (owner seat, role func(scope string) seat, id, app string) {
	e.t.Helper()
	owner = e.administrator()
	for _, s := range []string{
		"CREATE CATALOG main", "CREATE SCHEMA main.sales", "CREATE TABLE main.sales.deals (id STRING, region STRING, margin DOUBLE)",
		"INSERT INTO main.sales.deals VALUES ('a','WEST',0.5), ('b','EAST',0.25)",
		"CREATE FUNCTION main.sales.only(region STRING) RETURNS BOOLEAN RETURN is_account_group_member('sales_west') AND region = 'WEST'",
		"CREATE FUNCTION main.sales.hide(m DOUBLE) RETURNS DOUBLE RETURN CASE WHEN is_account_group_member('finance') THEN m ELSE NULL END",
		"ALTER TABLE main.sales.deals SET ROW FILTER main.sales.only ON (region)",
		"ALTER TABLE main.sales.deals ALTER COLUMN margin SET MASK main.sales.hide",
	} {
		if _, refusal := owner.sql(s); refusal != "" {
			e.t.Fatalf("%s: %s", s, refusal)
		}
	}
	id, app = e.servicePrincipal("west")
	jwks, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: e.key.Public(), KeyID: "k1", Algorithm: "RS256"}}})
	if err != nil {
		e.t.Fatal(err)
	}
	policy, err := json.Marshal(map[string]any{"oidc_policy": map[string]any{
		"issuer": issuer, "audiences": []string{"tools"}, "subject": "west", "subject_claim": "role", "jwks_json": string(jwks),
	}})
	if err != nil {
		e.t.Fatal(err)
	}
	for _, c := range [][3]string{
		{"POST", "/servicePrincipals/" + id + "/federationPolicies?policy_id=p1", string(policy)},
		{"PUT", "/workspaces/" + workspaceID + "/permissionassignments/principals/" + id, `{"permissions":["USER"]}`},
	} {
		if status, body := e.call(c[0], c[1], c[2]); status != 200 {
			e.t.Fatalf("%d %v", status, body)
		}
	}
	return owner, func(scope string) seat {
		e.t.Helper()
		end := time.Now().Add(time.Hour).Unix()
		status, body := e.form(e.workspace.URL+"/oidc/v1/token", url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"}, "client_id": {app}, "scope": {scope},
			"subject_token": {e.jwt(map[string]any{"iss": issuer, "sub": "u", "aud": "tools", "exp": end, "iat": end - 600, "role": "west"}, e.key, jose.RS256)},
		})
		if status != 200 {
			e.t.Fatalf("exchange: %d %v", status, body)
		}
		return seat{e, body["access_token"].(string)}
	}, id, app
}

func permission(kind, name string) string {
	return "/api/2.1/unity-catalog/permissions/" + kind + "/" + name
}

func change(app, verb, privilege string) string {
	return fmt.Sprintf(`{"changes":[{"principal":%q,%q:[%q]}]}`, app, verb, privilege)
}

// TestScopesAndGrantsEachDenyAlone takes away, one at a time, everything that a
// statement needs, and gives it back.
func TestScopesAndGrantsEachDenyAlone(t *testing.T) {
	e := start(t, "")
	owner, role, id, app := e.setup()
	const query = "SELECT id, region, margin FROM main.sales.deals"
	grants := [][3]string{{"catalog", "main", "USE_CATALOG"}, {"schema", "main.sales", "USE_SCHEMA"}, {"table", "main.sales.deals", "SELECT"}}
	for _, g := range grants {
		owner.must("PATCH", permission(g[0], g[1]), change(app, "add", g[2]))
	}
	use := fmt.Sprintf(`{"access_control_list":[{"service_principal_name":%q,"permission_level":"CAN_USE"}]}`, app)
	owner.must("PATCH", "/api/2.0/permissions/warehouses/"+warehouseID, use)
	sees := func(what string, want ...string) {
		t.Helper()
		rows, refusal := role("sql").sql(query)
		if refusal != "" || !slices.Equal(rows, want) {
			t.Errorf("%s: %v %s, want %v", what, rows, refusal, want)
		}
	}
	denied := func(what string, s seat, want string) {
		t.Helper()
		if rows, refusal := s.sql(query); !strings.Contains(refusal, want) {
			t.Errorf("%s: %v %s, want %q", what, rows, refusal, want)
		}
	}
	sees("outside the group the filter passes nothing")
	_, group := e.call("GET", `/scim/v2/Groups?filter=displayName+eq+%22sales_west%22`, "")
	groupID := group["Resources"].([]any)[0].(map[string]any)["id"].(string)
	if status, body := e.call("PATCH", "/scim/v2/Groups/"+groupID, fmt.Sprintf(
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":[{"value":%q}]}]}`, id)); status > 299 {
		t.Fatalf("%d %v", status, body)
	}
	sees("with everything", "aWEST<nil>")
	for _, g := range grants {
		owner.must("PATCH", permission(g[0], g[1]), change(app, "remove", g[2]))
		denied("without "+g[2], role("sql"), "42501")
		owner.must("PATCH", permission(g[0], g[1]), change(app, "add", g[2]))
	}
	sees("with every grant again", "aWEST<nil>")
	denied("with a token for another scope", role("genie"), "403")
	owner.must("PUT", "/api/2.0/permissions/warehouses/"+warehouseID, `{"access_control_list":[]}`)
	denied("without CAN_USE", role("sql"), "403")
	owner.must("PATCH", "/api/2.0/permissions/warehouses/"+warehouseID, use)
	before := role("sql")
	if status, body := e.call("DELETE", "/workspaces/"+workspaceID+"/permissionassignments/principals/"+id, ""); status > 299 {
		t.Fatalf("%d %v", status, body)
	}
	denied("taken out of the workspace, with the token from before", before, "403")
}

func TestPermissionsAreAddedAndTakenOneByOne(t *testing.T) {
	e := start(t, "")
	owner, role, _, app := e.setup()
	table := permission("table", "main.sales.deals")
	owner.must("PATCH", table, change(app, "add", "SELECT"))
	owner.must("PATCH", table, change(app, "add", "SELECT")) // twice is once
	owner.must("PATCH", table, change(adminApp, "add", "APPLY_TAG"))
	owner.must("PATCH", table, change(app, "remove", "MODIFY")) // not there
	got := fmt.Sprint(owner.must("GET", table, "")["privilege_assignments"])
	if !strings.Contains(got, app+" privileges:[SELECT]") || !strings.Contains(got, adminApp) {
		t.Errorf("direct: %s", got)
	}
	owner.must("PATCH", permission("catalog", "main"), change(app, "add", "SELECT"))
	effective := fmt.Sprint(owner.must("GET", "/api/2.1/unity-catalog/effective-permissions/table/main.sales.deals?principal="+app, ""))
	if !strings.Contains(effective, "inherited_from_name:main") {
		t.Errorf("effective: %s", effective)
	}
	for name, c := range map[string]struct {
		who                seat
		method, path, body string
		want               int
	}{
		"a privilege that tables do not have": {owner, "PATCH", table, change(app, "add", "EXECUTE"), 400},
		"a principal that does not exist":     {owner, "PATCH", table, change("nobody", "add", "SELECT"), 404},
		"a table that does not exist":         {owner, "PATCH", permission("table", "main.sales.nothing"), change(app, "add", "SELECT"), 404},
		"a type that is not implemented":      {owner, "GET", permission("volume", "main.sales.v"), "", 501},
		"a query parameter of another API":    {owner, "GET", table + "?wildcard=x", "", 501},
		"a page too small":                    {owner, "GET", table + "?max_results=10", "", 400},
		"somebody who does not manage it":     {role("unity-catalog"), "PATCH", table, change(app, "add", "MODIFY"), 403},
		"a token for another scope":           {role("sql"), "GET", table, "", 403},
		"a workspace API that does not exist": {owner, "GET", "/api/2.0/jobs/list", "", 501},
		"a body that is no JSON":              {owner, "PATCH", table, "{", 400},
	} {
		t.Run(name, func(t *testing.T) {
			if status, out := c.who.do(c.method, c.path, c.body); status != c.want {
				t.Errorf("answered %d %v, want %d", status, out, c.want)
			}
		})
	}
}

func TestStatementsRunWaitAndEnd(t *testing.T) {
	e := start(t, "")
	owner, role, _, app := e.setup()
	owner.must("PATCH", "/api/2.0/permissions/warehouses/"+warehouseID, fmt.Sprintf(`{"access_control_list":[{"service_principal_name":%q,"permission_level":"CAN_USE"}]}`, app))
	other := role("sql")
	t.Run("values are values", func(t *testing.T) {
		_, out := owner.post("SELECT :s AS s, :n AS n, CAST(NULL AS STRING) AS z, '' AS e",
			`,"parameters":[{"name":"s","value":"'; DROP TABLE main.sales.deals --","type":"STRING"},{"name":"n","value":"9007199254740993","type":"BIGINT"}]`)
		row := out["result"].(map[string]any)["data_array"].([]any)[0].([]any)
		if row[0] != "'; DROP TABLE main.sales.deals --" || row[1] != "9007199254740993" || row[2] != nil || row[3] != "" {
			t.Errorf("the row is %#v", row)
		}
	})
	t.Run("what is asked for at once goes on, is polled and can be ended by its owner alone", func(t *testing.T) { endLongStatement(t, owner, other) })
	t.Run("a row limit says that it cut", func(t *testing.T) {
		_, out := owner.post("SELECT * FROM VALUES (1), (2), (3) AS t(x)", `,"row_limit":2`)
		manifest := out["manifest"].(map[string]any)
		if manifest["truncated"] != true || fmt.Sprint(manifest["total_row_count"]) != "2" {
			t.Errorf("the manifest is %v", manifest)
		}
	})
	for name, c := range map[string]struct {
		more string
		want int
	}{
		"a disposition that is not implemented": {`,"disposition":"EXTERNAL_LINKS"`, 501},
		"a format that is not implemented":      {`,"format":"ARROW_STREAM"`, 501},
		"a wait outside the limits":             {`,"wait_timeout":"60s"`, 400},
		"two parameters of one name":            {`,"parameters":[{"name":"a"},{"name":"a"}]`, 400},
		"an unknown field":                      {`,"surprise":1`, 501},
	} {
		t.Run(name, func(t *testing.T) {
			if status, out := owner.post("SELECT 1", c.more); status != c.want {
				t.Errorf("answered %d %v, want %d", status, out, c.want)
			}
		})
	}
	if status, _ := owner.do("POST", "/api/2.0/sql/statements", `{"warehouse_id":"ffffffffffffffff","statement":"SELECT 1"}`); status != 400 {
		t.Errorf("a warehouse that does not exist: %d", status)
	}
}

// endLongStatement sends a statement that would run for long, and ends it as its owner.
func endLongStatement(t *testing.T, owner, other seat) {
	t.Helper()
	hundred := "(VALUES (0)" + strings.Repeat(", (1)", 99) + ") AS "
	_, out := owner.post("SELECT SUM(a.x * b.x + c.x * d.x + e.x * f.x) FROM "+hundred+"a(x) CROSS JOIN "+hundred+"b(x) CROSS JOIN "+hundred+"c(x) CROSS JOIN "+
		hundred+"d(x) CROSS JOIN "+hundred+"e(x) CROSS JOIN "+hundred+"f(x)", `,"wait_timeout":"0s"`)
	id, _ := out["statement_id"].(string)
	if status, _ := other.do("GET", "/api/2.0/sql/statements/"+id, ""); status != 404 {
		t.Errorf("somebody else sees it: %d", status)
	}
	if status, _ := other.do("POST", "/api/2.0/sql/statements/"+id+"/cancel", ""); status != 404 {
		t.Errorf("somebody else ends it: %d", status)
	}
	owner.must("POST", "/api/2.0/sql/statements/"+id+"/cancel", "")
	for state := ""; state != "CANCELED"; {
		state, _ = owner.must("GET", "/api/2.0/sql/statements/"+id, "")["status"].(map[string]any)["state"].(string)
		if state == "SUCCEEDED" || state == "FAILED" {
			t.Fatalf("it ended as %s", state)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestWhichAccountGroupsASessionSees(t *testing.T) {
	for _, byAssignment := range []bool{false, true} {
		e := startWith(t, "", func(o *server.Options) { o.Config.Switches.AccountGroupsByAssignment = byAssignment })
		owner, role, id, app := e.setup()
		owner.allow("warehouses", warehouseID, app, "CAN_USE")
		status, group := e.call("POST", "/scim/v2/Groups", `{"displayName":"partners","members":[{"value":"`+id+`"}]}`)
		if status != 201 {
			t.Fatalf("%d %v", status, group)
		}
		sees := func() string {
			t.Helper()
			got, refusal := role("sql").sql("SELECT is_account_group_member('partners'), is_member('partners')")
			if refusal != "" {
				t.Fatal(refusal)
			}
			return strings.Join(got, ";")
		}
		if got, want := sees(), map[bool]string{false: "truefalse", true: "falsefalse"}[byAssignment]; got != want {
			t.Errorf("not assigned, switch %v: %s, want %s", byAssignment, got, want)
		}
		if status, body := e.call("PUT", "/workspaces/"+workspaceID+"/permissionassignments/principals/"+fmt.Sprint(group["id"]), `{"permissions":["USER"]}`); status != 200 {
			t.Fatalf("%d %v", status, body)
		}
		if got := sees(); got != "truetrue" {
			t.Errorf("assigned, switch %v: %s", byAssignment, got)
		}
	}
}
