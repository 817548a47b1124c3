// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package caller_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire/wiretest"
)

const subjectToken = "dose.subject.token"

// exchanged posts one exchange to a service that answers it so, and returns the form.
func exchanged(t *testing.T, answer http.HandlerFunc) (url.Values, caller.Token, error) {
	t.Helper()
	var form url.Values
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, `{"token_endpoint":"`+s.URL+`/oidc/v1/token"}`)
			return
		}
		if err := r.ParseForm(); err != nil || r.Header.Get("Authorization") != "" || r.URL.RawQuery != "" {
			t.Errorf("the form is not alone: %v, %v, %s", err, r.Header, r.URL)
		}
		form = r.PostForm
		answer(w, r)
	}))
	token, err := caller.NewExchanger(s.URL+"/", s.Client()).Exchange(t.Context(), caller.ExchangeRequest{
		SubjectToken: subjectToken, ClientID: "app", Scopes: []string{"sql", "genie"},
	})
	s.Close() // waits for the handler, which writes the form
	return form, token, err
}

func TestExchangeSendsTheFormAndReadsTheToken(t *testing.T) {
	form, token, err := exchanged(t, wiretest.Answers(200, `{"access_token":"out","expires_in":120,"scope":"genie sql"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {subjectToken},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"}, "scope": {"genie sql"}, "client_id": {"app"},
	}
	if diff := cmp.Diff(want, form); diff != "" {
		t.Error(diff)
	}
	left := time.Until(token.Expiry)
	if token.AccessToken.Reveal() != "out" || left > 2*time.Minute || left < time.Minute || !cmp.Equal(token.Scopes, []string{"genie", "sql"}) {
		t.Errorf("got %v, which ends in %s", token.Scopes, left)
	}
}

func TestExchangeRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		answer     http.HandlerFunc
		code       string // empty: not an answer of OAuth
		status     int
		retryAfter time.Duration
	}{
		"a refused grant":                          {wiretest.Answers(400, `{"error":"invalid_grant","error_description":"`+subjectToken+`"}`), "invalid_grant", 400, 0},
		"a code that nobody knows is not repeated": {wiretest.Answers(400, `{"error":"`+subjectToken+`"}`), "unknown_error", 400, 0},
		"a rate limit says when":                   {wiretest.Answers(429, subjectToken, "Retry-After", "12"), "unknown_error", 429, 12 * time.Second},
		"a page":                                   {wiretest.Answers(502, "<html>"+subjectToken), "unknown_error", 502, 0},
		"a page that says 200":                     {wiretest.Answers(200, "<html>"+subjectToken), "", 0, 0},
		"no token":                                 {wiretest.Answers(200, `{"expires_in":60}`), "", 0, 0},
		"no end":                                   {wiretest.Answers(200, `{"access_token":"dose"}`), "", 0, 0},
		"an end that has been":                     {wiretest.Answers(200, `{"access_token":"dose","expires_in":0}`), "", 0, 0},
		"half an answer":                           {wiretest.CutShort(`{"access_token":"dose","expires_in":60`), "", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, token, err := exchanged(t, c.answer)
			if err == nil || token.AccessToken != "" {
				t.Fatalf("got %v", err)
			}
			if strings.Contains(err.Error(), "dose") {
				t.Errorf("the error holds a token: %v", err)
			}
			var e *caller.ExchangeError
			if errors.As(err, &e) && c.code != "" && (e.Code != c.code || e.Status != c.status || e.RetryAfter != c.retryAfter) || c.code != "" && e == nil {
				t.Errorf("got %+v, %v", e, err)
			}
		})
	}
}

func TestATokenGoesToNoOtherHost(t *testing.T) {
	s := httptest.NewServer(wiretest.Answers(200, `{"token_endpoint":"https://evil.example.com/token"}`))
	defer s.Close()
	_, err := caller.NewExchanger(s.URL, s.Client()).Exchange(t.Context(), caller.ExchangeRequest{SubjectToken: subjectToken})
	if err == nil || !strings.Contains(err.Error(), "none of this host") {
		t.Errorf("got %v", err)
	}
}
