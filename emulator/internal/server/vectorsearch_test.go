// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/server"
)

const (
	docsIndex  = "main.sales.docs_index"
	indexQuery = "/api/2.0/vector-search/indexes/" + docsIndex + "/query"
)

// withIndex declares an index over a table that does not exist yet.
func withIndex(o *server.Options) {
	o.Config.VectorSearch = server.VectorSearch{
		Endpoints: []string{"search"},
		Indexes: []server.VectorIndex{{
			Name: docsIndex, Endpoint: "search", SourceTable: "main.sales.docs", PrimaryKey: "id", TextColumn: "body", Columns: []string{"region", "stars", "open"},
		}},
	}
}

// makeDocs makes the table that the index is over.
func makeDocs(owner seat) {
	owner.t.Helper()
	for _, s := range []string{
		"CREATE TABLE main.sales.docs (id BIGINT, body STRING, region STRING, stars DOUBLE, open BOOLEAN, secret STRING)",
		"INSERT INTO main.sales.docs VALUES (1,'Refunds are paid within thirty days of the return.','WEST',4.5,true,'s'), " +
			"(2,'The office in Berlin is closed on Sunday.','EAST',3.0,false,'s'), (3,NULL,'WEST',1.0,true,'s')",
	} {
		if _, refusal := owner.sql(s); refusal != "" {
			owner.t.Fatalf("%s: %s", s, refusal)
		}
	}
}

// hits are the rows of an answer, as text.
func hits(out map[string]any) []string {
	rows := []string{}
	for _, row := range out["result"].(map[string]any)["data_array"].([]any) {
		rows = append(rows, fmt.Sprint(row))
	}
	return rows
}

func (s seat) grantIndex(app string) {
	s.t.Helper()
	for _, g := range [][3]string{{"catalog", "main", "USE_CATALOG"}, {"schema", "main.sales", "USE_SCHEMA"}, {"table", docsIndex, "SELECT"}} {
		s.must("PATCH", permission(g[0], g[1]), change(app, "add", g[2]))
	}
}

func TestAnIndexAnswersFromTheRowsThatAreThere(t *testing.T) {
	e := startWith(t, "", withIndex)
	owner, role, _, app := e.setup()
	owner.grantIndex(app)
	ask := func(body string) map[string]any {
		t.Helper()
		return role("vector-search").must("POST", indexQuery, body)
	}
	if status, out := role("vector-search").do("POST", indexQuery, `{"query_text":"refund","columns":["id"]}`); status != 400 || !strings.Contains(fmt.Sprint(out), "not ready") {
		t.Errorf("before the source exists: %d %v", status, out)
	}
	makeDocs(owner)
	out := ask(`{"query_text":"How long until a refund is paid?","columns":["body","id","stars","open"],"num_results":1}`)
	row := out["result"].(map[string]any)["data_array"].([]any)[0].([]any)
	score, isNumber := row[4].(float64)
	if row[0] != "Refunds are paid within thirty days of the return." || row[1] != 1.0 || row[2] != 4.5 || row[3] != true || !isNumber || score <= 0.33 || score > 1 {
		t.Errorf("the row is %#v", row)
	}
	if got := fmt.Sprint(out["manifest"]); got != "map[column_count:5 columns:[map[name:body type_text:string] map[name:id type_text:bigint] map[name:stars type_text:double] map[name:open type_text:boolean] map[name:score]]]" {
		t.Errorf("the manifest is %s", got)
	}
	if out["next_page_token"] != "" || out["result"].(map[string]any)["row_count"] != 1.0 {
		t.Errorf("the answer is %v", out)
	}
	if got := hits(ask(`{"query_text":"refund","columns":["id"]}`)); len(got) != 2 {
		t.Errorf("a row without text was found: %v", got)
	}
	if _, refusal := owner.sql("INSERT INTO main.sales.docs VALUES (7,'Parental leave is fourteen weeks.','WEST',5.0,true,'s')"); refusal != "" {
		t.Fatal(refusal)
	}
	if got := hits(ask(`{"query_text":"weeks of parental leave","columns":["id"],"num_results":1}`)); len(got) != 1 || !strings.HasPrefix(got[0], "[7 ") {
		t.Errorf("the new row was not found: %v", got)
	}
	if got := hits(ask(`{"query_text":"weeks of parental leave","columns":["id"],"filters_json":"{\"region\":\"EAST\"}"}`)); len(got) != 1 || !strings.HasPrefix(got[0], "[2 ") {
		t.Errorf("the filter let pass %v", got)
	}
	if got := hits(ask(`{"query_text":"weeks of parental leave","columns":["id"],"filters_json":"[{\"region\":\"WEST\"},{\"stars <\":5}]"}`)); len(got) != 1 || !strings.HasPrefix(got[0], "[1 ") {
		t.Errorf("the list of filters let pass %v", got)
	}
	if got := hits(ask(`{"query_text":"Parental leave is fourteen weeks","columns":["id"],"score_threshold":0.9}`)); len(got) != 1 {
		t.Errorf("the threshold let pass %v", got)
	}
	if _, refusal := owner.sql("DELETE FROM main.sales.docs WHERE id = 7"); refusal != "" {
		t.Fatal(refusal)
	}
	if got := hits(ask(`{"query_text":"weeks of parental leave","columns":["id"]}`)); len(got) != 2 {
		t.Errorf("the deleted row is still there: %v", got)
	}
	status := owner.must("GET", "/api/2.0/vector-search/indexes/"+docsIndex, "")["status"].(map[string]any)
	if status["ready"] != true || status["indexed_row_count"] != 2.0 {
		t.Errorf("the status is %v", status)
	}
}

func TestAQueryThatIsWrongIsRefused(t *testing.T) {
	e := startWith(t, "", withIndex)
	owner, role, _, app := e.setup()
	owner.grantIndex(app)
	makeDocs(owner)
	for name, c := range map[string]struct {
		body string
		want int
	}{
		"a column that does not exist":             {`{"query_text":"x","columns":["country"]}`, 400},
		"a column that the index does not keep":    {`{"query_text":"x","columns":["secret"]}`, 400},
		"a filter on one that it does not keep":    {`{"query_text":"x","columns":["id"],"filters_json":"{\"secret\":\"s\"}"}`, 400},
		"a filter that is SQL":                     {`{"query_text":"x","columns":["id"],"filters_json":"region = 'WEST'"}`, 400},
		"filters that are no text":                 {`{"query_text":"x","columns":["id"],"filters_json":{"region":"WEST"}}`, 400},
		"no columns":                               {`{"query_text":"x"}`, 400},
		"no text":                                  {`{"columns":["id"]}`, 400},
		"no results":                               {`{"query_text":"x","columns":["id"],"num_results":0}`, 400},
		"too many results":                         {`{"query_text":"x","columns":["id"],"num_results":10001}`, 400},
		"as many results as there may be":          {`{"query_text":"x","columns":["id"],"num_results":10000}`, 200},
		"a type of query that does not exist":      {`{"query_text":"x","columns":["id"],"query_type":"BEST"}`, 400},
		"a type of query that is not implemented":  {`{"query_text":"x","columns":["id"],"query_type":"HYBRID"}`, 501},
		"a query by vector is not implemented":     {`{"query_vector":[0.5],"columns":["id"]}`, 501},
		"a reranker is not implemented":            {`{"query_text":"x","columns":["id"],"reranker":{"model":"m"}}`, 501},
		"a field that does not exist is not taken": {`{"query_text":"x","columns":["id"],"surprise":1}`, 501},
	} {
		t.Run(name, func(t *testing.T) {
			if status, out := role("vector-search").do("POST", indexQuery, c.body); status != c.want {
				t.Errorf("answered %d %v, want %d", status, out, c.want)
			}
		})
	}
}

func TestAnIndexNeedsEachOfItsGrantsAndItsScope(t *testing.T) {
	for _, bySQL := range []bool{false, true} {
		t.Run(fmt.Sprintf("by the scope sql %v", bySQL), func(t *testing.T) { checkGrants(t, bySQL) })
	}
}

// checkGrants takes away, one at a time, what a query needs. bySQL says that the scope sql is enough.
func checkGrants(t *testing.T, bySQL bool) {
	t.Helper()
	e := startWith(t, "", func(o *server.Options) { withIndex(o); o.Config.Switches.VectorSearchBySQLScope = bySQL })
	owner, role, _, app := e.setup()
	makeDocs(owner)
	owner.grantIndex(app)
	const body = `{"query_text":"refund","columns":["id"]}`
	status := func(scope string) int { t.Helper(); got, _ := role(scope).do("POST", indexQuery, body); return got }
	if got := status("vector-search"); got != 200 {
		t.Fatalf("with everything: %d", got)
	}
	if got, want := status("sql"), map[bool]int{false: 403, true: 200}[bySQL]; got != want {
		t.Errorf("with the scope sql, switch %v: %d, want %d", bySQL, got, want)
	}
	if got := status("model-serving"); got != 403 {
		t.Errorf("with another scope: %d", got)
	}
	for _, g := range [][3]string{{"catalog", "main", "USE_CATALOG"}, {"schema", "main.sales", "USE_SCHEMA"}, {"table", docsIndex, "SELECT"}} {
		owner.must("PATCH", permission(g[0], g[1]), change(app, "remove", g[2]))
		if got := status("vector-search"); got != 403 {
			t.Errorf("without %s: %d", g[2], got)
		}
		owner.must("PATCH", permission(g[0], g[1]), change(app, "add", g[2]))
	}
	if got := status("vector-search"); got != 200 {
		t.Errorf("with every grant again: %d", got)
	}
	if got, _ := role("vector-search").do("POST", strings.ReplaceAll(indexQuery, "docs_index", "other"), body); got != 404 {
		t.Errorf("an index that does not exist: %d", got)
	}
	// SELECT on the index is not SELECT on its source, and an index is no table to SQL.
	owner.must("PATCH", "/api/2.0/permissions/warehouses/"+warehouseID, fmt.Sprintf(`{"access_control_list":[{"service_principal_name":%q,"permission_level":"CAN_USE"}]}`, app))
	if _, refusal := role("sql").sql("SELECT id FROM main.sales.docs"); !strings.Contains(refusal, "42501") {
		t.Errorf("the source: %s", refusal)
	}
	if _, refusal := role("sql").sql("SELECT id FROM " + docsIndex); !strings.HasPrefix(refusal, "501") {
		t.Errorf("the index over SQL: %s", refusal)
	}
	// A source that hides rows is not read past its filter.
	if _, refusal := owner.sql("ALTER TABLE main.sales.docs SET ROW FILTER main.sales.only ON (region)"); refusal != "" {
		t.Fatal(refusal)
	}
	if got := status("vector-search"); got != 400 {
		t.Errorf("over a row filter: %d", got)
	}
}

func TestManyResultsComeInPages(t *testing.T) {
	e := startWith(t, "", withIndex)
	owner, role, _, app := e.setup()
	makeDocs(owner)
	owner.grantIndex(app)
	var values []string
	for i := range 1200 {
		values = append(values, fmt.Sprintf("(%d,'memo %d','WEST',1.0,true,'s')", 100+i, i))
	}
	if _, refusal := owner.sql("INSERT INTO main.sales.docs VALUES " + strings.Join(values, ",")); refusal != "" {
		t.Fatal(refusal)
	}
	caller := role("vector-search")
	first := caller.must("POST", indexQuery, `{"query_text":"memo","columns":["id"],"num_results":1100,"filters_json":"{\"id >=\":100}"}`)
	token, _ := first["next_page_token"].(string)
	if len(hits(first)) != 1000 || token == "" {
		t.Fatalf("the first page has %d rows and the token %q", len(hits(first)), token)
	}
	next := indexQuery + "-next-page"
	body := fmt.Sprintf(`{"endpoint_name":"search","page_token":%q}`, token)
	if status, _ := owner.do("POST", next, body); status != 400 {
		t.Errorf("somebody else's page: %d", status)
	}
	second := caller.must("POST", next, body)
	if len(hits(second)) != 100 || second["next_page_token"] != "" {
		t.Errorf("the second page has %d rows and the token %v", len(hits(second)), second["next_page_token"])
	}
	seen := map[string]bool{}
	for _, row := range append(hits(first), hits(second)...) {
		seen[strings.Fields(row)[0]] = true
	}
	if len(seen) != 1100 {
		t.Errorf("%d different rows in two pages", len(seen))
	}
}

func TestIndexesAreMadeAndRemovedByTheAPI(t *testing.T) {
	state := t.TempDir()
	e := startWith(t, state, withIndex)
	owner, role, _, app := e.setup()
	makeDocs(owner)
	create := func(name, source string) string {
		return fmt.Sprintf(`{"name":%q,"endpoint_name":"search","primary_key":"id","index_type":"DELTA_SYNC","delta_sync_index_spec":{"source_table":%q,"pipeline_type":"TRIGGERED","embedding_source_columns":[{"name":"region"}]}}`, name, source)
	}
	const indexes, made = "/api/2.0/vector-search/indexes", "main.sales.by_region"
	if out := owner.must("POST", indexes, create(made, "main.sales.docs")); out["name"] != made || out["status"].(map[string]any)["ready"] != true {
		t.Errorf("made %v", out)
	}
	for name, c := range map[string]struct {
		who  seat
		body string
		want int
	}{
		"a name that is taken":                {owner, create(made, "main.sales.docs"), 409},
		"a name that a table has":             {owner, create("main.sales.deals", "main.sales.docs"), 409},
		"a source with a row filter":          {owner, create("main.sales.x", "main.sales.deals"), 400},
		"a source that does not exist":        {owner, create("main.sales.x", "main.sales.nothing"), 404},
		"a schema that does not exist":        {owner, create("main.other.x", "main.sales.docs"), 404},
		"a name of two parts":                 {owner, create("sales.x", "main.sales.docs"), 400},
		"an endpoint that does not exist":     {owner, strings.Replace(create("main.sales.x", "main.sales.docs"), "search", "other", 1), 404},
		"a column that does not exist":        {owner, strings.Replace(create("main.sales.x", "main.sales.docs"), `"name":"region"`, `"name":"country"`, 1), 400},
		"a text column that is a number":      {owner, strings.Replace(create("main.sales.x", "main.sales.docs"), `"name":"region"`, `"name":"stars"`, 1), 400},
		"a caller who may not use the search": {role("vector-search"), create("main.sales.x", "main.sales.docs"), 403},
	} {
		t.Run(name, func(t *testing.T) {
			if status, out := c.who.do("POST", indexes, c.body); status != c.want {
				t.Errorf("answered %d %v, want %d", status, out, c.want)
			}
		})
	}
	id := owner.must("GET", "/api/2.0/vector-search/endpoints/search", "")["id"].(string)
	if status, _ := role("vector-search").do("GET", "/api/2.0/vector-search/endpoints/search", ""); status != 403 {
		t.Errorf("an endpoint without CAN_USE: %d", status)
	}
	owner.must("PATCH", "/api/2.0/permissions/vector-search-endpoints/"+id, fmt.Sprintf(`{"access_control_list":[{"service_principal_name":%q,"permission_level":"CAN_USE"}]}`, app))
	if got := fmt.Sprint(role("vector-search").must("GET", "/api/2.0/vector-search/endpoints/search", "")["endpoint_status"]); got != "map[state:ONLINE]" {
		t.Errorf("the endpoint's status is %s", got)
	}
	if status, _ := role("vector-search").do("POST", indexes, create("main.sales.x", "main.sales.docs")); status != 403 {
		t.Errorf("a caller without CREATE TABLE: %d", status)
	}
	owner.grantIndex(app)
	owner.must("PATCH", permission("table", made), change(app, "add", "SELECT"))
	again := startWith(t, state, withIndex)
	for _, name := range []string{made, docsIndex} {
		out := seat{again, again.administrator().token}.must("POST", indexes+"/"+name+"/query", `{"query_text":"WEST","columns":["id"],"num_results":1}`)
		if len(hits(out)) != 1 {
			t.Errorf("%s after a restart: %v", name, out)
		}
	}
	if got := fmt.Sprint(again.administrator().must("GET", permission("table", docsIndex), "")); !strings.Contains(got, app) {
		t.Errorf("the grants after a restart: %s", got)
	}
	if status, _ := role("vector-search").do("DELETE", indexes+"/"+made, ""); status != 403 {
		t.Errorf("removed by somebody who does not manage it: %d", status)
	}
	if got := fmt.Sprint(owner.must("GET", indexes+"?endpoint_name=search", "")); !strings.Contains(got, made) || !strings.Contains(got, docsIndex) {
		t.Errorf("the list is %s", got)
	}
	owner.must("DELETE", indexes+"/"+made, "")
	if status, _ := owner.do("GET", indexes+"/"+made, ""); status != 404 {
		t.Errorf("a removed index: %d", status)
	}
	if _, refusal := owner.sql("DROP TABLE " + docsIndex); refusal != "" {
		t.Fatal(refusal)
	}
	if status, _ := owner.do("POST", indexQuery, `{"query_text":"x","columns":["id"]}`); status != 404 {
		t.Errorf("an index dropped by SQL: %d", status)
	}
}
