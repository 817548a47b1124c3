// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"context"
	"net/http"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

// GenieStatus is the state of a Genie message.
type GenieStatus string

// The states that end a message. All others are on the way.
const (
	GenieCompleted     GenieStatus = "COMPLETED"
	GenieFailed        GenieStatus = "FAILED"
	GenieCancelled     GenieStatus = "CANCELLED"
	GenieResultExpired GenieStatus = "QUERY_RESULT_EXPIRED"
)

// Ended says whether the state is a last one.
func (s GenieStatus) Ended() bool {
	switch s {
	case GenieCompleted, GenieFailed, GenieCancelled, GenieResultExpired:
		return true
	}
	return false
}

// GenieMessage is a question and what Genie makes of it.
type GenieMessage struct {
	ConversationID, ID string
	Status             GenieStatus
	// Text is what Genie says in words, and Asks that it is a question to the caller.
	Text string
	Asks bool
	// Query is the statement that Genie wrote; nil when it wrote none.
	Query *GenieQuery
	// FailureType is a word of the service for why it failed, such as WAREHOUSE_ACCESS_MISSING_EXCEPTION.
	FailureType string
}

// GenieQuery is a statement that Genie wrote and ran.
type GenieQuery struct {
	// AttachmentID finds its result.
	AttachmentID string
	SQL          string
	Description  string
	RowCount     int64
	Truncated    bool
}

// Genie asks Genie spaces in one workspace, as the owner of the token given with
// each call. It has no credential of its own, and is safe for concurrent use. The
// SDK is not used because its waiter goes on for twenty minutes after a message was
// cancelled or its result expired.
type Genie struct{ workspace }

// NewGenie makes Genie for a workspace host.
func NewGenie(host string, client *http.Client) *Genie { return &Genie{newWorkspace(host, client)} }

// GenieCall is what each call needs beside its own arguments.
type GenieCall struct {
	Token     wire.Secret
	RequestID string
	// Space is the id of the space.
	Space string
}

type genieMessage struct {
	ID             string      `json:"id"`
	MessageID      string      `json:"message_id"`
	ConversationID string      `json:"conversation_id"`
	Status         GenieStatus `json:"status"`
	Attachments    []struct {
		ID   string `json:"attachment_id"`
		Text *struct {
			Content string `json:"content"`
			Purpose string `json:"purpose"`
		} `json:"text"`
		Query *struct {
			Description string `json:"description"`
			Query       string `json:"query"`
			Metadata    struct {
				RowCount  int64 `json:"row_count"`
				Truncated bool  `json:"is_truncated"`
			} `json:"query_result_metadata"`
		} `json:"query"`
	} `json:"attachments"`
	Error *struct {
		Type string `json:"type"`
	} `json:"error"`
}

// message reads an answer. The order of attachments is not guaranteed, and a
// message may have words only.
func (m genieMessage) message() GenieMessage {
	out := GenieMessage{ConversationID: m.ConversationID, ID: m.MessageID, Status: m.Status}
	if out.ID == "" {
		out.ID = m.ID
	}
	var texts []string
	answers := false
	for _, a := range m.Attachments {
		if a.Text != nil && a.Text.Content != "" {
			texts = append(texts, a.Text.Content)
			answers = answers || a.Text.Purpose == "TEXT_ATTACHMENT_PURPOSE_ANSWER"
		}
		if a.Query != nil && out.Query == nil {
			out.Query = &GenieQuery{
				AttachmentID: a.ID, SQL: a.Query.Query, Description: a.Query.Description,
				RowCount: a.Query.Metadata.RowCount, Truncated: a.Query.Metadata.Truncated,
			}
		}
	}
	out.Text = strings.Join(texts, "\n\n")
	// Words alone, unless marked as an answer, are a clarifying question.
	out.Asks = len(texts) > 0 && out.Query == nil && !answers
	if m.Error != nil {
		out.FailureType = word(m.Error.Type)
	}
	return out
}

// word keeps a word of the service only when it is one: it is shown to callers.
func word(s string) string {
	if len(s) > 80 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") != "" {
		return "UNKNOWN"
	}
	return s
}

// Start asks the first question of a new conversation.
func (g *Genie) Start(ctx context.Context, c GenieCall, question string) (GenieMessage, error) {
	path, err := geniePath(c.Space, "start-conversation")
	if err != nil {
		return GenieMessage{}, err
	}
	var out struct {
		ConversationID string       `json:"conversation_id"`
		MessageID      string       `json:"message_id"`
		Message        genieMessage `json:"message"`
	}
	if err := g.call(c).do(ctx, http.MethodPost, path, map[string]string{"content": question}, &out); err != nil {
		return GenieMessage{}, err
	}
	m := out.Message.message()
	if m.ConversationID == "" {
		m.ConversationID = out.ConversationID
	}
	if m.ID == "" {
		m.ID = out.MessageID
	}
	return complete(m)
}

// Follow asks a further question of a conversation.
func (g *Genie) Follow(ctx context.Context, c GenieCall, conversation, question string) (GenieMessage, error) {
	path, err := geniePath(c.Space, "conversations", conversation, "messages")
	if err != nil {
		return GenieMessage{}, err
	}
	var out genieMessage
	if err := g.call(c).do(ctx, http.MethodPost, path, map[string]string{"content": question}, &out); err != nil {
		return GenieMessage{}, err
	}
	m := out.message()
	m.ConversationID = conversation
	return complete(m)
}

// Message looks at a message.
func (g *Genie) Message(ctx context.Context, c GenieCall, conversation, message string) (GenieMessage, error) {
	path, err := geniePath(c.Space, "conversations", conversation, "messages", message)
	if err != nil {
		return GenieMessage{}, err
	}
	var out genieMessage
	if err := g.call(c).do(ctx, http.MethodGet, path, nil, &out); err != nil {
		return GenieMessage{}, err
	}
	m := out.message()
	m.ConversationID, m.ID = conversation, message
	return complete(m)
}

// Result is what the statement of a message answered; at most 5,000 rows.
func (g *Genie) Result(ctx context.Context, c GenieCall, conversation, message, attachment string) (*wire.StatementResult, error) {
	path, err := geniePath(c.Space, "conversations", conversation, "messages", message, "attachments", attachment, "query-result")
	if err != nil {
		return nil, err
	}
	var out struct {
		Response wire.StatementAnswer `json:"statement_response"`
	}
	if err := g.call(c).do(ctx, http.MethodGet, path, nil, &out); err != nil {
		return nil, err
	}
	if out.Response.Status.State != "SUCCEEDED" {
		return nil, wire.StatementFailure(out.Response.Status)
	}
	return out.Response.Contents(), nil
}

// Forget removes a message that nobody waits for any more, which ends its work.
func (g *Genie) Forget(ctx context.Context, c GenieCall, conversation, message string) error {
	path, err := geniePath(c.Space, "conversations", conversation, "messages", message)
	if err != nil {
		return err
	}
	return g.call(c).do(ctx, http.MethodDelete, path, nil, nil)
}

func (g *Genie) call(c GenieCall) call { return call{g.workspace, c.Token, c.RequestID} }

// complete refuses a message without what finds it again.
func complete(m GenieMessage) (GenieMessage, error) {
	if m.ConversationID == "" || m.ID == "" || m.Status == "" {
		return GenieMessage{}, &wire.CallError{Kind: wire.CallUnavailable, Code: "BAD_MESSAGE"}
	}
	return m, nil
}

// geniePath makes a path of ids and fixed words, each checked.
func geniePath(pieces ...string) (string, error) {
	path := make([]string, 0, len(pieces)+1)
	path = append(path, "/api/2.0/genie/spaces")
	for _, p := range pieces {
		piece, err := wire.ObjectID(p)
		if err != nil {
			return "", &wire.CallError{Kind: wire.CallFailed, Code: "BAD_ID"}
		}
		path = append(path, string(piece))
	}
	return strings.Join(path, "/"), nil
}
