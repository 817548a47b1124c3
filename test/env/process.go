// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gatehouse-dev/gatehouse/hack/node"
)

// The emulator begins with these objects.
const (
	AccountID      = "11111111-2222-4333-8444-555555555555"
	WorkspaceID    = "1234567890123456"
	WarehouseID    = "0123456789abcdef"
	GenieSpaceID   = "01f00000000010008000000000000001"
	EndpointName   = "support_agent-1"
	VectorIndex    = "main.sales.notes_index" // over main.sales.notes, which need not exist
	OperatorID     = "0a0a0a0a-0000-4000-8000-000000000001"
	OperatorSecret = "dosetestsecret"
	SampleSpaceID  = "01f0a1b2c3d4e5f60718293a4b5c6d7e" // that of config/samples

	// AccountPath is the account's part of the paths of its API.
	AccountPath = "/api/2.0/accounts/" + AccountID
)

// bootstrapFormat is the emulator's bootstrap file.
const bootstrapFormat = `
accountID: %[1]s
workspace: {id: %[2]q}
warehouses: [{id: %[3]q, name: Test}]
genie:
  spaces:
    - {id: %[4]q, title: Test, warehouseID: %[3]q, tables: [main.sales.deals]}
    - {id: %[9]q, title: Sample, warehouseID: %[3]q, tables: [main.sales.deals]}
connections: {caFile: %[10]q}
serving: {endpoints: [{name: %[5]q}, {name: sales-supervisor}]}
vectorSearch:
  endpoints: [test]
  indexes:
    - {name: %[6]q, endpoint: test, sourceTable: main.sales.notes, primaryKey: id, textColumn: text}
    - {name: main.knowledge.handbook_index, endpoint: test, sourceTable: main.knowledge.handbook, primaryKey: id, textColumn: text}
principals:
  - {displayName: operator, applicationID: %[7]s, accountAdmin: true, workspace: ADMIN, secretFile: %[8]s}
`

// EmulatorOptions say how an emulator is started.
type EmulatorOptions struct {
	// Dir is a folder for its certificate and its bootstrap file.
	Dir string
	// Binary is the program. Without one it is built.
	Binary string
	// Log receives what the emulator logs.
	Log io.Writer
	// More are lines for the end of the bootstrap file.
	More []string
}

// EmulatorProcess is an emulator that runs, and a client of it.
type EmulatorProcess struct {
	*Client
	// CA signs its certificate, in PEM.
	CA  string
	dir string
	cmd *exec.Cmd
}

// StartEmulator starts a Databricks emulator on loopback ports and returns when it
// listens. It runs until Stop, whatever becomes of the context.
func StartEmulator(ctx context.Context, o EmulatorOptions) (*EmulatorProcess, error) {
	if o.Binary == "" {
		var err error
		if o.Binary, err = build(); err != nil {
			return nil, err
		}
	}
	file := func(name string) string { return filepath.Join(o.Dir, name) }
	pair, err := LoopbackCertificate()
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	bootstrap := fmt.Sprintf(bootstrapFormat, AccountID, WorkspaceID, WarehouseID, GenieSpaceID, EndpointName, VectorIndex, OperatorID, file("secret"), SampleSpaceID, file("tls.crt")) +
		strings.Join(o.More, "\n") + "\n"
	for name, content := range map[string]string{
		"tls.crt": string(pair.Certificate), "tls.key": string(pair.Key), "secret": OperatorSecret, "bootstrap.yaml": bootstrap,
	} {
		if err := os.WriteFile(file(name), []byte(content), 0o600); err != nil {
			return nil, fmt.Errorf("configure the emulator: %w", err)
		}
	}
	cmd, out, err := run(ctx, o.Log, o.Binary, "--bootstrap="+file("bootstrap.yaml"), "--tls-cert="+file("tls.crt"), "--tls-key="+file("tls.key"))
	if err != nil {
		return nil, fmt.Errorf("start the emulator: %w", err)
	}
	var ready struct {
		Account   string `json:"account_url"`
		Workspace string `json:"workspace_url"`
		Admin     string `json:"admin_url"`
	}
	p := &EmulatorProcess{CA: string(pair.Certificate), dir: o.Dir, cmd: cmd}
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&ready); err != nil {
		p.Stop()
		return nil, fmt.Errorf("the emulator did not start: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pair.Certificate)
	p.Client = &Client{
		AccountURL: ready.Account, WorkspaceURL: ready.Workspace, AdminURL: ready.Admin,
		HTTP: &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}},
	}
	return p, nil
}

// Stop ends the emulator and waits for it to go.
func (p *EmulatorProcess) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(time.Minute, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	_ = p.cmd.Wait() // its log says how it ended
}

// Admin signs in as the administrator, who is also the operator, at AccountURL or WorkspaceURL.
func (p *EmulatorProcess) Admin(ctx context.Context, host string) (*API, error) {
	return p.SignInWithSecret(ctx, host, OperatorID, OperatorSecret)
}

// build compiles the emulator once for each process. As a tool of its module it is linked
// once for all processes: go keeps it in its cache.
var build = sync.OnceValues(func() (string, error) {
	root, err := node.Root()
	if err != nil {
		return "", err
	}
	log := &bytes.Buffer{}
	cmd := exec.Command("go", "tool", "-n", "databricks-emulator")
	cmd.Dir, cmd.Stderr = filepath.Join(root, "emulator"), log
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "GOFLAGS=-buildvcs=false")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("build the emulator (it needs a C compiler): %w\n%s", err, log)
	}
	return strings.TrimSpace(string(out)), nil
})

// writtenWithin is how long another process may still be writing the program that it
// has just built too, into the cache that all share.
const writtenWithin = time.Minute

// run starts a program, which cannot be while somebody writes it.
func run(ctx context.Context, stderr io.Writer, binary string, args ...string) (*exec.Cmd, io.Reader, error) {
	for deadline := time.Now().Add(writtenWithin); ; time.Sleep(100 * time.Millisecond) {
		cmd := exec.CommandContext(context.WithoutCancel(ctx), binary, args...)
		cmd.Stderr = stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, nil, err
		}
		if err = cmd.Start(); !errors.Is(err, syscall.ETXTBSY) || time.Now().After(deadline) {
			return cmd, out, err
		}
	}
}
