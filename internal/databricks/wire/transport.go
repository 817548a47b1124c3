// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/time/rate"

	"github.com/gatehouse-dev/gatehouse/internal/upstream"
)

// MaxBodyBytes bounds the body of one response; inline results are at most 25 MiB.
const MaxBodyBytes = 32 << 20

var (
	// ErrAnswerLost means that a write was sent and its response did not arrive. Its text
	// has nothing in it by which the SDK recognises what it would send again.
	ErrAnswerLost = errors.New("the answer was lost; the call may have taken effect")
	// ErrFenced means that nothing was sent, because another process may be writing by now.
	ErrFenced = errors.New("not sent")

	errIdle = errors.New("no byte arrived in time")
)

// NotSentError is a request that was not sent. Its text is constant: the SDK decides by
// the text of an error whether it tries again.
type NotSentError struct{ Err error }

func (*NotSentError) Error() string { return "the request was not sent" }

// Unwrap returns the reason.
func (e *NotSentError) Unwrap() error { return e.Err }

// SignInError is a request that was not sent because there is no token for it.
type SignInError struct{ Err error }

func (e *SignInError) Error() string { return "sign in: " + e.Err.Error() }

// Unwrap returns what the sign-in ended with.
func (e *SignInError) Unwrap() error { return e.Err }

// TokenSource gives the token of each request.
type TokenSource interface {
	Token(ctx context.Context) (Secret, error)
	// Forget drops a token that was answered with 401.
	Forget(token Secret)
}

// TransportOptions are what a Transport is made of. Host, Next and Tokens are required.
type TransportOptions struct {
	// Host is the only one that requests are sent to, such as https://dbc-1.cloud.databricks.com.
	Host   string
	Next   http.RoundTripper
	Tokens TokenSource
	// UserAgent is put before the SDK's.
	UserAgent string
	// IdleTimeout is how long a request may take without a byte.
	IdleTimeout time.Duration
	// RequestsPerSecond bounds the requests to the host, with a burst of the same size.
	RequestsPerSecond int
	// Fence says before each write whether this process may still write. Nil allows it.
	Fence func() error
}

// Transport is the http.RoundTripper under the Databricks SDK. It signs in, waits for the
// client-side limit, holds back what Databricks asked to leave alone, checks the fence
// before each write, reads a bounded body, and hides from the SDK that a write was lost,
// because the SDK would send it again. A request that is answered with 401 is sent once
// more with a new token: it had no effect.
type Transport struct {
	o       TransportOptions
	host    *url.URL
	gates   Gates
	limiter *rate.Limiter
}

// NewTransport makes a Transport.
func NewTransport(o TransportOptions) (*Transport, error) {
	host, err := url.Parse(o.Host)
	if err != nil || host.Host == "" {
		return nil, errors.New("the host is not a URL")
	}
	return &Transport{o: o, host: host, limiter: rate.NewLimiter(rate.Limit(o.RequestsPerSecond), o.RequestsPerSecond)}, nil
}

// RoundTrip sends a request and reads all of its response.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != t.host.Host || r.URL.Scheme != t.host.Scheme {
		return nil, ErrUnexpectedAnswer // a redirect to elsewhere, where the token must not go
	}
	if r.Body != nil {
		defer func() { _ = r.Body.Close() }()
	}
	if err := t.gates.Pass(r.Method, r.URL.EscapedPath()); err != nil {
		return nil, &NotSentError{err}
	}
	body, signedInAnew := r.Body, false
	for {
		token, err := t.admit(r)
		switch {
		case err != nil && r.Context().Err() != nil:
			return nil, r.Context().Err()
		case err != nil:
			return nil, &NotSentError{err}
		}
		res, err := t.send(r, body, token)
		if err != nil {
			return nil, lost(r, err)
		}
		if res.StatusCode == http.StatusUnauthorized && !signedInAnew {
			t.o.Tokens.Forget(token)
			if body, signedInAnew = rewound(r); signedInAnew {
				continue
			}
		}
		if res.StatusCode >= http.StatusBadRequest {
			t.gates.Close(r.Method, r.URL.EscapedPath(), min(upstream.RetryAfter(res.Header, time.Now()), MaxRetryAfter))
		}
		return res, nil
	}
}

// admit waits until a request may be sent, and returns the token for it.
func (t *Transport) admit(r *http.Request) (Secret, error) {
	token, err := t.o.Tokens.Token(r.Context())
	if err != nil {
		return "", &SignInError{err}
	}
	if err := t.limiter.Wait(r.Context()); err != nil {
		return "", fmt.Errorf("wait for the client-side limit: %w", err)
	}
	if t.o.Fence != nil && r.Method != http.MethodGet {
		if err := t.o.Fence(); err != nil {
			return "", errors.Join(ErrFenced, err)
		}
	}
	return token, nil
}

// rewound returns the body of a request once more.
func rewound(r *http.Request) (io.ReadCloser, bool) {
	if r.GetBody == nil {
		return http.NoBody, r.Body == nil || r.Body == http.NoBody
	}
	body, err := r.GetBody()
	return body, err == nil
}

// lost turns an error into one that the SDK treats as it should.
func lost(r *http.Request, err error) error {
	switch {
	case r.Context().Err() != nil:
		return r.Context().Err()
	case r.Method != http.MethodGet && !errors.Is(err, ErrUnexpectedAnswer):
		return ErrAnswerLost
	}
	return err
}

func (t *Transport) send(r *http.Request, body io.ReadCloser, token Secret) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	idle := time.AfterFunc(t.o.IdleTimeout, func() { cancel(errIdle) })
	defer idle.Stop()
	out := r.Clone(ctx)
	out.Body = body
	out.URL.ForceQuery = false // the SDK ends every path with a question mark
	out.Header.Set("Authorization", "Bearer "+token.Reveal())
	out.Header.Set("Accept", "application/json")
	out.Header.Set("User-Agent", t.o.UserAgent+" "+r.Header.Get("User-Agent"))
	res, err := t.o.Next.RoundTrip(out)
	if err != nil {
		return nil, idleError(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(ticking{res.Body, func() { idle.Reset(t.o.IdleTimeout) }}, MaxBodyBytes+1))
	if err != nil {
		return nil, idleError(ctx, err)
	}
	if !acceptable(r.Method, res.StatusCode, raw) {
		return nil, ErrUnexpectedAnswer
	}
	res.Body, res.ContentLength, res.Request = io.NopCloser(bytes.NewReader(raw)), int64(len(raw)), r
	return res, nil
}

// idleError names the end of a request that was idle for too long, which would
// otherwise read as one that its caller cancelled.
func idleError(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errIdle) {
		return errIdle
	}
	return err
}

// acceptable says whether a response is one that the SDK reads correctly. It takes no
// body for an empty object, which would say that nothing exists, and sends a write to
// wherever a redirect leads.
func acceptable(method string, status int, body []byte) bool {
	switch {
	case len(body) > MaxBodyBytes:
		return false
	case status >= http.StatusBadRequest:
		return true
	case status >= http.StatusMultipleChoices:
		return method == http.MethodGet
	case method == http.MethodGet:
		return bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{"))
	}
	return true
}

// ticking calls tick with each part that was read.
type ticking struct {
	io.Reader
	tick func()
}

func (t ticking) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	t.tick()
	return n, err
}
