// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/sqlengine"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/store"
)

// directory is who exists: an administrator, and principals with their groups.
type directory map[string][]string

func (d directory) GroupsOf(p string) []string { return slices.Clone(d[p]) }
func (d directory) IsAdmin(p string) bool      { return p == "admin" }
func (d directory) PrincipalExists(p string) bool {
	if _, ok := d[p]; ok || p == "account users" {
		return true
	}
	for _, groups := range d {
		if slices.Contains(groups, p) {
			return true
		}
	}
	return false
}

var people = directory{"admin": nil, "west": {"sales_west"}, "east": {"sales_east"}, "boss": {"managers"}, "nobody": nil, "0f1e2d3c-sp-uuid": {"analysts"}, "role-sp-uuid": nil}

func session(principal string) sqlengine.Session {
	return sqlengine.Session{Principal: principal, Groups: people[principal], WorkspaceGroups: people[principal]}
}

type bench struct {
	t      *testing.T
	engine *sqlengine.Engine
}

func open(t *testing.T, dir string) bench {
	t.Helper()
	state, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	metastore, err := metastore.Open(state, people)
	if err != nil {
		t.Fatal(err)
	}
	e, err := sqlengine.Open(dir, metastore)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return bench{t, e}
}

// inventory is a table with a row filter and a mask, as a data team makes it.
var inventory = []string{
	"CREATE CATALOG IF NOT EXISTS main",
	"CREATE SCHEMA IF NOT EXISTS main.sales COMMENT 'x'",
	"CREATE TABLE IF NOT EXISTS main.sales.deals (id STRING NOT NULL, region STRING, amount DECIMAL(18,2), margin DOUBLE, closed DATE, seen TIMESTAMP, won BOOLEAN, n INT) USING DELTA COMMENT 'c' TBLPROPERTIES ('delta.enableRowTracking'='true')",
	"CREATE TABLE main.sales.viewers (email STRING, region STRING)",
	"INSERT INTO main.sales.deals VALUES ('a','WEST',100.50,0.3D,DATE'2026-01-01',TIMESTAMP'2026-01-01 00:00:00',true,1),('b','EAST',CAST(20.25 AS DECIMAL(18,2)),0.4,DATE'2026-02-01',current_timestamp(),false,2)",
	"INSERT INTO main.sales.viewers VALUES ('west','WEST')",
	`CREATE OR REPLACE FUNCTION main.sales.region_filter(region STRING) RETURNS BOOLEAN
	 RETURN is_account_group_member('managers') OR (is_account_group_member('sales_west') AND region = 'WEST') OR (is_account_group_member('sales_east') AND region = 'EAST')`,
	"CREATE OR REPLACE FUNCTION main.sales.mask_margin(m DOUBLE) RETURNS DOUBLE RETURN CASE WHEN is_account_group_member('managers') THEN m ELSE NULL END",
	"CREATE OR REPLACE FUNCTION main.sales.lookup(region STRING) RETURNS BOOLEAN LANGUAGE SQL DETERMINISTIC COMMENT 'x' RETURN EXISTS (SELECT 1 FROM main.sales.viewers v WHERE v.email = current_user() AND v.region = region)",
	"ALTER TABLE main.sales.deals SET ROW FILTER main.sales.region_filter ON (region)",
	"ALTER TABLE main.sales.deals ALTER COLUMN margin SET MASK main.sales.mask_margin",
	"GRANT USE CATALOG ON CATALOG main TO `sales_west`",
	"GRANT USE CATALOG ON CATALOG main TO `sales_east`",
	"GRANT USE CATALOG ON CATALOG main TO managers",
	"GRANT USE SCHEMA, SELECT ON SCHEMA main.sales TO `sales_west`",
	"GRANT USE SCHEMA, SELECT ON SCHEMA main.sales TO `sales_east`",
	"GRANT USE SCHEMA, SELECT ON SCHEMA main.sales TO managers",
}

func (b bench) build() bench {
	b.t.Helper()
	for _, s := range inventory {
		b.run("admin", s)
	}
	return b
}

// run returns rows as text: cells joined by |, NULL for null.
func (b bench) run(principal, statement string, params ...sqlengine.Param) []string {
	b.t.Helper()
	out, err := b.try(principal, statement, params...)
	if err != nil {
		b.t.Fatalf("%s as %s: %v", statement, principal, err)
	}
	return out
}

func (b bench) try(principal, statement string, params ...sqlengine.Param) ([]string, error) {
	r, err := b.engine.Execute(b.t.Context(), session(principal), sqlengine.Statement{SQL: statement, Params: params})
	if err != nil {
		return nil, err
	}
	out := []string{}
	for _, row := range r.Rows {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = "NULL"
			if c != nil {
				cells[i] = *c
			}
		}
		out = append(out, strings.Join(cells, "|"))
	}
	return out, nil
}

func (b bench) want(principal, statement string, rows ...string) {
	b.t.Helper()
	got, err := b.try(principal, statement)
	if err != nil {
		b.t.Errorf("%s as %s: %v", statement, principal, err)
	} else if !slices.Equal(got, rows) {
		b.t.Errorf("%s as %s:\n got %q\nwant %q", statement, principal, got, rows)
	}
}

// refused wants a statement to fail with a SQL state.
func (b bench) refused(principal, statement, state string) {
	b.t.Helper()
	rows, err := b.try(principal, statement)
	failed, ok := errors.AsType[*sqlengine.StatementError](err)
	if !ok {
		b.t.Errorf("%s as %s: got %v and rows %q, want a refusal", statement, principal, err, rows)
		return
	}
	if failed.SQLState != state {
		b.t.Errorf("%s as %s: state %s (%s), want %s", statement, principal, failed.SQLState, failed.Message, state)
	}
}

func TestFiltersAndMasksDependOnWhoAsks(t *testing.T) {
	b := open(t, "").build()
	const q = "SELECT id, region, amount, margin FROM main.sales.deals ORDER BY id"
	b.want("west", q, "a|WEST|100.50|NULL")
	b.want("east", q, "b|EAST|20.25|NULL")
	b.want("boss", q, "a|WEST|100.50|0.3", "b|EAST|20.25|0.4")
	b.want("admin", q) // the owner is in no group: the filter hides everything
	b.refused("nobody", q, "42501")
	b.want("west", "SELECT count(*) AS n, sum(amount) AS s, max(margin) AS m FROM main.sales.deals", "1|100.50|NULL")
	b.want("west", "SELECT count(*) FROM main.sales.deals WHERE margin IS NOT NULL", "0")
}

func TestEachGrantIsNeeded(t *testing.T) {
	const q = "SELECT id FROM main.sales.deals"
	for _, revoke := range []string{
		"REVOKE USE CATALOG ON CATALOG main FROM managers", "REVOKE USE SCHEMA ON SCHEMA main.sales FROM managers", "REVOKE SELECT ON SCHEMA main.sales FROM managers",
	} {
		b := open(t, "").build()
		b.want("boss", q+" ORDER BY 1", "a", "b")
		b.run("admin", revoke)
		b.refused("boss", q, "42501")
	}
}

func TestAFilterThatLooksUpARowDoesNotLeak(t *testing.T) {
	b := open(t, "").build()
	b.run("admin", "ALTER TABLE main.sales.deals SET ROW FILTER main.sales.lookup ON (region)")
	// The parameter has the name of a column of the table looked up in.
	b.want("west", "SELECT id FROM main.sales.deals", "a")
	b.want("east", "SELECT id FROM main.sales.deals")
	// Nothing of the caller's can stand in for the table looked up in.
	b.want("east", "WITH viewers AS (SELECT 'east' AS email, 'EAST' AS region) SELECT id FROM main.sales.deals")
	b.want("east", "WITH deals AS (SELECT 'x' AS id) SELECT id FROM main.sales.deals")
}

func TestEveryPathToATableIsSecured(t *testing.T) {
	b := open(t, "").build()
	for _, q := range []string{
		"SELECT id FROM `main`.`sales`.`deals`",
		"SELECT d.id FROM main.sales.deals AS d",
		"SELECT deals.id FROM main.sales.deals",
		"SELECT main.sales.deals.id FROM main.sales.deals",
		"SELECT id FROM (SELECT * FROM main.sales.deals) x",
		"WITH x AS (SELECT * FROM main.sales.deals) SELECT id FROM x",
		"SELECT id FROM main.sales.deals UNION SELECT id FROM main.sales.deals",
		"SELECT a.id FROM main.sales.deals a JOIN main.sales.deals b ON a.id = b.id",
		"SELECT (SELECT max(id) FROM main.sales.deals)",
		"SELECT 'a' WHERE NOT EXISTS (SELECT 1 FROM main.sales.deals WHERE id = 'b')",
		"SELECT id FROM main.sales.deals WHERE id IN (SELECT id FROM main.sales.deals)",
		"SELECT id FROM main.sales.deals QUALIFY row_number() OVER (ORDER BY id DESC) = 1",
		"SELECT id FROM MAIN.Sales.DEALS",
		"SELECT id FROM main.sales.deals WHERE region RLIKE '.'",
		"SELECT id FROM main.sales.deals LATERAL VIEW explode(array(1)) t AS x",
		"SELECT id FROM main.sales.deals ORDER BY (SELECT max(margin) FROM main.sales.deals)",
		"SELECT CASE WHEN (SELECT count(*) FROM main.sales.deals) = 1 THEN 'a' END",
		"SELECT id FROM main.sales.deals GROUP BY id HAVING count(*) = (SELECT count(*) FROM main.sales.deals)",
		"SELECT x.id FROM main.sales.viewers v, (SELECT id FROM main.sales.deals WHERE region = v.region) x",
	} {
		b.want("west", q, "a")
	}
}

func TestWhatACallerMustNotReach(t *testing.T) {
	b := open(t, "").build()
	for q, state := range map[string]string{
		`SELECT * FROM gh_data."main.sales".deals`:                             "42601", // a double quote is a string
		"SELECT * FROM gh_data.`main.sales`.deals":                             "42P01",
		"SELECT * FROM gh_data.main.deals":                                     "42P01",
		"SELECT __gh.margin FROM main.sales.deals":                             "42601",
		"SELECT `__gh`.margin FROM main.sales.deals":                           "42601",
		"SELECT * FROM '/etc/passwd'":                                          "42P01",
		"SELECT * FROM `/etc/passwd`":                                          "42P01",
		"SELECT * FROM read_csv('/etc/passwd')":                                "0A000",
		"SELECT * FROM duckdb_tables()":                                        "0A000",
		"SELECT * FROM information_schema.tables":                              "42P01",
		"SELECT * FROM pg_catalog.pg_tables":                                   "42P01",
		"SELECT getenv('HOME')":                                                "0A000",
		"SELECT getvariable('who')":                                            "0A000",
		"SELECT current_setting('threads')":                                    "0A000",
		"SELECT query('SELECT 1')":                                             "0A000",
		"SELECT main.sales.missing(1)":                                         "42883",
		"SELECT 1; SELECT 2":                                                   "42601",
		"ATTACH '/tmp/x' AS y":                                                 "0A000",
		"COPY main.sales.deals TO '/tmp/x'":                                    "0A000",
		"PRAGMA database_list":                                                 "0A000",
		"SET threads = 1":                                                      "0A000",
		"INSTALL httpfs":                                                       "0A000",
		"LOAD httpfs":                                                          "0A000",
		"EXPORT DATABASE '/tmp/x'":                                             "0A000",
		"CALL pragma_version()":                                                "0A000",
		"CREATE TEMP TABLE viewers (email STRING)":                             "0A000",
		"CREATE VIEW main.sales.v AS SELECT 1":                                 "42501",
		"CREATE TABLE main.sales.t (a STRING)":                                 "42501",
		"INSERT INTO main.sales.deals (id) VALUES ('x')":                       "42501",
		"UPDATE main.sales.deals SET region = 'WEST'":                          "42501",
		"DELETE FROM main.sales.deals":                                         "42501",
		"DROP TABLE main.sales.deals":                                          "42501",
		"ALTER TABLE main.sales.deals DROP ROW FILTER":                         "42501",
		"ALTER TABLE main.sales.deals ALTER COLUMN margin DROP MASK":           "42501",
		"GRANT SELECT ON TABLE main.sales.deals TO west":                       "42501",
		"SHOW GRANTS ON TABLE main.sales.deals":                                "42501",
		"SELECT main.sales.mask_margin(1.0)":                                   "42501",
		"CREATE CATALOG other":                                                 "42501",
		"SELECT * FROM main.sales.missing":                                     "42P01",
		"SELECT missing FROM main.sales.deals":                                 "42703",
		"SELECT 1/0":                                                           "22012",
		"SELECT CAST('x' AS INT)":                                              "22018",
		"SELECT * FROM main.sales.deals PIVOT (sum(n) FOR region IN ('WEST'))": "0A000",
		"SELECT * FROM main.sales.deals WHERE region ~ 'W'":                    "0A000",
		"SELECT :missing":                                                      "42P02",
		"SELEC 1":                                                              "0A000",
		"":                                                                     "42601",
		"SELECT 'open":                                                         "42601",
	} {
		b.refused("west", q, state)
	}
	b.want("boss", "SELECT count(*) FROM main.sales.deals", "2") // nothing of it happened
}

func TestErrorsRepeatNoValues(t *testing.T) {
	b := open(t, "").build()
	for _, q := range []string{"SELECT CAST(id AS INT) FROM main.sales.deals", "SELECT CAST('secret-value' AS DATE)", "SELECT missing_secret_value FROM main.sales.deals"} {
		_, err := b.try("boss", q)
		if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "'a'") {
			t.Errorf("%s: %v", q, err)
		}
	}
}

func TestParametersAreValues(t *testing.T) {
	b := open(t, "").build()
	value := func(s string) *string { return &s }
	q := "SELECT id FROM main.sales.deals WHERE region = :region AND amount >= :least"
	got := b.run("boss", q, sqlengine.Param{Name: "region", Value: value("WEST")}, sqlengine.Param{Name: "least", Value: value("100.5"), Type: "DECIMAL(18,2)"})
	if !slices.Equal(got, []string{"a"}) {
		t.Errorf("got %q", got)
	}
	got = b.run("boss", q, sqlengine.Param{Name: "region", Value: value("' OR 1=1 --")}, sqlengine.Param{Name: "least", Value: value("0"), Type: "INT"})
	if len(got) != 0 {
		t.Errorf("a value became text of the statement: %q", got)
	}
	got = b.run("boss", "SELECT :a AS a, :a AS b, :n + 1 AS n", sqlengine.Param{Name: "a"}, sqlengine.Param{Name: "n", Value: value("41"), Type: "INT"})
	if !slices.Equal(got, []string{"NULL|NULL|42"}) {
		t.Errorf("got %q", got)
	}
}

func TestChangingRowsKeepsToWhatIsSeen(t *testing.T) {
	b := open(t, "").build()
	b.run("admin", "ALTER TABLE main.sales.deals ALTER COLUMN margin DROP MASK")
	b.run("admin", "GRANT MODIFY ON TABLE main.sales.deals TO sales_west")
	b.want("west", "UPDATE main.sales.deals SET n = n + 10, won = NOT won WHERE deals.n > 0", "1")
	b.want("boss", "SELECT id, n, won FROM main.sales.deals ORDER BY id", "a|11|false", "b|2|false")
	b.want("west", "DELETE FROM main.sales.deals", "1")
	b.want("boss", "SELECT id FROM main.sales.deals", "b")
	b.want("west", "INSERT INTO main.sales.deals (id, region) SELECT id, 'NORTH' FROM main.sales.deals UNION ALL SELECT 'z', 'WEST'", "1")
	b.want("west", "SELECT id, amount FROM main.sales.deals", "z|NULL")
}

func TestDialect(t *testing.T) {
	b := open(t, "").build()
	for q, want := range map[string][]string{
		"SELECT current_user() AS who, session_user() AS s, is_member('managers') AS w, is_account_group_member('x') AS a":                                 {"boss|boss|true|false"},
		"SELECT region, COUNT(*) AS deals, SUM(amount) AS total, COUNT_IF(won) AS won FROM main.sales.deals GROUP BY region ORDER BY total DESC":           {"WEST|1|100.50|1", "EAST|1|20.25|0"},
		"SELECT `region`, `amount` FROM `main`.`sales`.`deals` WHERE amount > 10 ORDER BY amount DESC LIMIT 50":                                            {"WEST|100.50", "EAST|20.25"},
		"SELECT region, SUM(amount) s FROM main.sales.deals GROUP BY ALL HAVING s > 50":                                                                    {"WEST|100.50"},
		"WITH r AS (SELECT region, SUM(amount) AS r FROM main.sales.deals GROUP BY region) SELECT * FROM r ORDER BY r DESC LIMIT 5":                        {"WEST|100.50", "EAST|20.25"},
		"SELECT id, ROW_NUMBER() OVER (PARTITION BY region ORDER BY amount DESC) AS rn FROM main.sales.deals QUALIFY rn <= 3 ORDER BY id":                  {"a|1", "b|1"},
		"SELECT date_trunc('MONTH', closed) AS m, percentile_approx(n, 0.95) FROM main.sales.deals WHERE id = 'a' GROUP BY 1":                              {"2026-01-01T00:00:00.000Z|1"},
		"SELECT * EXCEPT (margin, seen, closed) FROM main.sales.deals WHERE id = 'a'":                                                                      {"a|WEST|100.50|true|1"},
		"SELECT date_add(closed, 7), datediff(DATE'2026-01-31', closed), add_months(closed,1), to_date('2026-01-01') FROM main.sales.deals WHERE id = 'a'": {"2026-01-08|30|2026-02-01|2026-01-01"},
		"SELECT id FROM main.sales.deals WHERE region <=> 'WEST' AND region ILIKE 'w%'":                                                                    {"a"},
		"SELECT try_cast('x' AS INT), nvl(NULL, 1), if(true, 1, 2), concat_ws('-', 'a','b'), split_part('a@b','@',2), right('abc',1)":                      {"NULL|1|1|a-b|b|c"},
		"SELECT collect_list(region), size(array(1,2)) FROM main.sales.deals WHERE id = 'a'":                                                               {`["WEST"]|2`},
		"SELECT margin FROM main.sales.deals ORDER BY margin":                                                                                              {"0.3", "0.4"},
		"SELECT x FROM VALUES (2), (NULL), (1) AS t(x) ORDER BY x":                                                                                         {"NULL", "1", "2"},
		"SELECT 1.0E10D, CAST(1 AS DOUBLE), 0.00001D, CAST(-1.5 AS DECIMAL(10,3)), 7 / 2, 7 % 4":                                                           {"1.0E10|1.0|1.0E-5|-1.500|3.5|3"},
		"SELECT seen FROM main.sales.deals WHERE id = 'a'":                                                                                                 {"2026-01-01T00:00:00.000Z"},
		"SELECT 'it''s', 'it\\'s', \"text\"":  {"it's|it's|text"},
		"SHOW TABLES IN main.sales":           {"sales|deals|false", "sales|viewers|false"},
		"SHOW SCHEMAS IN main":                {"sales"},
		"DESCRIBE TABLE main.sales.viewers":   {"email|string|", "region|string|"},
		"SELECT /* a comment */ 1 -- another": {"1"},
		"SELECT 1 WHERE current_date() > DATE'2026-01-01' AND current_timestamp() > TIMESTAMP'2026-01-01 00:00:00'": {"1"},
	} {
		b.want("boss", q, want...)
	}
}

func TestOwnFunctions(t *testing.T) {
	b := open(t, "").build()
	b.run("admin", "CREATE FUNCTION main.sales.twice(x INT) RETURNS INT RETURN x * 2")
	b.run("admin", "GRANT EXECUTE ON FUNCTION main.sales.twice TO sales_west")
	b.want("west", "SELECT main.sales.twice(n) AS t FROM main.sales.deals", "2")
	b.refused("east", "SELECT main.sales.twice(1)", "42501")
	b.refused("west", "SELECT main.sales.twice(1, 2)", "42605")
	b.refused("admin", "CREATE FUNCTION main.sales.bad(x INT) RETURNS INT RETURN y", "42703")
	b.refused("admin", "CREATE FUNCTION main.sales.bad(x INT) RETURNS INT RETURN (SELECT 1 FROM main.sales.missing)", "42P01")
	b.refused("admin", "ALTER TABLE main.sales.deals SET ROW FILTER main.sales.twice ON (n)", "42K09")
	b.refused("admin", "ALTER TABLE main.sales.deals SET ROW FILTER main.sales.region_filter ON (region, n)", "42605")
	b.refused("admin", "ALTER TABLE main.sales.deals ALTER COLUMN n SET MASK main.sales.mask_margin", "42K09")
	b.refused("admin", "GRANT SELECT ON TABLE main.sales.deals TO `no-one-here`", "42000")
	b.refused("admin", "GRANT EXECUTE ON TABLE main.sales.deals TO sales_west", "42000")
}

func TestAPolicyWhoseFunctionIsGoneClosesTheTable(t *testing.T) {
	b := open(t, "").build()
	b.run("admin", "DROP FUNCTION main.sales.region_filter")
	b.refused("boss", "SELECT id FROM main.sales.deals", "42883")
}

func TestStateSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir).build()
	b.want("west", "SELECT id, margin FROM main.sales.deals", "a|NULL")
	if err := b.engine.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	again.want("west", "SELECT id, margin FROM main.sales.deals", "a|NULL")
	for _, s := range inventory[:3] {
		again.run("admin", s) // IF NOT EXISTS changes nothing
	}
	again.want("boss", "SELECT count(*) FROM main.sales.deals", "2")
}

func TestLimitsCutRows(t *testing.T) {
	b := open(t, "").build()
	r, err := b.engine.Execute(t.Context(), session("boss"), sqlengine.Statement{SQL: "SELECT id FROM main.sales.deals ORDER BY id", RowLimit: 1})
	if err != nil || len(r.Rows) != 1 || !r.Truncated {
		t.Errorf("got %+v, %v", r, err)
	}
	if c := r.Columns[0]; c.TypeText != "STRING" || c.Name != "id" {
		t.Errorf("column %+v", c)
	}
	r, err = b.engine.Execute(t.Context(), session("boss"), sqlengine.Statement{SQL: "SELECT sum(amount) AS s, count(*) AS n FROM main.sales.deals", RowLimit: 1})
	if err != nil || r.Truncated || r.Columns[0].TypeText != "DECIMAL(38,2)" || r.Columns[1].TypeName != "BIGINT" {
		t.Errorf("got %+v, %v", r, err)
	}
}
