// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package statements

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/session"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/sqlengine"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// Options are what a service is made of.
type Options struct {
	Executor   session.Executor
	Directory  session.Directory
	Warehouses session.Warehouses
	// ChunkRows is how many rows a chunk has at most. Default 10,000.
	ChunkRows int
	// Delay is waited before each statement runs.
	Delay time.Duration
}

const (
	// inlineLimit is how much an INLINE result may hold.
	inlineLimit = 25 << 20
	// kept is how long a finished statement can be asked for.
	kept = time.Hour
	// longest is how long a statement may run.
	longest = 30 * time.Minute
)

type service struct {
	Options
	mu sync.Mutex
	// running are the statements by id.
	running map[string]*statement
}

// statement is one that was sent. Its fields below done are set before done is closed.
type statement struct {
	id, owner string
	cancel    context.CancelFunc
	done      chan struct{}
	canceled  bool // under the service's lock
	ended     time.Time
	result    *sqlengine.Result
	err       error
}

// Routes serve the service.
func (x *Service) Routes() []wire.Route {
	s := x.s
	route := wire.Group{Prefix: "/api/2.0/sql/statements", Scopes: []string{"sql"}}.Route
	return []wire.Route{
		route("POST", "", s.post),
		route("GET", "/{id}", s.get),
		route("POST", "/{id}/cancel", s.cancel),
		route("GET", "/{id}/result/chunks/{n}", s.chunk),
	}
}

type request struct {
	WarehouseID string `json:"warehouse_id"`
	Statement   string `json:"statement"`
	Catalog     string `json:"catalog"`
	Schema      string `json:"schema"`
	Parameters  []struct {
		Name  string  `json:"name"`
		Value *string `json:"value"`
		Type  string  `json:"type"`
	} `json:"parameters"`
	WaitTimeout   string `json:"wait_timeout"`
	OnWaitTimeout string `json:"on_wait_timeout"`
	Disposition   string `json:"disposition"`
	Format        string `json:"format"`
	RowLimit      int64  `json:"row_limit"`
	ByteLimit     int64  `json:"byte_limit"`
	QueryTags     []struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	} `json:"query_tags"`
}

var (
	waitPattern = regexp.MustCompile(`^(0|[5-9]|[1-4]\d|50)s$`)
	namePattern = regexp.MustCompile(`^[A-Za-z_]\w*$`)
)

// check says what is wrong with a request, and how long it wants to wait.
func (in request) check() (time.Duration, error) {
	switch {
	case strings.TrimSpace(in.Statement) == "":
		return 0, wire.BadParameter("statement must be set")
	case len(in.Statement) > 16<<20:
		return 0, wire.BadParameter("statement must be at most 16 MiB")
	case in.Disposition != "" && in.Disposition != "INLINE":
		return 0, notImplemented("the disposition " + strconv.Quote(in.Disposition))
	case in.Format != "" && in.Format != "JSON_ARRAY":
		return 0, notImplemented("the format " + strconv.Quote(in.Format))
	case in.OnWaitTimeout != "" && in.OnWaitTimeout != "CONTINUE" && in.OnWaitTimeout != "CANCEL":
		return 0, wire.BadParameter("on_wait_timeout must be CONTINUE or CANCEL")
	case in.RowLimit < 0 || in.ByteLimit < 0:
		return 0, wire.BadParameter("row_limit and byte_limit must not be negative")
	case len(in.QueryTags) > 20:
		return 0, wire.BadParameter("query_tags must have at most 20 entries")
	}
	seen := map[string]bool{}
	for _, p := range in.Parameters {
		if !namePattern.MatchString(p.Name) || seen[p.Name] {
			return 0, wire.BadParameter("each parameter must have a name of its own")
		}
		seen[p.Name] = true
	}
	wait := in.WaitTimeout
	if wait == "" {
		wait = "10s"
	}
	if !waitPattern.MatchString(wait) {
		return 0, wire.BadParameter("wait_timeout must be 0s or between 5s and 50s")
	}
	if wait == "0s" && in.OnWaitTimeout == "CANCEL" {
		return 0, wire.BadParameter("on_wait_timeout must not be CANCEL when wait_timeout is 0s")
	}
	return time.ParseDuration(wait)
}

func notImplemented(what string) error {
	return &wire.Error{Status: http.StatusNotImplemented, Code: "NOT_IMPLEMENTED", Message: "the emulator does not implement " + what + " of statements"}
}

func (s *service) post(ctx context.Context, r *wire.Request) (any, error) {
	var in request
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	if !s.Warehouses.Exists(in.WarehouseID) {
		return nil, wire.BadParameter(strconv.Quote(in.WarehouseID) + " is not a valid endpoint id.")
	}
	me := r.Caller.Principal()
	if !s.Warehouses.MayUse(me, in.WarehouseID) {
		return nil, wire.Denied("You do not have permission to use the SQL Warehouse " + in.WarehouseID + ".")
	}
	wait, err := in.check()
	if err != nil {
		return nil, err
	}
	st := s.start(me, in)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-st.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		if in.OnWaitTimeout == "CANCEL" {
			s.stop(st)
			<-st.done
		}
	}
	return s.state(st, 0)
}

// start runs a statement in the background: it outlives the call that sent it.
func (s *service) start(owner string, in request) *statement {
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	st := &statement{id: uuid.NewString(), owner: owner, cancel: cancel, done: make(chan struct{})}
	as := session.Of(s.Directory, owner)
	as.Catalog, as.Schema = strings.ToLower(in.Catalog), strings.ToLower(in.Schema)
	what := sqlengine.Statement{SQL: in.Statement, RowLimit: in.RowLimit, ByteLimit: in.ByteLimit}
	for _, p := range in.Parameters {
		what.Params = append(what.Params, sqlengine.Param{Name: p.Name, Value: p.Value, Type: p.Type})
	}
	s.mu.Lock()
	for id, old := range s.running {
		if !old.ended.IsZero() && time.Since(old.ended) > kept {
			delete(s.running, id)
		}
	}
	s.running[st.id] = st
	s.mu.Unlock()
	go func() {
		defer cancel()
		var result *sqlengine.Result
		err := session.Sleep(ctx, s.Delay)
		if err == nil {
			result, err = s.Executor.Execute(ctx, as, what)
		}
		s.mu.Lock()
		st.result, st.err, st.ended = result, err, time.Now()
		s.mu.Unlock()
		close(st.done)
	}()
	return st
}

func (s *service) stop(st *statement) {
	s.mu.Lock()
	st.canceled = st.canceled || st.ended.IsZero()
	s.mu.Unlock()
	st.cancel()
}

// find is a statement that the caller sent.
func (s *service) find(r *wire.Request) (*statement, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.running[r.PathValue("id")]
	if !ok || st.owner != r.Caller.Principal() {
		return nil, wire.NotFound("The statement " + r.PathValue("id") + " was not found.")
	}
	return st, nil
}

func (s *service) get(_ context.Context, r *wire.Request) (any, error) {
	st, err := s.find(r)
	if err != nil {
		return nil, err
	}
	return s.state(st, 0)
}

func (s *service) cancel(_ context.Context, r *wire.Request) (any, error) {
	st, err := s.find(r)
	if err != nil {
		return nil, err
	}
	s.stop(st)
	return map[string]any{}, nil
}

func (s *service) chunk(_ context.Context, r *wire.Request) (any, error) {
	st, err := s.find(r)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 0 || n >= s.chunks(st) {
		return nil, wire.NotFound("The chunk was not found.")
	}
	return s.data(st, n), nil
}

// failureOf is how a failed statement is told.
func failureOf(st *statement, canceled bool) map[string]any {
	if canceled {
		return map[string]any{"state": "CANCELED"}
	}
	code, message, state := "INTERNAL_ERROR", "[INTERNAL_ERROR] The statement failed.", ""
	if failed, ok := errors.AsType[*sqlengine.StatementError](st.err); ok {
		code, message, state = failed.Code, failed.Message, failed.SQLState
	} else if errors.Is(st.err, context.DeadlineExceeded) {
		code, message = "DEADLINE_EXCEEDED", "The statement ran too long."
	}
	out := map[string]any{"state": "FAILED", "error": map[string]any{"error_code": code, "message": message}}
	if state != "" {
		out["sql_state"] = state
	}
	return out
}

// state is a statement as it stands, with a chunk of its result.
func (s *service) state(st *statement, n int) (any, error) {
	s.mu.Lock()
	ended, canceled := !st.ended.IsZero(), st.canceled
	s.mu.Unlock()
	out := map[string]any{"statement_id": st.id}
	switch {
	case !ended:
		out["status"] = map[string]any{"state": "RUNNING"}
	case st.err != nil:
		if failed, ok := errors.AsType[*sqlengine.StatementError](st.err); ok && failed.NotImplemented {
			return nil, &wire.Error{Status: http.StatusNotImplemented, Code: "NOT_IMPLEMENTED", Message: failed.Message}
		}
		out["status"] = failureOf(st, canceled)
	case size(st.result) > inlineLimit:
		out["status"] = map[string]any{"state": "FAILED", "error": map[string]any{
			"error_code": "BAD_REQUEST", "message": "Inline byte limit exceeded. Statements executed with disposition=INLINE can have a result size of at most 26214400 bytes.",
		}}
	default:
		out["status"], out["manifest"], out["result"] = map[string]any{"state": "SUCCEEDED"}, s.manifest(st), s.data(st, n)
	}
	return out, nil
}
