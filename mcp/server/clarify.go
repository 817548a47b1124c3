// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"encoding/json"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gatehouse-dev/gatehouse/mcp/tools"
)

const (
	// clarifyKey names the one question that a tool asks back.
	clarifyKey = "clarify"
	// clarifyWithin is how long a caller may take to answer it.
	clarifyWithin = 10 * time.Minute
	// clarifyMessage is ours: what Genie says must not look like the server's own words.
	clarifyMessage = "The question can be understood in more than one way. Please say more precisely what you mean."
)

var clarifySchema = json.RawMessage(`{"type":"object","properties":{"question":{"type":"string","title":"Your question","minLength":1,"maxLength":4000}},"required":["question"]}`)

// elicits says whether the client can ask its user. Clients of older revisions do not
// tell a stateless server, and get the question as the answer of the call.
func elicits(req *mcp.CallToolRequest) bool {
	c := req.ClientCapabilities()
	return c != nil && c.Elicitation != nil
}

// clarifyHolder is whom the state of a question is bound to.
func clarifyHolder(caller *principal, tool string) []string {
	return []string{"clarify", tool, caller.Issuer, caller.Subject, caller.Role}
}

// asking hands a question of the tool to the user, by way of the client. The
// conversation comes back with the answer, sealed. It is nil when there are no keys.
func (s *Server) asking(caller *principal, tool string, out *tools.Output) *mcp.CallToolResult {
	now := s.now()
	state := s.keys.Seal([]byte(out.ConversationID), clarifyHolder(caller, tool), now, now.Add(clarifyWithin))
	if state == "" || out.ConversationID == "" {
		return nil
	}
	return &mcp.CallToolResult{
		InputRequests: mcp.InputRequestMap{clarifyKey: &mcp.ElicitParams{Message: clarifyMessage, RequestedSchema: clarifySchema}},
		RequestState:  state,
	}
}

// answered turns the answer of a user into the arguments of the follow-up. What came
// back is data like any argument: a client can send it unasked. Out is the answer of
// the call when the user gave none.
func (s *Server) answered(req *mcp.CallToolRequest, caller *principal, tool string) (args json.RawMessage, out *tools.Output, err error) {
	if req.Params.RequestState == "" {
		return req.Params.Arguments, nil, nil
	}
	conversation, err := s.keys.Open(req.Params.RequestState, clarifyHolder(caller, tool), s.now())
	if err != nil {
		return nil, nil, tools.Errorf(tools.CodeInvalidArgument, "`requestState` is not one that you were given, or has expired; call the tool anew")
	}
	answer, ok := req.Params.InputResponses[clarifyKey].(*mcp.ElicitResult)
	if !ok || answer == nil || answer.Action != "accept" {
		return nil, tools.Unclarified(string(conversation)), nil
	}
	question, ok := answer.Content["question"].(string)
	if !ok {
		return nil, nil, tools.Errorf(tools.CodeInvalidArgument, "the answer must have the text `question`")
	}
	args, err = json.Marshal(map[string]string{"question": question, "conversation_id": string(conversation)})
	return args, nil, err
}
