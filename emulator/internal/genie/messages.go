// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package genie

import (
	"context"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/genie/rules"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// The statuses of a message.
const (
	statusSubmitted = "SUBMITTED"
	statusMetadata  = "FETCHING_METADATA"
	statusContext   = "FILTERING_CONTEXT"
	statusAsking    = "ASKING_AI"
	statusPending   = "PENDING_WAREHOUSE"
	statusExecuting = "EXECUTING_QUERY"
	statusCompleted = "COMPLETED"
	statusFailed    = "FAILED"
	statusCancelled = "CANCELLED"
	statusExpired   = "QUERY_RESULT_EXPIRED"
)

// message is a question with its answer. The service's lock guards it.
type message struct {
	id, conversation, space, owner, content string
	user                                    int64
	created, updated                        time.Time
	status                                  string
	text                                    *text
	query                                   *query
	failure                                 *failure
	rating, comment                         string
	cancel                                  context.CancelCauseFunc
}

// text is a text attachment: a question back.
type text struct{ id, content string }

// query is a query attachment.
type query struct {
	id   string
	made *rules.Query
	// statement is the id of the statement that ran it last.
	statement string
	// rows is how many rows it returned, when done; truncated that there were more than the API returns.
	rows      int
	truncated bool
	done      bool
	// expires is when the result is thrown away.
	expires time.Time
}

// failure is why a message failed: one of the documented types, and a text.
type failure struct {
	Error string `json:"error"`
	Type  string `json:"type"`
}

func (m *message) ended() bool {
	return slices.Contains([]string{statusCompleted, statusFailed, statusCancelled, statusExpired}, m.status)
}

// message finds the message of a request. The caller holds the lock.
func (s *Service) message(r *wire.Request) (*conversation, *message, error) {
	_, c, err := s.mine(r)
	if err != nil {
		return nil, nil, err
	}
	i := slices.IndexFunc(c.messages, func(m *message) bool { return m.id == r.PathValue("message") })
	if i < 0 {
		return nil, nil, wire.NotFound("Message " + r.PathValue("message") + " does not exist.")
	}
	s.expire(c.messages[i])
	return c, c.messages[i], nil
}

// expire throws the result of a message away when its time has come. The caller holds the lock.
func (s *Service) expire(m *message) {
	if m.status == statusCompleted && m.query != nil && !s.now().Before(m.query.expires) {
		m.status, m.updated = statusExpired, m.query.expires
	}
}

func (s *Service) getMessage(_ context.Context, r *wire.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, m, err := s.message(r)
	if err != nil {
		return nil, err
	}
	return s.body(m), nil
}

// listMessages lists a conversation's messages, the first first.
func (s *Service) listMessages(_ context.Context, r *wire.Request) (any, error) {
	if err := known(r, "page_size", "page_token"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, c, err := s.mine(r)
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, m := range c.messages {
		s.expire(m)
		list = append(list, s.body(m))
	}
	return page(r, "messages", list)
}

func (s *Service) deleteMessage(_ context.Context, r *wire.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, m, err := s.message(r)
	if err != nil {
		return nil, err
	}
	m.cancel(errCancelled)
	c.messages = slices.DeleteFunc(c.messages, func(one *message) bool { return one == m })
	return map[string]any{}, nil
}

func (s *Service) feedback(_ context.Context, r *wire.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, m, err := s.message(r)
	if err != nil {
		return nil, err
	}
	var in struct {
		Rating  string `json:"rating"`
		Comment string `json:"comment"`
	}
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	if !slices.Contains([]string{"POSITIVE", "NEGATIVE", "NONE"}, in.Rating) {
		return nil, wire.BadParameter("rating must be POSITIVE, NEGATIVE or NONE")
	}
	m.rating, m.comment = in.Rating, in.Comment
	return map[string]any{}, nil
}

// body is a message as the API answers it. The caller holds the lock.
func (s *Service) body(m *message) map[string]any {
	out := map[string]any{
		"id": m.id, "message_id": m.id, "space_id": m.space, "conversation_id": m.conversation, "user_id": m.user, "content": m.content,
		"status": m.status, "created_timestamp": m.created.UnixMilli(), "last_updated_timestamp": m.updated.UnixMilli(),
	}
	var attachments []any
	if m.text != nil {
		attachments = append(attachments, map[string]any{
			"attachment_id": m.text.id,
			"text":          map[string]any{"id": m.text.id, "content": m.text.content, "purpose": "FOLLOW_UP_QUESTION"},
		})
	}
	if q := m.query; q != nil {
		body := map[string]any{
			"id": q.id, "title": q.made.Title, "description": q.made.Description, "query": q.made.SQL,
			"statement_id": q.statement, "last_updated_timestamp": m.updated.UnixMilli(),
		}
		if q.done {
			body["query_result_metadata"] = map[string]any{"row_count": q.rows, "is_truncated": q.truncated}
			out["query_result"] = map[string]any{"statement_id": q.statement, "row_count": q.rows}
		}
		attachments = append(attachments, map[string]any{"attachment_id": q.id, "query": body})
	}
	if attachments != nil {
		out["attachments"] = attachments
	}
	if m.failure != nil {
		out["error"] = m.failure
	}
	if m.rating != "" && m.rating != "NONE" {
		out["feedback"] = map[string]any{"rating": m.rating, "comment": m.comment}
	}
	return out
}
