// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire/wiretest"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

func TestClassesOfErrors(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		body    string
		headers []string
		class   fault.Class
		reason  string
		after   time.Duration
	}{
		"429 carries Retry-After":                {429, `{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"slow"}`, []string{"Retry-After", "77"}, fault.ClassRateLimited, "RateLimited", 77 * time.Second},
		"429 without Retry-After":                {429, `{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"slow"}`, nil, fault.ClassRateLimited, "RateLimited", 0},
		"500 is transient":                       {500, `{"error_code":"INTERNAL_ERROR","message":"x"}`, nil, fault.ClassTransient, wire.ReasonUnavailable, 0},
		"503 is transient":                       {503, `{"error_code":"TEMPORARILY_UNAVAILABLE","message":"x"}`, nil, fault.ClassTransient, wire.ReasonUnavailable, 0},
		"503 that says when":                     {503, `{"error_code":"TEMPORARILY_UNAVAILABLE","message":"x"}`, []string{"Retry-After", "9"}, fault.ClassRateLimited, "RateLimited", 9 * time.Second},
		"401 is a refused credential":            {401, `{"error_code":"UNAUTHENTICATED","message":"x"}`, nil, fault.ClassDenied, wire.ReasonCredentialRefused, 0},
		"403 is a missing permission":            {403, `{"error_code":"PERMISSION_DENIED","message":"x"}`, nil, fault.ClassDenied, wire.ReasonPermissionDenied, 0},
		"a quota is Denied":                      {400, `{"error_code":"RESOURCE_LIMIT_EXCEEDED","message":"x"}`, nil, fault.ClassDenied, wire.ReasonLimitReached, 0},
		"an unknown principal is Waiting":        {404, `{"error_code":"PRINCIPAL_DOES_NOT_EXIST","message":"x"}`, nil, fault.ClassWaiting, wire.ReasonPrincipalNotVisible, 0},
		"an object that is not there is Waiting": {404, `{"error_code":"TABLE_DOES_NOT_EXIST","message":"x"}`, nil, fault.ClassWaiting, wire.ReasonSecurableNotFound, 0},
		"what exists is Conflict":                {409, `{"error_code":"RESOURCE_ALREADY_EXISTS","message":"x"}`, nil, fault.ClassConflict, wire.ReasonAlreadyExists, 0},
		"a bad request is Invalid":               {400, `{"error_code":"INVALID_PARAMETER_VALUE","message":"x"}`, nil, fault.ClassInvalid, wire.ReasonRejected, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, wiretest.Answers(c.status, c.body, c.headers...))
			err := s.client(t).ChangeGrants(t.Context(), admin.Securable{Type: "table", Name: "a.b.c"}, "p", []string{"SELECT"}, nil)
			f := fault.Of(err)
			if f == nil || f.Class != c.class || f.Reason != c.reason || f.After != c.after {
				t.Errorf("got %+v", f)
			}
			want := 1
			if c.status == http.StatusUnauthorized {
				want = 2 // once more with a new token
			}
			if len(s.calls) != want || s.signIns != want {
				t.Errorf("%d calls with %d sign-ins", len(s.calls), s.signIns)
			}
		})
	}
}

func TestAnAnswerThatIsNoAnswerIsNeverReadAsAbsence(t *testing.T) {
	const html = "<html><body>Sign in</body></html>"
	for name, answer := range map[string]http.HandlerFunc{
		"a page instead of JSON":           wiretest.Answers(200, html, "Content-Type", "text/html"),
		"a page that says it is JSON":      wiretest.Answers(200, html),
		"nothing":                          wiretest.Answers(200, ""),
		"half of it":                       wiretest.Answers(200, `{"Resources":[`),
		"a connection that breaks off":     wiretest.CutShort(`{"Resources":[`),
		"a page of a proxy that says 404":  wiretest.Answers(404, html, "Content-Type", "text/html"),
		"a page of a proxy that says 502":  wiretest.Answers(502, html, "Content-Type", "text/html"),
		"404 without a body":               wiretest.Answers(404, ""),
		"404 for a path that is not known": wiretest.Answers(404, `{"error_code":"ENDPOINT_NOT_FOUND","message":"No API found"}`),
		"a redirect to a sign-in page":     wiretest.Answers(302, "", "Location", "/login"),
	} {
		s := newService(t, answer)
		c := s.client(t)
		for call, do := range reads(t.Context(), c) {
			t.Run(name+"/"+call, func(t *testing.T) {
				err := do()
				if err == nil {
					t.Fatal("read as if it were there, or not there")
				}
				if strings.Contains(err.Error(), "<html>") || len(err.Error()) > 500 {
					t.Errorf("the error holds the answer: %v", err)
				}
			})
		}
		for call, do := range map[string]func() error{
			"DeleteServicePrincipal": func() error { return c.DeleteServicePrincipal(t.Context(), "1") },
			"DeletePolicy":           func() error { return c.DeletePolicy(t.Context(), "1", "p") },
			"Unassign":               func() error { return c.Unassign(t.Context(), "1") },
			"DeleteConnection":       func() error { return c.DeleteConnection(t.Context(), "crm") },
			"DeleteMCPService":       func() error { return c.DeleteMCPService(t.Context(), "a.b.c", "") },
		} {
			if strings.Contains(name, "404") {
				t.Run(name+"/"+call, func(t *testing.T) {
					if do() == nil {
						t.Error("read as deleted")
					}
				})
			}
		}
	}
}

func TestAbsenceIsAValueWhereItIsMeant(t *testing.T) {
	s := newService(t, wiretest.Answers(404, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"detail":"not found","status":"404"}`))
	p, err := s.client(t).ServicePrincipal(t.Context(), "1")
	if p != nil || err != nil {
		t.Errorf("got %v, %v", p, err)
	}
	s.answer = wiretest.Answers(404, `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"x"}`)
	if p, err := s.client(t).Policy(t.Context(), "1", "p"); p != nil || err != nil {
		t.Errorf("got %v, %v", p, err)
	}
	if err := s.client(t).DeleteServicePrincipal(t.Context(), "1"); err != nil {
		t.Error(err)
	}
}

func TestAWriteIsSentOnce(t *testing.T) {
	s := newService(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err := s.client(t).CreateServicePrincipal(t.Context(), admin.ServicePrincipal{DisplayName: "x"})
	if calls := s.made(); !fault.Is(err, fault.ClassTransient) || len(calls) != 1 {
		t.Errorf("got %v after %v", err, calls)
	}
}

func TestTheEndOfAContextIsNoFault(t *testing.T) {
	s := newService(t, wiretest.Answers(200, "{}"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.client(t).Me(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestWhatAnErrorSays(t *testing.T) {
	s := newService(t, wiretest.Answers(400, `{"error_code":"BAD","message":"`+strings.Repeat("long ", 200)+`\n\u001b[31m"}`))
	_, err := s.client(t).Me(t.Context())
	if err == nil || len(err.Error()) > 400 || strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("got %q", err)
	}
	for _, secret := range []string{operatorSecret, "dose-operator-token"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error holds a secret: %v", err)
		}
	}
}
