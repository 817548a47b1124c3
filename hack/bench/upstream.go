// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// Paths of the upstream beside those of Databricks.
const (
	pathKeys  = "/idp/jwks"
	pathCount = "/bench/exchanges"
)

// marker is in each right answer, and in none that is refused or failed.
const marker = "bench-west-7f3a"

// statementAnswer is what the upstream says to each statement.
const statementAnswer = `{"statement_id":"01f0-bench","status":{"state":"SUCCEEDED"},` +
	`"manifest":{"format":"JSON_ARRAY","schema":{"column_count":3,"columns":[` +
	`{"name":"region","type_text":"STRING","type_name":"STRING","position":0},` +
	`{"name":"deals","type_text":"BIGINT","type_name":"LONG","position":1},` +
	`{"name":"total","type_text":"DECIMAL(28,2)","type_name":"DECIMAL","position":2}]},` +
	`"total_chunk_count":1,"total_row_count":2,"truncated":false},` +
	`"result":{"chunk_index":0,"row_offset":0,"row_count":2,"data_array":[["` + marker + `","1204","8812345.50"],["EAST","988","7120456.25"]]}}`

// serveUpstream is Databricks and the identity provider's keys, answering at once with
// constant bytes. The key set is the file named by --keys.
func serveUpstream(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("upstream", flag.ContinueOnError)
	keysFile := flags.String("keys", "", "file that holds the key set")
	if err := flags.Parse(args); err != nil {
		return err
	}
	keys, err := os.ReadFile(*keysFile)
	if err != nil {
		return fmt.Errorf("read the key set: %w", err)
	}
	certificate, ca, err := certificate()
	if err != nil {
		return err
	}
	var exchanges atomic.Int64
	constant := func(kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", kind)
			_, _ = io.WriteString(w, body)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /oidc/.well-known/oauth-authorization-server", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"token_endpoint":"https://%s/oidc/v1/token"}`, r.Host) //nolint:gosec // JSON, to our own servers
	})
	token := constant("application/json", `{"access_token":"dbx-bench","token_type":"Bearer","expires_in":3600,"scope":"sql"}`)
	mux.HandleFunc("POST /oidc/v1/token", func(w http.ResponseWriter, r *http.Request) {
		exchanges.Add(1)
		token(w, r)
	})
	mux.HandleFunc("POST /api/2.0/sql/statements", constant("application/json", statementAnswer))
	mux.HandleFunc("GET "+pathKeys, constant("application/json", string(keys)))
	mux.HandleFunc("GET "+pathCount, func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, exchanges.Load()) })
	return serve(ctx, &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
	}, ready{CA: ca}, in, out)
}

// listen opens a port that nobody else has.
func listen(ctx context.Context) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
}

// serve serves on a port of its own until the input ends.
func serve(ctx context.Context, srv *http.Server, r ready, in io.Reader, out io.Writer) error {
	l, err := listen(ctx)
	if err != nil {
		return err
	}
	return serveOn(l, srv, r, in, out)
}

func serveOn(l net.Listener, srv *http.Server, r ready, in io.Reader, out io.Writer) error {
	secure := srv.TLSConfig != nil // Serve sets one
	go func() {
		if secure {
			_ = srv.ServeTLS(l, "", "") // ends when the process does
			return
		}
		_ = srv.Serve(l)
	}()
	r.URL = "http://" + l.Addr().String()
	if secure {
		r.URL = "https://" + l.Addr().String()
	}
	if err := json.NewEncoder(out).Encode(r); err != nil {
		return fmt.Errorf("say that the server is ready: %w", err)
	}
	_, err := io.Copy(io.Discard, in)
	_ = srv.Close()
	return err
}

// certificate makes a certificate of 127.0.0.1, and returns it in PEM too.
func certificate() (tls.Certificate, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, "", fmt.Errorf("make a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, "", fmt.Errorf("make a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}
