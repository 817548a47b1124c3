// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package caller_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
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
		_, err := caller.NewStatements(server.URL, server.Client()).Execute(ctx, "token", wire.StatementRequest{WarehouseID: "w", Statement: "SELECT 1"})
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
