// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire/wiretest"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// identities is a TLS host with a certificate of its own that answers sign-ins by token.
type identities struct {
	*httptest.Server
	token http.HandlerFunc
	// unauthorized is how many calls are still answered with 401.
	unauthorized atomic.Int32

	mu    sync.Mutex
	posts []url.Values
	basic []string
}

func newIdentities(t *testing.T, token http.HandlerFunc) *identities {
	t.Helper()
	i := &identities{token: token}
	i.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(r.URL.Path, "/oauth-authorization-server"):
			_, _ = io.WriteString(w, `{"token_endpoint":"`+i.URL+`/oidc/v1/token"}`)
		case strings.HasSuffix(r.URL.Path, "/v1/token"):
			_ = r.ParseForm()
			id, secret, _ := r.BasicAuth()
			i.mu.Lock()
			i.posts, i.basic = append(i.posts, r.PostForm), append(i.basic, r.URL.Path+" "+id+":"+secret)
			i.mu.Unlock()
			i.token(w, r)
		case i.unauthorized.Add(-1) >= 0:
			w.WriteHeader(http.StatusUnauthorized)
		default:
			_, _ = io.WriteString(w, `{"id":"1","userName":"x"}`)
		}
	}))
	t.Cleanup(i.Close)
	return i
}

// forms are what was posted to token endpoints so far.
func (i *identities) forms() []url.Values {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.posts)
}

func (i *identities) endpoint() admin.Endpoint {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate().Raw})
	return admin.Endpoint{
		AccountHost: i.URL, AccountID: "acc/1", WorkspaceHost: i.URL, WorkspaceID: "42", ClientID: "op:1", CABundle: string(ca),
	}
}

func (i *identities) client(t *testing.T, change func(*admin.Endpoint)) *admin.Client {
	t.Helper()
	e := i.endpoint()
	change(&e)
	c, err := admin.NewPool(admin.PoolOptions{UserAgent: "test", CallTimeout: time.Second}).Client(e)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSigningInWithAProjectedToken: the file is read anew for each exchange, without the
// line's end, and the private CA counts for the refresh too.
func TestSigningInWithAProjectedToken(t *testing.T) {
	i := newIdentities(t, wiretest.Answers(200, `{"access_token":"out","token_type":"Bearer","expires_in":3600}`))
	file := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(" first\n")
	c := i.client(t, func(e *admin.Endpoint) { e.TokenFile = file })
	for range 3 {
		if _, err := c.Me(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	write("second\n")
	i.unauthorized.Store(1)
	if _, err := c.Me(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ServicePrincipal(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	form := func(subject string) url.Values {
		return url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {subject},
			"subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"}, "scope": {"all-apis"}, "client_id": {"op:1"},
		}
	}
	if diff := cmp.Diff([]url.Values{form("first"), form("second"), form("second")}, i.forms()); diff != "" {
		t.Error(diff)
	}
	if want := []string{"/oidc/v1/token :", "/oidc/v1/token :", "/oidc/accounts/acc/1/v1/token :"}; !cmp.Equal(want, i.basic) {
		t.Errorf("posted to %v", i.basic)
	}
}

func TestSigningInWithAClientSecret(t *testing.T) {
	i := newIdentities(t, wiretest.Answers(200, `{"access_token":"out","expires_in":"3600"}`))
	c := i.client(t, func(e *admin.Endpoint) { e.ClientSecret = "dose secret" })
	if _, err := c.Me(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]url.Values{{"grant_type": {"client_credentials"}, "scope": {"all-apis"}}}, i.forms()); diff != "" {
		t.Error(diff)
	}
	if want := []string{"/oidc/v1/token op%3A1:dose+secret"}; !cmp.Equal(want, i.basic) {
		t.Errorf("signed in as %v", i.basic)
	}
}

// TestASignInThatFails is a fault without what the endpoint said, and is not repeated at each call.
func TestASignInThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		token  http.HandlerFunc
		class  fault.Class
		reason string
		after  time.Duration
	}{
		"refused":           {wiretest.Answers(401, `{"error":"invalid_client","error_description":"dose"}`), fault.ClassDenied, wire.ReasonCredentialRefused, 0},
		"a refused grant":   {wiretest.Answers(400, `{"error":"invalid_grant","error_description":"dose"}`), fault.ClassDenied, wire.ReasonCredentialRefused, 0},
		"rate limited":      {wiretest.Answers(429, "dose", "Retry-After", "7"), fault.ClassRateLimited, "RateLimited", 7 * time.Second},
		"unavailable":       {wiretest.Answers(503, "dose", "Retry-After", "7"), fault.ClassTransient, wire.ReasonUnavailable, 0},
		"a redirect":        {wiretest.Answers(302, "", "Location", "https://evil.example.com/dose"), fault.ClassDenied, wire.ReasonCredentialRefused, 0},
		"a page":            {wiretest.Answers(200, "<html>dose"), fault.ClassTransient, wire.ReasonUnavailable, 0},
		"no token":          {wiretest.Answers(200, `{"expires_in":60,"dose":1}`), fault.ClassTransient, wire.ReasonUnavailable, 0},
		"no end":            {wiretest.Answers(200, `{"access_token":"dose"}`), fault.ClassTransient, wire.ReasonUnavailable, 0},
		"an end in past":    {wiretest.Answers(200, `{"access_token":"dose","expires_in":-5}`), fault.ClassTransient, wire.ReasonUnavailable, 0},
		"half an answer":    {wiretest.CutShort(`{"access_token":"dose","expires_in":60`), fault.ClassTransient, wire.ReasonUnavailable, 0},
		"no answer":         {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, fault.ClassTransient, wire.ReasonUnavailable, 0},
		"a lost connection": {func(w http.ResponseWriter, _ *http.Request) { reset(w) }, fault.ClassTransient, wire.ReasonUnavailable, 0},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIdentities(t, c.token)
			client := i.client(t, func(e *admin.Endpoint) { e.ClientSecret = "dose" })
			for range 3 {
				_, err := client.Me(t.Context())
				f := fault.Of(err)
				if f == nil || f.Class != c.class || f.Reason != c.reason || f.After != c.after {
					t.Errorf("%+v: %v", f, err)
				}
				if err != nil && strings.Contains(err.Error(), "dose") {
					t.Errorf("the error quotes the answer: %v", err)
				}
			}
			if len(i.forms()) != 1 {
				t.Errorf("%d exchanges, want 1", len(i.forms()))
			}
		})
	}
}

func TestAProjectedTokenThatIsMissing(t *testing.T) {
	i := newIdentities(t, wiretest.Answers(200, `{}`))
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, empty + "-not"} {
		c := i.client(t, func(e *admin.Endpoint) { e.TokenFile = file })
		if _, err := c.Me(t.Context()); !fault.Is(err, fault.ClassTransient) || len(i.forms()) > 0 {
			t.Errorf("%s: %v", file, err)
		}
	}
}
