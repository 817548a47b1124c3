// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/server"
)

const (
	spaceID  = "01f0aaaabbbbccccddddeeeeffff0001"
	bossApp  = "0b0b0b0b-0000-4000-8000-000000000001"
	westApp  = "0b0b0b0b-0000-4000-8000-000000000002"
	otherApp = "0b0b0b0b-0000-4000-8000-000000000003"
	space    = "/api/2.0/genie/spaces/" + spaceID
)

// genieSite is an emulator with a Genie space over filtered deals: a boss who sees
// all of them and west who sees its own, both with everything that asking takes, and
// another who has nothing.
type genieSite struct {
	*site
	owner seat
}

func startGenie(t *testing.T, adjust func(*server.Options)) genieSite {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("dosesecret"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := startWith(t, "", func(o *server.Options) {
		c := &o.Config
		c.Groups = append(c.Groups, "bosses")
		for app, groups := range map[string][]string{bossApp: {"bosses"}, westApp: {"sales_west"}, otherApp: nil} {
			c.Principals = append(c.Principals, server.Principal{DisplayName: app, ApplicationID: app, Workspace: "USER", SecretFile: secret, Groups: groups})
		}
		c.Genie = server.Genie{
			Spaces:             []server.GenieSpace{{ID: spaceID, Title: "Sales", Description: "Deals", WarehouseID: warehouseID, Tables: []string{"main.sales.deals"}}},
			QuestionsPerMinute: -1, StageMillis: 1,
		}
		if adjust != nil {
			adjust(o)
		}
	})
	g := genieSite{e, e.administrator()}
	for _, s := range []string{
		"CREATE CATALOG main", "CREATE SCHEMA main.sales", "CREATE TABLE main.sales.deals (id STRING, region STRING, customer STRING, amount DECIMAL(18,2), closed_on DATE)",
		"INSERT INTO main.sales.deals VALUES ('a','WEST','Acme',100.5,'2024-01-31'), ('b','EAST','Bolt',50,'2024-02-01'), ('c','NORTH','Acme',25,'2025-02-01'), ('d','WEST','O\\'Neil',1,'2025-03-01')",
		"CREATE FUNCTION main.sales.only(region STRING) RETURNS BOOLEAN RETURN is_account_group_member('bosses') OR is_account_group_member('sales_west') AND region = 'WEST'",
		"ALTER TABLE main.sales.deals SET ROW FILTER main.sales.only ON (region)",
	} {
		if _, refusal := g.owner.sql(s); refusal != "" {
			t.Fatalf("%s: %s", s, refusal)
		}
	}
	for _, app := range []string{bossApp, westApp} {
		for _, p := range [][3]string{{"catalog", "main", "USE_CATALOG"}, {"schema", "main.sales", "USE_SCHEMA"}, {"table", "main.sales.deals", "SELECT"}} {
			g.owner.must("PATCH", permission(p[0], p[1]), change(app, "add", p[2]))
		}
		g.allow("warehouses/"+warehouseID, app, "CAN_USE")
		g.allow("genie/"+spaceID, app, "CAN_RUN")
	}
	return g
}

func (g genieSite) allow(object, app, level string) {
	g.t.Helper()
	g.owner.must("PATCH", "/api/2.0/permissions/"+object, fmt.Sprintf(`{"access_control_list":[{"service_principal_name":%q,"permission_level":%q}]}`, app, level))
}

// as signs a principal in for scopes.
func (g genieSite) as(app, scopes string) seat {
	g.t.Helper()
	status, body := g.form(g.workspace.URL+"/oidc/v1/token", url.Values{
		"grant_type": {"client_credentials"}, "scope": {scopes}, "client_id": {app}, "client_secret": {"dosesecret"},
	})
	if status != 200 {
		g.t.Fatalf("sign in: %d %v", status, body)
	}
	return seat{g.site, body["access_token"].(string)}
}

func question(text string) string { return fmt.Sprintf(`{"content":%q}`, text) }

// ask starts a conversation and returns the path of its message.
func (s seat) ask(text string) string {
	s.t.Helper()
	out := s.must("POST", space+"/start-conversation", question(text))
	return fmt.Sprintf("%s/conversations/%s/messages/%s", space, out["conversation_id"], out["message_id"])
}

// follow asks once more in the conversation of a message.
func (s seat) follow(message, text string) string {
	s.t.Helper()
	messages := message[:strings.LastIndex(message, "/")]
	return messages + "/" + s.must("POST", messages, question(text))["message_id"].(string)
}

// settled polls a message to its end, and returns it with the statuses it was seen in.
func (s seat) settled(message string) (map[string]any, []string) {
	s.t.Helper()
	var seen []string
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		m := s.must("GET", message, "")
		status := m["status"].(string)
		if len(seen) == 0 || seen[len(seen)-1] != status {
			seen = append(seen, status)
		}
		if slices.Contains([]string{"COMPLETED", "FAILED", "CANCELLED", "QUERY_RESULT_EXPIRED"}, status) {
			return m, seen
		}
	}
	s.t.Fatalf("%s does not end: %v", message, seen)
	return nil, nil
}

// attachment is the one attachment of a message, of a kind.
func attachment(t *testing.T, m map[string]any, kind string) map[string]any {
	t.Helper()
	list, _ := m["attachments"].([]any)
	if len(list) != 1 {
		t.Fatalf("the message has not one attachment: %v", m)
	}
	out, ok := list[0].(map[string]any)[kind].(map[string]any)
	if !ok {
		t.Fatalf("the message has no %s: %v", kind, m)
	}
	return out
}

// rows are the rows of a message's query.
func (s seat) rows(t *testing.T, message string) []string {
	t.Helper()
	m, _ := s.settled(message)
	q := attachment(t, m, "query")
	response := s.must("GET", message+"/attachments/"+q["id"].(string)+"/query-result", "")["statement_response"].(map[string]any)
	if state := response["status"].(map[string]any)["state"]; state != "SUCCEEDED" || response["statement_id"] != q["statement_id"] {
		t.Fatalf("the result is %v", response)
	}
	var out []string
	data, _ := response["result"].(map[string]any)["data_array"].([]any)
	for _, r := range data {
		out = append(out, fmt.Sprint(r.([]any)...))
	}
	return out
}

func TestGenieAnswersInThreeTurns(t *testing.T) {
	g := startGenie(t, func(o *server.Options) { o.Config.Genie.StageMillis = 30 })
	boss := g.as(bossApp, "genie sql")
	first := boss.ask("total revenue by region")
	m, seen := boss.settled(first)
	order := []string{"SUBMITTED", "FETCHING_METADATA", "FILTERING_CONTEXT", "ASKING_AI", "PENDING_WAREHOUSE", "EXECUTING_QUERY", "COMPLETED"}
	if !slices.IsSortedFunc(seen, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) }) || len(seen) < 4 || m["status"] != "COMPLETED" {
		t.Errorf("the message was %v: %v", seen, m)
	}
	q := attachment(t, m, "query")
	if sql := q["query"].(string); !strings.HasPrefix(sql, "SELECT region, SUM(amount)") {
		t.Errorf("the query is %s", sql)
	}
	if fmt.Sprint(q["query_result_metadata"]) != "map[is_truncated:false row_count:3]" || m["content"] != "total revenue by region" || m["id"] != m["message_id"] {
		t.Errorf("the message is %v", m)
	}
	if rows := boss.rows(t, first); !slices.Equal(rows, []string{"WEST101.50", "EAST50.00", "NORTH25.00"}) {
		t.Errorf("the rows are %q", rows)
	}
	statement := boss.must("GET", "/api/2.0/sql/statements/"+q["statement_id"].(string), "")
	if statement["status"].(map[string]any)["state"] != "SUCCEEDED" {
		t.Errorf("its statement is %v", statement)
	}
	second := boss.follow(first, "now show top 2 by amount")
	m, _ = boss.settled(second)
	if sql := attachment(t, m, "query")["query"].(string); !strings.HasPrefix(sql, "WITH revenue_by_region AS (SELECT region, SUM(amount)") {
		t.Errorf("the follow-up is %s", sql)
	}
	if rows := boss.rows(t, second); !slices.Equal(rows, []string{"WEST101.50", "EAST50.00"}) {
		t.Errorf("the follow-up's rows are %q", rows)
	}
	third := boss.follow(second, "show me the thing")
	m, seen = boss.settled(third)
	text := attachment(t, m, "text")
	if text["content"] != "Please specify what you mean by 'the thing'." || text["purpose"] != "FOLLOW_UP_QUESTION" || m["status"] != "COMPLETED" || slices.Contains(seen, "EXECUTING_QUERY") {
		t.Errorf("the clarification is %v after %v", m, seen)
	}
	list := boss.must("GET", third[:strings.LastIndex(third, "/")], "")["messages"].([]any)
	if len(list) != 3 || list[2].(map[string]any)["id"] != m["id"] {
		t.Errorf("the conversation has %v", list)
	}
}

func TestGenieAnswersAsTheCaller(t *testing.T) {
	g := startGenie(t, nil)
	west := g.as(westApp, "genie")
	if rows := west.rows(t, west.ask("total revenue by region")); !slices.Equal(rows, []string{"WEST101.50"}) {
		t.Errorf("west sees %q", rows)
	}
	if rows := west.rows(t, west.ask("how many deals in EAST")); !slices.Equal(rows, []string{"0"}) {
		t.Errorf("west counts %q in the east", rows)
	}
	boss := g.as(bossApp, "genie")
	if rows := boss.rows(t, boss.ask("total revenue for acme")); !slices.Equal(rows, []string{"125.50"}) {
		t.Errorf("the boss sees %q of Acme", rows)
	}
}

// TestGenieEveryFormRuns runs what the rules write on the real engine, each
// in a conversation of its own.
func TestGenieEveryFormRuns(t *testing.T) {
	g := startGenie(t, nil)
	boss := g.as(bossApp, "genie")
	for _, c := range []struct {
		questions []string
		want      []string
	}{
		{[]string{"revenue by month in 2024"}, []string{"2024-01-01T00:00:00.000Z100.50", "2024-02-01T00:00:00.000Z50.00"}},
		{[]string{"how many deals by year"}, []string{"20242", "20252"}},
		{[]string{"revenue for O'Neil"}, []string{"1.00"}},
		{[]string{"how many customers in west or east"}, []string{"3"}},
		{[]string{"average amount per customer", "only for Acme"}, []string{"Acme62.75"}},
		{[]string{"list customer and amount where amount is below 30 sorted by amount"}, []string{"Acme25.00", "O'Neil1.00"}},
		{[]string{"top 1 customers by revenue", "what about EAST"}, []string{"Bolt50.00"}},
		{[]string{"total revenue by region", "now show top 2 by amount", "then the bottom 1 by amount", "only in East"}, []string{"EAST50.00"}},
		{[]string{"total revenue by region", "now show top 3 by amount", "now the top 2 by amount", "now the top 1 by amount"}, []string{"WEST101.50"}},
		{[]string{"total revenue in WEST", "now by customer"}, []string{"Acme100.50", "O'Neil1.00"}},
		{[]string{"deals closed on after 2025-02-15"}, []string{"dWESTO'Neil1.002025-03-01"}},
	} {
		t.Run(strings.Join(c.questions, "; "), func(t *testing.T) {
			message := boss.ask(c.questions[0])
			boss.settled(message)
			for _, q := range c.questions[1:] {
				message = boss.follow(message, q)
				boss.settled(message)
			}
			if rows := boss.rows(t, message); !slices.Equal(rows, c.want) {
				m, _ := boss.settled(message)
				t.Errorf("answered %q, want %q: %v", rows, c.want, attachment(t, m, "query")["query"])
			}
		})
	}
}

// TestGenieEachRightDeniesAlone takes away, one at a time, what asking takes.
func TestGenieEachRightDeniesAlone(t *testing.T) {
	g := startGenie(t, nil)
	west := g.as(westApp, "genie")
	fails := func(what, kind, text string) {
		t.Helper()
		m, _ := west.settled(west.ask("total revenue by region"))
		failure, _ := m["error"].(map[string]any)
		if m["status"] != "FAILED" || failure["type"] != kind || !strings.Contains(fmt.Sprint(failure["error"]), text) {
			t.Errorf("%s: %v", what, m)
		}
	}
	for _, p := range [][3]string{{"catalog", "main", "USE_CATALOG"}, {"schema", "main.sales", "USE_SCHEMA"}, {"table", "main.sales.deals", "SELECT"}} {
		g.owner.must("PATCH", permission(p[0], p[1]), change(westApp, "remove", p[2]))
		fails("without "+p[2], "SQL_EXECUTION_EXCEPTION", "42501")
		g.owner.must("PATCH", permission(p[0], p[1]), change(westApp, "add", p[2]))
	}
	g.owner.must("PUT", "/api/2.0/permissions/warehouses/"+warehouseID, `{"access_control_list":[]}`)
	fails("without CAN_USE", "WAREHOUSE_ACCESS_MISSING_EXCEPTION", warehouseID)
	g.allow("warehouses/"+warehouseID, westApp, "CAN_USE")
	message := west.ask("total revenue by region")
	if rows := west.rows(t, message); len(rows) != 1 {
		t.Fatalf("with everything again: %q", rows)
	}
	g.allow("genie/"+spaceID, westApp, "CAN_VIEW")
	for _, c := range [][2]string{{"POST", space + "/start-conversation"}, {"GET", message}, {"POST", message[:strings.LastIndex(message, "/")]}} {
		if status, out := west.do(c[0], c[1], question("total revenue by region")); status != 403 || out["error_code"] != "PERMISSION_DENIED" {
			t.Errorf("with CAN_VIEW, %s %s answers %d %v", c[0], c[1], status, out)
		}
	}
	if got := west.must("GET", space, ""); got["title"] != "Sales" || got["warehouse_id"] != warehouseID || got["space_id"] != spaceID {
		t.Errorf("with CAN_VIEW the space is %v", got)
	}
}

func TestGenieRefusals(t *testing.T) {
	g := startGenie(t, nil)
	boss, other := g.as(bossApp, "genie"), g.as(otherApp, "genie")
	const missing = "/api/2.0/genie/spaces/nothing"
	for name, c := range map[string]struct {
		who                seat
		method, path, body string
		want               int
	}{
		"no permission to ask":             {other, "POST", space + "/start-conversation", question("x"), 403},
		"no permission to view":            {other, "GET", space, "", 403},
		"a token for another scope":        {g.as(bossApp, "sql"), "POST", space + "/start-conversation", question("x"), 403},
		"the scope of dashboards alone":    {g.as(bossApp, "dashboards.genie"), "POST", space + "/start-conversation", question("x"), 200},
		"a space that does not exist":      {boss, "POST", missing + "/start-conversation", question("x"), 404},
		"no question":                      {boss, "POST", space + "/start-conversation", question(" "), 400},
		"a picture":                        {boss, "POST", space + "/start-conversation", `{"content":"x","enable_visualization":true}`, 501},
		"a field that is not known":        {boss, "POST", space + "/start-conversation", `{"content":"x","model":"y"}`, 501},
		"a conversation that is not there": {boss, "POST", space + "/conversations/c/messages", question("x"), 404},
		"the serialized space":             {boss, "GET", space + "?include_serialized_space=true", "", 501},
		"a new space":                      {boss, "POST", "/api/2.0/genie/spaces", "{}", 501},
		"access of who may not manage":     {g.as(bossApp, "access-management"), "GET", "/api/2.0/permissions/genie/" + spaceID, "", 403},
		"access of no space":               {g.owner, "GET", "/api/2.0/permissions/genie/nothing", "", 404},
		"access with a warehouse's level":  {g.owner, "PATCH", "/api/2.0/permissions/genie/" + spaceID, `{"access_control_list":[{"service_principal_name":"` + bossApp + `","permission_level":"CAN_USE"}]}`, 400},
		"access for nobody":                {g.owner, "PATCH", "/api/2.0/permissions/genie/" + spaceID, `{"access_control_list":[{"service_principal_name":"x","permission_level":"CAN_RUN"}]}`, 404},
	} {
		t.Run(name, func(t *testing.T) {
			if status, out := c.who.do(c.method, c.path, c.body); status != c.want {
				t.Errorf("answered %d %v, want %d", status, out, c.want)
			}
		})
	}
	if list := other.must("GET", "/api/2.0/genie/spaces", ""); len(list) != 0 {
		t.Errorf("who has no permission is shown %v", list)
	}
	if list := boss.must("GET", "/api/2.0/genie/spaces?page_size=10", ""); len(list["spaces"].([]any)) != 1 {
		t.Errorf("the boss is shown %v", list)
	}
	access := fmt.Sprint(g.owner.must("GET", "/api/2.0/permissions/genie/"+spaceID, ""))
	for _, part := range []string{"object_id:/genie/" + spaceID, "object_type:genie-space", "group_name:admins", westApp, "permission_level:CAN_RUN"} {
		if !strings.Contains(access, part) {
			t.Errorf("the access list lacks %s: %s", part, access)
		}
	}
}

func TestGenieConversationsAreTheirOwnersAlone(t *testing.T) {
	for _, want := range []int{403, 404} {
		t.Run(strconv.Itoa(want), func(t *testing.T) {
			checkConversations(t, want)
		})
	}
}

// checkConversations reads conversations of others, which is answered with a status.
func checkConversations(t *testing.T, want int) {
	t.Helper()
	g := startGenie(t, func(o *server.Options) { o.Config.Switches.GenieForeignNotFound = want == 404 })
	boss, west := g.as(bossApp, "genie"), g.as(westApp, "genie")
	message := boss.ask("total revenue by region")
	m, _ := boss.settled(message)
	result := message + "/attachments/" + attachment(t, m, "query")["id"].(string)
	messages := message[:strings.LastIndex(message, "/")]
	for _, who := range []seat{west, g.owner} {
		for _, c := range [][2]string{
			{"GET", message}, {"GET", messages}, {"POST", messages}, {"DELETE", message}, {"GET", result + "/query-result"}, {"POST", result + "/execute-query"},
			{"GET", message + "/query-result"}, {"POST", message + "/feedback"}, {"DELETE", strings.TrimSuffix(messages, "/messages")},
		} {
			if status, out := who.do(c[0], c[1], question("x")); status != want {
				t.Errorf("%s %s answers another %d %v", c[0], c[1], status, out)
			}
		}
	}
	if list := west.must("GET", space+"/conversations", ""); len(list) != 0 {
		t.Errorf("west lists %v", list)
	}
	if status, _ := boss.do("GET", space+"/conversations?include_all=true", ""); status != 403 {
		t.Errorf("who does not manage lists all: %d", status)
	}
	for _, who := range []seat{boss, g.owner} {
		if list := who.must("GET", space+"/conversations?include_all="+strconv.FormatBool(who == g.owner), ""); len(list["conversations"].([]any)) != 1 {
			t.Errorf("the list is %v", list)
		}
	}
	boss.must("DELETE", strings.TrimSuffix(messages, "/messages"), "")
	if status, _ := boss.do("GET", message, ""); status != 404 {
		t.Errorf("a deleted conversation answers %d", status)
	}
}

func TestGenieAsksForBothScopesOnAzure(t *testing.T) {
	g := startGenie(t, func(o *server.Options) { o.Config.Switches.GenieBothScopes = true })
	for scopes, want := range map[string]int{"genie": 403, "dashboards.genie": 403, "genie dashboards.genie": 200, "sql": 403} {
		if status, out := g.as(bossApp, scopes).do("POST", space+"/start-conversation", question("how many deals")); status != want {
			t.Errorf("%s: answered %d %v, want %d", scopes, status, out, want)
		}
	}
}

func TestGenieBoundsTheWorkspacesQuestions(t *testing.T) {
	g := startGenie(t, func(o *server.Options) { o.Config.Genie.QuestionsPerMinute = 0 })
	boss, west := g.as(bossApp, "genie"), g.as(westApp, "genie")
	first := boss.ask("how many deals")
	for range 3 {
		boss.follow(first, "how many deals")
	}
	if status, _ := g.as(otherApp, "genie").do("POST", space+"/start-conversation", question("how many deals")); status != 403 {
		t.Errorf("who may not ask is answered %d", status)
	}
	west.ask("how many deals") // the fifth: what was refused is not counted
	req, err := http.NewRequestWithContext(t.Context(), "POST", g.workspace.URL+space+"/start-conversation", strings.NewReader(question("how many deals")))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+west.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
	if body := decode(t, res); res.StatusCode != 429 || body["error_code"] != "REQUEST_LIMIT_EXCEEDED" || seconds < 1 || seconds > 60 {
		t.Errorf("the sixth question: %d %v, retry after %d", res.StatusCode, body, seconds)
	}
	if m, _ := boss.settled(first); m["status"] != "COMPLETED" {
		t.Errorf("polling is bounded too: %v", m)
	}
}

// end tells the admin port what to do with messages.
func (g genieSite) end(do string) {
	g.t.Helper()
	res, err := http.Post(g.admin.URL+"/admin/genie?do="+do, "", nil) //nolint:noctx // a test
	if err != nil {
		g.t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		g.t.Fatalf("%s: %d", do, res.StatusCode)
	}
}

func TestGenieMessagesAreCancelled(t *testing.T) {
	g := startGenie(t, func(o *server.Options) { o.Config.Genie.StageMillis = 60_000 })
	boss := g.as(bossApp, "genie")
	message, gone := boss.ask("how many deals"), boss.ask("how many deals")
	boss.must("DELETE", gone, "")
	g.end("cancel")
	if m, _ := boss.settled(message); m["status"] != "CANCELLED" || m["attachments"] != nil {
		t.Errorf("cancelled is %v", m)
	}
	if status, _ := boss.do("GET", gone, ""); status != 404 {
		t.Errorf("a deleted message answers %d", status)
	}
}

func TestGenieDurationsFollowTheTimeScale(t *testing.T) {
	g := startGenie(t, func(o *server.Options) { o.Config.Genie.StageMillis, o.TimeScale = 600_000, 0.00001 })
	boss := g.as(bossApp, "genie")
	if m, _ := boss.settled(boss.ask("how many deals")); m["status"] != "COMPLETED" {
		t.Errorf("an hour of stages, scaled to 36 ms: %v", m)
	}
}

func TestGenieResultsExpireAndAreRunAgain(t *testing.T) {
	g := startGenie(t, nil)
	boss := g.as(bossApp, "genie")
	message := boss.ask("how many deals")
	m, _ := boss.settled(message)
	at := message + "/attachments/" + attachment(t, m, "query")["id"].(string)
	g.end("expire")
	if m, _ := boss.settled(message); m["status"] != "QUERY_RESULT_EXPIRED" {
		t.Errorf("expired is %v", m)
	}
	if status, _ := boss.do("GET", at+"/query-result", ""); status != 404 {
		t.Errorf("the expired result answers %d", status)
	}
	again := boss.must("POST", at+"/execute-query", "")["statement_response"].(map[string]any)
	if rows := boss.rows(t, message); !slices.Equal(rows, []string{"4"}) {
		t.Errorf("run again: %q", rows)
	}
	if q := boss.must("GET", message+"/query-result", "")["statement_response"].(map[string]any); q["statement_id"] != again["statement_id"] {
		t.Errorf("the result is of %v, not of %v", q, again)
	}
	g.owner.must("PATCH", permission("table", "main.sales.deals"), change(bossApp, "remove", "SELECT"))
	boss.must("POST", at+"/execute-query", "")
	if m, _ := boss.settled(message); m["status"] != "FAILED" || !strings.Contains(fmt.Sprint(m["error"]), "42501") {
		t.Errorf("run again without SELECT: %v", m)
	}
	boss.must("POST", message+"/feedback", `{"rating":"NEGATIVE","comment":"no"}`)
	if m := boss.must("GET", message, ""); fmt.Sprint(m["feedback"]) != "map[comment:no rating:NEGATIVE]" {
		t.Errorf("feedback is %v", m["feedback"])
	}
}

func TestGenieConfigIsChecked(t *testing.T) {
	good := server.GenieSpace{ID: "s", Title: "S", WarehouseID: warehouseID, Tables: []string{"a.b.c"}}
	for want, spaces := range map[string]server.Genie{
		"genie.spaces[1].id":         {Spaces: []server.GenieSpace{good, good}},
		"genie.spaces[0]: title":     {Spaces: []server.GenieSpace{{ID: "s", WarehouseID: "w", Tables: []string{"a.b.c"}}}},
		"genie.spaces[0].tables":     {Spaces: []server.GenieSpace{{ID: "s", Title: "S", WarehouseID: "w", Tables: []string{"deals"}}}},
		"genie.stageMillis and":      {StageMillis: -1},
		"genie.spaces[0].id must be": {Spaces: []server.GenieSpace{{ID: "a/b", Title: "S", WarehouseID: "w", Tables: []string{"a.b.c"}}}},
	} {
		_, err := server.New(server.Options{Config: server.Config{AccountID: accountID, Workspace: server.Workspace{ID: workspaceID}, Genie: spaces}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v is refused with %v, want %q", spaces, err, want)
		}
	}
}
