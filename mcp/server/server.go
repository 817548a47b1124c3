// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/mcp/health"
	"github.com/gatehouse-dev/gatehouse/mcp/identity"
)

// Path is where MCP is served on the main port.
const Path = "/mcp"

// Options are what a Server is made of.
type Options struct {
	// AccessDir is the folder that the access document is mounted in. Required.
	AccessDir string
	// KeysDir is the folder that the Secret of sealing keys is mounted in. Empty: no
	// conversation can be gone on with.
	KeysDir string
	// StoreDir is the folder that the credentials of the rate limit store are mounted in;
	// it need not exist.
	StoreDir string
	// AllowedHosts are names, beside the resource's, that callers may address the
	// server by, such as that of its Service. With a port where it is not 443 or 80.
	AllowedHosts []string
	// OperatorName is the user name of the operator's service account, the only one
	// that may ask on the second port. Required.
	OperatorName string
	// Reviewer says whose a token is. Required.
	Reviewer Reviewer
	// NewBackend makes the clients of a workspace. Default Databricks.
	NewBackend NewBackend
	// WorkloadTokenFile is the pod's projected token, by which it is the server's own role
	// at the token endpoint. Empty: the health of dependencies stays unknown.
	WorkloadTokenFile string
	// NewWatched makes the client that asks for the health of a workspace. Default health.Databricks.
	NewWatched func(host string, client *http.Client) health.Workspace
	// LoopbackIssuers lets keys be fetched from loopback addresses. For tests.
	LoopbackIssuers bool
	// ReloadInterval is how often the document is looked at. Default 100 ms.
	ReloadInterval time.Duration
	// Version is the server's version, as clients see it.
	Version string
	// Log is where the server writes. Required.
	Log *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Server serves the tools of one access document at a time.
type Server struct {
	opts    Options
	log     *slog.Logger
	now     func() time.Time
	sdkLog  *slog.Logger
	metrics *metrics
	store   *store
	tokens  *caller.TokenCache
	keys    *keyring
	health  *health.Checker
	issuers *identity.Issuers
	working atomic.Int64

	mu       sync.Mutex // guards what follows, which only building a snapshot uses
	backends map[[sha256.Size]byte]*backend
	limiter  *limiter
}

// New makes a Server. It serves nothing until Watch has found a document.
func New(o Options) (*Server, error) {
	switch {
	case o.AccessDir == "":
		return nil, errors.New("the folder of the access document is required")
	case o.OperatorName == "" || o.Reviewer == nil:
		return nil, errors.New("the name of the operator's service account and a reviewer are required")
	case o.Log == nil:
		return nil, errors.New("a logger is required")
	}
	if o.NewBackend == nil {
		o.NewBackend = Databricks
	}
	if o.NewWatched == nil {
		o.NewWatched = health.Databricks
	}
	if o.ReloadInterval <= 0 {
		o.ReloadInterval = 100 * time.Millisecond
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Version == "" {
		o.Version = "0.0.0"
	}
	for i, h := range o.AllowedHosts {
		o.AllowedHosts[i] = strings.ToLower(h)
	}
	tokens, err := caller.NewTokenCache(caller.TokenCacheOptions{})
	if err != nil {
		return nil, fmt.Errorf("make the token cache: %w", err)
	}
	s := &Server{
		opts: o, log: o.Log, sdkLog: slog.New(warnings{o.Log.Handler()}), now: o.Now, metrics: newMetrics(), tokens: tokens,
		issuers: identity.NewIssuers(identity.Options{Now: o.Now, Loopback: o.LoopbackIssuers}), backends: map[[sha256.Size]byte]*backend{},
	}
	s.keys = &keyring{dir: o.KeysDir, log: o.Log, metrics: s.metrics}
	s.health = health.New(health.Options{TokenFile: o.WorkloadTokenFile, Observed: s.metrics.dependency, Dropped: s.metrics.dropDependency, Now: o.Now})
	s.store = &store{dir: o.AccessDir, log: o.Log, metrics: s.metrics, build: s.snapshot, swapped: s.swapped}
	return s, nil
}

// Watch takes up the access document and the sealing keys, and each new one, until ctx ends.
func (s *Server) Watch(ctx context.Context) {
	var group sync.WaitGroup
	group.Go(func() { s.keys.watch(ctx, keysInterval(s.opts.ReloadInterval)) })
	s.store.watch(ctx, s.opts.ReloadInterval)
	group.Wait()
}

// keysInterval is how often the keys are looked at: they are there long before they are used.
func keysInterval(document time.Duration) time.Duration { return 50 * document }

// Handler serves the main port.
func (s *Server) Handler() http.Handler {
	return s.chain(func(r *http.Request) *mcp.Server { return snapshotOf(r.Context()).server })
}

// HandlerFor serves what build makes where Handler serves the tools of the access
// document. Everything else is the same: what stands before MCP, the check of the
// caller's token included, what each message passes through, and the revisions
// served. The fixtures of the conformance suites are served so.
func (s *Server) HandlerFor(build func(mcp.ServerOptions) *mcp.Server) http.Handler {
	srv := build(s.protocol())
	s.guard(srv)
	return s.chain(func(*http.Request) *mcp.Server { return srv })
}

// chain is what a request of the main port passes through on its way to MCP.
func (s *Server) chain(serverOf func(*http.Request) *mcp.Server) http.Handler {
	protocol := mcp.NewStreamableHTTPHandler(serverOf,
		&mcp.StreamableHTTPOptions{
			Stateless: true, PropagateRequestCancellation: true, Logger: s.sdkLog,
			// The host was held against the resource already; behind a port-forward the address is loopback.
			DisableLocalhostProtection: true,
		})
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, http.StatusForbidden, "origin", "the Origin header names another site")
	}))
	mux := http.NewServeMux()
	mux.Handle(Path, s.hostAllowed(foreignOrigin(s, origin.Handler(stripped(s.authenticated(s.gated(protocol)))))))
	metadata := http.HandlerFunc(s.metadata)
	mux.Handle("GET "+metadataPath, metadata)
	mux.Handle("GET "+metadataPath+Path, metadata)
	mux.Handle("OPTIONS "+metadataPath, metadata)
	mux.Handle("OPTIONS "+metadataPath+Path, metadata)
	return identified(s.serving(mux))
}

// foreignOrigin refuses a request that a page of another site makes, also with a
// method that http.CrossOriginProtection counts as safe.
func foreignOrigin(s *Server, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if o := r.Header.Get("Origin"); o != "" && o != "https://"+r.Host && o != "http://"+r.Host {
			s.refuse(w, r, http.StatusForbidden, "origin", "the Origin header names another site")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) implementation() *mcp.Implementation {
	return &mcp.Implementation{Name: "gatehouse", Title: "Gatehouse", Version: s.opts.Version}
}

// snapshot makes a document ready to be served. Connections and fetched keys
// outlive the document, when the next one has the same source.
func (s *Server) snapshot(doc access.Document) (*snapshot, error) {
	snap, err := prepare(doc)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if snap.callers, err = s.issuers.Federation(trust(doc)); err != nil {
		return nil, err
	}
	if snap.backend, err = s.reach(doc.Workspace); err != nil {
		return nil, err
	}
	if snap.limiter, err = s.counting(doc.Limits.Store); err != nil {
		return nil, err
	}
	if err := s.define(snap); err != nil {
		if snap.limiter != s.limiter {
			snap.limiter.close()
		}
		return nil, err
	}
	for rule, err := range snap.broken {
		s.log.Error("Cannot use a condition; the cells that hang on it are denied", "rule", rule, "reason", err.Error())
	}
	snap.server = s.newMCPServer(snap)
	return snap, nil
}

// reach returns the client of the workspace.
func (s *Server) reach(w access.Workspace) (*backend, error) {
	id := sha256.Sum256([]byte(w.Host + "\x00" + w.CABundle))
	if b := s.backends[id]; b != nil {
		return b, nil
	}
	clients, err := backendClients(w.CABundle, s.metrics)
	if err != nil {
		return nil, err
	}
	b := &backend{Backend: s.opts.NewBackend(w.Host, clients), key: id, clients: clients}
	s.backends[id] = b
	return b, nil
}

// swapped drops what the new document no longer covers, and tells listeners.
func (s *Server) swapped(old, current *snapshot) {
	s.health.Use(health.Target{
		Name: current.doc.Workspace.Name, Host: current.doc.Workspace.Host, Identity: current.doc.Health, Dependencies: current.doc.Dependencies,
		Workspace: s.opts.NewWatched(current.doc.Workspace.Host, current.backend.clients.Once),
	})
	s.mu.Lock()
	before := s.limiter
	s.limiter = current.limiter
	s.mu.Unlock()
	if before != nil && before != current.limiter {
		time.AfterFunc(storeTimeout*2, before.close) // calls that began before may still count there
	}
	if old == nil {
		return
	}
	s.tokens.DropIf(func(k caller.TokenKey) bool {
		for _, r := range current.doc.Roles {
			if r.ApplicationID == k.ServicePrincipal && slices.Equal(r.Scopes, k.Scopes) {
				return current.doc.Workspace.Host != k.Workspace
			}
		}
		return true
	})
	s.mu.Lock()
	for id, b := range s.backends {
		if id != current.backend.key {
			b.clients.Standard.CloseIdleConnections()
			delete(s.backends, id)
		}
	}
	s.mu.Unlock()
	// Listeners are told by the server that they listen to; what they then list comes from the new one.
	if len(old.doc.Tools) > 0 {
		t := old.doc.Tools[0]
		old.server.AddTool(listing(t), s.call(t.Name))
	}
}

// warnings lets through what is wrong: the SDK tells of every connection otherwise.
type warnings struct{ slog.Handler }

func (w warnings) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && w.Handler.Enabled(ctx, l)
}
func (w warnings) WithAttrs(a []slog.Attr) slog.Handler { return warnings{w.Handler.WithAttrs(a)} }
func (w warnings) WithGroup(n string) slog.Handler      { return warnings{w.Handler.WithGroup(n)} }
