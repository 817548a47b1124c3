// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/server"
)

const servicesPath = "/api/2.1/unity-catalog/mcp-services"

// mcpConnected has a connection to an MCP server and one to something else.
func mcpConnected(t *testing.T, change func(*server.Config)) (owner seat, role func(scope string) seat, app string) {
	t.Helper()
	e, port, _ := connected(t, "", change)
	owner, role, _, app = e.setup()
	for name, more := range map[string]string{"gh": `,"is_mcp_connection":"true"`, "plain": ""} {
		owner.must("POST", connectionsPath, fmt.Sprintf(`{"name":%q,"connection_type":"HTTP","options":{"host":"https://127.0.0.1","port":%q,"bearer_token":"t"%s}}`, name, port, more))
	}
	return owner, role, app
}

func serviceAt(id string) string {
	return servicesPath + "?mcp_service_id=" + id + "&parent=schemas%2Fmain.sales"
}

func serviceOver(connection string, tools ...string) string {
	raw, _ := json.Marshal(tools)
	return fmt.Sprintf(`{"comment":"c","config":{"source_connection":{"name":"connections/%s"},"include_tool_selectors":%s}}`, connection, raw)
}

// serviceGH is where the service gh is.
const serviceGH = servicesPath + "/main.sales.gh"

// mcpWorld is a workspace with the service gh, its owner and a service principal.
type mcpWorld struct {
	owner, west seat
	app         string
}

func TestMCPServices(t *testing.T) {
	owner, role, app := mcpConnected(t, nil)
	made := owner.must("POST", serviceAt("GH"), serviceOver("gh", "get_issue", "search_*"))
	config := made["config"].(map[string]any)
	if made["name"] != "mcp-services/main.sales.gh" || made["effective_owner"] != adminApp || made["created_by"] != adminApp || made["etag"] == "" || made["comment"] != "c" ||
		fmt.Sprint(config["include_tool_selectors"]) != "[get_issue search_*]" || fmt.Sprint(config["source_connection"]) != "map[name:connections/gh]" {
		t.Errorf("created %v", made)
	}
	west := role("unity-catalog")
	const at = serviceGH
	w := mcpWorld{owner, west, app}
	long := strings.Repeat("x", 257)
	many := strings.Split(strings.Repeat("tool,", 1024)+"tool", ",")
	for _, c := range []refusal{
		{owner, "POST", serviceAt("gh"), serviceOver("gh"), 409, "RESOURCE_ALREADY_EXISTS"},
		{owner, "POST", serviceAt("a.b"), serviceOver("gh"), 400, "INVALID_PARAMETER_VALUE"},
		{owner, "POST", serviceAt("x"), serviceOver("plain"), 400, "INVALID_PARAMETER_VALUE"},
		{owner, "POST", serviceAt("x"), serviceOver("none"), 404, "CONNECTION_DOES_NOT_EXIST"},
		{owner, "POST", serviceAt("x"), serviceOver("main.sales.gh"), 501, "NOT_IMPLEMENTED"},
		{owner, "POST", serviceAt("x"), serviceOver("gh", long), 400, "INVALID_PARAMETER_VALUE"},
		{owner, "POST", serviceAt("x"), serviceOver("gh", "a*b"), 400, "INVALID_PARAMETER_VALUE"},
		{owner, "POST", serviceAt("x"), serviceOver("gh", "*"), 400, "INVALID_PARAMETER_VALUE"},
		{owner, "POST", serviceAt("x"), serviceOver("gh", many...), 400, "INVALID_PARAMETER_VALUE"},
		{owner, "POST", serviceAt("x"), `{}`, 400, "INVALID_PARAMETER_VALUE"},
		{owner, "POST", serviceAt("x"), `{"config":{"source_connection":{"name":"connections/gh"},"rate_limits":[{"key":"RATE_LIMIT_KEY_SERVICE"}]}}`, 501, "NOT_IMPLEMENTED"},
		{owner, "POST", servicesPath + "?mcp_service_id=x&parent=main.sales", serviceOver("gh"), 400, "INVALID_PARAMETER_VALUE"},
		{owner, "POST", servicesPath + "?mcp_service_id=x&parent=schemas/main.none", serviceOver("gh"), 404, "SCHEMA_DOES_NOT_EXIST"},
		{owner, "GET", servicesPath + "/main.sales.none", "", 404, "MCP_SERVICE_DOES_NOT_EXIST"},
		{owner, "PATCH", at + "?update_mask=config.include_tool_selectors&etag=" + url.QueryEscape("old"), serviceOver("gh"), 409, "ABORTED"},
		{owner, "PATCH", at + "?update_mask=owner", `{}`, 400, "INVALID_PARAMETER_VALUE"},
		{owner, "PATCH", at, `{"comment":"x"}`, 400, "INVALID_PARAMETER_VALUE"},
		{owner, "PATCH", at + "?update_mask=config.include_tool_selectors", `{}`, 400, "INVALID_PARAMETER_VALUE"},
		{owner, "DELETE", at + "?etag=old", "", 409, "ABORTED"},
		{owner, "GET", servicesPath + "?parent=schemas/main.sales&page_size=101", "", 400, "INVALID_PARAMETER_VALUE"},
		{owner, "GET", servicesPath + "?parent=schemas/main.sales&view=BASIC", "", 501, "NOT_IMPLEMENTED"},
		{owner, "PUT", "/ai-gateway/mcp-services/main.sales.gh", `{}`, 501, "NOT_IMPLEMENTED"},
		{owner, "PATCH", permission("mcp_service", "main.sales.gh"), change(app, "add", "USE_CONNECTION"), 400, "INVALID_PARAMETER_VALUE"},
		{owner, "PATCH", permission("mcp_service", "main.sales.none"), change(app, "add", "EXECUTE"), 404, "MCP_SERVICE_DOES_NOT_EXIST"},
		{west, "GET", at, "", 404, "MCP_SERVICE_DOES_NOT_EXIST"},
		{west, "GET", servicesPath + "?parent=schemas/main.sales", "", 403, "PERMISSION_DENIED"},
		{west, "POST", serviceAt("x"), serviceOver("gh"), 403, "PERMISSION_DENIED"},
		{role("sql"), "GET", at, "", 403, "PERMISSION_DENIED"},
	} {
		c.check()
	}
	t.Run("each privilege is needed", w.privileges)
	t.Run("an update changes what its mask names, and the etag", w.updates)
	t.Run("pages", w.pages)
	t.Run("a connection that is made again under the name is another one", w.remadeConnection)
	owner.must("DELETE", at, "")
	if status, _ := owner.do("GET", at, ""); status != 404 {
		t.Errorf("deleted: %d", status)
	}
}

// privileges takes away and gives each privilege.
func (w mcpWorld) privileges(t *testing.T) {
	create := func() (int, string) {
		status, out := w.west.do("POST", serviceAt("theirs"), serviceOver("gh"))
		return status, fmt.Sprint(out["message"])
	}
	for _, g := range []struct{ kind, name, privilege string }{
		{"catalog", "main", "USE_CATALOG"}, {"schema", "main.sales", "USE_SCHEMA"}, {"schema", "main.sales", "CREATE_SERVICE"}, {"connection", "gh", "USE_CONNECTION"},
	} {
		if status, message := create(); status != 403 && status != 404 {
			t.Errorf("before %s: %d %s", g.privilege, status, message)
		}
		w.owner.must("PATCH", permission(g.kind, g.name), change(w.app, "add", g.privilege))
	}
	if status, message := create(); status != 200 {
		t.Fatalf("with all of them: %d %s", status, message)
	}
	if list := w.west.must("GET", servicesPath+"?parent=schemas/main.sales", "")["mcp_services"].([]any); len(list) != 1 {
		t.Errorf("west sees %v", list)
	}
	if status, _ := w.west.do("GET", serviceGH, ""); status != 404 {
		t.Errorf("west sees a service without EXECUTE: %d", status)
	}
	w.owner.must("PATCH", permission("mcp_service", "main.sales.gh"), change(w.app, "add", "EXECUTE"))
	if status, _ := w.west.do("GET", serviceGH, ""); status != 200 {
		t.Errorf("west does not see a service with EXECUTE: %d", status)
	}
	if status, out := w.west.do("DELETE", serviceGH, ""); status != 403 {
		t.Errorf("west deletes a service with EXECUTE: %d %v", status, out)
	}
	w.west.must("DELETE", servicesPath+"/main.sales.theirs", "")
}

// updates changes what a mask names.
func (w mcpWorld) updates(t *testing.T) {
	before := w.owner.must("GET", serviceGH, "")
	after := w.owner.must("PATCH", serviceGH+"?update_mask=config.include_tool_selectors&etag="+url.QueryEscape(before["etag"].(string)), `{"comment":"other","config":{"include_tool_selectors":["one"]}}`)
	if tools := after["config"].(map[string]any)["include_tool_selectors"]; fmt.Sprint(tools) != "[one]" || after["comment"] != "c" || after["etag"] == before["etag"] || after["updated_by"] != adminApp {
		t.Errorf("got %v", after)
	}
	after = w.owner.must("PATCH", serviceGH+"?update_mask=comment,config", serviceOver("gh"))
	if _, some := after["config"].(map[string]any)["include_tool_selectors"]; some {
		t.Errorf("the selectors were kept: %v", after)
	}
}

// pages reads a list page by page.
func (w mcpWorld) pages(t *testing.T) {
	for _, id := range []string{"a", "b"} {
		w.owner.must("POST", serviceAt(id), serviceOver("gh"))
	}
	var seen []string
	for token, n := "", 0; n < 5; n++ {
		page := w.owner.must("GET", servicesPath+"?parent=schemas/main.sales&page_size=1&page_token="+token, "")
		for _, s := range page["mcp_services"].([]any) {
			seen = append(seen, s.(map[string]any)["name"].(string))
		}
		if token, _ = page["next_page_token"].(string); token == "" {
			break
		}
	}
	if fmt.Sprint(seen) != "[mcp-services/main.sales.a mcp-services/main.sales.b mcp-services/main.sales.gh]" {
		t.Errorf("the pages have %v", seen)
	}
}

// remadeConnection deletes the connection of a service and makes one of the same name.
func (w mcpWorld) remadeConnection(t *testing.T) {
	w.owner.must("PATCH", connectionsPath+"/gh", `{"options":null,"new_name":"gh2"}`)
	source := func() string {
		return fmt.Sprint(w.owner.must("GET", serviceGH, "")["config"].(map[string]any)["source_connection"])
	}
	if got := source(); got != "map[name:connections/gh2]" {
		t.Errorf("after a rename: %s", got)
	}
	w.owner.must("DELETE", connectionsPath+"/gh2", "")
	w.owner.must("POST", connectionsPath, `{"name":"gh","connection_type":"HTTP","options":{"host":"https://127.0.0.1","bearer_token":"t","is_mcp_connection":"true"}}`)
	if got := source(); got != "map[is_deleted:true name:connections/gh]" {
		t.Errorf("after it was deleted and made again: %s", got)
	}
	w.owner.must("PATCH", serviceGH+"?update_mask=config.source_connection.name", serviceOver("gh"))
	if got := source(); got != "map[name:connections/gh]" {
		t.Errorf("after it was pointed to the new one: %s", got)
	}
}

func TestAWorkspaceWithoutMCPServices(t *testing.T) {
	for status, code := range map[int]string{404: "ENDPOINT_NOT_FOUND", 501: "NOT_IMPLEMENTED"} {
		owner, _, _ := mcpConnected(t, func(c *server.Config) { c.Switches.MCPServicesMissing = status })
		for _, c := range [][2]string{{"POST", serviceAt("gh")}, {"GET", servicesPath + "/main.sales.gh"}, {"DELETE", servicesPath + "/main.sales.gh"}, {"POST", callPath}} {
			if got, out := owner.do(c[0], c[1], serviceOver("gh")); got != status || out["error_code"] != code {
				t.Errorf("%s: %d %v", c[0], got, out)
			}
		}
	}
}
