// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/strictjson"
)

type contextKey int

const (
	keyRequestID contextKey = iota
	keySnapshot
	keyPrincipal
	keyHTTPContext
)

// requestIDHeader carries the id that joins a request's logs, answers and upstream calls.
const requestIDHeader = "X-Request-Id"

var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

// identified gives a request its id: the caller's, if it is well formed, or a new one.
func identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestIDHeader)
		if !requestIDPattern.MatchString(id) {
			id = rand.Text()
		}
		w.Header().Set(requestIDHeader, id)
		w.Header().Set("X-Accel-Buffering", "no") // proxies must not hold back a stream
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), keyRequestID, id)))
	})
}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(keyRequestID).(string)
	return id
}

// serving pins the snapshot that a request is judged by, and bounds how many
// requests are worked on at once.
func (s *Server) serving(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		snap := s.store.current.Load()
		if snap == nil {
			s.refuse(w, r, http.StatusServiceUnavailable, "not_ready", "the server has no access document yet")
			return
		}
		if s.working.Add(1) > int64(snap.doc.Limits.MaxConcurrentCalls) {
			s.working.Add(-1)
			w.Header().Set("Retry-After", "1")
			s.refuse(w, r, http.StatusServiceUnavailable, "overloaded", "too many requests are being worked on; try again")
			return
		}
		s.metrics.inFlight.Inc()
		defer func() { s.working.Add(-1); s.metrics.inFlight.Dec() }()
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), keySnapshot, snap)))
	})
}

func snapshotOf(ctx context.Context) *snapshot {
	snap, _ := ctx.Value(keySnapshot).(*snapshot)
	return snap
}

// hostAllowed refuses a Host that is neither the resource's nor named by the
// operator: DNS rebinding brings a browser here under another name.
func (s *Server) hostAllowed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := strings.ToLower(r.Host)
		if !strings.EqualFold(host, snapshotOf(r.Context()).resourceHost) && !slices.Contains(s.opts.AllowedHosts, host) {
			s.refuse(w, r, http.StatusForbidden, "host", "the Host header names another server")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// spoofable are headers in which a proxy of another pattern would carry an
// identity. Here they carry nothing, and are removed so that nothing can read them.
func spoofable(name string) bool {
	n := strings.ReplaceAll(strings.ToLower(name), "_", "-")
	return strings.HasPrefix(n, "x-forwarded-") || strings.HasPrefix(n, "x-databricks-") || strings.HasPrefix(n, "x-caller-")
}

// stripped removes headers that could be mistaken for an identity.
func stripped(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name := range r.Header {
			if spoofable(name) {
				delete(r.Header, name)
			}
		}
		next.ServeHTTP(w, r)
	})
}

// gated reads the body, after the caller is authenticated, and lets through one
// JSON object with a declared protocol version. The SDK takes a missing version
// for 2025-03-26, which allows batches, and ignores what follows the first value.
func (s *Server) gated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		limit := int64(snapshotOf(r.Context()).doc.Limits.MaxBodyBytes)
		body, err := readBody(http.MaxBytesReader(w, r.Body, limit), min(r.ContentLength, limit))
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(err, &tooLarge):
			s.refuse(w, r, http.StatusRequestEntityTooLarge, "too_large", "the body is larger than this server reads")
			return
		case err != nil:
			s.refuse(w, r, http.StatusBadRequest, "body", "the body cannot be read")
			return
		}
		if strictjson.Object(body) != nil {
			s.refuse(w, r, http.StatusBadRequest, "body", "the body must be exactly one JSON object without duplicate members; batches are not served")
			return
		}
		if r.Header.Get("Mcp-Protocol-Version") == "" && methodOf(body) != "initialize" {
			s.refuse(w, r, http.StatusBadRequest, "version", "the Mcp-Protocol-Version header is required")
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = int64(len(body))
		next.ServeHTTP(w, r)
	})
}

// readBody reads a body that announces its length, or -1 for one that does not.
func readBody(r io.Reader, length int64) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(max(length, 0)) + bytes.MinRead) // so that it need not grow to find the end
	_, err := b.ReadFrom(r)
	return b.Bytes(), err
}

// refuse answers a request that does not reach MCP. Texts are constant.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, status int, reason, text string) {
	s.metrics.refusals.WithLabelValues(reason).Inc()
	s.log.Info("Refused a request", "status", status, "reason", reason, "requestID", requestID(r.Context()))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"error":"`+reason+`","error_description":"`+text+`"}`+"\n")
}
