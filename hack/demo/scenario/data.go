// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/test/env"
)

// tables are what a data team makes. Who sees which rows and who sees margins is the sample's DataPolicy.
var tables = []string{
	"CREATE CATALOG IF NOT EXISTS main",
	"CREATE SCHEMA IF NOT EXISTS main.sales COMMENT 'Deals'",
	"CREATE SCHEMA IF NOT EXISTS main.gatehouse COMMENT 'What Gatehouse records'",
	"CREATE SCHEMA IF NOT EXISTS main.knowledge COMMENT 'The sales handbook'",
	"CREATE TABLE IF NOT EXISTS main.knowledge.handbook (id STRING NOT NULL, topic STRING, title STRING, text STRING)",
	"CREATE TABLE IF NOT EXISTS main.sales.deals (deal_id STRING NOT NULL, region STRING, customer STRING, amount DECIMAL(18,2), margin_pct DOUBLE, closed_on DATE)",
	"CREATE TABLE IF NOT EXISTS main.gatehouse.tool_calls (request_id STRING NOT NULL, called_at TIMESTAMP, email STRING, role STRING, tool STRING, status STRING, error_code STRING, latency_ms BIGINT)",
}

// rows are put in once.
var rows = []string{
	`INSERT INTO main.sales.deals VALUES
	 ('D-001','WEST','Aurora Foods',125000.00,0.31,DATE'2026-01-14'), ('D-002','WEST','Birch Energy',48000.50,0.22,DATE'2026-02-03'),
	 ('D-003','WEST','Cobalt Labs',310000.00,0.41,DATE'2026-03-21'), ('D-004','EAST','Delta Freight',91000.00,0.18,DATE'2026-01-30'),
	 ('D-005','EAST','Ember Retail',27500.25,0.27,DATE'2026-02-17'), ('D-006','EAST','Fjord Media',152000.00,0.35,DATE'2026-04-02'),
	 ('D-007','NORTH','Granite Works',66000.00,0.29,DATE'2026-03-08'), ('D-008','NORTH','Harbor Systems',205000.75,0.38,DATE'2026-04-19')`,
	`INSERT INTO main.gatehouse.tool_calls VALUES
	 ('req-1',TIMESTAMP'2026-04-20 09:12:00','west-sales@example.com','sales/west-sales','query_sales_data','success',NULL,84),
	 ('req-2',TIMESTAMP'2026-04-20 09:13:10','west-sales@example.com','sales/west-sales','query_audit_log','access_denied','ACCESS_DENIED',1),
	 ('req-3',TIMESTAMP'2026-04-20 09:15:42','finance@example.com','sales/finance','query_audit_log','success',NULL,71)`,
	`INSERT INTO main.knowledge.handbook VALUES
	 ('H-1','pricing','Discounts','Discounts of up to ten percent are the account owner''s decision. Above that a manager approves them, and above twenty percent an executive.'),
	 ('H-2','pricing','Margins','The margin of a deal is its price less its cost. Deals below a margin of eighteen percent need a written reason.'),
	 ('H-3','process','Renewals','Contracts are renewed ninety days before they end. The account owner calls the customer and confirms the terms in writing.'),
	 ('H-4','process','Regions','Deals belong to the region where the customer is invoiced: West, East or North. A change of region is approved by both managers.'),
	 ('H-5','legal','Retention','Contracts are kept for seven years after they end, and personal data is removed when it is no longer needed.'),
	 ('H-6','legal','Export','Exports to other countries are checked with the legal team before an offer is made.')`,
}

// What the emulator has from the start: on Databricks a data team would make it there.
var (
	genieBootstrap = map[string]any{
		"questionsPerMinute": genieRate, "stageMillis": 100,
		"spaces": []any{map[string]any{
			"id": env.SampleSpaceID, "title": "Sales", "description": "Deals by region and customer", "warehouseID": env.WarehouseID, "tables": []string{"main.sales.deals"},
		}},
	}
	vectorSearchBootstrap = map[string]any{
		"endpoints": []string{"handbook"},
		"indexes": []any{map[string]any{
			"name": indexName, "endpoint": "handbook", "sourceTable": "main.knowledge.handbook", "primaryKey": "id", "textColumn": "text",
			"columns": []string{"topic", "title"}, "owner": dataTeamID,
		}},
	}
	servingBootstrap = map[string]any{"endpoints": []any{map[string]any{
		"name": supervisor, "description": "Answers questions about deals and about how the team works",
		"agents": []any{
			map[string]any{
				"name": "sales_agent", "description": "Amounts and totals of deals by region: revenue, sales, deals",
				"sql": map[string]any{"warehouseID": env.WarehouseID, "statement": "SELECT region, COUNT(*) AS deals, SUM(amount) AS total FROM main.sales.deals GROUP BY region ORDER BY region"},
			},
			map[string]any{
				"name": "handbook_agent", "description": "Rules of the handbook: discounts, margins, renewals, approval, retention",
				"index": map[string]any{"name": indexName, "columns": []string{"title", "text"}, "results": 2},
			},
		},
	}}}
)

// fill puts the tables, the filter and the mask into the emulator.
func (d *demo) fill(ctx context.Context) error {
	team, err := d.dataTeam(ctx)
	if err != nil {
		return err
	}
	before, err := team.Query(ctx, "SHOW CATALOGS")
	if err != nil {
		return err
	}
	statements := tables
	if !slices.ContainsFunc(before, func(row []*string) bool { return row[0] != nil && *row[0] == "main" }) {
		statements = append(append([]string{}, tables...), rows...)
	}
	// What the operator needs to keep the filter and the masks of the sample's DataPolicy.
	for _, g := range []string{"USE CATALOG ON CATALOG main", "USE SCHEMA, CREATE FUNCTION, EXECUTE ON SCHEMA main.sales", "MANAGE, SELECT ON TABLE main.sales.deals"} {
		statements = append(statements, "GRANT "+g+" TO `"+env.OperatorID+"`")
	}
	for _, s := range statements {
		if _, err := team.Query(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(strings.Fields(s)[:3], " "), err)
		}
	}
	d.say("   the data team made main.sales.deals, main.gatehouse.tool_calls, and a handbook with an index")
	return nil
}

// emulator is a client of the workspace, whose connections go to the emulator's pod.
func (d *demo) emulator(ctx context.Context) (*env.Client, error) {
	pod, err := d.podOf(ctx, "databricks", "app", "emulator")
	if err != nil {
		return nil, err
	}
	return &env.Client{WorkspaceURL: workspaceURL, HTTP: d.net.client("databricks", pod, 8443)}, nil
}
