// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package databricks_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// TestAStatementWhosePostIsHeldBackIsCancelledWhenNobodyWaits lets the caller go
// while the service still holds the first answer back, with the id in it.
func TestAStatementWhosePostIsHeldBackIsCancelledWhenNobodyWaits(t *testing.T) {
	posted, release, cancelled := make(chan struct{}), make(chan struct{}), make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/2.0/sql/statements" {
			cancelled <- r.URL.Path
			return
		}
		close(posted)
		<-release
		_, _ = io.WriteString(w, `{"statement_id":"s-1","status":{"state":"RUNNING"}}`)
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := databricks.NewStatements(server.URL, server.Client()).Execute(ctx, "token", databricks.StatementRequest{WarehouseID: "w", Statement: "SELECT 1"})
		ended <- err
	}()
	<-posted
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the caller got %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the caller is held although it went away")
	}
	close(release)
	select {
	case path := <-cancelled:
		if path != "/api/2.0/sql/statements/s-1/cancel" {
			t.Errorf("called %s", path)
		}
	case <-time.After(time.Minute):
		t.Fatal("the statement was not cancelled")
	}
}

// TestAStatementIDThatIsNoneIsNotAskedFor: what Databricks answers becomes part of the next request.
func TestAStatementIDThatIsNoneIsNotAskedFor(t *testing.T) {
	for _, id := range []string{"../../2.0/token", "..", "a/b", "a%2fb", ""} {
		s := newService(t, answers(http.StatusOK, `{"statement_id":"`+id+`","status":{"state":"RUNNING"}}`))
		_, err := databricks.NewStatements(s.URL, s.Server.Client()).Execute(t.Context(), "token", databricks.StatementRequest{WarehouseID: "w", Statement: "SELECT 1"})
		if err == nil {
			t.Errorf("%q: a statement that cannot be asked for succeeded", id)
		}
		if err := s.client(t).RunStatement(t.Context(), "w", "SELECT 1"); !fault.Is(err, fault.ClassTransient) {
			t.Errorf("%q: RunStatement ended in %v", id, err)
		}
		if calls := s.made(); len(calls) != 2 {
			t.Errorf("%q: calls %v, want the two that begin", id, calls)
		}
	}
}
