// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gatehouse-dev/gatehouse/mcp/identity"
)

// Reviewer says whose token this is, as the cluster sees it.
type Reviewer interface {
	// Review returns the user name of a valid token issued for the operator's
	// questions, and "" for any other.
	Review(ctx context.Context, token string) (string, error)
}

// Status is what a pod tells the operator of itself.
type Status struct {
	// Hash is that of the access document being enforced; empty when there is none.
	Hash string `json:"hash"`
	// Ready says whether calls are served.
	Ready bool `json:"ready"`
	// Problem says what is wrong with the document on disk, if anything is.
	Problem string `json:"problem,omitempty"`
}

// HealthPath answers a health.Report on the second port.
const HealthPath = "/health"

// Paths of the second port that the operator asks.
const (
	// StatusPath answers a Status.
	StatusPath = "/operator/status"
	// ProbePath is an MCP endpoint that lists every tool and calls none.
	ProbePath = "/operator/mcp"
)

// OperatorHandler serves the second port: probes, health and metrics for the cluster,
// and the operator's questions for the operator alone. It is never routed from outside.
func (s *Server) OperatorHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if st := s.Status(); !st.Ready {
			answer(w, http.StatusServiceUnavailable, st.Problem)
			return
		}
		answer(w, http.StatusOK, "ready")
	})
	// Like the metrics it is open to the cluster: it names dependencies and holds no secret,
	// no address and no data, and however often it is asked, Databricks is asked every 30 s.
	mux.Handle("GET "+HealthPath, s.health)
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))
	mux.Handle("GET "+StatusPath, s.operatorOnly(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.Status())
	})))
	probe := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s.probeServer() },
		&mcp.StreamableHTTPOptions{Stateless: true, MaxRequestBodyBytes: 64 << 10, DisableLocalhostProtection: true, Logger: s.sdkLog})
	mux.Handle("POST "+ProbePath, s.operatorOnly(probe))
	return mux
}

// Status says what the server enforces at the moment.
func (s *Server) Status() Status {
	st := Status{Problem: s.store.problemText()}
	if snap := s.store.current.Load(); snap != nil {
		st.Hash, st.Ready = snap.doc.Hash, true
	}
	if !st.Ready && st.Problem == "" {
		st.Problem = "the access document was not read yet"
	}
	return st
}

// probeServer lists what is served and calls nothing.
func (s *Server) probeServer() *mcp.Server {
	srv := mcp.NewServer(s.implementation(), &mcp.ServerOptions{
		Logger: s.sdkLog, SupportedProtocolVersions: versions, SetCacheable: private,
		Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{}},
	})
	srv.AddReceivingMiddleware(s.recovering, onlyServed)
	if snap := s.store.current.Load(); snap != nil {
		for _, t := range snap.doc.Tools {
			srv.AddTool(listing(t), func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: "this endpoint lists tools and calls none"}
			})
		}
	}
	return srv
}

// operatorOnly lets the operator's service account through and nobody else.
func (s *Server) operatorOnly(next http.Handler) http.Handler {
	cache := &reviews{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := identity.Bearer(r.Header)
		if !ok {
			answer(w, http.StatusUnauthorized, "a token of the operator is required")
			return
		}
		name, err := cache.review(r.Context(), s.opts.Reviewer, token, s.now())
		switch {
		case err != nil:
			s.log.Error("Cannot review a token", "reason", "the token review failed")
			answer(w, http.StatusServiceUnavailable, "the token cannot be reviewed at the moment")
		case name == "" || name != s.opts.OperatorName:
			answer(w, http.StatusForbidden, "only the operator may ask")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}

// reviews remembers whose a token is for a short time: the operator asks several
// times a second while pods take up a new document.
type reviews struct {
	mu    sync.Mutex
	key   [sha256.Size]byte
	name  string
	until time.Time
}

const reviewTTL = 30 * time.Second

func (c *reviews) review(ctx context.Context, r Reviewer, token string, now time.Time) (string, error) {
	key := sha256.Sum256([]byte(token))
	c.mu.Lock()
	if c.key == key && now.Before(c.until) {
		defer c.mu.Unlock()
		return c.name, nil
	}
	c.mu.Unlock()
	name, err := r.Review(ctx, token)
	if err != nil || name == "" {
		return "", err // refusals are not remembered: one slot is for the one who may ask
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.key, c.name, c.until = key, name, now.Add(reviewTTL)
	return name, nil
}
