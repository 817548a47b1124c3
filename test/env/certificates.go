// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"sync"

	"k8s.io/client-go/util/cert"
)

// CertificatePair is a certificate and its private key, in PEM.
type CertificatePair struct {
	Certificate, Key []byte
}

// LoopbackCertificate returns a certificate for https://127.0.0.1 and its key. The
// certificate is followed by the one of the authority that signed it: the same text is the
// CA bundle of a client. Each process has one, because its RSA keys take a while to make.
func LoopbackCertificate() (CertificatePair, error) { return loopback() }

var loopback = sync.OnceValues(func() (pair CertificatePair, err error) {
	pair.Certificate, pair.Key, err = cert.GenerateSelfSignedCertKey("127.0.0.1", nil, nil)
	return pair, err
})
