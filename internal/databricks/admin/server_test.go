// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
)

const operatorSecret = "dose-operator-secret"

// service stands in for the account and the workspace. It answers sign-ins, and
// everything else by answer.
type service struct {
	*httptest.Server
	answer http.HandlerFunc

	mu      sync.Mutex
	calls   []string // "<method> <uri>", without sign-ins
	bodies  []string
	signIns int
}

func newService(t *testing.T, answer http.HandlerFunc) *service {
	t.Helper()
	s := &service{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasPrefix(r.URL.Path, "/oidc/") {
			if r.Method == http.MethodGet {
				_, _ = io.WriteString(w, `{"token_endpoint":"`+s.URL+`/oidc/v1/token"}`)
				return
			}
			s.mu.Lock()
			s.signIns++
			s.mu.Unlock()
			_, _ = io.WriteString(w, `{"access_token":"dose-operator-token","expires_in":3600}`)
			return
		}
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.calls, s.bodies = append(s.calls, r.Method+" "+r.RequestURI), append(s.bodies, string(body))
		s.mu.Unlock()
		s.answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) client(t *testing.T) *admin.Client {
	t.Helper()
	c, err := admin.NewPool(admin.PoolOptions{UserAgent: "test", CallTimeout: 5 * time.Second, RequestsPerSecond: 1000}).Client(s.endpoint())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *service) endpoint() admin.Endpoint {
	return admin.Endpoint{
		AccountHost: s.URL, AccountID: "acc", WorkspaceHost: s.URL, WorkspaceID: "42", ClientID: "op", ClientSecret: operatorSecret,
	}
}

// reads are the calls whose empty result would mean that something does not exist.
func reads(ctx context.Context, c *admin.Client) map[string]func() error {
	permissions := func(kind admin.ObjectKind) func() error {
		return func() error {
			_, err := c.ObjectPermissions(ctx, admin.Object{Kind: kind, Name: "o"})
			return err
		}
	}
	return map[string]func() error{
		"Me":                func() error { _, err := c.Me(ctx); return err },
		"ServicePrincipals": func() error { _, err := c.ServicePrincipals(ctx, "x"); return err },
		"ServicePrincipal":  func() error { _, err := c.ServicePrincipal(ctx, "1"); return err },
		"FindGroup":         func() error { _, err := c.FindGroup(ctx, "x"); return err },
		"Assigned":          func() error { _, err := c.Assigned(ctx, "1"); return err },
		"Policy":            func() error { _, err := c.Policy(ctx, "1", "p"); return err },
		"Connection":        func() error { _, err := c.Connection(ctx, "crm"); return err },
		"MCPService":        func() error { _, err := c.MCPService(ctx, "a.b.c"); return err },
		"Grants": func() error {
			_, err := c.Grants(ctx, admin.Securable{Type: "table", Name: "a.b.c"}, "p")
			return err
		},
		"GatewayEndpoint":                    func() error { _, err := c.GatewayEndpoint(ctx, "e"); return err },
		"ObjectPermissions of a warehouse":   permissions(admin.Warehouses),
		"ObjectPermissions of a Genie space": permissions(admin.GenieSpaces),
		"ObjectPermissions of an endpoint":   permissions(admin.ServingEndpoints),
	}
}
