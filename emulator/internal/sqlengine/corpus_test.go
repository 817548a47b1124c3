// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/sqlengine"
)

// entry is a statement of the corpus: what queries, tools and operators send.
type entry struct {
	sql string
	// want are the rows that it returns, in any order where it asks for none.
	want []string
	// state and names are set when it must be refused: the state, and what the message names.
	state, names string
	// then is asked after it, and gives these rows.
	then  string
	gives []string
}

// corpus runs from the first to the last on one engine, as the owner. AVG of a
// DECIMAL is a DOUBLE here, where Databricks answers 100.50.
var corpus = []entry{
	{sql: `INSERT INTO gov.sales.opportunities VALUES ('a','WEST',100.50D,0.3,DATE'2026-01-01',TIMESTAMP'2026-01-01 00:00:00',true,1),('b','EAST',CAST(20.25 AS DECIMAL(18,2)),0.4,DATE'2026-02-01',current_timestamp(),false,2)`, want: []string{`2`}},
	{sql: `SELECT current_user() AS who, session_user() AS s, is_member('west-sales') AS w, is_account_group_member('x') AS a`, want: []string{`admin|admin|false|false`}},
	{sql: `SELECT region, COUNT(*) AS deals, SUM(amount) AS total, ROUND(AVG(amount),2) AS avg_deal, COUNT_IF(is_won) AS won FROM gov.sales.opportunities GROUP BY region ORDER BY total DESC`, want: []string{`WEST|1|100.50|100.5|1`, `EAST|1|20.25|20.25|0`}},
	{sql: "SELECT `region`, `amount` FROM `gov`.`sales`.`opportunities` WHERE amount > 10 ORDER BY amount DESC LIMIT 50", want: []string{`WEST|100.50`, `EAST|20.25`}},
	{sql: `SELECT region, SUM(amount) s FROM gov.sales.opportunities GROUP BY ALL HAVING s > 0`, want: []string{`EAST|20.25`, `WEST|100.50`}},
	{sql: `WITH revenue_by_region AS (SELECT region, SUM(amount) AS r FROM gov.sales.opportunities GROUP BY region) SELECT * FROM revenue_by_region ORDER BY r DESC LIMIT 5`, want: []string{`WEST|100.50`, `EAST|20.25`}},
	{sql: `SELECT *, ROW_NUMBER() OVER (PARTITION BY region ORDER BY amount DESC) AS rn FROM gov.sales.opportunities QUALIFY rn <= 3`, want: []string{`a|WEST|100.50|0.3|2026-01-01|2026-01-01T00:00:00.000Z|true|1|1`, `b|EAST|20.25|0.4|2026-02-01|NOW|false|2|1`}},
	{sql: `SELECT date_trunc('MONTH', close_date) AS m, percentile_approx(amount, 0.95) FROM gov.sales.opportunities GROUP BY 1`, want: []string{`2026-01-01T00:00:00.000Z|100.50`, `2026-02-01T00:00:00.000Z|20.25`}},
	{sql: `SELECT * EXCEPT (margin_pct) FROM gov.sales.opportunities`, want: []string{`a|WEST|100.50|2026-01-01|2026-01-01T00:00:00.000Z|true|1`, `b|EAST|20.25|2026-02-01|NOW|false|2`}},
	{sql: `SELECT date_add(close_date, 7), datediff(current_date(), close_date), add_months(close_date,1), to_date('2026-01-01'), date_format(close_date,'yyyy-MM') FROM gov.sales.opportunities`, want: []string{`2026-01-08|SINCE-JANUARY|2026-02-01|2026-01-01|2026-01`, `2026-02-08|SINCE-FEBRUARY|2026-03-01|2026-01-01|2026-02`}},
	{sql: `SELECT * FROM gov.sales.opportunities WHERE region RLIKE '^W' AND region <=> 'WEST' AND region ILIKE 'w%'`, want: []string{`a|WEST|100.50|0.3|2026-01-01|2026-01-01T00:00:00.000Z|true|1`}},
	{sql: `SELECT http_request(conn => 'github_bearer_token', method => 'GET', path => '/search/repositories', params => map('q','mcp')) AS response`, want: []string{`{"status_code":200,"text":"{\"ok\":\"<1>\"}"}`}},
	{sql: `SELECT r.response.status_code, from_json(r.response.text, 'STRUCT<total_count: INT>').total_count FROM (SELECT http_request(conn => 'c', method => 'POST', path => '/x', json => to_json(named_struct('a', 1))) AS response) r`, want: []string{`200|NULL`}},
	{sql: `SELECT raw:items[0].name::string FROM VALUES ('{"items":[{"name":"x"}]}') AS t(raw)`, want: []string{`x`}},
	{sql: `MERGE INTO gov.sales.opportunities t USING (SELECT 'a' id, 'NORTH' region) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET t.region = s.region WHEN NOT MATCHED THEN INSERT (id, region) VALUES (s.id, s.region)`, want: []string{`1|1|0|0`}, then: `SELECT region FROM gov.sales.opportunities ORDER BY id`, gives: []string{`NORTH`, `EAST`}},
	{sql: `SELECT * FROM vector_search(index => 'gov.kb.docs_index', query_text => 'refund policy', num_results => 5)`, state: "0A000", names: "vector_search"},
	{sql: `SELECT ai_query('endpoint', 'hello')`, state: "0A000", names: "ai_query"},
	{sql: `INSERT INTO gov.audit.tool_calls (request_id, email, tool) VALUES (:request_id, :email, :tool)`, state: "42P02", names: "request_id"},
	{sql: `SELECT tag_name FROM system.information_schema.column_tags WHERE catalog_name = 'my_catalog'`, want: []string{`pii`}},
	{sql: `SELECT region, amount FROM gov.sales.opportunities LATERAL VIEW explode(array(1,2)) t AS x`, want: []string{`EAST|20.25`, `EAST|20.25`, `NORTH|100.50`, `NORTH|100.50`}},
	{sql: `SELECT collect_list(region), array_join(collect_set(region), ','), transform(array(1,2), x -> x + 1), size(array(1,2)), element_at(map('a',1),'a') FROM gov.sales.opportunities`, want: []string{`["NORTH","EAST"]|EAST,NORTH|[2,3]|2|1`}},
	{sql: `SELECT try_cast('x' AS INT), nvl(NULL, 1), if(true, 1, 2), decode(1,1,'a','b'), concat_ws('-', 'a','b'), split_part('a@b','@',2), right('abc',1)`, want: []string{`NULL|1|1|a|a-b|b|c`}},
	{sql: `UPDATE gov.sales.opportunities SET region = 'WEST' WHERE id = 'b'`, want: []string{`1`}, then: `SELECT region FROM gov.sales.opportunities ORDER BY id`, gives: []string{`NORTH`, `WEST`}},
	{sql: `DELETE FROM gov.sales.opportunities WHERE id = 'zz'`, want: []string{`0`}, then: `SELECT count(*) FROM gov.sales.opportunities`, gives: []string{`2`}},
	{sql: `CREATE CATALOG IF NOT EXISTS gov`},
	{sql: `CREATE SCHEMA IF NOT EXISTS gov.sales COMMENT 'x'`, then: `SHOW SCHEMAS IN gov`, gives: []string{`audit`, `sales`}},
	{sql: `CREATE TABLE IF NOT EXISTS gov.sales.opportunities (id STRING NOT NULL, region STRING, amount DECIMAL(18,2), margin_pct DOUBLE, close_date DATE, created TIMESTAMP, is_won BOOLEAN, n INT) USING DELTA COMMENT 'c' TBLPROPERTIES ('delta.enableRowTracking'='true')`},
	{sql: `CREATE OR REPLACE FUNCTION gov.sales.region_filter(region STRING) RETURNS BOOLEAN RETURN is_member('managers') OR (is_member('west-sales') AND region = 'WEST')`, then: `SELECT gov.sales.region_filter('WEST')`, gives: []string{`false`}},
	{sql: `CREATE OR REPLACE FUNCTION gov.sales.mask_margin(m DOUBLE) RETURNS DOUBLE RETURN CASE WHEN is_member('finance') THEN m ELSE NULL END`},
	{sql: `CREATE OR REPLACE FUNCTION gov.sales.f2(region STRING) RETURNS BOOLEAN LANGUAGE SQL DETERMINISTIC COMMENT 'x' RETURN EXISTS (SELECT 1 FROM gov.sales.viewers v WHERE v.email = current_user() AND v.region = region)`, then: `SELECT gov.sales.f2('WEST')`, gives: []string{`false`}},
	{sql: `ALTER TABLE gov.sales.opportunities SET ROW FILTER gov.sales.region_filter ON (region)`, then: `SELECT id FROM gov.sales.opportunities`},
	{sql: `ALTER TABLE gov.sales.opportunities ALTER COLUMN margin_pct SET MASK gov.sales.mask_margin`, then: `SELECT mask_name FROM gov.information_schema.column_masks`, gives: []string{`mask_margin`}},
	{sql: `ALTER TABLE gov.sales.opportunities ALTER COLUMN margin_pct SET MASK gov.sales.mask_margin USING COLUMNS (region)`, state: "42605", names: "mask_margin"},
	{sql: `ALTER TABLE gov.sales.opportunities DROP ROW FILTER`, then: `SELECT id, margin_pct FROM gov.sales.opportunities ORDER BY id`, gives: []string{`a|NULL`, `b|NULL`}},
	{sql: `ALTER TABLE gov.sales.opportunities ALTER COLUMN margin_pct DROP MASK`, then: `SELECT id, margin_pct FROM gov.sales.opportunities ORDER BY id`, gives: []string{`a|0.3`, `b|0.4`}},
	{sql: "CREATE POLICY hide_rows ON SCHEMA gov.sales COMMENT 'x' ROW FILTER gov.sales.region_filter TO `account users` EXCEPT admins FOR TABLES MATCH COLUMNS hasTag('region') AS r USING COLUMNS (r)", state: "0A000", names: "CREATE POLICY"},
	{sql: "GRANT SELECT ON TABLE gov.sales.opportunities TO `0f1e2d3c-sp-uuid`", then: "SHOW GRANTS `0f1e2d3c-sp-uuid` ON TABLE gov.sales.opportunities", gives: []string{`0f1e2d3c-sp-uuid|SELECT|TABLE|gov.sales.opportunities`}},
	{sql: "GRANT USE CATALOG ON CATALOG gov TO `analysts`", then: `SHOW GRANTS ON CATALOG gov`, gives: []string{`analysts|USE CATALOG|CATALOG|gov`}},
	{sql: "GRANT USE SCHEMA, SELECT ON SCHEMA gov.sales TO `analysts`"},
	{sql: "GRANT EXECUTE ON FUNCTION gov.sales.region_filter TO `analysts`", then: `SHOW GRANTS analysts ON FUNCTION gov.sales.region_filter`, gives: []string{`analysts|EXECUTE|FUNCTION|gov.sales.region_filter`, `analysts|SELECT|SCHEMA|gov.sales`, `analysts|USE SCHEMA|SCHEMA|gov.sales`, `analysts|USE CATALOG|CATALOG|gov`}},
	{sql: "GRANT USE CONNECTION ON CONNECTION mcp_federation TO `role-sp-uuid`", then: `SHOW GRANTS ON CONNECTION mcp_federation`, gives: []string{`role-sp-uuid|USE CONNECTION|CONNECTION|mcp_federation`}},
	{sql: "REVOKE USE CONNECTION ON CONNECTION mcp_federation FROM `role-sp-uuid`"},
	{sql: `SHOW GRANTS ON CONNECTION mcp_federation`},
	{sql: "SHOW GRANTS `analysts` ON TABLE gov.sales.opportunities", want: []string{`analysts|SELECT|SCHEMA|gov.sales`, `analysts|USE SCHEMA|SCHEMA|gov.sales`, `analysts|USE CATALOG|CATALOG|gov`}},
	{sql: `CREATE CONNECTION my_api_conn TYPE HTTP OPTIONS (host 'https://api.example.com', port '443', base_path '/v1', bearer_token secret('scope','key'))`, then: `SHOW GRANTS ON CONNECTION my_api_conn`},
	{sql: `DESCRIBE TABLE EXTENDED gov.sales.opportunities`, want: []string{`id|string|`, `region|string|`, `amount|decimal(18,2)|`, `margin_pct|double|`, `close_date|date|`, `created|timestamp|`, `is_won|boolean|`, `n|int|`, `||`, `# Detailed Table Information||`, `Catalog|gov|`, `Database|sales|`, `Table|opportunities|`, `Owner|admin|`, `Created Time|NOW|`, `Type|MANAGED|`, `Provider|delta|`}},
	{sql: `SHOW TABLES IN gov.sales`, want: []string{`sales|opportunities|false`, `sales|viewers|false`}},
	{sql: `ALTER TABLE gov.sales.opportunities SET TAGS ('sensitivity'='pii')`, then: `SELECT tag_name, tag_value FROM gov.information_schema.table_tags`, gives: []string{`sensitivity|pii`}},
	{sql: `CREATE OR REPLACE VIEW gov.sales.v AS SELECT region, is_member('a') AS m FROM gov.sales.opportunities`, then: `SELECT * FROM gov.sales.v ORDER BY region`, gives: []string{`NORTH|false`, `WEST|false`}},
	{sql: `COMMENT ON TABLE gov.sales.opportunities IS 'x'`},
	{sql: `USE CATALOG gov`},
}

// corpusFixtures are what the statements take for granted.
var corpusFixtures = []string{
	"CREATE CATALOG gov", "CREATE SCHEMA gov.sales", "CREATE SCHEMA gov.audit",
	"CREATE TABLE gov.sales.opportunities (id STRING NOT NULL, region STRING, amount DECIMAL(18,2), margin_pct DOUBLE, close_date DATE, created TIMESTAMP, is_won BOOLEAN, n INT)",
	"CREATE TABLE gov.sales.viewers (email STRING, region STRING)",
	"CREATE TABLE gov.audit.tool_calls (request_id STRING, email STRING, tool STRING)",
	"CREATE CATALOG my_catalog", "CREATE SCHEMA my_catalog.s", "CREATE TABLE my_catalog.s.t (a STRING)",
	"ALTER TABLE my_catalog.s.t ALTER COLUMN a SET TAGS ('pii')",
	"ALTER TABLE gov.sales.viewers ALTER COLUMN email SET TAGS ('other')",
}

func TestCorpus(t *testing.T) {
	if len(corpus) != 51 {
		t.Fatalf("%d statements", len(corpus))
	}
	b := open(t, "")
	u := b.withUpstream()
	for _, s := range corpusFixtures {
		b.run("admin", s)
	}
	b.connect(u, "github_bearer_token", "c", "mcp_federation")
	for i, e := range corpus {
		rows, err := b.try("admin", e.sql)
		if e.state != "" {
			failed, ok := errors.AsType[*sqlengine.StatementError](err)
			if !ok || failed.SQLState != e.state || !strings.Contains(failed.Message, e.names) {
				t.Errorf("%d %s: %v, want the state %s and the name %s", i+1, e.sql, err, e.state, e.names)
			}
		} else if err != nil {
			t.Errorf("%d %s: %v", i+1, e.sql, err)
		} else if got := steady(rows, e.sql); !slices.Equal(got, e.want) {
			t.Errorf("%d %s:\n got %q\nwant %q", i+1, e.sql, got, e.want)
		}
		if e.then != "" {
			if got := b.run("admin", e.then); !slices.Equal(got, e.gives) {
				t.Errorf("%d after %s, %s:\n got %q\nwant %q", i+1, e.sql, e.then, got, e.gives)
			}
		}
	}
	// What the two HTTP statements sent.
	want := []string{"GET /v1/search/repositories?q=mcp  Bearer " + credential + " ", `POST /v1/x {"a":1} Bearer ` + credential + " "}
	if got := u.calls(); !slices.Equal(got, want) {
		t.Errorf("the upstream saw %q, want %q", got, want)
	}
}

// steady takes the time of the test out of rows, and their order if none was asked for.
func steady(rows []string, sql string) []string {
	now := time.Now().UTC()
	days := func(from string) string {
		d, _ := time.Parse("2006-01-02", from)
		return fmt.Sprint(int(now.Truncate(24*time.Hour).Sub(d).Hours() / 24))
	}
	var out []string
	for _, row := range rows {
		cells := strings.Split(row, "|")
		for i, c := range cells {
			for _, layout := range []string{time.RFC3339, "Mon Jan 02 15:04:05 MST 2006"} {
				if at, err := time.Parse(layout, c); err == nil && now.Sub(at).Abs() < time.Hour {
					cells[i] = "NOW"
				}
			}
			if strings.Contains(sql, "datediff(") && i == 1 {
				cells[i] = map[string]string{days("2026-01-01"): "SINCE-JANUARY", days("2026-02-01"): "SINCE-FEBRUARY"}[c]
			}
		}
		out = append(out, strings.Join(cells, "|"))
	}
	if strings.HasPrefix(sql, "SELECT") && !strings.Contains(sql, "ORDER BY total") && !strings.Contains(sql, "ORDER BY amount DESC LIMIT") {
		slices.Sort(out)
	}
	return out
}

func TestTheAuditInsertBindsItsValues(t *testing.T) {
	b := open(t, "")
	for _, s := range corpusFixtures {
		b.run("admin", s)
	}
	value := func(s string) *string { return &s }
	b.run("admin", corpus[17].sql, sqlengine.Param{Name: "request_id", Value: value("r1")}, sqlengine.Param{Name: "email", Value: value("x'); DROP")}, sqlengine.Param{Name: "tool"})
	b.want("admin", "SELECT * FROM gov.audit.tool_calls", "r1|x'); DROP|NULL")
}
