// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/store"
)

// mayReadUsage lets a principal read usage.
func (s seat) mayReadUsage(app string) {
	s.t.Helper()
	s.run("GRANT USE CATALOG ON CATALOG system TO `"+app+"`", "GRANT USE SCHEMA, SELECT ON SCHEMA system.serving TO `"+app+"`")
}

func TestLogsAreReadByWhoHoldsAGrant(t *testing.T) {
	e := startWith(t, "", withServing)
	owner, role, _, app := e.setup()
	owner.allow("warehouses", warehouseID, app, "CAN_USE")
	owner.must("PUT", endpoint+"/ai-gateway", "{"+logged+"}")
	owner.must("POST", chat, messages("When are refunds paid?"))
	owner.eventually("SELECT 1 FROM "+payloadRows, 1)
	stranger := role("sql")
	refused := func(who seat, from string) {
		t.Helper()
		if rows, refusal := who.sql("SELECT * FROM " + from); !strings.Contains(refusal, "42501") {
			t.Errorf("%s is read: %q %s", from, rows, refusal)
		}
	}
	owner.run("GRANT USE CATALOG ON CATALOG main TO `"+app+"`", "GRANT USE SCHEMA ON SCHEMA main.sales TO `"+app+"`")
	refused(stranger, payloadRows)
	owner.run("GRANT SELECT ON TABLE " + payloadRows + " TO `" + app + "`")
	stranger.eventually("SELECT requester FROM "+payloadRows, 1)

	refused(owner, usageRows) // not even an administrator, until it is granted
	status, group := e.call("POST", "/scim/v2/Groups", fmt.Sprintf(`{"displayName":"System user","members":[{"value":%q}]}`, e.idOf(app)))
	if status != http.StatusCreated {
		t.Fatalf("%d %v", status, group)
	}
	refused(stranger, usageRows)
	for _, g := range []string{"USE CATALOG ON CATALOG system", "USE SCHEMA ON SCHEMA system.serving"} {
		owner.run("GRANT " + g + " TO `" + app + "`")
		refused(stranger, usageRows)
	}
	owner.run("GRANT SELECT ON TABLE " + usageRows + " TO `" + app + "`")
	stranger.eventually("SELECT requester FROM "+usageRows, 1)
	refused(stranger, "system.serving.served_entities")
	owner.run("REVOKE ALL PRIVILEGES ON TABLE " + usageRows + " FROM `" + app + "`")
	refused(stranger, usageRows)
}

// idOf is the SCIM id of a service principal.
func (e *site) idOf(app string) string {
	e.t.Helper()
	_, list := e.call("GET", "/scim/v2/ServicePrincipals", "")
	for _, p := range list["Resources"].([]any) {
		if p := p.(map[string]any); p["applicationId"] == app {
			return p["id"].(string)
		}
	}
	e.t.Fatal("there is no " + app)
	return ""
}

func TestTheSystemCatalogIsThePlatforms(t *testing.T) {
	state := t.TempDir() // of a time when there was no such catalog
	before := `{"version":1,"collections":{"metastore.grants":{"catalog:system":{"` + adminApp + `":["ALL_PRIVILEGES","MODIFY"]}}}}`
	if err := os.WriteFile(filepath.Join(state, store.FileName), []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	e := startWith(t, state, withServing)
	owner, _, _, _ := e.setup()
	for _, statement := range []string{
		"CREATE CATALOG system", "CREATE SCHEMA system.mine", "CREATE TABLE system.serving.mine (x INT)", "CREATE FUNCTION system.serving.f() RETURNS INT RETURN 1",
		"CREATE VIEW system.serving.v AS SELECT 1 AS x", "CREATE OR REPLACE VIEW system.serving.endpoint_usage AS SELECT 1 AS x",
		"DROP TABLE " + usageRows, "DROP SCHEMA system.serving CASCADE", "DROP CATALOG system CASCADE",
		"INSERT INTO " + usageRows + " (requester) VALUES ('forged')", "DELETE FROM " + usageRows, "UPDATE " + usageRows + " SET requester = 'forged'",
		"COMMENT ON TABLE " + usageRows + " IS 'x'", "ALTER TABLE " + usageRows + " SET TAGS ('a' = 'b')", "ALTER TABLE " + usageRows + " ALTER COLUMN requester SET TAGS ('a' = 'b')",
		"ALTER TABLE " + usageRows + " SET ROW FILTER main.sales.only ON (requester)", "ALTER TABLE " + usageRows + " ALTER COLUMN requester SET MASK main.sales.hide",
		"GRANT MODIFY ON TABLE " + usageRows + " TO `" + adminApp + "`", "GRANT ALL PRIVILEGES ON CATALOG system TO `" + adminApp + "`",
		"GRANT MANAGE ON SCHEMA system.serving TO `" + adminApp + "`", "GRANT CREATE TABLE ON SCHEMA system.serving TO `" + adminApp + "`",
	} {
		if rows, refusal := owner.sql(statement); refusal == "" {
			t.Errorf("%s is not refused: %q", statement, rows)
		} else if strings.Contains(refusal, "XX000") || strings.Contains(refusal, "INTERNAL") {
			t.Errorf("%s: %s", statement, refusal)
		}
	}
	if got, out := owner.do("PUT", endpoint+"/ai-gateway", `{"inference_table_config":{"enabled":true,"catalog_name":"system","schema_name":"serving"}}`); got != 403 {
		t.Errorf("payloads into the catalog system: %d %v", got, out)
	}
	if got, out := owner.do("PATCH", permission("table", usageRows), change(adminApp, "add", "MODIFY")); got != 400 {
		t.Errorf("a grant to write: %d %v", got, out)
	}
	out := owner.must("GET", "/api/2.1/unity-catalog/tables/"+usageRows, "")
	if out["owner"] != "System user" || len(out["columns"].([]any)) != 14 {
		t.Errorf("the table is %v", out)
	}
	owner.eventually("SELECT 1 FROM "+usageRows, 0)
}
