// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package genie

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/genie/rules"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// conversation is what one principal asked one space.
type conversation struct {
	id, space, owner, title string
	user                    int64
	created, updated        time.Time
	messages                []*message
}

// newID is an id as Genie writes them: 32 hexadecimal digits.
func newID() string { return strings.ReplaceAll(uuid.NewString(), "-", "") }

// conversation finds the conversation of a request: only who began it may read it.
// The caller holds the lock.
func (s *Service) conversation(r *wire.Request, space Space) (*conversation, error) {
	id := r.PathValue("conversation")
	c, ok := s.conversations[id]
	missing := wire.NotFound("Conversation " + id + " does not exist.")
	switch {
	case !ok || c.space != space.ID:
		return nil, missing
	case c.owner == r.Caller.Principal():
		return c, nil
	case s.ForeignNotFound:
		return nil, missing
	}
	return nil, wire.Denied("You do not have permission to access the conversation " + id + ".")
}

// mine is the space of a request and the conversation in it. The caller holds the lock.
func (s *Service) mine(r *wire.Request) (Space, *conversation, error) {
	space, err := s.runnable(r)
	if err != nil {
		return space, nil, err
	}
	c, err := s.conversation(r, space)
	return space, c, err
}

// question reads the question of a request, and counts it, with when that was.
func (s *Service) question(r *wire.Request) (string, time.Time, error) {
	question, err := content(r)
	now := s.now()
	if err == nil {
		err = s.limit.take(now)
	}
	return question, now, err
}

// content reads the question of a request.
func content(r *wire.Request) (string, error) {
	var in struct {
		Content string `json:"content"`
		Viz     bool   `json:"enable_visualization"`
	}
	if err := r.Decode(&in); err != nil {
		return "", err
	}
	if in.Viz {
		return "", notImplemented("enable_visualization")
	}
	if strings.TrimSpace(in.Content) == "" {
		return "", wire.BadParameter("content must be set")
	}
	return in.Content, nil
}

func (s *Service) start(_ context.Context, r *wire.Request) (any, error) {
	space, err := s.runnable(r)
	if err != nil {
		return nil, err
	}
	question, now, err := s.question(r)
	if err != nil {
		return nil, err
	}
	user, _ := strconv.ParseInt(r.Caller.ID, 10, 64) // ids are numbers
	c := &conversation{id: newID(), space: space.ID, owner: r.Caller.Principal(), title: question, user: user, created: now}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conversations[c.id] = c
	m := s.submit(space, c, question, now)
	return map[string]any{"conversation_id": c.id, "message_id": m.id, "conversation": c.body(), "message": s.body(m)}, nil
}

func (s *Service) createMessage(_ context.Context, r *wire.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	space, c, err := s.mine(r)
	if err != nil {
		return nil, err
	}
	question, now, err := s.question(r)
	if err != nil {
		return nil, err
	}
	return s.body(s.submit(space, c, question, now)), nil
}

// submit adds a question to a conversation and begins to answer it. The caller holds the lock.
func (s *Service) submit(space Space, c *conversation, question string, now time.Time) *message {
	ctx, cancel := context.WithCancelCause(context.Background()) // it outlives the call
	m := &message{
		id: newID(), conversation: c.id, space: c.space, owner: c.owner, user: c.user, content: question,
		created: now, updated: now, status: statusSubmitted, cancel: cancel,
	}
	var previous *rules.Query
	for _, old := range c.messages {
		if old.query != nil && old.failure == nil {
			previous = old.query.made
		}
	}
	c.messages, c.updated = append(c.messages, m), now
	go s.answer(ctx, space, m, previous)
	return m
}

func (c *conversation) body() map[string]any {
	return map[string]any{
		"id": c.id, "conversation_id": c.id, "space_id": c.space, "user_id": c.user, "title": c.title,
		"created_timestamp": c.created.UnixMilli(), "last_updated_timestamp": c.updated.UnixMilli(),
	}
}

// listConversations lists the caller's, the latest first; those of everybody to who manages the space.
func (s *Service) listConversations(_ context.Context, r *wire.Request) (any, error) {
	if err := known(r, "page_size", "page_token", "include_all"); err != nil {
		return nil, err
	}
	space, err := s.runnable(r)
	if err != nil {
		return nil, err
	}
	all := r.URL.Query().Get("include_all") == "true"
	if all && !s.permissions.Allows(r.Caller.Principal(), space.ID, canManage) {
		return nil, wire.Denied("You do not have permission to manage the Genie space " + space.ID + ".")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var mine []*conversation
	for _, c := range s.conversations {
		if c.space == space.ID && (all || c.owner == r.Caller.Principal()) {
			mine = append(mine, c)
		}
	}
	slices.SortFunc(mine, func(a, b *conversation) int {
		if d := b.created.Compare(a.created); d != 0 {
			return d
		}
		return strings.Compare(a.id, b.id)
	})
	list := []any{}
	for _, c := range mine {
		list = append(list, map[string]any{"conversation_id": c.id, "title": c.title, "created_timestamp": c.created.UnixMilli()})
	}
	return page(r, "conversations", list)
}

func (s *Service) deleteConversation(_ context.Context, r *wire.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, c, err := s.mine(r)
	if err != nil {
		return nil, err
	}
	for _, m := range c.messages {
		m.cancel(errCancelled)
	}
	delete(s.conversations, c.id)
	return map[string]any{}, nil
}
