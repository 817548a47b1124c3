// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestEnsure(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	now := time.Now()
	identities := []Identity{
		{File: "server", User: "server", Hosts: []string{"10.201.0.2", "kubernetes.default"}},
		{File: "client", User: "alice", Groups: []string{"readers"}},
	}
	if err := Ensure(dir, now, identities); err != nil {
		t.Fatal(err)
	}
	server, client := load(t, dir, "server"), load(t, dir, "client")
	if err := verify(t, dir, server, "10.201.0.2", x509.ExtKeyUsageServerAuth); err != nil {
		t.Errorf("the server is not who it should be: %v", err)
	}
	if err := verify(t, dir, server, "elsewhere", x509.ExtKeyUsageServerAuth); err == nil {
		t.Error("the server passes for another host")
	}
	if err := verify(t, dir, client, "", x509.ExtKeyUsageClientAuth); err != nil {
		t.Errorf("the client is not let in: %v", err)
	}
	if err := verify(t, dir, client, "", x509.ExtKeyUsageServerAuth); err == nil {
		t.Error("a client could pose as a server")
	}
	if client.Subject.CommonName != "alice" || len(client.Subject.Organization) != 1 || client.Subject.Organization[0] != "readers" {
		t.Errorf("the client is %s", client.Subject)
	}
	if server.SerialNumber.Cmp(client.SerialNumber) == 0 {
		t.Error("two certificates have the same number")
	}
}

func TestKeysAreTheirOwnersOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	if err := Ensure(dir, time.Now(), []Identity{{File: "client", User: "alice"}}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ca.key", "sa.key", "client.key"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestEnsureAgainKeepsKeysAndAfterAnInterruptionStartsOver(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	ensure := func() string {
		if err := Ensure(dir, time.Now(), nil); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(dir, "sa.key"))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	first := ensure()
	if ensure() != first {
		t.Error("a second call replaced the key: every token would be void")
	}
	if err := os.Remove(filepath.Join(dir, "complete")); err != nil {
		t.Fatal(err)
	}
	if ensure() == first {
		t.Error("what an interrupted call left was trusted")
	}
}

func load(t *testing.T, dir, name string) *x509.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

func verify(t *testing.T, dir string, certificate *x509.Certificate, host string, usage x509.ExtKeyUsage) error {
	t.Helper()
	authority, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		t.Fatal("the authority's certificate cannot be read")
	}
	_, err = certificate.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, KeyUsages: []x509.ExtKeyUsage{usage}})
	return err
}
