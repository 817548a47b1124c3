// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/internal/upstream"
)

// script answers one request after another; 0 resets the connection. After its end it answers 200.
type script struct {
	t        *testing.T
	statuses []int
	header   http.Header

	mu     sync.Mutex
	bodies []string
}

// sent are the bodies of the requests so far.
func (s *script) sent() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.bodies)
}

// next records a request and returns the status to answer with.
func (s *script) next(body string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies = append(s.bodies, body)
	if len(s.statuses) == 0 {
		return http.StatusOK
	}
	status := s.statuses[0]
	s.statuses = s.statuses[1:]
	return status
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	status := s.next(string(raw))
	if status == 0 {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), s.header)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, http.StatusText(status))
}

// rig is a client over a Transport whose waits are noted and not slept.
type rig struct {
	client *http.Client
	server *httptest.Server
	script *script
	waits  []time.Duration
}

func newRig(t *testing.T, o upstream.Options, statuses ...int) *rig {
	t.Helper()
	r := &rig{script: &script{t: t, statuses: statuses, header: http.Header{}}}
	r.server = httptest.NewServer(r.script)
	t.Cleanup(r.server.Close)
	o.Sleep = func(ctx context.Context, d time.Duration) error {
		r.waits = append(r.waits, d)
		return ctx.Err()
	}
	if o.Jitter == nil {
		o.Jitter = func() float64 { return 0.5 }
	}
	// A connection is used once: Go's own transport would repeat a request that met an old one.
	r.client = &http.Client{Transport: upstream.New(&http.Transport{DisableKeepAlives: true}, o)}
	return r
}

func (r *rig) do(ctx context.Context, method, path string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.server.URL+path, bytes.NewReader([]byte("body")))
	if err != nil {
		return 0, err
	}
	res, err := r.client.Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

func TestWhatMayBeRepeatedIs(t *testing.T) {
	for name, c := range map[string]struct {
		method     string
		marked     bool
		answers    []int
		wantStatus int
		wantCalls  int
	}{
		"a GET after 503":                  {"GET", false, []int{503}, 200, 2},
		"a GET after each of the statuses": {"GET", false, []int{429, 500, 502}, 200, 4},
		"a GET after 504 and a reset":      {"GET", false, []int{504, 0}, 200, 3},
		"no more than four times":          {"GET", false, []int{503, 503, 503, 503}, 503, 4},
		"a POST that is not marked":        {"POST", false, []int{503}, 503, 1},
		"a POST that is marked":            {"POST", true, []int{503, 0}, 200, 3},
		"not a refusal":                    {"GET", false, []int{403}, 403, 1},
		"not what is not implemented":      {"GET", false, []int{501}, 501, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, upstream.Options{}, c.answers...)
			ctx := t.Context()
			if c.marked {
				ctx = upstream.Repeatable(ctx)
			}
			status, err := r.do(ctx, c.method, "/api/2.0/sql/statements")
			if err != nil || status != c.wantStatus || len(r.script.sent()) != c.wantCalls {
				t.Errorf("answered %d, %v after %d calls, want %d after %d", status, err, len(r.script.sent()), c.wantStatus, c.wantCalls)
			}
			if slices.ContainsFunc(r.script.sent(), func(b string) bool { return b != "body" }) {
				t.Errorf("a repetition lost the body: %q", r.script.sent())
			}
		})
	}
}

func TestALostConnectionOfAPostIsNotRepeated(t *testing.T) {
	r := newRig(t, upstream.Options{}, 0)
	if _, err := r.do(t.Context(), "POST", "/x"); err == nil || len(r.script.sent()) != 1 {
		t.Errorf("%v after %d calls", err, len(r.script.sent()))
	}
}

func TestWaitsGrowWithFullJitterAndKeepToRetryAfter(t *testing.T) {
	r := newRig(t, upstream.Options{FirstDelay: time.Second, MaxDelay: 3 * time.Second, Attempts: 5}, 503, 503, 503, 503)
	if _, err := r.do(t.Context(), "GET", "/x"); err != nil {
		t.Fatal(err)
	}
	want := []time.Duration{500 * time.Millisecond, time.Second, 1500 * time.Millisecond, 1500 * time.Millisecond}
	if diff := cmp.Diff(want, r.waits); diff != "" {
		t.Errorf("the waits differ (-want +got):\n%s", diff)
	}
	r = newRig(t, upstream.Options{Jitter: func() float64 { return 0 }}, 429)
	r.script.header.Set("Retry-After", "7")
	if _, err := r.do(t.Context(), "GET", "/x"); err != nil || !slices.Equal(r.waits, []time.Duration{7 * time.Second}) {
		t.Errorf("waited %v, %v; want 7 s", r.waits, err)
	}
}

func TestAWaitPastTheDeadlineIsNotBegun(t *testing.T) {
	r := newRig(t, upstream.Options{}, 429)
	r.script.header.Set("Retry-After", "3600")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	status, err := r.do(ctx, "GET", "/x")
	if err != nil || status != 429 || len(r.waits) != 0 {
		t.Errorf("answered %d, %v after waits %v; want the 429 at once", status, err, r.waits)
	}
}

func TestADeadEndpointAnswersFastAndAloneAndIsTriedAgain(t *testing.T) {
	var told []bool
	r := newRig(t, upstream.Options{
		Attempts: 1, Failures: 3, OpenFor: 50 * time.Millisecond, Opened: func(_ upstream.Class, open bool) { told = append(told, open) },
	}, 500, 0, 502)
	for range 3 {
		_, _ = r.do(t.Context(), "GET", "/api/2.0/sql/statements/1")
	}
	before := len(r.script.sent())
	_, err := r.do(t.Context(), "GET", "/api/2.0/sql/statements/1")
	open, ok := errors.AsType[*upstream.OpenError](err)
	if !ok || open.Class != upstream.ClassStatements || open.RetryAfter() < time.Second {
		t.Fatalf("answered %v, want an open breaker of the statements", err)
	}
	if len(r.script.sent()) != before {
		t.Error("the dead endpoint was called")
	}
	if status, err := r.do(t.Context(), "GET", "/api/2.0/genie/spaces"); err != nil || status != 200 {
		t.Errorf("another kind of endpoint answered %d, %v", status, err)
	}
	for range 1000 {
		if status, err := r.do(t.Context(), "GET", "/api/2.0/sql/statements/1"); err == nil && status == 200 {
			if diff := cmp.Diff([]bool{true, false}, []bool{told[0], told[len(told)-1]}); diff != "" {
				t.Errorf("told %v", told)
			}
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the endpoint was never tried again")
}

func TestACallerWhoGoesAwayDoesNotCountAgainstTheEndpoint(t *testing.T) {
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(hang)
	transport := upstream.New(http.DefaultTransport, upstream.Options{Failures: 1})
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = transport.RoundTrip(req)
		if _, open := errors.AsType[*upstream.OpenError](err); open || err == nil {
			t.Errorf("answered %v", err)
		}
		cancel()
	}
}

func TestRetryAfterIsReadInBothFormsAndBounded(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "-7": 0, "soon": 0, "99999999999999999999": 0, "9223372036854775807": 0,
		"Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second, "Sun, 01 Mar 2026 11:00:00 GMT": 0,
	} {
		if got := upstream.RetryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q is %v, want %v", value, got, want)
		}
	}
}
