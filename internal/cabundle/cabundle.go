// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cabundle reads bundles of certificate authorities.
package cabundle

import (
	"crypto/x509"
	"errors"
)

// Pool returns the certificates of a PEM bundle. It returns nil, which crypto/tls takes
// for the system's certificate authorities, when the bundle is empty.
func Pool(bundle string) (*x509.CertPool, error) {
	if bundle == "" {
		return nil, nil //nolint:nilnil // nil is crypto/tls's word for the system's roots
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(bundle)) {
		return nil, errors.New("the CA bundle holds no certificate")
	}
	return pool, nil
}
