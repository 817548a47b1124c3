// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// invocation is a request that was let in, as the tables tell of it.
type invocation struct {
	endpoint  Endpoint
	requester string
	at        time.Time
	body      []byte
	// ran is how long the model or the agents took; 0 if they were not asked.
	ran time.Duration
	// characters of what was asked and said, and the tokens of both; nil if there are none.
	charactersIn, charactersOut, tokensIn, tokensOut any
}

// asked counts the conversation of a request.
func (i *invocation) asked(conversation []message) {
	n := 0
	for _, m := range conversation {
		n += utf8.RuneCountInString(m.text)
	}
	i.charactersIn = n
}

// said counts an answer, also one that a guardrail holds back.
func (i *invocation) said(r reply) {
	i.charactersOut, i.tokensIn, i.tokensOut = utf8.RuneCountInString(r.text), r.prompt, r.completion
}

// log has the rows of an invocation written, as the configuration was when it came in. All
// that passed CAN_QUERY is logged, 429 and what a guardrail blocks too. Databricks promises
// rows of refusals by no word, and says of some statuses that they may be missing.
func (s *Service) log(k settings, i *invocation, out wire.Reply, err error) {
	if k.Payloads == nil && !k.Gateway.tracksUsage() {
		return
	}
	status, answer := out.Status, out.Body
	if err != nil {
		refused, _ := wire.Answered(err)
		status, answer = refused.Status, refused.Body()
	}
	var said map[string]json.RawMessage
	_ = json.Unmarshal(i.body, &said) // what is no object says nothing of itself
	both := func(cells map[string]any) map[string]any {
		cells["client_request_id"], cells["requester"] = orNull(field[string](said, "client_request_id")), i.requester
		cells["status_code"], cells["request_time"], cells["served_entity_id"] = status, stamp(i.at), EntityID(i.endpoint.Name)
		return cells
	}
	id := uuid.NewString()
	if k.Payloads != nil {
		s.recorder.add(row{table: k.Payloads.Name, created: k.Payloads.Created, cells: both(i.payload(id, answer))})
	}
	if k.Gateway.tracksUsage() {
		cells := map[string]any{
			"account_id": s.AccountID, "workspace_id": s.WorkspaceID, "databricks_request_id": id, "request_streaming": field[bool](said, "stream"),
			"input_token_count": i.tokensIn, "output_token_count": i.tokensOut, "input_character_count": i.charactersIn, "output_character_count": i.charactersOut,
		}
		if about := field[map[string]string](said, "usage_context"); about != nil {
			cells["usage_context"] = about
		}
		s.recorder.add(row{table: usageTable, cells: both(cells)})
	}
}

// payload is what only the inference table has.
func (i *invocation) payload(id string, answer any) map[string]any {
	codes := []string{}
	body := func(raw []byte, code string) any {
		if len(raw) > mostPayload {
			codes = append(codes, code)
			return nil
		}
		return strings.ToValidUTF8(string(raw), "\uFFFD")
	}
	response, _ := json.Marshal(answer) // it was or will be answered in the same way
	cells := map[string]any{
		"databricks_request_id": id, "request_date": i.at.UTC().Format(time.DateOnly), "sampling_fraction": 1.0, "execution_duration_ms": i.ran.Milliseconds(),
		"request": body(i.body, "MAX_REQUEST_SIZE_EXCEEDED"), "response": body(response, "MAX_RESPONSE_SIZE_EXCEEDED"),
	}
	cells["logging_error_codes"] = codes
	return cells
}

// field is a field of a request, or the zero value when it is missing or of another type.
func field[T any](body map[string]json.RawMessage, name string) T {
	var out T
	if raw, ok := body[name]; ok && json.Unmarshal(raw, &out) != nil {
		var none T
		return none
	}
	return out
}
