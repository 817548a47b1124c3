// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package genie

import (
	"context"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// attachment finds the query attachment of a request; the deprecated endpoints name
// none and mean the only one. The caller holds the lock.
func (s *Service) attachment(r *wire.Request) (*message, error) {
	_, m, err := s.message(r)
	if err != nil {
		return nil, err
	}
	id := r.PathValue("attachment")
	if m.query == nil || id != "" && m.query.id != id {
		return nil, wire.NotFound("The message " + m.id + " has no such query attachment.")
	}
	return m, nil
}

// queryResult is the statement that an attachment stands for, as it stands. How the
// real service answers for an expired result is not documented: it is 404 here, as for
// an expired statement.
func (s *Service) queryResult(_ context.Context, r *wire.Request) (any, error) {
	s.mu.Lock()
	m, err := s.attachment(r)
	if err == nil && m.status == statusExpired {
		err = wire.NotFound("The query result has expired. Execute the query again.")
	}
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	id := m.query.statement
	s.mu.Unlock()
	return s.response(id)
}

func (s *Service) response(statement string) (any, error) {
	out, err := s.Statements.Response(statement)
	if err != nil {
		return nil, err
	}
	return map[string]any{"statement_response": out}, nil
}

// executeQuery runs the query of a message that has ended once more, as the caller.
func (s *Service) executeQuery(_ context.Context, r *wire.Request) (any, error) {
	space, err := s.runnable(r)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	m, err := s.attachment(r)
	switch {
	case err != nil:
	case !m.ended():
		err = wire.Invalid("INVALID_STATE", "The message is still being answered.")
	case s.mayUse(space, m.owner) != nil:
		err = wire.Denied(s.mayUse(space, m.owner).Error())
	}
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(context.Background()) // it outlives the call
	m.cancel, m.failure = cancel, nil
	id := s.begin(m)
	s.mu.Unlock()
	go func() {
		defer cancel(nil)
		s.end(m, s.finish(ctx, m, id))
	}()
	return s.response(id)
}
