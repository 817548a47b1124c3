// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package genie

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/genie/rules"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/session"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/sqlengine"
)

var (
	// errCancelled ends a message as CANCELLED.
	errCancelled = errors.New("the message was cancelled")
	// errTimeout ends a message that took longer than it may.
	errTimeout = errors.New("the reply took too long")
)

// slack is what a message may take beside its stages: queries take real time.
const slack = time.Minute

// failed is a message that ends with one of the documented types.
type failed struct{ kind, text string }

func (f *failed) Error() string { return f.text }

// answer takes a message from SUBMITTED to its end.
func (s *Service) answer(ctx context.Context, space Space, m *message, previous *rules.Query) {
	ctx, stop := context.WithTimeoutCause(ctx, time.Duration(float64(longest)*s.TimeScale)+slack, errTimeout)
	defer stop()
	defer m.cancel(nil)
	err := s.think(ctx, space, m, previous)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	s.end(m, err)
}

// think finds the answer to a message, and runs it if it is a query.
func (s *Service) think(ctx context.Context, space Space, m *message, previous *rules.Query) error {
	if err := s.stage(ctx, m, statusMetadata); err != nil {
		return err
	}
	tables, err := s.tables(space)
	if err != nil {
		return err
	}
	for _, status := range []string{statusContext, statusAsking} {
		if err := s.stage(ctx, m, status); err != nil {
			return err
		}
	}
	answer, err := rules.Ask(ctx, m.content, tables, previous, s.lookup(space, m.owner))
	if err != nil {
		return err
	}
	if answer.Query == nil {
		return s.clarify(ctx, m, answer.Clarification)
	}
	if err := s.stage(ctx, m, statusPending); err != nil {
		return err
	}
	if err := s.mayUse(space, m.owner); err != nil {
		return err
	}
	if err := session.Sleep(ctx, s.Stage); err != nil {
		return err
	}
	s.mu.Lock()
	m.query = &query{id: newID(), made: answer.Query}
	id := s.begin(m)
	s.mu.Unlock()
	return s.finish(ctx, m, id)
}

// stage waits as long as the status before lasts, and then takes the message to the next.
func (s *Service) stage(ctx context.Context, m *message, status string) error {
	if err := session.Sleep(ctx, s.Stage); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.status, m.updated = status, s.now()
	return nil
}

// tables are those of a space that exist.
func (s *Service) tables(space Space) ([]rules.Table, error) {
	var out []rules.Table
	for _, full := range space.Tables {
		o, ok := s.Metastore.Get(metastore.Securable{Type: metastore.TypeTable, Name: strings.ToLower(full)})
		if !ok {
			continue
		}
		t := rules.Table{Name: o.Name}
		for _, c := range o.Columns {
			t.Columns = append(t.Columns, rules.Column{Name: c.Name, Type: c.Type, Comment: c.Comment})
		}
		out = append(out, t)
	}
	if len(out) == 0 {
		return nil, &failed{"NO_TABLES_TO_QUERY_EXCEPTION", "The space has no tables that exist."}
	}
	return out, nil
}

// mayUse refuses who may not use the space's warehouse.
func (s *Service) mayUse(space Space, principal string) error {
	if !s.Warehouses.Exists(space.WarehouseID) {
		return &failed{"WAREHOUSE_NOT_FOUND_EXCEPTION", "The SQL warehouse " + space.WarehouseID + " does not exist."}
	}
	if !s.Warehouses.MayUse(principal, space.WarehouseID) {
		return &failed{"WAREHOUSE_ACCESS_MISSING_EXCEPTION", "You do not have permission to use the SQL Warehouse " + space.WarehouseID + "."}
	}
	return nil
}

// lookup finds values in the rows that a principal sees.
func (s *Service) lookup(space Space, principal string) rules.Lookup {
	return func(ctx context.Context, table string, columns []string, value string) (string, string, error) {
		if err := s.mayUse(space, principal); err != nil {
			return "", "", err
		}
		var list []string
		for i, c := range columns {
			quoted := "`" + strings.ReplaceAll(c, "`", "``") + "`"
			list = append(list, fmt.Sprintf("MIN(CASE WHEN LOWER(%s) = LOWER(:value) THEN %s END) AS c%d", quoted, quoted, i))
		}
		result, err := s.Executor.Execute(ctx, session.Of(s.Directory, principal), sqlengine.Statement{
			SQL:    "SELECT " + strings.Join(list, ", ") + " FROM `" + strings.ReplaceAll(table, ".", "`.`") + "`",
			Params: []sqlengine.Param{{Name: "value", Value: &value, Type: "STRING"}},
		})
		if err != nil {
			return "", "", err
		}
		for i, cell := range result.Rows[0] {
			if cell != nil {
				return columns[i], *cell, nil
			}
		}
		return "", "", nil
	}
}

// clarify ends a message with a question back.
func (s *Service) clarify(ctx context.Context, m *message, question string) error {
	if err := session.Sleep(ctx, s.Stage); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.text = &text{newID(), question}
	return nil
}

// begin runs a message's query as who asked. The caller holds the lock.
func (s *Service) begin(m *message) (statement string) {
	m.query.statement, m.query.done = s.Statements.Run(m.owner, m.query.made.SQL, maxRows), false
	m.status, m.updated = statusExecuting, s.now()
	return m.query.statement
}

// finish waits for the statement of a message's query.
func (s *Service) finish(ctx context.Context, m *message, id string) error {
	defer context.AfterFunc(ctx, func() { s.Statements.Cancel(id) })()
	// A query of a few rows would be over before anybody saw that it runs.
	if err := session.Sleep(ctx, s.Stage); err != nil {
		return err
	}
	outcome, ok := s.Statements.Wait(ctx, id)
	switch {
	case !ok:
		return context.Cause(ctx)
	case outcome.Err != nil && outcome.Canceled:
		return errCancelled
	case outcome.Err != nil:
		return outcome.Err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.query.rows, m.query.truncated, m.query.done = outcome.Rows, outcome.Truncated, true
	m.query.expires = s.now().Add(s.ResultTTL)
	return nil
}

// end gives a message its last status.
func (s *Service) end(m *message, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	executing := m.status == statusExecuting
	m.status, m.failure, m.updated = statusFailed, nil, s.now()
	known := (*failed)(nil)
	statement := (*sqlengine.StatementError)(nil)
	switch {
	case err == nil:
		m.status = statusCompleted
	case errors.Is(err, errCancelled):
		m.status = statusCancelled
		if executing {
			m.failure = &failure{"The message was cancelled while its query ran.", "MESSAGE_CANCELLED_WHILE_EXECUTING_EXCEPTION"}
		}
	case errors.Is(err, errTimeout):
		m.failure = &failure{"The reply took too long.", "REPLY_PROCESS_TIMEOUT_EXCEPTION"}
	case errors.As(err, &known):
		m.failure = &failure{known.text, known.kind}
	case errors.As(err, &statement):
		m.failure = &failure{statement.Message, "SQL_EXECUTION_EXCEPTION"}
	default:
		m.failure = &failure{"The message could not be answered.", "GENERIC_SQL_EXEC_API_CALL_EXCEPTION"}
	}
}
