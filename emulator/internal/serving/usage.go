// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

// The tables of usage tracking, of the catalog system.
const (
	usageTable    = "system.serving.endpoint_usage"
	entitiesTable = "system.serving.served_entities"
)

// usageColumns are those of endpoint_usage and entityColumns those of served_entities, as
// docs.databricks.com/ai-gateway/configure-ai-gateway-endpoints lists them under usage
// tracking table schemas. Types and their order are those that DESCRIBE TABLE shows.
var (
	usageColumns = []metastore.Column{
		{Name: "workspace_id", Type: "STRING"},
		{Name: "account_id", Type: "STRING"},
		{Name: "client_request_id", Type: "STRING"},
		{Name: "databricks_request_id", Type: "STRING"},
		{Name: "requester", Type: "STRING"},
		{Name: "status_code", Type: "INT"},
		{Name: "request_time", Type: "TIMESTAMP"},
		{Name: "input_token_count", Type: "BIGINT"},
		{Name: "output_token_count", Type: "BIGINT"},
		{Name: "input_character_count", Type: "BIGINT"},
		{Name: "output_character_count", Type: "BIGINT"},
		{Name: "usage_context", Type: "MAP<STRING,STRING>"},
		{Name: "request_streaming", Type: "BOOLEAN"},
		{Name: "served_entity_id", Type: "STRING"},
	}
	entityColumns = []metastore.Column{
		{Name: "served_entity_id", Type: "STRING"},
		{Name: "account_id", Type: "STRING"},
		{Name: "workspace_id", Type: "STRING"},
		{Name: "created_by", Type: "STRING"},
		{Name: "endpoint_name", Type: "STRING"},
		{Name: "endpoint_id", Type: "STRING"},
		{Name: "served_entity_name", Type: "STRING"},
		{Name: "entity_type", Type: "STRING"},
		{Name: "entity_name", Type: "STRING"},
		{Name: "entity_version", Type: "STRING"},
		{Name: "endpoint_config_version", Type: "INT"},
		{Name: "task", Type: "STRING"},
		{Name: "external_model_config", Type: "STRUCT<provider:STRING>"},
		{Name: "foundation_model_config", Type: "STRUCT<min_provisioned_throughput:BIGINT,max_provisioned_throughput:BIGINT>"},
		{Name: "custom_model_config", Type: "STRUCT<min_concurrency:INT,max_concurrency:INT,compute_type:STRING>"},
		{Name: "feature_spec_config", Type: "STRUCT<min_concurrency:INT,max_concurrency:INT,compute_type:STRING>"},
		{Name: "change_time", Type: "TIMESTAMP"},
		{Name: "endpoint_delete_time", Type: "TIMESTAMP"},
	}
)

// makeUsageTables makes the tables of usage tracking. Nobody can read them until an
// administrator grants it.
func makeUsageTables(t Tables) error {
	ctx := context.Background()
	return errors.Join(
		t.SystemTable(ctx, usageTable, usageColumns, "One row for each request to a serving endpoint whose usage is tracked"),
		t.SystemTable(ctx, entitiesTable, entityColumns, "What the serving endpoints whose usage is tracked serve"),
	)
}

// EntityID is the id of what an endpoint serves: 32 hexadecimal digits that stay the same
// over a restart.
func EntityID(endpoint string) string {
	sum := sha256.Sum256([]byte("served-entity/" + endpoint))
	return hex.EncodeToString(sum[:16])
}

// describe tells of an endpoint whose usage is tracked from now on. The endpoints of the
// emulator never change, so that once is enough; Databricks tells of all endpoints. The
// configurations of models that are served in other ways are NULL.
func (s *Service) describe(e Endpoint) {
	kind := "FOUNDATION_MODEL"
	if len(e.Agents) > 0 {
		kind = "CUSTOM_MODEL"
	}
	s.recorder.add(row{table: entitiesTable, cells: map[string]any{
		"served_entity_id": EntityID(e.Name), "account_id": s.AccountID, "workspace_id": s.WorkspaceID, "created_by": orNull(e.Creator),
		"endpoint_name": e.Name, "endpoint_id": EndpointID(e.Name), "served_entity_name": e.served(), "entity_type": kind,
		"entity_name": e.Name, "entity_version": "1", "endpoint_config_version": 1, "task": e.task(), "change_time": stamp(time.Now()),
	}})
}

// orNull is a text, or NULL when it is empty.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// stamp is a time as a TIMESTAMP.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000000") }
