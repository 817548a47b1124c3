// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/session"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/sqlengine"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/vectorsearch"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

const (
	// mostConsulted is how many sub-agents one question reaches at most.
	mostConsulted = 3
	// mostRows is how many rows of a statement reach an answer.
	mostRows = 50
)

// call is a sub-agent that was asked.
type call struct {
	agent, question, output string
	// answered says that the output is an answer, and not why there is none.
	answered bool
	// denied says that the caller may not use the sub-agent or what it reads.
	denied bool
}

// supervise asks the sub-agents that a question is for, as the caller, one after
// another, and puts together what they said.
func (s *Service) supervise(ctx context.Context, principal string, e Endpoint, conversation []message) (reply, error) {
	question := conversation[len(conversation)-1].text
	var out reply
	var said []string
	denied := true
	for _, a := range route(e.Agents, question) {
		if err := s.wait(ctx, a.Latency); err != nil {
			return reply{}, err
		}
		c, err := s.ask(ctx, principal, a, question)
		if err != nil {
			return reply{}, err
		}
		out.calls = append(out.calls, c)
		denied = denied && c.denied
		text := c.output
		if !c.answered {
			text = "The agent " + a.Name + " gave no answer: " + text
		}
		if s.Markers {
			text = "<name>" + a.Name + "</name>\n" + text
		}
		said = append(said, text)
	}
	switch {
	case len(out.calls) == 0:
		out.text = "None of my agents is for this question."
	case denied && s.Forbid:
		return reply{}, wire.Denied("You do not have access to any of the agents that can answer.")
	default:
		out.text = strings.Join(said, "\n\n")
	}
	return out, nil
}

// route picks the sub-agents whose name and description are near to a question,
// nearest first: near at all, and at least a third as near as the nearest.
func route(agents []Agent, question string) []Agent {
	want := vectorsearch.Embed(question)
	near, enough := map[string]float64{}, nearEnough
	for _, a := range agents {
		near[a.Name] = want.Cosine(vectorsearch.Embed(strings.NewReplacer("_", " ", "-", " ").Replace(a.Name) + ". " + a.Description))
		enough = max(enough, near[a.Name]/3)
	}
	var out []Agent
	for _, a := range agents {
		if near[a.Name] >= enough {
			out = append(out, a)
		}
	}
	slices.SortStableFunc(out, func(a, b Agent) int {
		switch {
		case near[a.Name] > near[b.Name]:
			return -1
		case near[a.Name] < near[b.Name]:
			return 1
		}
		return 0
	})
	return out[:min(len(out), mostConsulted)]
}

// ask asks one sub-agent. An error ends the whole answer; that the sub-agent cannot
// answer does not.
func (s *Service) ask(ctx context.Context, principal string, a Agent, question string) (call, error) {
	c := call{agent: a.Name, question: question}
	var err error
	switch {
	case a.SQL != nil:
		c.output, err = s.askSQL(ctx, principal, *a.SQL, question)
	case a.Index != nil:
		c.output, err = s.askIndex(ctx, principal, *a.Index, question)
	default:
		c.output, err = s.askModel(ctx, principal, a.Model, question)
	}
	if err == nil {
		c.answered = true
		return c, nil
	}
	if ctx.Err() != nil {
		return c, err
	}
	if failed, ok := errors.AsType[*sqlengine.StatementError](err); ok {
		if failed.NotImplemented {
			return c, &wire.Error{Status: http.StatusNotImplemented, Code: "NOT_IMPLEMENTED", Message: failed.Message}
		}
		c.output, c.denied = failed.Message, failed.SQLState == "42501"
		return c, nil
	}
	if refused, ok := errors.AsType[*wire.Error](err); ok && refused.Status < http.StatusInternalServerError {
		c.output, c.denied = refused.Message, refused.Status == http.StatusForbidden
		return c, nil
	}
	return c, err
}

// askSQL runs a statement as the caller, on a warehouse that the caller may use.
func (s *Service) askSQL(ctx context.Context, principal string, q SQL, question string) (string, error) {
	if !s.Warehouses.Exists(q.WarehouseID) {
		return "", wire.NotFound("SQL warehouse " + q.WarehouseID + " does not exist.")
	}
	if !s.Warehouses.MayUse(principal, q.WarehouseID) {
		return "", wire.Denied("You do not have permission to use the SQL Warehouse " + q.WarehouseID + ".")
	}
	result, err := s.Executor.Execute(ctx, session.Of(s.Directory, principal), sqlengine.Statement{
		SQL: q.Statement, RowLimit: mostRows, Params: []sqlengine.Param{{Name: "question", Value: &question, Type: "STRING"}},
	})
	if err != nil {
		return "", err
	}
	rows, err := cells(result.Rows, func(v *string) (string, error) {
		if v == nil {
			return "null", nil
		}
		return *v, nil
	})
	if err != nil {
		return "", err
	}
	text := lines(result.Columns, rows)
	if result.Truncated {
		text += fmt.Sprintf("\n(the first %d rows)", mostRows)
	}
	return text, nil
}

// askIndex asks an index as the caller.
func (s *Service) askIndex(ctx context.Context, principal string, ix Index, question string) (string, error) {
	answer, err := s.Searcher.Search(ctx, principal, ix.Name, vectorsearch.Question{Text: question, Columns: ix.Columns, Limit: ix.Results})
	if err != nil {
		return "", err
	}
	rows, err := cells(answer.Rows, func(v any) (string, error) {
		if text, ok := v.(string); ok {
			return text, nil
		}
		raw, err := json.Marshal(v)
		return string(raw), err
	})
	if err != nil {
		return "", fmt.Errorf("write a row of the index %s: %w", ix.Name, err)
	}
	return lines(answer.Columns, rows), nil
}

// cells are the values of rows as text.
func cells[V any](rows [][]V, text func(V) (string, error)) ([][]string, error) {
	var out [][]string
	for _, row := range rows {
		one := make([]string, len(row))
		for i, v := range row {
			var err error
			if one[i], err = text(v); err != nil {
				return nil, err
			}
		}
		out = append(out, one)
	}
	return out, nil
}

// askModel asks the model of another endpoint, which the caller must be able to query.
func (s *Service) askModel(ctx context.Context, principal, name, question string) (string, error) {
	e, err := s.find(name)
	if err != nil {
		return "", err
	}
	if !s.mayQuery(principal, name) {
		return "", wire.Denied("You do not have permission to query the serving endpoint '" + name + "'.")
	}
	if err := s.wait(ctx, e.Latency); err != nil {
		return "", err
	}
	return e.answer([]message{{"user", question}}).text, nil
}

// lines writes rows as text, one a line.
func lines(columns []sqlengine.ResultColumn, rows [][]string) string {
	if len(rows) == 0 {
		return "There are no rows."
	}
	var out []string
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = columns[i].Name + ": " + c
		}
		out = append(out, strings.Join(cells, ", "))
	}
	return strings.Join(out, "\n")
}
