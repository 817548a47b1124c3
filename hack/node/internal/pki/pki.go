// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// validity is how long certificates last. A local cluster is made anew long before.
const validity = 365 * 24 * time.Hour

// rsaBits is the size of the key that signs service account tokens: RS256 is what every relying party understands.
const rsaBits = 2048

// Identity is a certificate to issue.
type Identity struct {
	File   string   // of the certificate without its ending; the key lies beside it
	User   string   // common name: who Kubernetes takes the holder for
	Groups []string // organizations: the groups the holder is in
	Hosts  []string // names and addresses to serve on; none for a client
}

// Ensure fills dir with ca.crt, ca.key, sa.pub, sa.key and the certificates of the identities. It does nothing when an
// earlier call completed there.
func Ensure(dir string, now time.Time, identities []Identity) error {
	complete := filepath.Join(dir, "complete")
	if _, err := os.Stat(complete); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of certificates: %w", err)
	}
	if err := writeTokenKey(dir); err != nil {
		return fmt.Errorf("make the key for service account tokens: %w", err)
	}
	authority, err := newAuthority(dir, now)
	if err != nil {
		return fmt.Errorf("make the certificate authority: %w", err)
	}
	for number, identity := range identities {
		if err := authority.issue(dir, int64(number)+2, identity); err != nil {
			return fmt.Errorf("issue a certificate for %s: %w", identity.User, err)
		}
	}
	return os.WriteFile(complete, nil, 0o600)
}

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
	now         time.Time
}

func newAuthority(dir string, now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "gatehouse-local-cluster"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(validity),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{certificate: certificate, key: key, now: now}, writePair(filepath.Join(dir, "ca"), der, key)
}

func (a *authority) issue(dir string, serial int64, identity Identity) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: identity.User, Organization: identity.Groups},
		NotBefore:    a.now.Add(-time.Hour),
		NotAfter:     a.now.Add(validity),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if len(identity.Hosts) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	for _, host := range identity.Hosts {
		if address := net.ParseIP(host); address != nil {
			template.IPAddresses = append(template.IPAddresses, address)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return err
	}
	return writePair(filepath.Join(dir, identity.File), der, key)
}

// writePair writes base.crt and base.key.
func writePair(base string, certificate []byte, key crypto.Signer) error {
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		writePEM(base+".crt", "CERTIFICATE", certificate, 0o644),
		writePEM(base+".key", "PRIVATE KEY", private, 0o600),
	)
}

// writeTokenKey writes sa.key and sa.pub.
func writeTokenKey(dir string) error {
	key, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	return errors.Join(
		writePEM(filepath.Join(dir, "sa.key"), "PRIVATE KEY", private, 0o600),
		writePEM(filepath.Join(dir, "sa.pub"), "PUBLIC KEY", public, 0o644),
	)
}

func writePEM(path, kind string, data []byte, mode os.FileMode) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), mode)
}
