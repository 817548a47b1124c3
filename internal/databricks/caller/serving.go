// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

// Serving asks serving endpoints in one workspace, as the owner of the token given
// with each call. It has no credential of its own, and is safe for concurrent use.
// The SDK is not used because it drops the output of agents.
type Serving struct{ workspace }

// NewServing makes Serving for a workspace host. An agent takes longer than other
// calls, so that the client's own timeout is not used: ctx must bound each call.
func NewServing(host string, client *http.Client) *Serving {
	patient := *client
	patient.Timeout = 0
	return &Serving{newWorkspace(host, &patient)}
}

// ServingRequest is one question.
type ServingRequest struct {
	Endpoint string
	// Chat says that the endpoint takes messages; otherwise it takes input, as agents do.
	Chat     bool
	Question string
	// RequestID finds the question in the logs and in the usage tables.
	RequestID string
}

// ServingAnswer is what an endpoint said. All of it comes from outside.
type ServingAnswer struct {
	// Texts are the messages, in order; the last one that says something is the answer.
	Texts []string
	// Agents are those that the answer names as asked, in order, each once.
	Agents []string
}

// Ask asks. Errors are *CallError or that of ctx. An agent may act, so that a
// question whose answer was lost is not asked again.
func (s *Serving) Ask(ctx context.Context, token wire.Secret, r ServingRequest) (*ServingAnswer, error) {
	endpoint, err := wire.EndpointName(r.Endpoint)
	if err != nil {
		return nil, &wire.CallError{Kind: wire.CallFailed, Code: "BAD_NAME"}
	}
	turns := []map[string]string{{"role": "user", "content": r.Question}}
	body := map[string]any{"input": turns}
	if r.Chat {
		body = map[string]any{"messages": turns}
	}
	if r.RequestID != "" {
		body["client_request_id"] = r.RequestID
	}
	var a servingAnswer
	c := call{s.workspace, token, r.RequestID}
	if err := c.do(ctx, http.MethodPost, "/serving-endpoints/"+string(endpoint)+"/invocations", body, &a); err != nil {
		return nil, err
	}
	out := a.answer()
	if len(out.Texts) == 0 {
		return nil, &wire.CallError{Kind: wire.CallFailed, Code: "NO_ANSWER", Status: http.StatusOK}
	}
	return out, nil
}

// servingAnswer has the forms of agents, of models, of older agents and of classic
// models; an endpoint uses one of them.
type servingAnswer struct {
	Output  []servingItem `json:"output"`
	Choices []struct {
		Message servingItem `json:"message"`
	} `json:"choices"`
	Messages []servingItem `json:"messages"`
	// Predictions are a list; its entries may be anything.
	Predictions json.RawMessage `json:"predictions"`
}

type servingItem struct {
	Type     servingContent  `json:"type"`
	Content  servingContent  `json:"content"`
	Name     servingContent  `json:"name"`
	CallID   servingContent  `json:"call_id"`
	Metadata servingMetadata `json:"metadata"`
}

// servingMetadata is what a message says of its author.
type servingMetadata struct{ agent string }

// UnmarshalJSON never fails: what metadata holds is up to the agent.
func (m *servingMetadata) UnmarshalJSON(raw []byte) error {
	var known struct {
		Agent servingContent `json:"agent"`
		Name  servingContent `json:"agent_name"`
	}
	if json.Unmarshal(raw, &known) == nil {
		m.agent = string(known.Agent)
		if m.agent == "" {
			m.agent = string(known.Name)
		}
	}
	return nil
}

// servingContent is text, or the text of a list of parts. Anything else is empty.
type servingContent string

// UnmarshalJSON never fails: one odd item must not lose an answer.
func (c *servingContent) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		*c = servingContent(text)
		return nil
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if json.Unmarshal(raw, &parts) == nil {
		var texts []string
		for _, p := range parts {
			if (p.Type == "output_text" || p.Type == "text") && p.Text != "" {
				texts = append(texts, p.Text)
			}
		}
		*c = servingContent(strings.Join(texts, "\n"))
	}
	return nil
}

func (a servingAnswer) answer() *ServingAnswer {
	out := &ServingAnswer{Agents: a.agents()}
	say := func(text servingContent) {
		if text != "" {
			out.Texts = append(out.Texts, string(text))
		}
	}
	for _, item := range a.Output {
		if item.Type == "message" {
			say(item.Content)
		}
	}
	if len(out.Texts) > 0 {
		return out
	}
	if n := len(a.Choices); n > 0 {
		say(a.Choices[n-1].Message.Content)
	}
	if len(out.Texts) == 0 && len(a.Messages) > 0 {
		say(a.Messages[len(a.Messages)-1].Content)
	}
	var predictions []json.RawMessage
	if len(out.Texts) == 0 && json.Unmarshal(a.Predictions, &predictions) == nil && len(predictions) > 0 {
		var text string
		if json.Unmarshal(predictions[0], &text) != nil {
			text = string(predictions[0])
		}
		say(servingContent(text))
	}
	return out
}

// agents are those whose calls have an output, in the order of the calls; where an
// answer shows no outputs, those that were called.
func (a servingAnswer) agents() []string {
	answered := map[servingContent]bool{}
	for _, item := range a.Output {
		if item.Type == "function_call_output" {
			answered[item.CallID] = true
		}
	}
	var out []string
	note := func(name servingContent) {
		if name != "" && !slices.Contains(out, string(name)) {
			out = append(out, string(name))
		}
	}
	for _, item := range a.Output {
		switch item.Type {
		case "function_call":
			if len(answered) == 0 || answered[item.CallID] {
				note(item.Name)
			}
		case "function_call_output":
			note(item.Name)
		case "message":
			note(servingContent(item.Metadata.agent))
		}
	}
	return out
}
