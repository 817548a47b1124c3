// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package genie

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/acl"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/session"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/statements"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/store"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// Space is a Genie space. Its tables are full names.
type Space struct {
	ID, Title, Description, WarehouseID string
	Tables                              []string
}

// Directory knows principals and their groups.
type Directory interface {
	acl.Directory
	session.Directory
}

// Metastore knows tables and their columns.
type Metastore interface {
	Get(s metastore.Securable) (metastore.Object, bool)
}

// Options are what a Service is made of.
type Options struct {
	Spaces     []Space
	Directory  Directory
	Warehouses session.Warehouses
	Metastore  Metastore
	// Executor runs the small queries that find a question's values in the caller's rows.
	Executor   session.Executor
	Statements *statements.Service
	// State keeps the access lists. Conversations are never kept over a restart.
	State *store.Store
	// TimeScale multiplies every duration below; 0 is 1, real time.
	TimeScale float64
	// QuestionsPerMinute bounds what the workspace is asked in any minute. 0 is 5, the
	// documented throughput of the API; a negative number is no bound.
	QuestionsPerMinute int
	// Stage is how long a message stays in each status at least. 0 is 500 ms.
	Stage time.Duration
	// ResultTTL is how long a result can be fetched. 0 is an hour, as for statements.
	ResultTTL time.Duration
	// BothScopes asks for genie and dashboards.genie, as on Azure, where one is enough elsewhere.
	BothScopes bool
	// ForeignNotFound answers 404 for conversations of others, where 403 is documented.
	ForeignNotFound bool
}

const (
	// defaultQPM, defaultStage and defaultTTL are what Options say.
	defaultQPM   = 5
	defaultStage = 500 * time.Millisecond
	defaultTTL   = time.Hour
	// longest is how long a message may take. Clients are told to give up after it.
	longest = 10 * time.Minute
	// maxRows is how many rows a result has at most by the API.
	maxRows = 5000
)

// Levels of a space, from the least.
const (
	canRead, canRun, canEdit, canManage = "CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"
)

// scopes are the scopes of the API.
var scopes = []string{"genie", "dashboards.genie"}

// Service is the Genie of a workspace. It is safe for concurrent use.
type Service struct {
	Options
	permissions *acl.Store
	limit       *limiter
	now         func() time.Time

	mu            sync.Mutex
	conversations map[string]*conversation
}

// New makes a Service.
func New(o Options) (*Service, error) {
	if o.TimeScale <= 0 {
		o.TimeScale = 1
	}
	scaled := func(d time.Duration) time.Duration { return time.Duration(float64(d) * o.TimeScale) }
	o.Stage = scaled(cmp.Or(o.Stage, defaultStage))
	o.ResultTTL = scaled(cmp.Or(o.ResultTTL, defaultTTL))
	s := &Service{Options: o, now: time.Now, conversations: map[string]*conversation{}}
	s.limit = &limiter{most: cmp.Or(o.QuestionsPerMinute, defaultQPM), window: scaled(time.Minute)}
	var err error
	s.permissions, err = acl.Open(o.State, acl.Kind{
		Path: "genie", Type: "genie-space", Noun: "Genie space", Levels: []string{canRead, canRun, canEdit, canManage},
		Alias: map[string]string{"CAN_VIEW": canRead}, Exists: func(id string) bool { _, ok := s.find(id); return ok },
	}, o.Directory)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Routes serve the service.
func (s *Service) Routes() []wire.Route {
	const conversations = "/{space}/conversations"
	const messages = conversations + "/{conversation}/messages"
	const message = messages + "/{message}"
	return append(s.permissions.Routes(),
		s.route("GET", "", s.listSpaces),
		s.route("GET", "/{space}", s.getSpace),
		s.route("POST", "/{space}/start-conversation", s.start),
		s.route("GET", conversations, s.listConversations),
		s.route("DELETE", conversations+"/{conversation}", s.deleteConversation),
		s.route("GET", messages, s.listMessages),
		s.route("POST", messages, s.createMessage),
		s.route("GET", message, s.getMessage),
		s.route("DELETE", message, s.deleteMessage),
		s.route("POST", message+"/feedback", s.feedback),
		s.route("GET", message+"/attachments/{attachment}/query-result", s.queryResult),
		s.route("POST", message+"/attachments/{attachment}/execute-query", s.executeQuery),
		s.route("GET", message+"/query-result", s.queryResult),
		s.route("GET", message+"/query-result/{attachment}", s.queryResult),
		s.route("POST", message+"/execute-query", s.executeQuery),
	)
}

func (s *Service) route(method, pattern string, h wire.Handle) wire.Route {
	return wire.Group{Prefix: "/api/2.0/genie/spaces", Scopes: scopes}.Route(method, pattern, func(ctx context.Context, r *wire.Request) (any, error) {
		for _, scope := range scopes {
			if s.BothScopes && !r.Caller.HasScope(scope) {
				return nil, wire.Denied("Provided OAuth token does not have required scopes: " + strings.Join(scopes, " "))
			}
		}
		return h(ctx, r)
	})
}

func (s *Service) find(id string) (Space, bool) {
	i := slices.IndexFunc(s.Spaces, func(one Space) bool { return one.ID == id })
	if i < 0 {
		return Space{}, false
	}
	return s.Spaces[i], true
}

// space is the space of a request, whose caller must hold one of the levels on it.
func (s *Service) space(r *wire.Request, what string, levels ...string) (Space, error) {
	id := r.PathValue("space")
	space, ok := s.find(id)
	if !ok {
		return Space{}, wire.NotFound("Genie space " + id + " does not exist.")
	}
	if !s.permissions.Allows(r.Caller.Principal(), id, levels...) {
		return Space{}, wire.Denied("You do not have permission to " + what + " the Genie space " + id + ".")
	}
	return space, nil
}

// runnable is the space of a request whose caller may ask it.
func (s *Service) runnable(r *wire.Request) (Space, error) {
	return s.space(r, "run", canRun, canEdit, canManage)
}

func (s *Service) listSpaces(_ context.Context, r *wire.Request) (any, error) {
	if err := known(r, "page_size", "page_token"); err != nil {
		return nil, err
	}
	list := []any{}
	for _, space := range s.Spaces {
		if s.permissions.Allows(r.Caller.Principal(), space.ID, canRead, canRun, canEdit, canManage) {
			list = append(list, space.body())
		}
	}
	return page(r, "spaces", list)
}

func (s *Service) getSpace(_ context.Context, r *wire.Request) (any, error) {
	if r.URL.Query().Get("include_serialized_space") == "true" {
		return nil, notImplemented("include_serialized_space")
	}
	if err := known(r, "include_serialized_space"); err != nil {
		return nil, err
	}
	space, err := s.space(r, "view", canRead, canRun, canEdit, canManage)
	if err != nil {
		return nil, err
	}
	return space.body(), nil
}

func (one Space) body() map[string]any {
	out := map[string]any{"space_id": one.ID, "title": one.Title, "warehouse_id": one.WarehouseID}
	if one.Description != "" {
		out["description"] = one.Description
	}
	return out
}

func notImplemented(what string) error {
	return &wire.Error{Status: http.StatusNotImplemented, Code: "NOT_IMPLEMENTED", Message: "the emulator does not implement " + what + " of Genie"}
}
