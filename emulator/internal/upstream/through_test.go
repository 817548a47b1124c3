// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/upstream"
)

// echoing answers with the headers that it got, and as a path's last part says.
func echoing(t *testing.T) (w *world, hold chan struct{}) {
	t.Helper()
	hold = make(chan struct{})
	w = &world{Server: httptest.NewTLSServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("Do") {
		case "large":
			_, _ = out.Write([]byte(strings.Repeat("x", upstream.MaxBody+1)))
		case "stream":
			_, _ = fmt.Fprintf(out, "data: %s\n", r.Header.Get("Authorization"))
			_ = http.NewResponseController(out).Flush()
			<-hold
			_, _ = out.Write([]byte("data: end"))
		case "escaped":
			_, _ = out.Write([]byte(`{"t":"a\"\u003cb"}`))
		case "redirect":
			http.Redirect(out, r, "/elsewhere", http.StatusFound)
		case "refuse":
			out.WriteHeader(http.StatusUnauthorized)
		default:
			_, _ = fmt.Fprintf(out, "%s %v %v %v", r.Host, r.Header["Cookie"], r.Header["X-Databricks-Token"], r.Header["X-Other"])
		}
	}))}
	t.Cleanup(w.Close)
	return w, hold
}

func TestThroughAConnection(t *testing.T) {
	w, hold := echoing(t)
	o := w.connection(t, false, map[string]string{"bearer_token": `a"<b`})
	way := w.client(upstream.Options{}).Through(o)
	send := func(address, what string) (*http.Response, error) { return send(t, way, address, what) }
	read := func(what string) (string, error) { return read(t, way, what) }
	if got, err := read(""); err != nil || got != strings.TrimPrefix(w.URL, "https://")+" [] [] [kept]" {
		t.Errorf("the upstream got %q %v", got, err)
	}
	if got, err := read("escaped"); err != nil || got != `{"t":"[redacted]"}` {
		t.Errorf("the credential as JSON: %q %v", got, err)
	}
	if _, err := read("large"); !errors.Is(err, upstream.ErrTooLarge) {
		t.Errorf("a large answer: %v", err)
	}
	if _, err := read("redirect"); err != nil {
		t.Errorf("a redirect: %v", err)
	}
	if status, err := way.Last(); status != http.StatusFound || err != nil {
		t.Errorf("a redirect was followed: %d %v", status, err)
	}
	for _, address := range []string{way.Address() + "/x", way.Address() + "?q=1", w.URL, "https://127.0.0.1:1/v1"} {
		if _, err := send(address, ""); !errors.Is(err, upstream.ErrInvalid) {
			t.Errorf("%s: %v", address, err)
		}
	}
	readStream(t, way, hold)
	w.Close()
	if _, err := read(""); !errors.Is(err, upstream.ErrTransport) || strings.Contains(errors.Unwrap(err).Error(), "127.0.0.1") {
		t.Errorf("down: %v", err)
	}
	if status, err := way.Last(); status != 0 || !errors.Is(err, upstream.ErrTransport) {
		t.Errorf("down: %d %v", status, err)
	}
}

// send sends a request with headers of a caller's.
func send(t *testing.T, way *upstream.Through, address, what string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"Authorization": "Bearer caller", "Cookie": "a=b", "X-Databricks-Token": "caller", "X-Other": "kept", "Do": what} {
		r.Header.Set(k, v)
	}
	return way.HTTP().Do(r)
}

// read sends a request and reads its answer.
func read(t *testing.T, way *upstream.Through, what string) (string, error) {
	t.Helper()
	res, err := send(t, way, way.Address(), what)
	if err != nil {
		return "", err
	}
	defer res.Body.Close() //nolint:errcheck // a test
	raw, err := io.ReadAll(res.Body)
	return string(raw), err
}

// readStream reads an answer that goes on until hold is closed.
func readStream(t *testing.T, way *upstream.Through, hold chan struct{}) {
	t.Helper()
	res, err := send(t, way, way.Address(), "stream")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // a test
	// The first line is there although the answer has not ended.
	line := make([]byte, len("data: Bearer [redacted]\n"))
	if _, err := io.ReadFull(res.Body, line); err != nil || string(line) != "data: Bearer [redacted]\n" {
		t.Errorf("a stream begins with %q %v", line, err)
	}
	close(hold)
	if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "data: end" {
		t.Errorf("a stream ends with %q %v", rest, err)
	}
}

func TestATokenThatIsRefusedThroughAConnectionIsNotUsedAgain(t *testing.T) {
	w := start(t, true)
	o := w.connection(t, false, map[string]string{"client_id": "me", "client_secret": "s3cret/", "oauth_scope": "read", "token_endpoint": w.URL + "/token"})
	way := w.client(upstream.Options{}).Through(o)
	for i, refuse := range []int{0, 1, 0} {
		w.refuse = refuse
		res, err := way.HTTP().Get(way.Address()) //nolint:noctx // a test
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if want := []int{1, 1, 2}[i]; w.issued != want {
			t.Errorf("%d tokens after call %d, want %d", w.issued, i, want)
		}
	}
}
