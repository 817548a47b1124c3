// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine_test

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/sqlengine"
)

func TestCallingAFunctionNeedsEachPrivilege(t *testing.T) {
	const q = "SELECT main.sales.twice(21) AS t"
	for _, revoke := range []string{
		"REVOKE USE CATALOG ON CATALOG main FROM sales_west", "REVOKE USE SCHEMA ON SCHEMA main.sales FROM sales_west", "REVOKE EXECUTE ON FUNCTION main.sales.twice FROM sales_west",
	} {
		b := open(t, "").build()
		b.run("admin", "CREATE FUNCTION main.sales.twice(x INT) RETURNS INT RETURN x * 2")
		b.run("admin", "CREATE FUNCTION main.sales.both(x INT) RETURNS TABLE (a INT) RETURN SELECT x AS a")
		b.refused("west", q, "42501")
		b.run("admin", "GRANT EXECUTE ON FUNCTION main.sales.twice TO sales_west")
		b.want("west", q, "42")
		b.refused("west", "SELECT * FROM main.sales.both(1)", "42501")
		b.run("admin", revoke)
		b.refused("west", q, "42501")
		b.run("admin", "DROP FUNCTION main.sales.twice")
		b.refused("admin", q, "42883")
	}
}

func TestFunctionsReadAsTheirOwnerAndKnowTheCaller(t *testing.T) {
	b := open(t, "").build()
	for _, s := range []string{
		"CREATE FUNCTION main.sales.seen(r STRING) RETURNS BOOLEAN RETURN EXISTS (SELECT 1 FROM main.sales.viewers v WHERE v.email = current_user() AND v.region = r)",
		"CREATE FUNCTION main.sales.region_seen(region STRING) RETURNS BOOLEAN RETURN EXISTS (SELECT 1 FROM main.sales.viewers WHERE email = current_user() AND viewers.region = region)",
		"CREATE FUNCTION main.sales.mine(least INT) RETURNS TABLE (who STRING, region STRING) RETURN SELECT current_user(), region FROM main.sales.viewers WHERE length(region) >= least",
		"GRANT USE CATALOG ON CATALOG main TO nobody", "GRANT USE SCHEMA, EXECUTE ON SCHEMA main.sales TO nobody", "GRANT EXECUTE ON SCHEMA main.sales TO managers",
		"GRANT EXECUTE ON SCHEMA main.sales TO sales_west", "INSERT INTO main.sales.viewers VALUES ('boss', 'EAST')",
	} {
		b.run("admin", s)
	}
	b.refused("nobody", "SELECT * FROM main.sales.viewers", "42501")
	b.want("nobody", "SELECT who, m.region FROM main.sales.mine(1) AS m ORDER BY 2", "nobody|EAST", "nobody|WEST")
	b.want("nobody", "SELECT count(*) FROM main.sales.mine(least => 9)", "0")
	b.want("nobody", "SELECT main.sales.seen('WEST')", "false")
	b.want("west", "SELECT main.sales.seen('WEST'), main.sales.seen('EAST')", "true|false")
	// A column that is passed is not captured by a table inside, whatever it is called.
	for _, f := range []string{"seen", "region_seen"} {
		b.want("boss", "SELECT region FROM main.sales.deals WHERE main.sales."+f+"(region)", "EAST")
		b.want("boss", "SELECT d.region, main.sales."+f+"(d.region) AS s FROM main.sales.deals d ORDER BY 1", "EAST|true", "WEST|false")
	}
	b.refused("boss", "SELECT main.sales.seen(max(region)) FROM main.sales.deals", "0A000")
	b.refused("boss", "SELECT * FROM main.sales.deals d, main.sales.mine(d.n)", "0A000")
	b.refused("boss", "SELECT * FROM main.sales.mine()", "42605")
	b.refused("boss", "SELECT * FROM main.sales.mine(nothing => 1)", "42605")
	b.refused("boss", "SELECT * FROM main.sales.seen('x')", "42887")
	b.refused("boss", "SELECT main.sales.mine(1)", "42K0F")
	b.refused("boss", "SELECT * FROM main.sales.missing(1)", "42883")
	b.refused("boss", "SELECT * FROM range(5)", "0A000")
	b.refused("west", "CREATE FUNCTION main.sales.x() RETURNS TABLE (a INT) RETURN SELECT 1", "42501")
	b.refused("admin", "CREATE FUNCTION main.sales.x() RETURNS TABLE (a INT) RETURN SELECT missing FROM main.sales.viewers", "42703")
}

func TestAViewReadsAsItsOwnerAndFiltersForTheCaller(t *testing.T) {
	b := open(t, "").build()
	b.run("admin", "CREATE VIEW main.sales.v COMMENT 'x' AS SELECT id, margin, current_user() AS who FROM main.sales.deals")
	b.run("admin", "GRANT USE CATALOG ON CATALOG main TO nobody")
	b.run("admin", "GRANT USE SCHEMA ON SCHEMA main.sales TO nobody")
	b.refused("nobody", "SELECT * FROM main.sales.v", "42501")
	b.run("admin", "GRANT SELECT ON VIEW main.sales.v TO nobody")
	b.want("nobody", "SELECT * FROM main.sales.v") // in no group: the filter hides all
	b.want("west", "SELECT * FROM main.sales.v", "a|NULL|west")
	b.want("boss", "SELECT v.id, v.margin, main.sales.v.who FROM main.sales.v ORDER BY id", "a|0.3|boss", "b|0.4|boss")
	b.want("boss", "DESCRIBE main.sales.v", "id|string|", "margin|double|", "who|string|")
	// Nothing of the caller's stands in for what the view reads.
	b.want("west", "WITH deals AS (SELECT 'z' AS id) SELECT id FROM main.sales.v", "a")
	// Whoever makes a view must be able to read what it reads, and it ends with that.
	b.run("admin", "GRANT CREATE TABLE ON SCHEMA main.sales TO west")
	b.run("admin", "GRANT CREATE TABLE ON SCHEMA main.sales TO nobody")
	b.refused("nobody", "CREATE VIEW main.sales.n AS SELECT * FROM main.sales.deals", "42501")
	b.run("west", "CREATE VIEW main.sales.w AS SELECT id FROM main.sales.deals")
	b.run("west", "GRANT SELECT ON VIEW main.sales.w TO nobody")
	b.want("boss", "SELECT count(*) FROM main.sales.w", "2")
	b.run("admin", "REVOKE SELECT ON SCHEMA main.sales FROM sales_west")
	b.refused("boss", "SELECT count(*) FROM main.sales.w", "42501")
	b.refused("nobody", "CREATE OR REPLACE VIEW main.sales.w AS SELECT 1 AS x", "42501")
	b.refused("admin", "CREATE OR REPLACE VIEW main.sales.deals AS SELECT 1 AS x", "42809")
	for _, q := range []string{
		"INSERT INTO main.sales.v VALUES ('x', 1, 'y')", "UPDATE main.sales.v SET id = 'x'", "DELETE FROM main.sales.v", "DROP TABLE main.sales.v", "DROP VIEW main.sales.deals",
		"ALTER TABLE main.sales.v SET ROW FILTER main.sales.lookup ON (id)",
	} {
		b.refused("admin", q, "42809")
	}
	b.run("admin", "DROP VIEW main.sales.v")
	b.refused("admin", "SELECT * FROM main.sales.v", "42P01")
}

func TestMergeChangesOnlyWhatMayBeChanged(t *testing.T) {
	b := open(t, "").build()
	const q = "MERGE INTO main.sales.viewers t USING (SELECT id AS email, region FROM main.sales.deals) s ON t.email = s.email WHEN MATCHED AND s.region = 'WEST' THEN DELETE " +
		"WHEN MATCHED THEN UPDATE SET region = 'NORTH' WHEN NOT MATCHED THEN INSERT (email, region) VALUES (s.email, upper(s.region))"
	b.refused("west", q, "42501")
	b.run("admin", "GRANT MODIFY ON TABLE main.sales.viewers TO sales_west")
	b.want("west", q, "1|0|0|1")
	b.want("admin", "SELECT * FROM main.sales.viewers ORDER BY email", "a|WEST", "west|WEST") // the source was filtered for west
	b.want("west", q, "1|0|1|0")
	b.refused("nobody", "MERGE INTO main.sales.viewers t USING main.sales.deals s ON true WHEN MATCHED THEN DELETE", "42501")
	b.refused("west", "MERGE INTO main.sales.viewers t USING gh_data.`main.sales`.deals s ON true WHEN MATCHED THEN DELETE", "42601")
	b.refused("west", "MERGE INTO main.sales.viewers t USING (SELECT 1 AS x) s ON getenv('HOME') = 'x' WHEN MATCHED THEN DELETE", "0A000")
	b.run("admin", "GRANT MODIFY ON TABLE main.sales.deals TO sales_west")
	b.refused("west", "MERGE INTO main.sales.deals t USING (SELECT 1 AS x) s ON true WHEN MATCHED THEN DELETE", "0A000")
}

func TestInformationSchemaShowsWhatTheCallerMayKnow(t *testing.T) {
	b := open(t, "").build()
	b.run("admin", "ALTER TABLE main.sales.deals SET TAGS ('tier' = 'gold', 'old')")
	b.want("west", "SELECT filter_name, filter_col_usage FROM main.information_schema.row_filters", "region_filter|region")
	b.want("west", "SELECT table_name, mask_name, mask_col_usage FROM system.information_schema.column_masks", "deals|mask_margin|NULL")
	b.want("west", "SELECT tag_name, tag_value FROM system.information_schema.table_tags ORDER BY 1", "old|NULL", "tier|gold")
	b.want("nobody", "SELECT * FROM system.information_schema.row_filters")
	b.refused("nobody", "SELECT * FROM main.information_schema.row_filters", "42501")
	b.refused("west", "ALTER TABLE main.sales.deals SET TAGS ('x')", "42501")
	b.refused("west", "SELECT * FROM main.information_schema.tables", "42P01")
	b.refused("west", "USE CATALOG missing", "42704")
	b.refused("nobody", "USE CATALOG main", "42501")
}

func TestDialectOfNestedTypes(t *testing.T) {
	b := open(t, "").build()
	for q, want := range map[string][]string{
		"SELECT named_struct('b', 1, 'a', array('x', NULL), 'd', DATE'2026-01-01') AS s":                   {`{"b":1,"a":["x",null],"d":"2026-01-01"}`},
		"SELECT map('k', 1.50, 'l', NULL), element_at(map('a', 1), 'b'), element_at(array(5, 6), 2)":       {`{"k":1.50,"l":null}|NULL|6`},
		"SELECT from_json('{\"a\":1,\"b\":[\"x\"]}', 'a INT, b ARRAY<STRING>').b, from_json('{', 'a INT')": {`["x"]|NULL`},
		"SELECT t.raw:a['b c'][1]::int + 1 FROM VALUES ('{\"a\":{\"b c\":[1,2]}}') AS t(raw)":              {"3"},
		"SELECT concat('{\"a\":', '1}'):a":                                                                     {"1"},
		"SELECT transform(array(1, 2), n -> n * 10), filter(array(1, 2), n -> n > 1)":                          {"[10,20]|[2]"},
		"SELECT d.id, v.x FROM main.sales.deals d LATERAL VIEW explode(array(d.id, 'z')) v AS x ORDER BY 1, 2": {"a|a", "a|z", "b|b", "b|z"},
		"SELECT 'ab' RLIKE 'B', 'ab' NOT RLIKE 'b', regexp_like('ab', '^a')":                                   {"false|false|true"},
		"SELECT decode(2, 1, 'a', 2, 'b'), decode(NULL, NULL, 'n', 'o'), decode(3, 1, 'a')":                    {"b|n|NULL"},
		"SELECT date_format(TIMESTAMP'2026-03-04 05:06:07', 'dd.MM.yy HH:mm:ss')":                              {"04.03.26 05:06:07"},
		"SELECT collect_list(margin), collect_set(n) FROM main.sales.deals WHERE id = 'none'":                  {"[]|[]"},
		"SELECT collect_list(x) FROM VALUES (1), (NULL) AS t(x)":                                               {"[1]"},
	} {
		b.want("boss", q, want...)
	}
	r, err := b.engine.Execute(t.Context(), session("boss"), sqlengine.Statement{SQL: "SELECT named_struct('a', 1, 'b', array('x')) AS s, map('k', true) AS m"})
	if err != nil || r.Columns[0].TypeText != "STRUCT<a: INT, b: ARRAY<STRING>>" || r.Columns[1].TypeText != "MAP<STRING, BOOLEAN>" {
		t.Errorf("got %+v, %v", r, err)
	}
	b.refused("boss", "SELECT date_format(current_date(), 'QQ')", "0A000")
	b.refused("boss", "SELECT * FROM main.sales.deals LATERAL VIEW posexplode(array(1)) t AS x", "0A000")
}
