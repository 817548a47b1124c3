// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire/wiretest"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// writes are calls of every method that writes, and through every way to call: by typed
// services of the SDK and by calls of our own.
func writes(ctx context.Context, c *admin.Client) map[string]func() error {
	return map[string]func() error{
		"POST": func() error {
			_, err := c.CreateServicePrincipal(ctx, admin.ServicePrincipal{DisplayName: "x"})
			return err
		},
		"POST a policy": func() error { return c.CreatePolicy(ctx, "1", admin.FederationPolicy{ID: "p"}) },
		"PUT":           func() error { return c.Assign(ctx, "1") },
		"PATCH":         func() error { return c.MarkGroup(ctx, "1", "x") },
		"PATCH grants":  func() error { return c.ChangeGrants(ctx, table, "p", []string{"SELECT"}, nil) },
		"PATCH tags":    func() error { return c.TagEndpoint(ctx, "e", "k", "v") },
		"PATCH a service": func() error {
			return c.UpdateMCPService(ctx, admin.MCPService{Name: "a.b.c", Connection: "crm"})
		},
		"DELETE": func() error { return c.DeleteGroup(ctx, "1") },
		"POST a statement": func() error {
			return c.RunStatement(ctx, "w", "SELECT 1")
		},
	}
}

// reset ends a connection as a broken one ends: "connection reset by peer" is what the
// SDK sends everything again for, a POST too.
func reset(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

// TestAWriteWhoseConnectionIsResetIsSentOnce holds the SDK's retry policy off writes.
func TestAWriteWhoseConnectionIsResetIsSentOnce(t *testing.T) {
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) { reset(w) })
	for name, write := range writes(t.Context(), s.client(t)) {
		s.forget()
		if err := write(); !fault.Is(err, fault.ClassTransient) {
			t.Errorf("%s ended with %v", name, err)
		}
		if calls := s.made(); len(calls) != 1 {
			t.Errorf("%s was sent %d times: %v", name, len(calls), calls)
		}
	}
}

// TestARateLimitIsTheQueuesToWaitFor: the SDK would sleep and send again.
func TestARateLimitIsTheQueuesToWaitFor(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		s := newService(t, wiretest.Answers(status, `{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"Timed out after 3 s"}`, "Retry-After", "7"))
		for name := range writes(t.Context(), s.client(t)) {
			began := time.Now()
			write := writes(t.Context(), s.client(t))[name] // a client of its own, with no gate that is closed
			s.forget()
			err := write()
			if f := fault.Of(err); f == nil || f.Class != fault.ClassRateLimited || f.After != 7*time.Second {
				t.Errorf("%d: %s ended with %v", status, name, err)
			}
			if took := time.Since(began); took > 900*time.Millisecond || len(s.made()) != 1 {
				t.Errorf("%d: %s took %s and %d calls", status, name, took, len(s.made()))
			}
		}
	}
}

// TestARedirectDoesNotTakeTheTokenElsewhere, nor a write anywhere.
func TestARedirectDoesNotTakeTheTokenElsewhere(t *testing.T) {
	var got []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Method+" "+r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, `{"userName":"x"}`)
	}))
	defer elsewhere.Close()
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
	})
	c := s.client(t)
	if _, err := c.Me(t.Context()); fault.Of(err) == nil || fault.Of(err).Reason != wire.ReasonUnexpectedAnswer {
		t.Errorf("a redirected read: %v", err)
	}
	for name, write := range writes(t.Context(), c) {
		if err := write(); !fault.Is(err, fault.ClassTransient) {
			t.Errorf("%s ended with %v", name, err)
		}
	}
	if len(got) > 0 {
		t.Errorf("the other host got %v", got)
	}
}

func TestABodyWithoutEndIsNotRead(t *testing.T) {
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"userName":"`)
		part := []byte(strings.Repeat("x", 1<<20))
		for {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	})
	if _, err := s.client(t).Me(t.Context()); fault.Of(err) == nil || fault.Of(err).Reason != wire.ReasonUnexpectedAnswer {
		t.Errorf("got %v", err)
	}
}

// TestACallThatHangsEnds after CallTimeout without a byte, and goes on while bytes come.
func TestACallThatHangsEnds(t *testing.T) {
	hang := make(chan struct{})
	var slow atomic.Bool
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		if !slow.Load() {
			<-hang
			return
		}
		for _, part := range []string{`{"user`, `Name"`, `:"x"`, `,"active":`, `true}`} {
			_, _ = io.WriteString(w, part)
			w.(http.Flusher).Flush()
			time.Sleep(100 * time.Millisecond)
		}
	})
	defer close(hang)
	c, err := admin.NewPool(admin.PoolOptions{UserAgent: "test", CallTimeout: 300 * time.Millisecond}).Client(s.endpoint())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Me(t.Context()); !fault.Is(err, fault.ClassTransient) {
		t.Errorf("a read that hangs: %v", err)
	}
	if err := c.DeleteGroup(t.Context(), "1"); !fault.Is(err, fault.ClassTransient) {
		t.Errorf("a write that hangs: %v", err)
	}
	slow.Store(true)
	if me, err := c.Me(t.Context()); err != nil || me.Principal != "x" {
		t.Errorf("a slow one: %v %v", me, err)
	}
}

// TestTheEnvironmentIsNotRead: the SDK takes a host, credentials and files from it.
func TestTheEnvironmentIsNotRead(t *testing.T) {
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, ".databrickscfg"), []byte("[DEFAULT]\nhost = https://evil.example.com\ntoken = dose\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	for name, value := range map[string]string{
		"DATABRICKS_HOST": "https://evil.example.com", "DATABRICKS_TOKEN": "dose", "DATABRICKS_ACCOUNT_ID": "evil", "DATABRICKS_CLIENT_ID": "evil",
		"DATABRICKS_CLIENT_SECRET": "dose", "DATABRICKS_AUTH_TYPE": "pat", "DATABRICKS_DEBUG_HEADERS": "true", "DATABRICKS_WORKSPACE_ID": "13",
	} {
		t.Setenv(name, value)
	}
	var header http.Header
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		header = r.Header.Clone()
		_, _ = io.WriteString(w, `{"id":"1","userName":"x"}`)
	})
	c := s.client(t)
	if _, err := c.Me(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ServicePrincipal(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	for _, call := range s.made() {
		if strings.Contains(call, "well-known") || strings.Contains(call, "evil") {
			t.Errorf("called %s", call)
		}
	}
	if got := header.Get("Authorization"); got != "Bearer dose-operator-token" {
		t.Errorf("signed in as %q", got)
	}
	if got := header.Get("User-Agent"); !strings.HasPrefix(got, "test ") {
		t.Errorf("called as %q", got)
	}
}
