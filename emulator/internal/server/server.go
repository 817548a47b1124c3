// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/calllog"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/faults"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/genie"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/identity"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/oauth"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/serving"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/sqlengine"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/statements"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/store"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/unitycatalog"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/warehouses"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// Options are what a Server is made of.
type Options struct {
	Config Config
	// AccountURL and WorkspaceURL are how clients address the hosts, to the byte.
	AccountURL, WorkspaceURL string
	// StateDir keeps state over a restart; empty keeps none.
	StateDir string
	// IssuerClient fetches the keys of identity providers.
	IssuerClient *http.Client
	// TimeScale multiplies delays; 1 is real time.
	TimeScale float64
	Log       *slog.Logger
	// state and genieControl are set by New.
	state        *store.Store
	genieControl *genie.Control
}

// Server is the emulator.
type Server struct {
	Account   http.Handler
	Workspace http.Handler
	Admin     http.Handler
	opts      Options
	engine    *sqlengine.Engine
	endpoints *serving.Service
}

// Close writes what is still to be logged and lets go of the state.
func (s *Server) Close() error {
	s.endpoints.Close()
	return s.engine.Close()
}

// New puts the emulator together.
func New(o Options) (*Server, error) {
	if err := o.Config.check(); err != nil {
		return nil, err
	}
	var err error
	if o.state, err = store.Open(o.StateDir); err != nil {
		return nil, err
	}
	directory, err := identity.Open(o.state)
	if err != nil {
		return nil, err
	}
	if err := o.Config.plant(directory); err != nil {
		return nil, err
	}
	tokens, err := oauth.New(oauth.Options{
		AccountURL: o.AccountURL, AccountID: o.Config.AccountID, WorkspaceURL: o.WorkspaceURL, WorkspaceID: o.Config.Workspace.ID,
		State: o.state, Store: directory, Client: o.IssuerClient, UnassignedExchange: o.Config.Switches.UnassignedExchange,
	})
	if err != nil {
		return nil, err
	}
	routes := append(tokens.Routes(), directory.Routes(o.Config.AccountID, o.Config.Workspace.ID)...)
	o.genieControl = &genie.Control{}
	engine, endpoints, sqlRoutes, err := o.sql(directory)
	if err != nil {
		return nil, err
	}
	routes = append(routes, sqlRoutes...)
	if o.TimeScale <= 0 {
		o.TimeScale = 1
	}
	set, calls := faults.New(o.TimeScale), &calllog.Log{}
	host := func(a wire.Audience) http.Handler {
		return wire.Handler(wire.Options{Audience: a, Routes: routes, Authenticate: tokens.Authenticate, Faults: set, Calls: calls, Log: o.Log})
	}
	return &Server{
		Account: host(wire.Account), Workspace: host(wire.Workspace), opts: o, engine: engine, endpoints: endpoints,
		Admin: admin{faults: set, calls: calls, directory: directory, genie: o.genieControl, endpoints: endpoints}.handler(),
	}, nil
}

// sql puts together the metastore, the warehouses and what runs on them.
func (o Options) sql(directory *identity.Store) (*sqlengine.Engine, *serving.Service, []wire.Route, error) {
	metastore, err := metastore.Open(o.state, directory)
	if err != nil {
		return nil, nil, nil, err
	}
	var list []warehouses.Warehouse
	for _, w := range o.Config.Warehouses {
		list = append(list, warehouses.Warehouse{ID: w.ID, Name: w.Name})
	}
	house, err := warehouses.Open(o.state, list, directory)
	if err != nil {
		return nil, nil, nil, err
	}
	engine, err := sqlengine.Open(o.StateDir, metastore)
	if err != nil {
		return nil, nil, nil, err
	}
	connectionRoutes, err := o.connections(directory, engine)
	if err != nil {
		return nil, nil, nil, err
	}
	run := statements.New(statements.Options{Executor: engine, Directory: o.sessions(directory), Warehouses: house})
	genieRoutes, err := o.genie(directory, house, engine, run)
	if err != nil {
		return nil, nil, nil, err
	}
	endpoints, aiRoutes, err := o.ai(directory, house, engine)
	if err != nil {
		return nil, nil, nil, err
	}
	return engine, endpoints, slices.Concat(house.Routes(), unitycatalog.Routes(metastore), connectionRoutes, run.Routes(), aiRoutes, genieRoutes), nil
}

// sessions says what the sessions of statements see of their owner's groups. Grants and
// lists of access go by all groups of the account whatever sessions see.
type sessions struct {
	*identity.Store
	byAssignment bool
}

func (o Options) sessions(directory *identity.Store) sessions {
	return sessions{directory, o.Config.Switches.AccountGroupsByAssignment}
}

// GroupsOf are the account groups that is_account_group_member() sees.
func (s sessions) GroupsOf(principal string) []string {
	if s.byAssignment {
		return s.WorkspaceGroupsOf(principal)
	}
	return s.Store.GroupsOf(principal)
}

// Handler serves both hosts on one port, by the Host header.
func (s *Server) Handler() http.Handler {
	account := hostOf(s.opts.AccountURL)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(r.Host, account) {
			s.Account.ServeHTTP(w, r)
			return
		}
		s.Workspace.ServeHTTP(w, r)
	})
}

func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}
