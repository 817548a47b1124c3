// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

// Through is the way to what a connection leads to, for a client of a protocol of its
// own, such as MCP's. It only goes to the connection's address, and every request carries
// the connection's credential, whatever the client put there.
type Through struct {
	client     *Client
	connection metastore.Object
	mu         sync.Mutex
	status     int
	failed     error
}

// Through makes a way through a connection.
func (c *Client) Through(connection metastore.Object) *Through {
	return &Through{client: c, connection: connection}
}

// Address is where the connection leads: the only address that requests may have.
func (t *Through) Address() string { return t.connection.Address() }

// Timeout is how long a call may take with the reading of its answer.
func (t *Through) Timeout() time.Duration { return t.client.opts.Timeout }

// HTTP is a client that follows no redirects, as they could carry the credential elsewhere.
func (t *Through) HTTP() *http.Client {
	return &http.Client{Transport: t, CheckRedirect: t.client.http.CheckRedirect}
}

// Last is how the last request ended that was no DELETE: with a status, or with one of the
// errors of this package and none. A DELETE only ends what went before.
func (t *Through) Last() (status int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.status, t.failed
}

// RoundTrip is that of http.RoundTripper. The answer is read line by line, so that
// streams are streams, and the credential is taken out of it.
func (t *Through) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.send(r)
	if r.Method == http.MethodDelete {
		return res, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.status, t.failed = 0, err
	if err == nil {
		t.status = res.StatusCode
	}
	return res, err
}

func (t *Through) send(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close() //nolint:errcheck // a RoundTripper closes it in any case
	}
	base, err := url.Parse(t.Address())
	if err != nil || !t.client.permitted(base) || r.URL.String() != base.String() {
		return nil, ErrInvalid
	}
	secret, err := t.client.credential(r.Context(), t.connection)
	if err != nil {
		return nil, err
	}
	out := r.Clone(r.Context())
	for k := range out.Header {
		if slices.Contains(reservedHeaders, k) || strings.HasPrefix(k, "X-Databricks-") {
			out.Header.Del(k)
		}
	}
	out.Header.Set("Authorization", "Bearer "+secret)
	out.Header.Set("User-Agent", userAgent)
	out.Header.Set("Accept-Encoding", "identity") // what is compressed cannot be looked through
	res, err := t.client.http.Transport.RoundTrip(out)
	if err != nil {
		return nil, ErrTransport // its text would name the address
	}
	if res.StatusCode == http.StatusUnauthorized {
		t.client.forget(t.connection) // a token may have been revoked before its time
	}
	res.Body = &scrubbed{body: res.Body, lines: bufio.NewReader(res.Body), left: MaxBody, clean: func(line string) string {
		return scrubJSON(line, t.connection, secret)
	}}
	res.ContentLength = -1
	res.Header.Del("Content-Length")
	return res, nil
}

// scrubbed is an answer without the credential. Nothing that a credential can be has a
// line break in it, so no line needs to be seen together with the next.
type scrubbed struct {
	body  io.Closer
	lines *bufio.Reader
	clean func(string) string
	rest  string
	left  int
	end   error
}

func (s *scrubbed) Close() error { return s.body.Close() }

func (s *scrubbed) Read(into []byte) (int, error) {
	for s.rest == "" {
		if s.end != nil {
			return 0, s.end
		}
		var line []byte
		line, s.end = s.line()
		s.rest = s.clean(string(line))
	}
	n := copy(into, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// line reads a line, of what is left of MaxBody at most.
func (s *scrubbed) line() ([]byte, error) {
	var line []byte
	for {
		part, err := s.lines.ReadSlice('\n')
		if s.left -= len(part); s.left < 0 {
			return nil, ErrTooLarge
		}
		line = append(line, part...)
		if err == nil || err != bufio.ErrBufferFull { //nolint:errorlint // as the reader returns it
			return line, err
		}
	}
}

// scrubJSON is scrub for text that may have the credential in it as JSON writes it.
func scrubJSON(text string, connection metastore.Object, secret string) string {
	text = scrub(text, connection, secret)
	for _, s := range append(secretsOf(connection), secret) {
		if raw, err := json.Marshal(s); err == nil && len(raw) > 2 {
			text = strings.ReplaceAll(text, string(raw[1:len(raw)-1]), "[redacted]")
		}
	}
	return text
}

func secretsOf(connection metastore.Object) []string {
	var out []string
	for _, s := range connection.Secrets {
		out = append(out, string(s))
	}
	return out
}
