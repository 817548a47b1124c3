// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// StandardTimeout bounds a call, its repetitions included.
const StandardTimeout = 35 * time.Second

// LongTimeout is that of calls to models and agents.
const LongTimeout = 120 * time.Second

// Class is a kind of endpoint; each fails, and recovers, on its own.
type Class string

// The classes, found by the path of a request.
const (
	ClassToken        Class = "token"
	ClassStatements   Class = "statements"
	ClassGenie        Class = "genie"
	ClassVectorSearch Class = "vector-search"
	ClassServing      Class = "serving"
	ClassOther        Class = "other"
)

// classes are found by what a path begins with.
var classes = []struct {
	prefix string
	class  Class
}{
	{"/oidc/", ClassToken},
	{"/api/2.0/sql/statements", ClassStatements},
	{"/api/2.0/genie/", ClassGenie},
	{"/api/2.0/vector-search/", ClassVectorSearch},
	{"/serving-endpoints/", ClassServing},
}

// classOf says which kind of endpoint a path is of.
func classOf(path string) Class {
	for _, c := range classes {
		if strings.HasPrefix(path, c.prefix) {
			return c.class
		}
	}
	return ClassOther
}

// OpenError says that a kind of endpoint failed so often that it is left alone for a while.
type OpenError struct {
	Class Class
	after time.Duration
}

func (e *OpenError) Error() string {
	return "the " + string(e.Class) + " endpoint is failing and is left alone for now"
}

// RetryAfter is when the endpoint will be tried again.
func (e *OpenError) RetryAfter() time.Duration { return e.after }

// Options are what a Transport is made of. Zero values stand for the defaults.
type Options struct {
	// Attempts is how often a request is made at most. Default 4.
	Attempts int
	// FirstDelay is the most that the first wait takes; each later one may take twice as long as the one before. Default 200 ms.
	FirstDelay time.Duration
	// MaxDelay bounds a wait that no Retry-After asks for. Default 5 s.
	MaxDelay time.Duration
	// Failures in a row open a breaker. Default 8.
	Failures uint
	// OpenFor is how long a breaker stays open before one request tries again. Default 10 s.
	OpenFor time.Duration
	// Retried is told of each repetition, Opened of each breaker that opens or closes. Optional.
	Retried func(class Class, status int)
	Opened  func(class Class, open bool)
	// Jitter draws a number in [0, 1). Default math/rand.
	Jitter func() float64
	// Sleep waits. Default is to wait on a timer and ctx.
	Sleep func(ctx context.Context, d time.Duration) error
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Transport is an http.RoundTripper with retries and breakers. It is safe for
// concurrent use, and is meant for one workspace.
type Transport struct {
	next http.RoundTripper
	opts Options

	mu       sync.Mutex
	breakers map[Class]circuitbreaker.CircuitBreaker[any]
}

// New puts retries and breakers around a RoundTripper.
func New(next http.RoundTripper, o Options) *Transport {
	if o.Attempts <= 0 {
		o.Attempts = 4
	}
	if o.FirstDelay <= 0 {
		o.FirstDelay = 200 * time.Millisecond
	}
	if o.MaxDelay <= 0 {
		o.MaxDelay = 5 * time.Second
	}
	if o.Failures == 0 {
		o.Failures = 8
	}
	if o.OpenFor <= 0 {
		o.OpenFor = 10 * time.Second
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Transport{next: next, opts: o, breakers: map[Class]circuitbreaker.CircuitBreaker[any]{}}
}

// CloseIdleConnections passes on what http.Client asks for.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

type repeatableKey struct{}

// Repeatable marks the requests of a context as safe to make twice, whatever their method.
func Repeatable(ctx context.Context) context.Context {
	return context.WithValue(ctx, repeatableKey{}, true)
}

// repeatable says whether a request may be made again.
func repeatable(r *http.Request) bool {
	if r.Body != nil && r.Body != http.NoBody && r.GetBody == nil {
		return false
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	}
	marked, _ := r.Context().Value(repeatableKey{}).(bool)
	return marked
}

// RoundTrip makes a request, and makes it again where that may help. What it
// returns is the last answer, as it was.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	class := classOf(r.URL.Path)
	breaker := t.breaker(class)
	for attempt := 1; ; attempt++ {
		if !breaker.TryAcquirePermit() {
			return nil, &OpenError{class, max(breaker.RemainingDelay(), time.Second)}
		}
		res, err := t.attempt(r, attempt)
		record(breaker, r.Context(), res, err)
		if attempt == t.opts.Attempts || !transient(r.Context(), res, err) || !repeatable(r) {
			return res, err
		}
		wait := t.delay(attempt)
		if res != nil {
			wait = max(wait, RetryAfter(res.Header, t.opts.Now()))
		}
		if deadline, ok := r.Context().Deadline(); ok && t.opts.Now().Add(wait).After(deadline) {
			return res, err // the caller would be gone by then
		}
		status := 0
		if res != nil {
			status = res.StatusCode
			_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be used again
			_ = res.Body.Close()
		}
		if t.opts.Retried != nil {
			t.opts.Retried(class, status)
		}
		if err := t.opts.Sleep(r.Context(), wait); err != nil {
			return nil, err
		}
	}
}

// attempt makes the request once, with a body of its own.
func (t *Transport) attempt(r *http.Request, attempt int) (*http.Response, error) {
	if attempt > 1 && r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = body
	}
	return t.next.RoundTrip(r)
}

// transient says whether trying again may help.
func transient(ctx context.Context, res *http.Response, err error) bool {
	if err != nil {
		return ctx.Err() == nil
	}
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// record tells the breaker how an attempt ended. A caller who went away says
// nothing of the endpoint; only a breaker that is trying needs an answer then.
func record(b circuitbreaker.CircuitBreaker[any], ctx context.Context, res *http.Response, err error) { //nolint:revive // the breaker is the subject
	switch {
	case err != nil && ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		if b.IsHalfOpen() {
			b.RecordFailure()
		}
	case err != nil || res.StatusCode >= http.StatusInternalServerError && res.StatusCode != http.StatusNotImplemented:
		b.RecordFailure()
	default:
		b.RecordSuccess()
	}
}

// delay draws a wait with full jitter: between nothing and twice the last most.
func (t *Transport) delay(attempt int) time.Duration {
	most := min(t.opts.FirstDelay<<(attempt-1), t.opts.MaxDelay)
	return time.Duration(t.opts.Jitter() * float64(most))
}

// RetryAfter reads the header of that name, in seconds or as a date; absent,
// unreadable or past is 0.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseInt(v, 10, 32); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// breaker is that of a class.
func (t *Transport) breaker(class Class) circuitbreaker.CircuitBreaker[any] {
	t.mu.Lock()
	defer t.mu.Unlock()
	if b := t.breakers[class]; b != nil {
		return b
	}
	builder := circuitbreaker.NewBuilder[any]().WithFailureThreshold(t.opts.Failures).WithDelay(t.opts.OpenFor).WithSuccessThreshold(1)
	if t.opts.Opened != nil {
		builder = builder.OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
			t.opts.Opened(class, e.NewState == circuitbreaker.OpenState)
		})
	}
	b := builder.Build()
	t.breakers[class] = b
	return b
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
