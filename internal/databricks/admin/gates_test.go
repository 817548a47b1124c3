// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

func TestWhatIsToBeLeftAloneIsLeftAlone(t *testing.T) {
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"slow down"}`)
			return
		}
		_, _ = io.WriteString(w, `{"totalResults":0}`)
	})
	c := s.client(t)
	for range 3 {
		_, err := c.CreateServicePrincipal(t.Context(), admin.ServicePrincipal{DisplayName: "x"})
		if f := fault.Of(err); f == nil || f.Class != fault.ClassRateLimited || f.After < 50*time.Second || f.After > time.Minute {
			t.Errorf("%v", err)
		}
		if _, err := c.ServicePrincipals(t.Context(), "x"); err != nil {
			t.Errorf("reading: %v", err)
		}
	}
	_, _ = c.CreateGroup(t.Context(), "x", "x") // another endpoint
	posts := 0
	for _, call := range s.calls {
		if call[:4] == "POST" {
			posts++
		}
	}
	if posts != 2 {
		t.Errorf("%d calls that write, want one for each endpoint: %v", posts, s.calls)
	}
}

func TestNobodyIsLeftAloneForDays(t *testing.T) {
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "2000000")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	_, err := s.client(t).CreateServicePrincipal(t.Context(), admin.ServicePrincipal{DisplayName: "x"})
	if f := fault.Of(err); f == nil || f.Class != fault.ClassRateLimited || f.After != 10*time.Minute {
		t.Errorf("%v", err)
	}
}

func TestAnEmptyObjectIsNoAnswer(t *testing.T) {
	answer := `{}`
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) })
	c := s.client(t)
	refused := func(err error) {
		t.Helper()
		if f := fault.Of(err); f == nil || f.Reason != wire.ReasonUnexpectedAnswer {
			t.Errorf("%s: %v", answer, err)
		}
	}
	for _, answer = range []string{`{}`, `null`, `{"id":"2"}`, `{"totalResults":1}`} {
		_, err := c.ServicePrincipal(t.Context(), "1")
		refused(err)
		_, err = c.FindGroup(t.Context(), "x")
		refused(err)
	}
	answer = `{}`
	refused(c.CheckAccount(t.Context()))
}

func TestAFenceStopsWritesAndNothingElse(t *testing.T) {
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"totalResults":0}`) })
	c, err := admin.NewPool(admin.PoolOptions{UserAgent: "test", Fence: func() error { return errors.New("another one leads") }}).Client(admin.Endpoint{
		AccountHost: s.URL, AccountID: "acc", WorkspaceHost: s.URL, WorkspaceID: "42", ClientID: "op", ClientSecret: operatorSecret,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.ServicePrincipals(t.Context(), "x"); err != nil {
		t.Errorf("reading: %v", err)
	}
	_, create := c.CreateServicePrincipal(t.Context(), admin.ServicePrincipal{DisplayName: "x"})
	for _, err := range []error{create, c.DeleteGroup(t.Context(), "1"), c.Assign(t.Context(), "1"), c.AddMember(t.Context(), "1", "2")} {
		if f := fault.Of(err); f == nil || f.Class != fault.ClassTransient || f.Reason != wire.ReasonNotLeader {
			t.Errorf("writing: %v", err)
		}
	}
	if len(s.calls) != 1 {
		t.Errorf("calls: %v", s.calls)
	}
}
