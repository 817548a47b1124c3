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

	"github.com/gatehouse-dev/gatehouse/emulator/internal/genie"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/identity"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/sqlengine"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/statements"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/warehouses"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// Genie is what there is to ask in natural language.
type Genie struct {
	// Spaces are the Genie spaces that exist.
	Spaces []GenieSpace `json:"spaces,omitempty"`
	// QuestionsPerMinute bounds what the workspace is asked in a minute of the time scale.
	// 0 is 5, the documented throughput; -1 is no bound.
	QuestionsPerMinute int `json:"questionsPerMinute,omitempty"`
	// StageMillis is how long a message stays in each of its six statuses at least, in
	// milliseconds of the time scale. 0 is 500.
	StageMillis int `json:"stageMillis,omitempty"`
	// ResultSeconds is how long a result can be fetched, in seconds of the time scale. 0 is 3600.
	ResultSeconds int `json:"resultSeconds,omitempty"`
}

// GenieSpace is a Genie space: tables that can be asked about on a warehouse.
type GenieSpace struct {
	// ID is the space_id; on Databricks 32 hexadecimal digits.
	ID          string `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	// WarehouseID is that of the warehouse on which answers run; a warehouse that does
	// not exist makes every question fail, as it does on Databricks.
	WarehouseID string `json:"warehouseID"`
	// Tables are full names. They need not exist from the start.
	Tables []string `json:"tables"`
}

var spaceIDPattern = regexp.MustCompile(`^[0-9A-Za-z_-]+$`)

func (g Genie) check() error {
	var problems []error
	seen := map[string]bool{}
	for i, s := range g.Spaces {
		if !spaceIDPattern.MatchString(s.ID) || seen[s.ID] {
			problems = append(problems, fmt.Errorf("genie.spaces[%d].id must be letters and digits of its own", i))
		}
		seen[s.ID] = true
		if s.WarehouseID == "" || s.Title == "" || len(s.Tables) == 0 {
			problems = append(problems, fmt.Errorf("genie.spaces[%d]: title, warehouseID and tables must be set", i))
		}
		if slices.ContainsFunc(s.Tables, func(t string) bool { return strings.Count(t, ".") != 2 }) {
			problems = append(problems, fmt.Errorf("genie.spaces[%d].tables must be names of three parts", i))
		}
	}
	if g.StageMillis < 0 || g.ResultSeconds < 0 {
		problems = append(problems, errors.New("genie.stageMillis and genie.resultSeconds must not be negative"))
	}
	return errors.Join(problems...)
}

// genie puts the spaces together with what their answers run on.
func (o Options) genie(directory *identity.Store, house *warehouses.Store, engine *sqlengine.Engine, run *statements.Service) ([]wire.Route, error) {
	g := o.Config.Genie
	var spaces []genie.Space
	for _, s := range g.Spaces {
		spaces = append(spaces, genie.Space{ID: s.ID, Title: s.Title, Description: s.Description, WarehouseID: s.WarehouseID, Tables: s.Tables})
	}
	service, err := genie.New(genie.Options{
		Spaces: spaces, Directory: o.sessions(directory), Warehouses: house, Metastore: engine.Store, Executor: engine, Statements: run,
		State: o.state, TimeScale: o.TimeScale, QuestionsPerMinute: g.QuestionsPerMinute,
		Stage: time.Duration(g.StageMillis) * time.Millisecond, ResultTTL: time.Duration(g.ResultSeconds) * time.Second,
		BothScopes: o.Config.Switches.GenieBothScopes, ForeignNotFound: o.Config.Switches.GenieForeignNotFound,
	})
	if err != nil {
		return nil, err
	}
	o.genieControl.Attach(service)
	return service.Routes(), nil
}
