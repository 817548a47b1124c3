// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/upstream"
)

// reach says which addresses an issuer's keys may be fetched from.
type reach struct {
	// private allows private and cluster addresses.
	private bool
	// loopback allows loopback addresses; for tests.
	loopback bool
}

var errAddressRefused = errors.New("the address is not one that keys may be fetched from")

// carrierGrade is shared address space (RFC 6598), which clusters use for pods.
var carrierGrade = netip.MustParsePrefix("100.64.0.0/10")

// allows says whether an address, after name resolution, may be dialled.
func (r reach) allows(ip netip.Addr) bool {
	ip = ip.Unmap()
	switch {
	case ip.IsLoopback():
		return r.loopback
	case !ip.IsValid(), ip.IsUnspecified(), ip.IsMulticast(), ip.IsLinkLocalUnicast(), ip.IsInterfaceLocalMulticast():
		return false
	case ip.IsPrivate(), carrierGrade.Contains(ip):
		return r.private
	}
	return true
}

// control refuses a connection by the address that was resolved, so that a name
// cannot be swapped between the check and the call.
func (r reach) control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !r.allows(ap.Addr()) {
		return errAddressRefused
	}
	return nil
}

// keyClient makes the HTTP client that fetches the keys of one issuer. It uses no
// proxy and follows no redirects.
func keyClient(r reach, caBundle string) (*http.Client, error) {
	roots, err := certPool(caBundle)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: r.control}
	return &http.Client{
		Timeout: fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
		Transport: &http.Transport{
			DialContext:           dialer.DialContext,
			TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: fetchTimeout,
			MaxIdleConnsPerHost:   1,
			IdleConnTimeout:       time.Minute,
		},
	}, nil
}

// certPool returns the certificates of a bundle, or nil, which stands for the
// system's, when there is none.
func certPool(bundle string) (*x509.CertPool, error) {
	if bundle == "" {
		return nil, nil //nolint:nilnil // nil is crypto/tls's word for the system's roots
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(bundle)) {
		return nil, errors.New("the CA bundle holds no certificate")
	}
	return pool, nil
}

// backendClients make the HTTP clients that call the workspace: one pool, with
// retries and a breaker for each kind of endpoint.
func backendClients(caBundle string, m *metrics) (Clients, error) {
	roots, err := certPool(caBundle)
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
