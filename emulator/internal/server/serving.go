// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/acl"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/identity"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/serving"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/sqlengine"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/vectorsearch"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/warehouses"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// Serving is the serving endpoints that exist.
type Serving struct {
	Endpoints []ServingEndpoint `json:"endpoints,omitempty"`
}

// ServingEndpoint is a chat model, or with agents a supervisor.
type ServingEndpoint struct {
	// Name is at most 63 letters, digits, hyphens and underscores.
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	// Creator is a user name or an application id; it gives no rights.
	Creator string `json:"creator,omitempty"`
	// Shape is the only form of request that is taken: chat (messages) or responses
	// (input). Empty is chat for a model and both for a supervisor.
	Shape string `json:"shape,omitempty"`
	// Instructions are what a model knows: it answers from their sentences and from
	// those of the conversation.
	Instructions string `json:"instructions,omitempty"`
	// Agents are the sub-agents of a supervisor, at most 20.
	Agents []ServingAgent `json:"agents,omitempty"`
	// LatencyMillis is added to each answer, in milliseconds of the time scale.
	LatencyMillis int `json:"latencyMillis,omitempty"`
}

// ServingAgent is a sub-agent. Exactly one of sql, index and model is set.
type ServingAgent struct {
	Name string `json:"name"`
	// Description says what questions are for the agent: they are routed by it.
	Description string `json:"description"`
	// SQL is run as the caller.
	SQL *AgentSQL `json:"sql,omitempty"`
	// Index is asked as the caller.
	Index *AgentIndex `json:"index,omitempty"`
	// Model is the name of an endpoint without agents; the caller needs CAN_QUERY on it.
	Model string `json:"model,omitempty"`
	// LatencyMillis is added to each answer, in milliseconds of the time scale.
	LatencyMillis int `json:"latencyMillis,omitempty"`
}

// AgentSQL is a statement on a warehouse, on which the caller needs CAN_USE.
type AgentSQL struct {
	WarehouseID string `json:"warehouseID"`
	// Statement is one query. :question is bound to what was asked.
	Statement string `json:"statement"`
}

// AgentIndex is a vector search index, on which the caller needs SELECT.
type AgentIndex struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
	// Results is how many rows are returned at most. 0 is 3.
	Results int `json:"results,omitempty"`
}

var servingNamePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,63}$`)

func (s Serving) check() error {
	var problems []error
	models := map[string]bool{}
	seen := map[string]bool{}
	for _, e := range s.Endpoints {
		models[e.Name] = len(e.Agents) == 0
	}
	for i, e := range s.Endpoints {
		at := fmt.Sprintf("serving.endpoints[%d]", i)
		if !servingNamePattern.MatchString(e.Name) || seen[e.Name] {
			problems = append(problems, errors.New(at+".name must be at most 63 letters, digits, hyphens and underscores, and its own"))
		}
		seen[e.Name] = true
		if !slices.Contains([]string{"", serving.ShapeChat, serving.ShapeResponses}, e.Shape) {
			problems = append(problems, errors.New(at+".shape must be chat or responses"))
		}
		if e.LatencyMillis < 0 {
			problems = append(problems, errors.New(at+".latencyMillis must not be negative"))
		}
		if len(e.Agents) > serving.MostAgents {
			problems = append(problems, fmt.Errorf("%s.agents must be at most %d", at, serving.MostAgents))
		}
		names := map[string]bool{}
		for j, a := range e.Agents {
			if names[a.Name] {
				problems = append(problems, fmt.Errorf("%s.agents[%d].name must be its own", at, j))
			}
			names[a.Name] = true
			if err := a.check(models); err != nil {
				problems = append(problems, fmt.Errorf("%s.agents[%d]: %w", at, j, err))
			}
		}
	}
	return errors.Join(problems...)
}

func (a ServingAgent) check(models map[string]bool) error {
	kinds := 0
	for _, set := range []bool{a.SQL != nil, a.Index != nil, a.Model != ""} {
		if set {
			kinds++
		}
	}
	switch {
	case !servingNamePattern.MatchString(a.Name) || a.Description == "":
		return errors.New("name must be letters, digits, hyphens and underscores, and description must be set")
	case kinds != 1:
		return errors.New("exactly one of sql, index and model must be set")
	case a.SQL != nil && (a.SQL.WarehouseID == "" || strings.TrimSpace(a.SQL.Statement) == ""):
		return errors.New("sql.warehouseID and sql.statement must be set")
	case a.Index != nil && (!vectorsearch.ValidName(a.Index.Name) || len(a.Index.Columns) == 0 || a.Index.Results < 0):
		return errors.New("index.name must have three parts, index.columns must be set, index.results must not be negative")
	case a.Model != "" && !models[a.Model]:
		return errors.New("model must be an endpoint without agents")
	case a.LatencyMillis < 0:
		return errors.New("latencyMillis must not be negative")
	}
	return nil
}

func (e ServingEndpoint) endpoint() serving.Endpoint {
	out := serving.Endpoint{
		Name: e.Name, Creator: e.Creator, Description: e.Description, Shape: e.Shape, Instructions: e.Instructions,
		Latency: time.Duration(e.LatencyMillis) * time.Millisecond,
	}
	for _, a := range e.Agents {
		one := serving.Agent{Name: a.Name, Description: a.Description, Model: a.Model, Latency: time.Duration(a.LatencyMillis) * time.Millisecond}
		if a.SQL != nil {
			one.SQL = &serving.SQL{WarehouseID: a.SQL.WarehouseID, Statement: a.SQL.Statement}
		}
		if a.Index != nil {
			one.Index = &serving.Index{Name: a.Index.Name, Columns: a.Index.Columns, Results: a.Index.Results}
			if one.Index.Results == 0 {
				one.Index.Results = 3
			}
		}
		out.Agents = append(out.Agents, one)
	}
	return out
}

// serving puts the endpoints together with what their agents ask.
func (o Options) serving(directory *identity.Store, house *warehouses.Store, engine *sqlengine.Engine, indexes *vectorsearch.Service) (*serving.Service, []wire.Route, error) {
	ids := map[string]bool{}
	var endpoints []serving.Endpoint
	for _, e := range o.Config.Serving.Endpoints {
		ids[serving.EndpointID(e.Name)] = true
		endpoints = append(endpoints, e.endpoint())
	}
	access, err := acl.Open(o.state, acl.Kind{
		Path: "serving-endpoints", Type: "serving-endpoint", Noun: "serving endpoint", Levels: serving.Levels,
		Exists: func(id string) bool { return ids[id] },
	}, directory)
	if err != nil {
		return nil, nil, err
	}
	service, err := serving.New(serving.Options{
		Endpoints: endpoints, Access: access, Executor: engine, Directory: o.sessions(directory), Warehouses: house, Searcher: indexes,
		WorkspaceURL: o.WorkspaceURL, TimeScale: o.TimeScale,
		Markers: o.Config.Switches.SupervisorMarkers, Forbid: o.Config.Switches.SupervisorForbids, State: o.state,
		Tables: engine, AccountID: o.Config.AccountID, WorkspaceID: o.Config.Workspace.ID, Log: o.Log,
	})
	if err != nil {
		return nil, nil, err
	}
	return service, append(service.Routes(), access.Routes()...), nil
}

// ai puts together what answers questions from rows that are there: indexes, and the
// endpoints whose agents ask them.
func (o Options) ai(directory *identity.Store, house *warehouses.Store, engine *sqlengine.Engine) (*serving.Service, []wire.Route, error) {
	indexes, routes, err := o.vectorSearch(directory, engine)
	if err != nil {
		return nil, nil, err
	}
	service, more, err := o.serving(directory, house, engine, indexes)
	return service, append(routes, more...), err
}
