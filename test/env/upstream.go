// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strconv"
	"testing"
)

// Upstream starts an HTTPS service that the emulator's connections may lead to, and
// returns where it is.
func (e *Emulator) Upstream(t testing.TB, serve http.HandlerFunc) (host string, port int32) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(e.dir, "tls.crt"), filepath.Join(e.dir, "tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(serve)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseInt(at.Port(), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return "https://" + at.Hostname(), int32(n)
}
