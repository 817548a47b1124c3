// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatehouse-dev/gatehouse/mcp/identity"
)

// refusing is an authenticator that lets nobody in.
type refusing struct{ err error }

func (r refusing) Authenticate(context.Context, http.Header) (*identity.Caller, error) {
	return nil, r.err
}

func TestEachErrorOfIdentityHasItsAnswer(t *testing.T) {
	type answer struct {
		status                              int
		reason, text, challenge, retryAfter string
	}
	const metadata = `Bearer resource_metadata="https://x.example/m"`
	invalid := answer{
		401, "invalid_token", "the token is not valid for this server",
		metadata + `, error="invalid_token", error_description="the token is not valid for this server"`, "",
	}
	for err, want := range map[error]answer{
		identity.ErrMissing:                           {401, "missing_token", "send a token of your identity provider as Authorization: Bearer", metadata, ""},
		identity.ErrExpired:                           {401, "expired_token", "the token has expired", metadata + `, error="invalid_token", error_description="the token has expired"`, ""},
		identity.ErrInvalid:                           invalid,
		identity.ErrDenied:                            invalid, // a caller must not find out that it is denied by name
		fmt.Errorf("wrapped: %w", identity.ErrDenied): invalid,
		errors.New("an error of no class"):            invalid,
		identity.ErrKeysUnavailable:                   {503, "issuer_unavailable", "the keys of your identity provider cannot be had at the moment", "", "5"},
		identity.ErrRoleNotHeld:                       {403, "role_not_held", "the X-Gatehouse-Role header names a role that the token does not give", "", ""},
	} {
		s := &Server{log: slog.New(slog.DiscardHandler), metrics: newMetrics()}
		snap := &snapshot{callers: refusing{err}, metadataURL: "https://x.example/m"}
		r := httptest.NewRequestWithContext(context.WithValue(t.Context(), keySnapshot, snap), http.MethodPost, Path, nil)
		w := httptest.NewRecorder()
		s.authenticated(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Errorf("%v: the request was let through", err) })).ServeHTTP(w, r)
		got := answer{w.Code, want.reason, want.text, w.Header().Get("WWW-Authenticate"), w.Header().Get("Retry-After")}
		if body := `{"error":"` + want.reason + `","error_description":"` + want.text + `"}` + "\n"; got != want || w.Body.String() != body {
			t.Errorf("%v: answered %+v %s, want %+v", err, got, w.Body, want)
		}
		if n := refusals(t, s.metrics, want.reason); n != 1 {
			t.Errorf("%v: counted %v times as %s", err, n, want.reason)
		}
	}
}

// refusals is how many requests were counted as refused for the reason.
func refusals(t *testing.T, m *metrics, reason string) float64 {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, one := range f.GetMetric() {
			if f.GetName() == "gatehouse_mcp_refusals_total" && one.GetLabel()[0].GetValue() == reason {
				return one.GetCounter().GetValue()
			}
		}
	}
	return 0
}
