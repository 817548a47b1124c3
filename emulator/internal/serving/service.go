// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/session"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/store"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/vectorsearch"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// MostAgents is how many sub-agents a supervisor has at most.
const MostAgents = 20

// Shapes of requests and answers.
const (
	ShapeChat      = "chat"      // messages to choices
	ShapeResponses = "responses" // input to output
)

// Endpoint is a serving endpoint: a model, or a supervisor if it has agents.
type Endpoint struct {
	Name, Creator, Description string
	// Shape is the only one that is taken. Empty is chat for a model and both for a supervisor.
	Shape string
	// Instructions are what a model knows beside the conversation.
	Instructions string
	// Agents are the sub-agents of a supervisor, of which a question reaches those that it is about.
	Agents []Agent
	// Latency is added to each answer, before the time scale.
	Latency time.Duration
}

// Agent is a sub-agent: exactly one of SQL, Index and Model is set.
type Agent struct {
	Name string
	// Description says what the agent is asked for: questions are routed by it.
	Description string
	SQL         *SQL
	Index       *Index
	// Model is the name of an endpoint with a model.
	Model string
	// Latency is added to each answer, before the time scale.
	Latency time.Duration
}

// SQL is a statement that is run as the caller.
type SQL struct {
	WarehouseID string
	// Statement may use :question, which is bound as a STRING.
	Statement string
}

// Index is a vector search index that is asked as the caller.
type Index struct {
	Name    string
	Columns []string
	// Results is how many rows are returned at most.
	Results int
}

// Searcher asks a vector search index as a principal.
type Searcher interface {
	Search(ctx context.Context, principal, index string, q vectorsearch.Question) (vectorsearch.Answer, error)
}

// Access answers what a principal may do with an endpoint, by its id.
type Access interface {
	Allows(principal, id string, levels ...string) bool
}

// Levels are those of an endpoint's access list, each with what the one before allows.
var Levels = []string{"CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"}

// Options are what a Service is made of.
type Options struct {
	Endpoints  []Endpoint
	Access     Access
	Executor   session.Executor
	Directory  session.Directory
	Warehouses session.Warehouses
	Searcher   Searcher
	// WorkspaceURL is the host that endpoints are invoked at.
	WorkspaceURL string
	// TimeScale multiplies latencies; 0 is 1, real time.
	TimeScale float64
	// Markers puts <name>agent</name> before what each sub-agent of a supervisor said.
	Markers bool
	// Forbid answers 403 when no sub-agent that a question was for could be used, in
	// place of 200 with a text that says so.
	Forbid bool
	// State keeps AI Gateways and tags.
	State *store.Store
	// Tables are what invocations are logged in.
	Tables Tables
	// AccountID and WorkspaceID are what usage is told of.
	AccountID, WorkspaceID string
	// Log is told of rows that could not be written.
	Log *slog.Logger
}

// Service serves endpoints. It is safe for concurrent use.
type Service struct {
	Options
	gateways *gateways
	recorder *recorder
}

// New makes a Service with the tables of its usage. Close it to have the last rows written.
func New(o Options) (*Service, error) {
	if o.TimeScale <= 0 {
		o.TimeScale = 1
	}
	g, err := openGateways(o.State)
	if err != nil {
		return nil, err
	}
	if err := makeUsageTables(o.Tables); err != nil {
		return nil, fmt.Errorf("make the tables of usage: %w", err)
	}
	return &Service{o, g, newRecorder(o.Tables, o.Log)}, nil
}

// Close waits until everything that was asked is logged.
func (s *Service) Close() { s.recorder.close() }

// Unlogged are the latest rows that could not be written, oldest first, and how many
// there have been.
func (s *Service) Unlogged() ([]Unlogged, int) { return s.recorder.unlogged() }

// EndpointID is the id of an endpoint: 32 hexadecimal digits that stay the same over a restart.
func EndpointID(name string) string {
	sum := sha256.Sum256([]byte("serving-endpoint/" + name))
	return hex.EncodeToString(sum[:16])
}

// find is the endpoint with a name.
func (s *Service) find(name string) (Endpoint, error) {
	for _, e := range s.Endpoints {
		if e.Name == name {
			return e, nil
		}
	}
	return Endpoint{}, wire.NotFound("Endpoint with name '" + name + "' does not exist.")
}

// level is the highest that a principal holds on an endpoint, or empty.
func (s *Service) level(principal, name string) string {
	for i := len(Levels) - 1; i >= 0; i-- {
		if s.Access.Allows(principal, EndpointID(name), Levels[i]) {
			return Levels[i]
		}
	}
	return ""
}

// mayQuery says whether a principal may ask an endpoint.
func (s *Service) mayQuery(principal, name string) bool {
	return s.Access.Allows(principal, EndpointID(name), Levels[1:]...)
}

// wait is a latency in the time scale.
func (s *Service) wait(ctx context.Context, d time.Duration) error {
	return session.Sleep(ctx, time.Duration(float64(d)*s.TimeScale))
}
