// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/upstream"
)

// world is an upstream with a token endpoint.
type world struct {
	*httptest.Server
	issued, refuse int
	lifetime       int
	paths          []string
}

func start(t *testing.T, tls bool) *world {
	w := &world{lifetime: 3600}
	h := http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			id, secret, _ := r.BasicAuth()
			if id != "me" || secret != "s3cret%2F" || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "read" {
				out.WriteHeader(http.StatusUnauthorized)
				_, _ = fmt.Fprintf(out, `{"error":"invalid_client","error_description":"%s"}`, secret)
				return
			}
			w.issued++
			_, _ = fmt.Fprintf(out, `{"access_token":"token-%d","expires_in":%d}`, w.issued, w.lifetime)
			return
		}
		w.paths = append(w.paths, r.URL.EscapedPath())
		if r.URL.Path == "/v1/slow" {
			<-r.Context().Done()
			return
		}
		if w.refuse > 0 {
			w.refuse--
			out.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = out.Write([]byte(r.Header.Get("Authorization")))
	})
	if tls {
		w.Server = httptest.NewTLSServer(h)
	} else {
		w.Server = httptest.NewServer(h)
	}
	t.Cleanup(w.Close)
	return w
}

func (w *world) client(o upstream.Options) *upstream.Client {
	if w.Certificate() != nil {
		o.Roots = x509.NewCertPool()
		o.Roots.AddCert(w.Certificate())
	}
	return upstream.New(o)
}

func (w *world) connection(t *testing.T, plain bool, more map[string]string) metastore.Object {
	t.Helper()
	at, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal(err)
	}
	o := metastore.Object{Type: metastore.TypeConnection, Name: "c"}
	options := map[string]string{"host": at.Scheme + "://" + at.Hostname(), "port": at.Port(), "base_path": "/v1"}
	for k, v := range more {
		options[k] = v
	}
	if err := o.SetOptions(options, plain); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestClientCredentialsAreExchangedOnceAndAgainWhenTheyEnd(t *testing.T) {
	w := start(t, true)
	m2m := map[string]string{"client_id": "me", "client_secret": "s3cret/", "oauth_scope": "read", "token_endpoint": w.URL + "/token"}
	c, o := w.client(upstream.Options{}), w.connection(t, false, m2m)
	get := upstream.Call{Method: "GET", Path: "/x"}
	for range 3 {
		if a, err := c.Do(t.Context(), o, get); err != nil || a.Status != 200 || a.Text != "Bearer [redacted]" {
			t.Fatalf("%+v %v", a, err)
		}
	}
	if w.issued != 1 {
		t.Errorf("%d tokens for three calls", w.issued)
	}
	w.refuse = 1
	if a, err := c.Do(t.Context(), o, get); err != nil || a.Status != 401 {
		t.Errorf("%+v %v", a, err) // told, and not tried again
	}
	if _, err := c.Do(t.Context(), o, get); err != nil || w.issued != 2 {
		t.Errorf("%d tokens after one was refused: %v", w.issued, err)
	}
	w.lifetime = 1
	m2m["oauth_scope"] = "other"
	if _, err := c.Do(t.Context(), w.connection(t, false, m2m), get); !errors.Is(err, upstream.ErrCredential) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("another scope got a token: %v", err)
	}
	m2m["oauth_scope"] = "read"
	fresh := w.client(upstream.Options{})
	for range 2 {
		if _, err := fresh.Do(t.Context(), o, get); err != nil {
			t.Fatal(err)
		}
	}
	if w.issued != 4 {
		t.Errorf("%d tokens, want a new one for every call when they end at once", w.issued)
	}
	m2m["authorization_endpoint"] = "https://x.example/authorize"
	if _, err := c.Do(t.Context(), w.connection(t, false, m2m), get); !errors.Is(err, upstream.ErrCredential) {
		t.Errorf("a connection for each user was used: %v", err)
	}
}

func TestCallsAreBoundedAndVerified(t *testing.T) {
	w := start(t, true)
	o := w.connection(t, false, map[string]string{"bearer_token": "b"})
	begin := time.Now()
	_, err := w.client(upstream.Options{Timeout: 100 * time.Millisecond}).Do(t.Context(), o, upstream.Call{Method: "GET", Path: "slow"})
	if !errors.Is(err, upstream.ErrTransport) || time.Since(begin) > 5*time.Second {
		t.Errorf("after %s: %v", time.Since(begin), err)
	}
	if _, err := upstream.New(upstream.Options{}).Do(t.Context(), o, upstream.Call{Method: "GET", Path: "/x"}); !errors.Is(err, upstream.ErrTransport) || len(w.paths) != 1 {
		t.Errorf("an upstream that nobody signs for was called: %v %q", err, w.paths)
	}
	body := strings.Repeat("x", upstream.MaxBody+1)
	if _, err := w.client(upstream.Options{}).Do(t.Context(), o, upstream.Call{Method: "POST", Path: "/x", JSON: &body}); !errors.Is(err, upstream.ErrInvalid) {
		t.Errorf("a large body: %v", err)
	}
	if _, err := w.client(upstream.Options{}).Do(t.Context(), o, upstream.Call{Method: "GET", Path: "/a%20b/%C3%A4"}); err != nil || w.paths[len(w.paths)-1] != "/v1/a%20b/%C3%A4" {
		t.Errorf("%q %v", w.paths, err)
	}
}

func TestPlainHTTPOnlyOnLoopbackAndOnlyIfPermitted(t *testing.T) {
	w := start(t, false)
	o := w.connection(t, true, map[string]string{"bearer_token": "b"})
	call := upstream.Call{Method: "GET", Path: "/x"}
	if _, err := w.client(upstream.Options{}).Do(t.Context(), o, call); !errors.Is(err, upstream.ErrInvalid) || len(w.paths) != 0 {
		t.Errorf("http without the switch: %v %q", err, w.paths)
	}
	if a, err := w.client(upstream.Options{Plain: true}).Do(t.Context(), o, call); err != nil || a.Status != 200 {
		t.Errorf("http with the switch: %+v %v", a, err)
	}
	for _, host := range []string{"http://example.com", "http://10.0.0.1", "http://127.0.0.1.example.com"} {
		other := metastore.Object{}
		if err := other.SetOptions(map[string]string{"host": host, "bearer_token": "b"}, true); err == nil {
			t.Errorf("%s was taken", host)
		}
	}
}
