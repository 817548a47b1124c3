// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/server"
)

const (
	connectionsPath = "/api/2.1/unity-catalog/connections"
	upstreamSecret  = "never-to-be-seen"
)

// connected is a workspace with an upstream that a private authority signs for.
func connected(t *testing.T, state string, change func(*server.Config)) (e *site, port string, log *bytes.Buffer) {
	t.Helper()
	up := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s %s %t", r.Method, r.URL.RequestURI(), r.Header.Get("Authorization") == "Bearer "+upstreamSecret)
	}))
	t.Cleanup(up.Close)
	dir := t.TempDir()
	ca, key := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "key")
	for file, content := range map[string][]byte{
		ca: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: up.Certificate().Raw}), key: []byte(upstreamSecret + "\n"),
	} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log = &bytes.Buffer{}
	e = startWith(t, state, func(o *server.Options) {
		o.Log = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.Config.Connections = server.Connections{CAFile: ca, SecretScopes: []server.SecretScope{{Name: "scope", Files: map[string]string{"key": key}}}}
		if change != nil {
			change(&o.Config)
		}
	})
	at, err := url.Parse(up.URL)
	if err != nil {
		t.Fatal(err)
	}
	return e, at.Port(), log
}

// quiet fails the test when an answer has the secret in it.
func quiet(t *testing.T, what string, v any) {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil || strings.Contains(string(raw), upstreamSecret) {
		t.Errorf("%s shows the secret: %s %v", what, raw, err)
	}
}

// refusal is a call with the status and the code that it is refused with.
type refusal struct {
	who          seat
	method, path string
	body         string
	status       int
	code         string
}

// check makes the call and returns its answer.
func (c refusal) check() map[string]any {
	c.who.t.Helper()
	status, out := c.who.do(c.method, c.path, c.body)
	if status != c.status || out["error_code"] != c.code {
		c.who.t.Errorf("%s %.120s %.120s: %d %v, want %d %s", c.method, c.path, c.body, status, out, c.status, c.code)
	}
	return out
}

func TestConnectionsOverREST(t *testing.T) {
	e, port, log := connected(t, "", nil)
	owner, role, _, app := e.setup()
	owner.must("PATCH", "/api/2.0/permissions/warehouses/"+warehouseID, `{"access_control_list":[{"service_principal_name":"`+app+`","permission_level":"CAN_USE"}]}`)
	body := func(name, more string) string {
		return fmt.Sprintf(`{"name":%q,"connection_type":"HTTP","comment":"c","options":{"host":"https://127.0.0.1","port":%q,"base_path":"/v1","bearer_token":%q%s}}`, name, port, upstreamSecret, more)
	}
	made := owner.must("POST", connectionsPath, body("GH", ""))
	options := made["options"].(map[string]any)
	if made["name"] != "gh" || made["credential_type"] != "BEARER_TOKEN" || made["securable_type"] != "CONNECTION" || made["owner"] != adminApp ||
		made["url"] != "https://127.0.0.1:"+port+"/v1" || len(options) != 3 || made["connection_id"] == "" {
		t.Errorf("created %v", made)
	}
	if made["created_by"] != adminApp || made["updated_by"] != adminApp || made["updated_at"] != made["created_at"] {
		t.Errorf("who made it, and when: %v", made)
	}
	west := role("unity-catalog sql")
	for _, c := range []refusal{
		{owner, "POST", connectionsPath, body("gh", ""), 400, "CONNECTION_ALREADY_EXISTS"},
		{owner, "POST", connectionsPath, body("x", `,"bearerToken":"y"`), 400, "INVALID_PARAMETER_VALUE"},
		{owner, "POST", connectionsPath, `{"name":"x","connection_type":"MYSQL"}`, 501, "NOT_IMPLEMENTED"},
		{owner, "POST", connectionsPath, `{"name":"x","connection_type":"HTTP","parent":"schemas/a.b"}`, 501, "NOT_IMPLEMENTED"},
		{owner, "GET", connectionsPath + "/none", "", 404, "CONNECTION_DOES_NOT_EXIST"},
		{west, "POST", connectionsPath, body("x", ""), 403, "PERMISSION_DENIED"},
		{west, "GET", connectionsPath + "/gh", "", 404, "CONNECTION_DOES_NOT_EXIST"},
		{west, "DELETE", connectionsPath + "/gh", "", 404, "CONNECTION_DOES_NOT_EXIST"},
		{west, "GET", permission("connection", "gh"), "", 403, "PERMISSION_DENIED"},
		{west, "PATCH", permission("connection", "gh"), change(app, "add", "USE_CONNECTION"), 403, "PERMISSION_DENIED"},
		{role("sql"), "GET", connectionsPath, "", 403, "PERMISSION_DENIED"},
		{owner, "PATCH", permission("connection", "gh"), change(app, "add", "USE CONNECTION"), 400, "INVALID_PARAMETER_VALUE"},
		{owner, "PATCH", permission("connection", "gh"), change(app, "add", "SELECT"), 400, "INVALID_PARAMETER_VALUE"},
	} {
		quiet(t, c.path, c.check())
	}
	const call = "SELECT http_request(conn => 'gh', method => 'GET', path => '/x', params => map('q','a')).text AS t"
	if _, refusal := west.sql(call); !strings.Contains(refusal, "42501") {
		t.Errorf("without a grant: %q", refusal)
	}
	if list := west.must("GET", connectionsPath+"?max_results=0", "")["connections"].([]any); len(list) != 0 {
		t.Errorf("west sees %v", list)
	}
	owner.must("PATCH", permission("connection", "gh"), change(app, "add", "USE_CONNECTION"))
	if rows, refusal := west.sql(call); len(rows) != 1 || rows[0] != "GET /v1/x?q=a true" {
		t.Errorf("with the grant: %q %q", rows, refusal)
	}
	for _, path := range []string{permission("connection", "gh"), "/api/2.1/unity-catalog/effective-permissions/connection/gh"} {
		raw, _ := json.Marshal(owner.must("GET", path, ""))
		if !strings.Contains(string(raw), "USE_CONNECTION") || !strings.Contains(string(raw), app) {
			t.Errorf("%s: %s", path, raw)
		}
	}
	quiet(t, "the list", owner.must("GET", connectionsPath, ""))
	quiet(t, "GET", west.must("GET", connectionsPath+"/gh", ""))
	if status, _ := west.do("PATCH", connectionsPath+"/gh", `{"owner":"`+app+`"}`); status != 403 {
		t.Errorf("west changed the owner: %d", status)
	}
	out := owner.must("PATCH", connectionsPath+"/gh", `{"options":null,"new_name":"gh2"}`)
	if out["name"] != "gh2" || out["credential_type"] != "BEARER_TOKEN" || out["updated_by"] != adminApp || out["connection_id"] != made["connection_id"] {
		t.Errorf("renamed %v", out)
	}
	if rows, refusal := west.sql(strings.ReplaceAll(call, "'gh'", "'gh2'")); len(rows) != 1 {
		t.Errorf("the grant did not follow the name: %q", refusal)
	}
	owner.must("PATCH", permission("connection", "gh2"), change(app, "remove", "USE_CONNECTION"))
	if _, refusal := west.sql(strings.ReplaceAll(call, "'gh'", "'gh2'")); !strings.Contains(refusal, "42501") {
		t.Errorf("after the grant was taken: %q", refusal)
	}
	owner.must("DELETE", connectionsPath+"/gh2", "")
	if status, _ := owner.do("GET", connectionsPath+"/gh2", ""); status != 404 {
		t.Errorf("deleted: %d", status)
	}
	if strings.Contains(log.String(), upstreamSecret) {
		t.Errorf("the log has the secret: %s", log)
	}
}

func TestPatchedOptionsReplaceOrMerge(t *testing.T) {
	for merge, want := range map[bool]int{false: 400, true: 200} {
		e, port, _ := connected(t, "", func(c *server.Config) { c.Switches.ConnectionOptionsMerge = merge })
		owner := e.administrator()
		if _, refusal := owner.sql("CREATE CONNECTION gh TYPE HTTP OPTIONS (host 'https://127.0.0.1', port '" + port + "', bearer_token secret('scope','key'))"); refusal != "" {
			t.Fatal(refusal)
		}
		status, out := owner.do("PATCH", connectionsPath+"/gh", `{"options":{"base_path":"/v2"}}`)
		if status != want {
			t.Errorf("merge %t: %d %v, want %d", merge, status, out, want)
		}
		rows, refusal := owner.sql("SELECT http_request(conn => 'gh', method => 'GET', path => 'x').text")
		if path := map[bool]string{false: "/x", true: "/v2/x"}[merge]; len(rows) != 1 || rows[0] != "GET "+path+" true" {
			t.Errorf("merge %t: %q %q", merge, rows, refusal)
		}
	}
}

func TestFunctionsOverREST(t *testing.T) {
	e := start(t, "")
	owner, role, _, app := e.setup()
	owner.must("PATCH", "/api/2.0/permissions/warehouses/"+warehouseID, `{"access_control_list":[{"service_principal_name":"`+app+`","permission_level":"CAN_USE"}]}`)
	for _, s := range []string{
		"CREATE FUNCTION main.sales.add(a BIGINT, b DECIMAL(18,2) COMMENT 'x') RETURNS DECIMAL(18,2) COMMENT 'adds' RETURN CAST(a + b AS DECIMAL(18,2))",
		"CREATE FUNCTION main.sales.pairs(n INT) RETURNS TABLE (x INT, y STRING) RETURN SELECT n, 'y'",
	} {
		if _, refusal := owner.sql(s); refusal != "" {
			t.Fatal(refusal)
		}
	}
	at := "/api/2.1/unity-catalog/functions/main.sales."
	f := owner.must("GET", at+"add", "")
	list := f["input_params"].(map[string]any)["parameters"].([]any)
	a, b := list[0].(map[string]any), list[1].(map[string]any)
	if f["data_type"] != "DECIMAL" || f["full_data_type"] != "DECIMAL(18,2)" || f["security_type"] != "DEFINER" || f["routine_body"] != "SQL" || f["comment"] != "adds" ||
		a["name"] != "a" || a["type_name"] != "LONG" || a["type_text"] != "bigint" || a["position"] != 0.0 || b["position"] != 1.0 || b["type_precision"] != 18.0 || b["type_scale"] != 2.0 || b["comment"] != "x" {
		t.Errorf("got %v", f)
	}
	p := owner.must("GET", at+"pairs", "")
	if p["data_type"] != "TABLE_TYPE" || len(p["return_params"].(map[string]any)["parameters"].([]any)) != 2 {
		t.Errorf("got %v", p)
	}
	west := role("unity-catalog sql")
	const call = "SELECT main.sales.add(1, 2.50), x FROM main.sales.pairs(7)"
	for _, grant := range []struct{ kind, name, privilege string }{
		{"catalog", "main", "USE_CATALOG"}, {"schema", "main.sales", "USE_SCHEMA"}, {"function", "main.sales.add", "EXECUTE"}, {"function", "main.sales.pairs", "EXECUTE"},
	} {
		if _, refusal := west.sql(call); !strings.Contains(refusal, "42501") {
			t.Errorf("before %s: %q", grant.privilege, refusal)
		}
		owner.must("PATCH", permission(grant.kind, grant.name), change(app, "add", grant.privilege))
	}
	// The cells of a row are joined: 3.50 and 7.
	if rows, refusal := west.sql(call); len(rows) != 1 || rows[0] != "3.507" {
		t.Errorf("got %q %q", rows, refusal)
	}
	if status, _ := west.do("DELETE", at+"add", ""); status != 403 {
		t.Errorf("west deletes a function: %d", status)
	}
	owner.must("DELETE", at+"add?force=true", "")
	if status, _ := owner.do("GET", at+"add", ""); status != 404 {
		t.Errorf("deleted: %d", status)
	}
}
