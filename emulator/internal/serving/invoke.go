// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// request is what an invocation may have. Inputs of classic models are not among
// it, and are refused by name.
type request struct {
	Messages  json.RawMessage `json:"messages"`
	Input     json.RawMessage `json:"input"`
	MaxTokens *int            `json:"max_tokens"`
	// MaxOutputTokens is max_tokens in requests with input.
	MaxOutputTokens *int `json:"max_output_tokens"`
	Stream          bool `json:"stream"`
	// What follows changes no answer: answers are deterministic, and no agent here has inputs of its own.
	Temperature     *float64          `json:"temperature"`
	CustomInputs    map[string]any    `json:"custom_inputs"`
	Context         map[string]any    `json:"context"`
	ClientRequestID string            `json:"client_request_id"`
	UsageContext    map[string]string `json:"usage_context"`
}

// message is one turn of a conversation.
type message struct{ role, text string }

func badRequest(text string) error { return wire.Invalid("BAD_REQUEST", text) }

func notImplemented(what string) error {
	return &wire.Error{Status: http.StatusNotImplemented, Code: "NOT_IMPLEMENTED", Message: "the emulator does not implement " + what + " of serving endpoints"}
}

// reply is what an endpoint said, before it has a shape.
type reply struct {
	text string
	// calls are what a supervisor asked its sub-agents, in order.
	calls []call
	// cut says that max_tokens ended the text.
	cut bool
	// prompt and completion count words, which stand for tokens.
	prompt, completion int
}

// invoke serves an invocation: existence, then CAN_QUERY, then the request itself. What
// comes of a request that was let in is logged, also when that is a refusal.
func (s *Service) invoke(ctx context.Context, r *wire.Request) (any, error) {
	e, err := s.find(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	me := r.Caller.Principal()
	if !s.mayQuery(me, e.Name) {
		return nil, wire.Denied("You do not have permission to query the serving endpoint '" + e.Name + "'.")
	}
	k := s.gateways.get(EndpointID(e.Name))
	i := &invocation{endpoint: e, requester: me, at: time.Now(), body: r.Body}
	out, err := s.serve(ctx, r, k.Gateway, i)
	s.log(k, i, out, err)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// serve answers a request that was let in.
func (s *Service) serve(ctx context.Context, r *wire.Request, gate *gateway, i *invocation) (wire.Reply, error) {
	e, none := i.endpoint, wire.Reply{}
	var in request
	if err := r.Decode(&in); err != nil {
		return none, err
	}
	shape, conversation, limit, err := in.check(e)
	if err != nil {
		return none, err
	}
	i.asked(conversation)
	counters, err := s.admit(EndpointID(e.Name), i.requester, gate)
	if err != nil {
		return none, err
	}
	if conversation, err = gate.lookIn(conversation); err != nil {
		return none, err
	}
	began := time.Now()
	if err := s.wait(ctx, e.Latency); err != nil {
		return none, err
	}
	var out reply
	if len(e.Agents) > 0 {
		out, err = s.supervise(ctx, i.requester, e, conversation)
	} else {
		out = e.answer(conversation)
	}
	i.ran = time.Since(began)
	if err != nil {
		return none, err
	}
	out.finish(limit, conversation)
	i.said(out)
	s.spend(counters, out.prompt+out.completion)
	if err := gate.lookOut(&out); err != nil {
		return none, err
	}
	body := out.chat(e)
	if shape == ShapeResponses {
		body = out.responses()
	}
	return wire.Reply{Status: http.StatusOK, Header: http.Header{"Served-Model-Name": {e.served()}}, Body: body}, nil
}

// check says what is wrong with a request, or its shape, its conversation and the
// most words of the answer, 0 for any.
func (in request) check(e Endpoint) (shape string, conversation []message, limit int, err error) {
	if in.Stream {
		return "", nil, 0, notImplemented("the field stream")
	}
	shape, list, most := ShapeChat, in.Messages, in.MaxTokens
	if in.Input != nil {
		shape, list, most = ShapeResponses, in.Input, in.MaxOutputTokens
	}
	var items []json.RawMessage
	switch {
	case (in.Messages == nil) == (in.Input == nil) || !slices.Contains(e.takes(), shape):
		fields := map[string]string{ShapeChat: "messages", ShapeResponses: "input"}
		var want []string
		for _, k := range e.takes() {
			want = append(want, fields[k])
		}
		return "", nil, 0, badRequest("The request does not match the schema of the endpoint: it must have " + strings.Join(want, " or "))
	case json.Unmarshal(list, &items) != nil:
		return "", nil, 0, badRequest("The request does not match the schema of the endpoint: the conversation must be a list of messages")
	case most != nil && *most < 1:
		return "", nil, 0, badRequest("The most tokens of an answer must be at least 1")
	case most != nil:
		limit = *most
	}
	for _, raw := range items {
		m, err := parseMessage(raw)
		if err != nil {
			return "", nil, 0, err
		}
		conversation = append(conversation, m)
	}
	if len(conversation) == 0 || conversation[len(conversation)-1].role != "user" || conversation[len(conversation)-1].text == "" {
		return "", nil, 0, badRequest("The last message must be the user's, and have text")
	}
	return shape, conversation, limit, nil
}

func parseMessage(raw json.RawMessage) (message, error) {
	var in struct {
		Type    string          `json:"type"`
		ID      string          `json:"id"`
		Status  string          `json:"status"`
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return message{}, notImplemented("the field " + field + " of a message")
		}
		return message{}, badRequest("A message must be an object with role and content")
	}
	if in.Type != "" && in.Type != "message" {
		return message{}, notImplemented("a message of the type " + in.Type)
	}
	if !slices.Contains([]string{"system", "developer", "user", "assistant"}, in.Role) {
		return message{}, badRequest("The role of a message must be system, developer, user or assistant")
	}
	text, err := contentOf(in.Content)
	return message{in.Role, text}, err
}

// contentOf is the text of a message: a string, or parts of text.
func contentOf(raw json.RawMessage) (string, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, nil
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return "", badRequest("The content of a message must be text or a list of parts")
	}
	var texts []string
	for _, p := range parts {
		if !slices.Contains([]string{"text", "input_text", "output_text"}, p.Type) {
			return "", notImplemented("a part of the type " + p.Type)
		}
		texts = append(texts, p.Text)
	}
	return strings.Join(texts, "\n"), nil
}

// finish counts and cuts.
func (out *reply) finish(limit int, conversation []message) {
	for _, m := range conversation {
		out.prompt += len(strings.Fields(m.text))
	}
	words := strings.Fields(out.text)
	if limit > 0 && len(words) > limit {
		words = words[:limit]
		out.text, out.cut = strings.Join(words, " "), true
	}
	out.completion = len(words)
}

// chat is a reply as llm/v1/chat has it.
func (out reply) chat(e Endpoint) any {
	reason := "stop"
	if out.cut {
		reason = "length"
	}
	return map[string]any{
		"id": "chatcmpl_" + uuid.NewString(), "object": "chat.completion", "created": time.Now().Unix(), "model": e.Name,
		"choices": []any{map[string]any{
			"index": 0, "message": map[string]any{"role": "assistant", "content": out.text}, "finish_reason": reason,
		}},
		"usage": map[string]any{"prompt_tokens": out.prompt, "completion_tokens": out.completion, "total_tokens": out.prompt + out.completion},
	}
}

// responses is a reply as agent/v1/responses has it: each call of a sub-agent with
// what came of it, and the message last.
func (out reply) responses() any {
	items := []any{}
	for _, c := range out.calls {
		id := "call_" + uuid.NewString()
		arguments, _ := json.Marshal(map[string]string{"query": c.question}) // strings always encode
		items = append(items,
			map[string]any{"type": "function_call", "id": "fc_" + uuid.NewString(), "call_id": id, "name": c.agent, "arguments": string(arguments)},
			map[string]any{"type": "function_call_output", "call_id": id, "output": c.output})
	}
	items = append(items, map[string]any{
		"type": "message", "id": "msg_" + uuid.NewString(), "role": "assistant",
		"content": []any{map[string]any{"type": "output_text", "text": out.text}},
	})
	return map[string]any{"id": "resp_" + uuid.NewString(), "object": "response", "output": items}
}
