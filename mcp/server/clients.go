// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/cabundle"
	"github.com/gatehouse-dev/gatehouse/internal/upstream"
)

// backendClients make the HTTP clients that call the workspace: one pool, with
// retries and a breaker for each kind of endpoint.
func backendClients(caBundle string, m *metrics) (Clients, error) {
	roots, err := cabundle.Pool(caBundle)
	if err != nil {
		return Clients{}, fmt.Errorf("workspace: %w", err)
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	pool := &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, addr)
		},
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: 5 * time.Second,
	}
	transport := upstream.New(pool, upstream.Options{
		Retried: func(c upstream.Class, status int) { m.retries.WithLabelValues(string(c), fmt.Sprint(status)).Inc() },
		Opened: func(c upstream.Class, open bool) {
			value := 0.0
			if open {
				value = 1
			}
			m.breakers.WithLabelValues(string(c)).Set(value)
		},
	})
	client := func(timeout time.Duration, transport http.RoundTripper) *http.Client {
		return &http.Client{Timeout: timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: transport}
	}
	return Clients{
		Standard: client(upstream.StandardTimeout, transport), Long: client(upstream.LongTimeout, transport), Once: client(upstream.StandardTimeout, pool),
	}, nil
}
