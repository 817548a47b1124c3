// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

// Limits of one call. Databricks documents none: these are the emulator's.
const (
	// DefaultTimeout bounds a call with the reading of its answer.
	DefaultTimeout = 30 * time.Second
	// MaxBody bounds what is sent and what is received, in bytes.
	MaxBody = 1 << 20
)

const userAgent = "databricks-emulator"

// Methods are those that http_request() takes.
var Methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}

// Options are what a Client is made of.
type Options struct {
	// Roots are the authorities that upstreams are verified with; nil means the system's.
	Roots *x509.CertPool
	// Plain permits http:// on loopback addresses.
	Plain bool
	// Timeout is DefaultTimeout if it is 0.
	Timeout time.Duration
}

// Client makes calls. It is safe for concurrent use.
type Client struct {
	opts   Options
	http   *http.Client
	mu     sync.Mutex
	tokens map[tokenKey]accessToken
}

// New makes a Client. It follows no redirects, which could carry a credential
// elsewhere, and knows no proxies.
func New(o Options) *Client {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	return &Client{opts: o, tokens: map[tokenKey]accessToken{}, http: &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Plain says whether http:// is permitted on loopback addresses.
func (c *Client) Plain() bool { return c.opts.Plain }

// Call is one call.
type Call struct {
	Method, Path    string
	Params, Headers map[string]string
	// JSON is the body; nil sends none.
	JSON *string
}

// Answer is what an upstream answered, whatever its status.
type Answer struct {
	Status int
	Text   string
}

// Errors that say all that a caller may learn.
var (
	// ErrInvalid wraps what is wrong with a call that was not made.
	ErrInvalid = errors.New("invalid call")
	// ErrTransport says that no answer came.
	ErrTransport = errors.New("the upstream cannot be reached or did not answer in time")
	// ErrTooLarge says that the answer is larger than MaxBody, or is not text.
	ErrTooLarge = errors.New("the answer is too large or is not UTF-8 text")
	// ErrCredential says that the connection's credential is of no use.
	ErrCredential = errors.New("the connection's credential was refused by its token endpoint, or is of a kind that cannot be used here")
)

// Do makes a call through a connection. An answer of any status is no error.
func (c *Client) Do(ctx context.Context, connection metastore.Object, call Call) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	req, err := c.request(ctx, connection, call)
	if err != nil {
		return Answer{}, errors.Join(ErrInvalid, err)
	}
	secret, err := c.credential(ctx, connection)
	if err != nil {
		return Answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+secret)
	res, err := c.http.Do(req)
	if err != nil {
		return Answer{}, ErrTransport // its text would name the address
	}
	defer res.Body.Close() //nolint:errcheck // read to the end, or given up
	raw, err := io.ReadAll(io.LimitReader(res.Body, MaxBody+1))
	switch {
	case err != nil:
		return Answer{}, ErrTransport
	case len(raw) > MaxBody || !utf8.Valid(raw):
		return Answer{}, ErrTooLarge
	}
	if res.StatusCode == http.StatusUnauthorized {
		c.forget(connection) // a token may have been revoked before its time
	}
	return Answer{res.StatusCode, scrub(string(raw), connection, secret)}, nil
}

func (c *Client) request(ctx context.Context, connection metastore.Object, call Call) (*http.Request, error) {
	if !slices.Contains(Methods, call.Method) {
		return nil, errors.New("the method must be GET, POST, PUT, PATCH or DELETE")
	}
	base, err := url.Parse(connection.Address())
	if err != nil || !c.permitted(base) {
		return nil, errors.New("the connection's address is not permitted")
	}
	path, err := join(base.Path, call.Path)
	if err != nil {
		return nil, err
	}
	// The escaped form is kept as it was written, so that %20 is not sent as %2520.
	if base.Path, err = url.PathUnescape(path); err != nil {
		return nil, errPath
	}
	base.RawPath = path
	query := url.Values{}
	for k, v := range call.Params {
		query.Set(k, v)
	}
	base.RawQuery = query.Encode()
	var body io.Reader
	if call.JSON != nil {
		if len(*call.JSON) > MaxBody {
			return nil, errors.New("the body is too large")
		}
		body = strings.NewReader(*call.JSON)
	}
	req, err := http.NewRequestWithContext(ctx, call.Method, base.String(), body)
	if err != nil {
		return nil, errPath
	}
	req.Header.Set("User-Agent", userAgent)
	if call.JSON != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, setHeaders(req.Header, call.Headers)
}

// permitted says whether a credential may be sent to an address.
func (c *Client) permitted(at *url.URL) bool {
	return at.Scheme == "https" || c.opts.Plain && at.Scheme == "http" && metastore.Loopback(at.Hostname())
}

// scrub takes the credential out of an answer that repeats it.
func scrub(text string, connection metastore.Object, secret string) string {
	text = strings.ReplaceAll(text, secret, "[redacted]")
	for _, s := range connection.Secrets {
		if s != "" {
			text = strings.ReplaceAll(text, string(s), "[redacted]")
		}
	}
	return text
}
