// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	logged      = `"usage_tracking_config":{"enabled":true},"inference_table_config":{"enabled":true,"catalog_name":"main","schema_name":"sales","table_name_prefix":"chat"}`
	payloadRows = "main.sales.chat_payload"
	usageRows   = "system.serving.endpoint_usage"
)

// table is the body that logs the payloads of an endpoint in a schema.
func table(schema, prefix string) string {
	return fmt.Sprintf(`{"inference_table_config":{"enabled":true,"catalog_name":"main","schema_name":%q,"table_name_prefix":%q}}`, schema, prefix)
}

// eventually are the rows of a query once there are so many of them.
func (s seat) eventually(statement string, want int) []string {
	s.t.Helper()
	var rows []string
	var refusal string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if rows, refusal = s.sql(statement); refusal != "" {
			s.t.Fatalf("%s: %s", statement, refusal)
		}
		if len(rows) >= want {
			break
		}
	}
	if len(rows) != want {
		s.t.Fatalf("%s has %d rows, want %d: %q", statement, len(rows), want, rows)
	}
	return rows
}

// run runs statements that must not be refused.
func (s seat) run(statements ...string) {
	s.t.Helper()
	for _, statement := range statements {
		if _, refusal := s.sql(statement); refusal != "" {
			s.t.Fatalf("%s: %s", statement, refusal)
		}
	}
}

// loggedWorld is an endpoint whose invocations are logged.
type loggedWorld struct {
	owner seat
	// rows is how many there are in each table, and answer is that of the request mine.
	rows   int
	answer map[string]any
}

var refunds = messages("When are refunds paid?")

func (w loggedWorld) configure(body string) {
	w.owner.t.Helper()
	w.owner.must("PUT", endpoint+"/ai-gateway", body)
}

func (w loggedWorld) ask(who seat, body string, want int) map[string]any {
	w.owner.t.Helper()
	got, out := who.do("POST", chat, body)
	if got != want {
		w.owner.t.Fatalf("%s: %d %v, want %d", body, got, out, want)
	}
	return out
}

func TestInvocationsAreLogged(t *testing.T) {
	e := startWith(t, "", withServing)
	owner, role, _, app := e.setup()
	asker := role("model-serving")
	w := loggedWorld{owner: owner}
	w.configure("{" + logged + fmt.Sprintf(`,"rate_limits":[{"key":"service_principal","principal":%q,"calls":2,"renewal_period":"minute"}],`, app) +
		`"guardrails":{"input":{"invalid_keywords":["falcon"]}}}`)
	w.ask(asker, refunds, 403)
	owner.allow("serving-endpoints", owner.endpointID("small-chat"), app, "CAN_QUERY")
	w.answer = w.ask(owner, strings.TrimSuffix(refunds, "}")+`,"client_request_id":"mine","usage_context":{"team":"west"}}`, 200)
	w.ask(asker, refunds, 200)
	w.ask(asker, messages("What is falcon?"), 400)
	w.ask(asker, refunds, 429)
	w.ask(owner, `{"client_request_id":7}`, 400)

	want := []string{adminApp + " 200 mine", app + " 200 -", app + " 400 -", app + " 429 -", adminApp + " 400 -"}
	w.rows = len(want)
	const said = "concat_ws(' ', requester, CAST(status_code AS STRING), coalesce(client_request_id, '-'))"
	owner.mayReadUsage(adminApp)
	for _, from := range []string{payloadRows, usageRows} {
		if got := owner.eventually("SELECT "+said+" FROM "+from+" ORDER BY request_time", len(want)); !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", from, got, want)
		}
	}
	t.Run("the tables tell of the same requests", func(t *testing.T) { e.t = t; w.sameRequests(t) })
	t.Run("bodies are as they were sent and answered", func(t *testing.T) { e.t = t; w.bodies(t) })
	t.Run("all columns hold what they are for", func(t *testing.T) { e.t = t; w.columns(t) })
	t.Run("a request too large for a row is answered, and its row says so", func(t *testing.T) { e.t = t; w.largeRequest(t) })
	t.Run("what is not asked for is not logged", func(t *testing.T) { e.t = t; w.unlogged(t) })
	e.t = t
	if out := unlogged(e); out.Total != 0 {
		t.Errorf("not logged: %+v", out)
	}
}

// sameRequests joins the tables.
func (w loggedWorld) sameRequests(t *testing.T) {
	got := w.owner.eventually("SELECT concat_ws(' ', CAST(p.status_code AS STRING), e.endpoint_name, e.endpoint_id, e.task, e.entity_type) FROM "+payloadRows+" p JOIN "+usageRows+
		" u ON p.databricks_request_id = u.databricks_request_id JOIN system.serving.served_entities e ON u.served_entity_id = e.served_entity_id AND p.served_entity_id = e.served_entity_id", w.rows)
	for _, row := range got {
		if !strings.HasSuffix(row, "small-chat "+w.owner.endpointID("small-chat")+" llm/v1/chat FOUNDATION_MODEL") {
			t.Errorf("a request of %s", row)
		}
	}
}

// bodies compares requests and responses with what was sent and answered.
func (w loggedWorld) bodies(t *testing.T) {
	response, _ := json.Marshal(w.answer)
	got := w.owner.eventually("SELECT response FROM "+payloadRows+" WHERE client_request_id = 'mine'", 1)
	var kept map[string]any
	if err := json.Unmarshal([]byte(got[0]), &kept); err != nil {
		t.Fatal(err)
	}
	if again, _ := json.Marshal(kept); string(again) != string(response) {
		t.Errorf("the response is %s, answered was %s", again, response)
	}
	if got := w.owner.eventually("SELECT request FROM "+payloadRows+" WHERE status_code = 429", 1); got[0] != refunds {
		t.Errorf("the request is %s", got[0])
	}
	if got := w.owner.eventually("SELECT response FROM "+payloadRows+" WHERE status_code = 429", 1); !strings.Contains(got[0], "REQUEST_LIMIT_EXCEEDED") {
		t.Errorf("the refusal is %s", got[0])
	}
}

// columns reads the other columns.
func (w loggedWorld) columns(t *testing.T) {
	today := time.Now().UTC()
	got := w.owner.eventually("SELECT concat_ws('|', CAST(request_date AS STRING), CAST(sampling_fraction AS STRING), CAST(execution_duration_ms >= 0 AS STRING), CAST(logging_error_codes AS STRING)) FROM "+payloadRows+" WHERE client_request_id = 'mine'", 1)
	if got[0] != today.Format(time.DateOnly)+"|1.0|true|[]" && got[0] != today.Add(-time.Minute).Format(time.DateOnly)+"|1.0|true|[]" {
		t.Errorf("the payload is %s", got[0])
	}
	for status, want := range map[string]string{
		"client_request_id = 'mine'": accountID + "|" + workspaceID + "|4|6|22|32|false|{team=west}",
		"status_code = 429":          accountID + "|" + workspaceID + "|-|-|22|-|false|-",
	} {
		cell := func(c string) string { return "coalesce(CAST(" + c + " AS STRING), '-')" }
		got := w.owner.eventually("SELECT concat_ws('|', account_id, workspace_id, "+cell("input_token_count")+", "+cell("output_token_count")+", "+cell("input_character_count")+", "+cell("output_character_count")+
			", CAST(request_streaming AS STRING), "+cell("usage_context")+") FROM "+usageRows+" WHERE "+status, 1)
		if got[0] != want {
			t.Errorf("%s: the usage is %s, want %s", status, got[0], want)
		}
	}
}

// largeRequest sends one that is too large for a row.
func (w loggedWorld) largeRequest(t *testing.T) {
	w.configure("{" + logged + "}")
	w.ask(w.owner, strings.TrimSuffix(refunds, "}")+`,"client_request_id":"large","context":{"x":"`+strings.Repeat("x", 1<<20)+`"}}`, 200)
	got := w.owner.eventually("SELECT concat_ws(' ', coalesce(request, 'NULL'), CAST(length(response) > 0 AS STRING), array_join(logging_error_codes, ',')) FROM "+payloadRows+" WHERE client_request_id = 'large'", 1)
	if got[0] != "NULL true MAX_REQUEST_SIZE_EXCEEDED" {
		t.Errorf("the row is %s", got[0])
	}
}

// unlogged asks while nothing, or not everything, is logged.
func (w loggedWorld) unlogged(*testing.T) {
	for _, body := range []string{
		`{}`, `{"usage_tracking_config":{"enabled":false},"inference_table_config":{"enabled":false,"catalog_name":"main","schema_name":"sales"}}`,
		`{"usage_tracking_config":{"enabled":true}}`, table("sales", "chat"), // one more row each
	} {
		w.configure(body)
		w.ask(w.owner, refunds, 200)
	}
	w.configure("{" + logged + "}")
	w.ask(w.owner, strings.TrimSuffix(refunds, "}")+`,"client_request_id":"last"}`, 200) // rows are written in the order of the calls
	for _, from := range []string{payloadRows, usageRows} {
		w.owner.eventually("SELECT 1 FROM "+from+" WHERE client_request_id = 'last'", 1)
		w.owner.eventually("SELECT 1 FROM "+from, w.rows+3)
	}
}

func TestAPayloadTableNeedsWhatCreatingOneNeeds(t *testing.T) {
	e := startWith(t, "", withServing)
	owner, role, _, app := e.setup()
	owner.allow("serving-endpoints", owner.endpointID("small-chat"), app, "CAN_MANAGE")
	owner.allow("warehouses", warehouseID, app, "CAN_USE")
	owner.run("CREATE SCHEMA main.logs", "CREATE TABLE main.sales.other_payload (x INT)")
	manager := role("model-serving")
	put := func(who seat, body string, want int) {
		t.Helper()
		if got, out := who.do("PUT", endpoint+"/ai-gateway", body); got != want {
			t.Errorf("%s: %d %v, want %d", body, got, out, want)
		}
	}
	put(owner, table("nowhere", "x"), 404)
	put(owner, strings.Replace(table("sales", "x"), `"main"`, `"nowhere"`, 1), 404)
	put(owner, table("sales", "a.b"), 400)
	put(owner, table("sales", "a`b"), 400)
	put(owner, table("sales", "other"), 400) // somebody's table with other columns
	for _, grant := range []string{"USE CATALOG ON CATALOG main", "USE SCHEMA ON SCHEMA main.logs", "CREATE TABLE ON SCHEMA main.logs"} {
		put(manager, table("logs", "x"), 403)
		owner.run("GRANT " + grant + " TO `" + app + "`")
	}
	if got := owner.must("GET", endpoint, "")["ai_gateway"]; got != nil {
		t.Errorf("a refused configuration is there: %v", got)
	}
	put(manager, table("logs", "X"), 200)
	if got := owner.must("GET", "/api/2.1/unity-catalog/tables/main.logs.x_payload", "")["owner"]; got != app {
		t.Errorf("the owner is %v", got)
	}
	put(manager, table("logs", "x"), 200) // the same table
	for _, body := range []string{table("sales", "x"), table("logs", "y"), table("logs", "")} {
		put(owner, body, 400) // moved while it is on
	}
	put(owner, `{}`, 200)
	put(owner, table("logs", "x"), 400) // another's table
	put(manager, table("logs", "x"), 200)
	put(manager, `{}`, 200)
	put(owner, table("logs", ""), 200)
	owner.must("POST", chat, messages("When are refunds paid?"))
	owner.eventually("SELECT 1 FROM main.logs.`small-chat_payload`", 1)
	role("sql").eventually("SELECT 1 FROM main.logs.x_payload", 0)
}

// unloggedRows are the rows that could not be written.
type unloggedRows struct {
	Total int
	Rows  []struct{ Table, Error string }
}

func unlogged(e *site) unloggedRows {
	e.t.Helper()
	res, err := http.Get(e.admin.URL + "/admin/unlogged") //nolint:noctx // a test
	if err != nil {
		e.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var out unloggedRows
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		e.t.Fatal(err)
	}
	return out
}

func TestARowThatCannotBeWrittenIsToldOf(t *testing.T) {
	e := startWith(t, "", withServing)
	owner, _, _, _ := e.setup()
	owner.must("PUT", endpoint+"/ai-gateway", "{"+logged+"}")
	owner.run("DROP TABLE " + payloadRows)
	const secret = "the refund of Ada"
	for n, why := range []string{"TABLE_OR_VIEW_NOT_FOUND", "TABLE_REPLACED"} {
		owner.must("POST", chat, messages(secret))
		var out unloggedRows
		for end := time.Now().Add(time.Minute); out.Total <= n && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			out = unlogged(e)
		}
		if out.Total != n+1 || out.Rows[n].Table != payloadRows || !strings.Contains(out.Rows[n].Error, why) || strings.Contains(fmt.Sprint(out), secret) {
			t.Errorf("not logged: %+v, want %s", out, why)
		}
		if n == 0 {
			owner.run("CREATE TABLE " + payloadRows + " (request STRING)")
		}
	}
	owner.eventually("SELECT 1 FROM "+payloadRows, 0)
	owner.mayReadUsage(adminApp)
	owner.eventually("SELECT 1 FROM "+usageRows, 2)
}

func TestLoggingGoesOnAfterARestart(t *testing.T) {
	state := t.TempDir()
	e := startWith(t, state, withServing)
	owner, _, _, _ := e.setup()
	owner.must("PUT", endpoint+"/ai-gateway", "{"+logged+"}")
	owner.mayReadUsage(adminApp)
	again := startWith(t, state, withServing).administrator()
	again.must("POST", chat, messages("When are refunds paid?"))
	for _, from := range []string{payloadRows, usageRows} {
		again.eventually("SELECT 1 FROM "+from, 1)
	}
	again.must("PUT", endpoint+"/ai-gateway", "{"+logged+"}")
	if got, out := again.do("PUT", endpoint+"/ai-gateway", table("sales", "other")); got != 400 {
		t.Errorf("moved while it is on: %d %v", got, out)
	}
}
