// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/server"
)

const supervisor = "/serving-endpoints/sales-supervisor/invocations"

// withServing declares a model, and a supervisor with an agent of each kind.
func withServing(o *server.Options) {
	withIndex(o)
	o.Config.Serving = server.Serving{Endpoints: []server.ServingEndpoint{
		{Name: "small-chat", Creator: adminApp, Instructions: "Refunds are paid within 30 days. The canteen opens at noon."},
		{Name: "sales-supervisor", Agents: []server.ServingAgent{
			{Name: "deals", Description: "Deals and their margin by region", SQL: &server.AgentSQL{
				WarehouseID: warehouseID, Statement: "SELECT id, region FROM main.sales.deals ORDER BY id",
			}},
			{Name: "handbook", Description: "Policies: refunds, office hours, leave", Index: &server.AgentIndex{Name: docsIndex, Columns: []string{"body"}, Results: 1}},
			{Name: "canteen", Description: "When the canteen opens and what lunch is", Model: "small-chat"},
		}},
	}}
}

func input(question string) string {
	return fmt.Sprintf(`{"input":[{"role":"user","content":%q}]}`, question)
}

func messages(question string) string {
	return fmt.Sprintf(`{"messages":[{"role":"user","content":%q}]}`, question)
}

// said is the text of an answer of either shape, and the outputs of sub-agents by name.
func said(t *testing.T, out map[string]any) (text string, agents map[string]string) {
	t.Helper()
	if choices, ok := out["choices"].([]any); ok {
		return choices[0].(map[string]any)["message"].(map[string]any)["content"].(string), nil
	}
	agents = map[string]string{}
	names := map[any]string{}
	items := out["output"].([]any)
	for i, item := range items {
		switch item := item.(map[string]any); item["type"] {
		case "function_call":
			names[item["call_id"]] = item["name"].(string)
		case "function_call_output":
			agents[names[item["call_id"]]] = item["output"].(string)
		case "message":
			if i != len(items)-1 {
				t.Errorf("the message is item %d of %d", i, len(items))
			}
			text = item["content"].([]any)[0].(map[string]any)["text"].(string)
		}
	}
	return text, agents
}

func (s seat) allow(kind, id, app, level string) {
	s.t.Helper()
	s.must("PATCH", "/api/2.0/permissions/"+kind+"/"+id, fmt.Sprintf(`{"access_control_list":[{"service_principal_name":%q,"permission_level":%q}]}`, app, level))
}

func (s seat) endpointID(name string) string {
	s.t.Helper()
	return s.must("GET", "/api/2.0/serving-endpoints/"+name, "")["id"].(string)
}

func TestAnEndpointNeedsCanQueryByItsID(t *testing.T) {
	e := startWith(t, "", withServing)
	owner, role, _, app := e.setup()
	const path = "/serving-endpoints/small-chat/invocations"
	body := messages("When are refunds paid?")
	out := owner.must("GET", "/api/2.0/serving-endpoints/small-chat", "")
	id, _ := out["id"].(string)
	if id == "" || id == "small-chat" || out["permission_level"] != "CAN_MANAGE" || out["task"] != "llm/v1/chat" || fmt.Sprint(out["state"]) != "map[config_update:NOT_UPDATING ready:READY]" {
		t.Errorf("the endpoint is %v", out)
	}
	if url, _ := out["endpoint_url"].(string); url != e.workspace.URL+path {
		t.Errorf("it is invoked at %s", url)
	}
	status := func(scope string) int { t.Helper(); got, _ := role(scope).do("POST", path, body); return got }
	if got := status("model-serving"); got != 403 {
		t.Errorf("without a permission: %d", got)
	}
	if got, _ := role("model-serving").do("GET", "/api/2.0/serving-endpoints/small-chat", ""); got != 403 {
		t.Errorf("looked at without a permission: %d", got)
	}
	if got := role("model-serving").must("GET", "/api/2.0/serving-endpoints", "")["endpoints"].([]any); len(got) != 0 {
		t.Errorf("listed without a permission: %v", got)
	}
	if got, _ := owner.do("PATCH", "/api/2.0/permissions/serving-endpoints/small-chat", `{"access_control_list":[]}`); got != 404 {
		t.Errorf("permissions by name: %d", got)
	}
	owner.allow("serving-endpoints", id, app, "CAN_VIEW")
	if got := status("model-serving"); got != 403 {
		t.Errorf("with CAN_VIEW: %d", got)
	}
	if got := role("model-serving").must("GET", "/api/2.0/serving-endpoints/small-chat", "")["permission_level"]; got != "CAN_VIEW" {
		t.Errorf("the caller's level is %v", got)
	}
	owner.allow("serving-endpoints", id, app, "CAN_QUERY")
	if got := status("model-serving"); got != 200 {
		t.Errorf("with CAN_QUERY: %d", got)
	}
	if got := fmt.Sprint(owner.must("GET", "/api/2.0/permissions/serving-endpoints/"+id, "")); !strings.Contains(got, "object_type:serving-endpoint") || !strings.Contains(got, "CAN_QUERY") {
		t.Errorf("the access list is %s", got)
	}
	list := role("model-serving").must("GET", "/api/2.0/serving-endpoints", "")["endpoints"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["permission_level"] != nil {
		t.Errorf("the list is %v", list)
	}
	for _, scope := range []string{"sql", "vector-search"} {
		if got := status(scope); got != 403 {
			t.Errorf("with the scope %s: %d", scope, got)
		}
	}
	if got, _ := owner.do("POST", "/serving-endpoints/nothing/invocations", body); got != 404 {
		t.Errorf("an endpoint that does not exist: %d", got)
	}
	owner.must("PUT", "/api/2.0/permissions/serving-endpoints/"+id, `{"access_control_list":[]}`)
	if got := status("model-serving"); got != 403 {
		t.Errorf("after CAN_QUERY was taken: %d", got)
	}
}

func TestAChatModelAnswersWhatItIsAsked(t *testing.T) {
	e := startWith(t, "", withServing)
	owner := e.administrator()
	const path = "/serving-endpoints/small-chat/invocations"
	out := owner.must("POST", path, messages("When are refunds paid?"))
	choice := out["choices"].([]any)[0].(map[string]any)
	if text, _ := said(t, out); text != "Refunds are paid within 30 days." || choice["finish_reason"] != "stop" || out["object"] != "chat.completion" {
		t.Errorf("answered %v", out)
	}
	if got := fmt.Sprint(out["usage"]); got != "map[completion_tokens:6 prompt_tokens:4 total_tokens:10]" {
		t.Errorf("the usage is %s", got)
	}
	out = owner.must("POST", path, `{"messages":[{"role":"system","content":"Ada wrote the compiler."},{"role":"user","content":[{"type":"text","text":"Who wrote the compiler?"}]}],"max_tokens":2,"temperature":0}`)
	if text, _ := said(t, out); text != "Ada wrote" || out["choices"].([]any)[0].(map[string]any)["finish_reason"] != "length" {
		t.Errorf("cut to %v", out)
	}
	for name, c := range map[string]struct {
		body string
		want int
	}{
		"a request for agents":            {input("When?"), 400},
		"no conversation":                 {`{"messages":[]}`, 400},
		"neither":                         {`{"max_tokens":5}`, 400},
		"both":                            {`{"messages":[{"role":"user","content":"x"}],"input":[{"role":"user","content":"x"}]}`, 400},
		"a conversation that is no list":  {`{"messages":"When?"}`, 400},
		"the model had the last word":     {`{"messages":[{"role":"assistant","content":"x"}]}`, 400},
		"a role that does not exist":      {`{"messages":[{"role":"boss","content":"x"}]}`, 400},
		"no tokens":                       {`{"messages":[{"role":"user","content":"x"}],"max_tokens":0}`, 400},
		"a stream is not implemented":     {`{"messages":[{"role":"user","content":"x"}],"stream":true}`, 501},
		"a stream that is not asked for":  {`{"messages":[{"role":"user","content":"x"}],"stream":false}`, 200},
		"tools are not implemented":       {`{"messages":[{"role":"user","content":"x"}],"tools":[]}`, 501},
		"pictures are not implemented":    {`{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}`, 501},
		"classic inputs are not":          {`{"dataframe_records":[{"a":1}]}`, 501},
		"what does not change the answer": {`{"messages":[{"role":"user","content":"x"}],"client_request_id":"r1","usage_context":{"tool":"t"}}`, 200},
	} {
		t.Run(name, func(t *testing.T) {
			if status, out := owner.do("POST", path, c.body); status != c.want {
				t.Errorf("answered %d %v, want %d", status, out, c.want)
			}
		})
	}
}

func TestASupervisorAsksItsAgentsAsTheCaller(t *testing.T) {
	e := startWith(t, "", withServing)
	owner, role, id, app := e.setup()
	makeDocs(owner)
	owner.allow("serving-endpoints", owner.endpointID("sales-supervisor"), app, "CAN_QUERY")
	ask := func(question string) (string, map[string]string) {
		t.Helper()
		return said(t, role("model-serving").must("POST", supervisor, input(question)))
	}
	const deals, policy, lunch = "List the deals by region", "What is the policy for refunds?", "When does the canteen open for lunch?"
	refused := func(question, agent, why string) {
		t.Helper()
		text, agents := ask(question)
		if len(agents) != 1 || !strings.Contains(agents[agent], why) || !strings.Contains(text, agent) {
			t.Errorf("%q: %q %v, want a refusal with %q", question, text, agents, why)
		}
	}
	refused(deals, "deals", "SQL Warehouse")
	owner.allow("warehouses", warehouseID, app, "CAN_USE")
	refused(deals, "deals", "USE CATALOG")
	refused(policy, "handbook", "USE CATALOG")
	owner.grantIndex(app)
	refused(deals, "deals", "SELECT")
	owner.must("PATCH", permission("table", "main.sales.deals"), change(app, "add", "SELECT"))
	if text, _ := ask(deals); text != "There are no rows." {
		t.Errorf("outside the group the filter passes %q", text)
	}
	_, group := e.call("GET", `/scim/v2/Groups?filter=displayName+eq+%22sales_west%22`, "")
	if status, body := e.call("PATCH", "/scim/v2/Groups/"+group["Resources"].([]any)[0].(map[string]any)["id"].(string), fmt.Sprintf(
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":[{"value":%q}]}]}`, id)); status > 299 {
		t.Fatalf("%d %v", status, body)
	}
	if text, agents := ask(deals); text != "id: a, region: WEST" || agents["deals"] != text {
		t.Errorf("in the group: %q %v", text, agents)
	}
	if _, refusal := owner.sql("INSERT INTO main.sales.deals VALUES ('c','WEST',1.0), ('d','EAST',1.0)"); refusal != "" {
		t.Fatal(refusal)
	}
	if text, _ := ask(deals); text != "id: a, region: WEST\nid: c, region: WEST" {
		t.Errorf("after new rows: %q", text)
	}
	if text, agents := ask(policy); text != "body: Refunds are paid within thirty days of the return." || len(agents) != 1 {
		t.Errorf("the policy: %q %v", text, agents)
	}
	refused(lunch, "canteen", "permission to query")
	owner.allow("serving-endpoints", owner.endpointID("small-chat"), app, "CAN_QUERY")
	if text, _ := ask(lunch); text != "The canteen opens at noon." {
		t.Errorf("lunch: %q", text)
	}
	if text, agents := ask("Zyxwv qponm"); len(agents) != 0 || text == "" {
		t.Errorf("a question for nobody: %q %v", text, agents)
	}
	both, agents := ask("List the deals by region, and the policy for refunds")
	if len(agents) != 2 || !strings.Contains(both, "region: WEST") || !strings.Contains(both, "thirty days") {
		t.Errorf("a question for two: %q %v", both, agents)
	}
	out := role("model-serving").must("POST", supervisor, messages(deals))
	if text, _ := said(t, out); out["object"] != "chat.completion" || !strings.HasPrefix(text, "id: a, region: WEST") {
		t.Errorf("as a chat: %v", out)
	}
	if status, _ := role("model-serving").do("POST", supervisor, `{"input":"List the deals"}`); status != 400 {
		t.Errorf("an input that is no list: %d", status)
	}
}

func TestWhatIsUnsureOfSupervisorsCanBeChosen(t *testing.T) {
	e := startWith(t, "", func(o *server.Options) {
		withServing(o)
		o.Config.Switches.SupervisorMarkers, o.Config.Switches.SupervisorForbids = true, true
		o.Config.Serving.Endpoints[1].Shape = "responses"
		o.Config.Serving.Endpoints[1].Agents[2].LatencyMillis = 60_000
		o.TimeScale = 0.005 // a minute is 300 ms
	})
	owner, role, _, app := e.setup()
	makeDocs(owner)
	owner.allow("serving-endpoints", owner.endpointID("sales-supervisor"), app, "CAN_QUERY")
	if status, _ := role("model-serving").do("POST", supervisor, input("List the deals by region")); status != 403 {
		t.Errorf("with no agent that can be used: %d", status)
	}
	owner.grantIndex(app)
	if text, _ := said(t, role("model-serving").must("POST", supervisor, input("What is the policy for refunds?"))); !strings.HasPrefix(text, "<name>handbook</name>\nbody: Refunds") {
		t.Errorf("with markers: %q", text)
	}
	if status, _ := owner.do("POST", supervisor, messages("List the deals by region")); status != 400 {
		t.Errorf("a shape that is not taken: %d", status)
	}
	before := time.Now()
	if text, _ := said(t, owner.must("POST", supervisor, input("When does the canteen open for lunch?"))); !strings.Contains(text, "noon") {
		t.Errorf("lunch: %q", text)
	}
	if took := time.Since(before); took < 300*time.Millisecond || took > 20*time.Second {
		t.Errorf("a minute of the time scale took %v", took)
	}
}
