// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/cabundle"
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
	roots, err := cabundle.Pool(caBundle)
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
