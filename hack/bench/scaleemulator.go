// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// What the emulator is told exists. The names are those of config/samples/sales.
const (
	accountID      = "11111111-2222-4333-8444-555555555555"
	workspaceID    = "1234567890123456"
	warehouseID    = "0123456789abcdef"
	spaceID        = "01f0a1b2c3d4e5f60718293a4b5c6d7e"
	operatorID     = "0a0a0a0a-0000-4000-8000-000000000001"
	operatorSecret = "dosebenchsecret"
)

// emulator is Databricks.
type emulator struct {
	process                   *process
	account, workspace, admin string
	ca                        string
	http                      *http.Client
	seen                      counts
	last                      int64
}

// counts are the calls that the emulator answered.
type counts struct {
	all, writes, limited int
	kinds                map[string]int
}

// since says what was called since earlier counts, by kind, the most frequent first.
func (c counts) since(before counts, per float64) string {
	type kind struct {
		name string
		n    int
	}
	var list []kind
	for name, n := range c.kinds {
		if n -= before.kinds[name]; n > 0 {
			list = append(list, kind{name, n})
		}
	}
	slices.SortFunc(list, func(a, b kind) int { return b.n - a.n })
	words := make([]string, len(list))
	for i, k := range list {
		words[i] = fmt.Sprintf("%s %.4g", k.name, float64(k.n)/per)
	}
	return strings.Join(words, ", ")
}

func startEmulator(ctx context.Context, binary, dir string) (*emulator, error) {
	ca, err := selfSigned(dir)
	if err != nil {
		return nil, err
	}
	secret, bootstrap := filepath.Join(dir, "secret"), filepath.Join(dir, "bootstrap.yaml")
	text := fmt.Sprintf(`
accountID: %[1]s
workspace: {id: %[2]q}
warehouses: [{id: %[3]q, name: Bench}]
genie: {spaces: [{id: %[4]q, title: Sales, warehouseID: %[3]q, tables: [main.sales.deals]}]}
serving: {endpoints: [{name: sales-supervisor}]}
vectorSearch:
  endpoints: [bench]
  indexes:
    - {name: main.knowledge.handbook_index, endpoint: bench, sourceTable: main.knowledge.handbook, primaryKey: id, textColumn: text}
principals:
  - {displayName: operator, applicationID: %[5]s, accountAdmin: true, workspace: ADMIN, secretFile: %[6]s}
`, accountID, workspaceID, warehouseID, spaceID, operatorID, secret)
	if err := errors.Join(os.WriteFile(secret, []byte(operatorSecret), 0o600), os.WriteFile(bootstrap, []byte(text), 0o600)); err != nil {
		return nil, fmt.Errorf("configure the emulator: %w", err)
	}
	cmd := exec.CommandContext(ctx, binary, "--bootstrap="+bootstrap, "--tls-cert="+filepath.Join(dir, "tls.crt"), "--tls-key="+filepath.Join(dir, "tls.key")) //nolint:gosec // ours
	log, err := os.Create(filepath.Join(dir, "emulator.log"))
	if err != nil {
		return nil, fmt.Errorf("keep the emulator's log: %w", err)
	}
	defer func() { _ = log.Close() }() // the process has it open by then
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the emulator: %w", err)
	}
	p, err := beginProgram(cmd)
	if err != nil {
		return nil, err
	}
	var ready struct {
		Account   string `json:"account_url"`
		Workspace string `json:"workspace_url"`
		Admin     string `json:"admin_url"`
	}
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&ready); err != nil {
		p.end()
		return nil, fmt.Errorf("the emulator did not start: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(ca))
	return &emulator{
		process: p, account: ready.Account, workspace: ready.Workspace, admin: ready.Admin, ca: ca, seen: counts{kinds: map[string]int{}},
		http: &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}},
	}, nil
}

// selfSigned makes a certificate for loopback, and returns it.
func selfSigned(dir string) (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", fmt.Errorf("make a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return "", fmt.Errorf("make a certificate: %w", err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return "", fmt.Errorf("encode a key: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return string(text), errors.Join(os.WriteFile(filepath.Join(dir, "tls.crt"), text, 0o600),
		os.WriteFile(filepath.Join(dir, "tls.key"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}), 0o600))
}

// slow makes every call take a while.
func (e *emulator) slow(ctx context.Context, by time.Duration) error {
	body, err := json.Marshal(map[string]any{
		"stage": "before_commit", "action": "delay", "delay_ms": by.Milliseconds(), "match": map[string]any{"times": -1},
	})
	if err != nil {
		return err
	}
	_, err = e.send(ctx, http.MethodPost, e.admin+"/admin/faults", "", "application/json", body)
	return err
}

// furnish makes what the tools name.
func (e *emulator) furnish(ctx context.Context) error {
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"all-apis"}, "client_id": {operatorID}, "client_secret": {operatorSecret}}
	raw, err := e.send(ctx, http.MethodPost, e.workspace+"/oidc/v1/token", "", "application/x-www-form-urlencoded", []byte(form.Encode()))
	if err != nil {
		return err
	}
	token, err := decode[struct {
		Token string `json:"access_token"`
	}](raw)
	if err != nil {
		return err
	}
	for _, s := range []string{
		"CREATE CATALOG main", "CREATE SCHEMA main.sales", "CREATE SCHEMA main.gatehouse", "CREATE SCHEMA main.knowledge",
		"CREATE TABLE main.sales.deals (deal_id STRING, region STRING, customer STRING, amount DOUBLE, margin_pct DOUBLE, closed_on DATE)",
		"CREATE TABLE main.gatehouse.tool_calls (request_id STRING)", "CREATE TABLE main.knowledge.handbook (id STRING, text STRING)",
		"CREATE CONNECTION github TYPE HTTP OPTIONS (host 'https://api.github.example.com', port '443', base_path '/', bearer_token 'dosetoken')",
	} {
		body, err := json.Marshal(map[string]string{"warehouse_id": warehouseID, "statement": s, "wait_timeout": "50s"})
		if err != nil {
			return err
		}
		raw, err := e.send(ctx, http.MethodPost, e.workspace+"/api/2.0/sql/statements", token.Token, "application/json", body)
		if err != nil {
			return err
		}
		if !bytes.Contains(raw, []byte("SUCCEEDED")) {
			return fmt.Errorf("%s: %s", s, raw)
		}
	}
	return nil
}

func (e *emulator) send(ctx context.Context, method, address, token, kind string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask the emulator: %w", err)
	}
	req.Header.Set("Content-Type", kind)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := e.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the emulator: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode > 299 {
		err = fmt.Errorf("the emulator answers %d %.300s", res.StatusCode, raw)
	}
	return raw, err
}

// names are the parts of paths that differ between objects of a kind.
var names = regexp.MustCompile(`/(accounts|workspaces|ServicePrincipals|servicePrincipals|Groups|principals|federationPolicies|catalog|schema|table|connection|function|warehouses|genie|serving-endpoints|spaces|indexes|statements)/[^/]+`)

// calls counts what was called so far.
func (e *emulator) calls(ctx context.Context) (counts, error) {
	raw, err := get(ctx, fmt.Sprintf("%s/admin/calls?since=%d", e.admin, e.last))
	if err != nil {
		return counts{}, err
	}
	list, err := decode[[]struct {
		Seq       int64  `json:"seq"`
		Method    string `json:"method"`
		Path      string `json:"path"`
		Status    int    `json:"status"`
		Committed bool   `json:"committed"`
	}](raw)
	if err != nil {
		return counts{}, fmt.Errorf("read the emulator's calls: %w", err)
	}
	next := counts{e.seen.all, e.seen.writes, e.seen.limited, maps.Clone(e.seen.kinds)}
	if next.kinds == nil {
		next.kinds = map[string]int{}
	}
	for _, c := range list {
		e.last = c.Seq
		next.all++
		if c.Committed && !strings.HasPrefix(c.Path, "/oidc/") {
			next.writes++
		}
		if c.Status == http.StatusTooManyRequests {
			next.limited++
		}
		path := names.ReplaceAllString(strings.TrimPrefix(c.Path, "/api"), "/$1/{}")
		next.kinds[c.Method+" "+path[max(0, strings.LastIndex(path, "accounts/{}")):]]++
	}
	e.seen = next
	return next, nil
}
