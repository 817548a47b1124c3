// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/session"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/sqlengine"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// payloadColumns are those of an AI Gateway-enabled inference table, with what they are
// said to hold, as docs.databricks.com/ai-gateway/inference-tables lists them. Types and
// their order are those of a table that the service made.
var payloadColumns = []metastore.Column{
	{Name: "databricks_request_id", Type: "STRING", Comment: "The identifier that is generated for each request."},
	{Name: "request_date", Type: "DATE", Comment: "The UTC date on which the request was received."},
	{Name: "client_request_id", Type: "STRING", Comment: "The identifier that the request gave itself."},
	{Name: "request_time", Type: "TIMESTAMP", Comment: "When the request was received."},
	{Name: "status_code", Type: "INT", Comment: "The HTTP status that was answered."},
	{Name: "sampling_fraction", Type: "DOUBLE", Comment: "The fraction of requests that is logged, from 0 to 1."},
	{Name: "execution_duration_ms", Type: "BIGINT", Comment: "How long the model took, in milliseconds."},
	{Name: "request", Type: "STRING", Comment: "The body of the request."},
	{Name: "response", Type: "STRING", Comment: "The body of the answer."},
	{Name: "logging_error_codes", Type: "ARRAY<STRING>", Comment: "Why data could not be logged: MAX_REQUEST_SIZE_EXCEEDED, MAX_RESPONSE_SIZE_EXCEEDED."},
	{Name: "served_entity_id", Type: "STRING", Comment: "The identifier of the served entity."},
	{Name: "requester", Type: "STRING", Comment: "The user or service principal whose permissions were used."},
}

// mostPayload is how many bytes of a body are logged at most: 1 MiB, as documented. A larger
// one is NULL.
const mostPayload = 1 << 20

// payloadTable is a table that payloads go to.
type payloadTable struct {
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
}

// payloads is the table that the payloads of an endpoint go to under a new configuration,
// made as the caller when logging is turned on. It can be moved only while it is off, as
// the fields of inference_table_config say of themselves. What happens to a table of the
// name that is there already is not documented: one that the caller owns, with the columns
// of an inference table, is written on, as it was before logging was turned off; any other
// is refused.
func (s *Service) payloads(ctx context.Context, caller string, e Endpoint, before settings, in *gateway) (*payloadTable, error) {
	if !in.logsPayloads() {
		return nil, nil //nolint:nilnil // payloads are not logged
	}
	full := in.Payloads.table(e.Name)
	if before.Payloads != nil {
		if before.Payloads.Name != full {
			return nil, wire.BadParameter("The inference table of the serving endpoint '" + e.Name + "' must be disabled before its catalog, schema or prefix is changed.")
		}
		return before.Payloads, nil
	}
	table, err := s.Tables.EnsureTable(ctx, session.Of(s.Directory, caller), full, payloadColumns, "Requests to and answers of the serving endpoint "+e.Name)
	if err != nil {
		return nil, tableRefused(err)
	}
	return &payloadTable{Name: full, Created: table.Created}, nil
}

// tableRefused is why a table cannot be had, as the API says it.
func tableRefused(err error) error {
	refused, ok := errors.AsType[*sqlengine.StatementError](err)
	if !ok {
		return err
	}
	switch refused.SQLState {
	case "42501":
		return wire.Denied(refused.Message)
	case "42704", "42P01":
		return wire.NotFound(refused.Message)
	case "42P07":
		return &wire.Error{Status: http.StatusBadRequest, Code: "TABLE_ALREADY_EXISTS", Message: refused.Message}
	}
	return wire.BadParameter(refused.Message)
}
