// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// The databricks-emulator speaks the Databricks wire protocol for demos and
// tests: an account, one workspace, and an admin port that orders faults.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/daemon"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/server"
)

type flags struct {
	account, workspace, admin, accountURL, workspaceURL string
	state, bootstrap, issuerCA                          string
	tls                                                 daemon.TLS
	scale                                               float64
}

func main() {
	var f flags
	flag.StringVar(&f.account, "account-listen", "127.0.0.1:0", "address of the account console; equal to --workspace-listen, one port serves both by the Host header")
	flag.StringVar(&f.workspace, "workspace-listen", "127.0.0.1:0", "address of the workspace")
	flag.StringVar(&f.admin, "admin-listen", "127.0.0.1:0", "address of the admin port: faults, calls, state")
	flag.StringVar(&f.accountURL, "account-url", "", "how clients address the account console; from the listener when empty")
	flag.StringVar(&f.workspaceURL, "workspace-url", "", "how clients address the workspace; from the listener when empty")
	f.tls.Flags()
	flag.StringVar(&f.state, "state-dir", "", "folder that keeps state over a restart; empty keeps none")
	flag.StringVar(&f.bootstrap, "bootstrap", "", "YAML file that says what exists from the start (required)")
	flag.StringVar(&f.issuerCA, "issuer-ca", "", "certificates in PEM that sign those of identity providers; beside the system's")
	flag.Float64Var(&f.scale, "time-scale", 1, "factor for delays: 0.01 makes minutes seconds")
	daemon.Main("databricks-emulator", func(ctx context.Context) error { return run(ctx, f) })
}

func run(ctx context.Context, f flags) error {
	if f.bootstrap == "" {
		return errors.New("--bootstrap is required")
	}
	config, err := server.ReadConfig(f.bootstrap)
	if err != nil {
		return err
	}
	client, err := issuerClient(f.issuerCA)
	if err != nil {
		return err
	}
	listeners, err := listen(ctx, &f)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	s, err := server.New(server.Options{
		Config: config, AccountURL: f.accountURL, WorkspaceURL: f.workspaceURL, StateDir: f.state,
		IssuerClient: client, TimeScale: f.scale, Log: log,
	})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	handlers := map[string]http.Handler{"account": s.Account, "workspace": s.Workspace, "admin": s.Admin}
	if listeners["account"] == nil {
		handlers["workspace"] = s.Handler()
	}
	var servers []daemon.Server
	for name, l := range listeners {
		one := daemon.NewServer(l, handlers[name])
		one.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
		if f.tls.On() && name != "admin" {
			one.TLS = f.tls
			// HTTP/1 only: a fault that resets a connection must hit one call.
			one.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
		}
		servers = append(servers, one)
	}
	ready := map[string]string{
		"account_url": f.accountURL, "workspace_url": f.workspaceURL, "admin_url": "http://" + listeners["admin"].Addr().String(),
		"account_id": config.AccountID, "workspace_id": config.Workspace.ID,
	}
	return daemon.Serve(ctx, ready, servers...)
}

// listen opens the ports and fills in the URLs that were left to them.
func listen(ctx context.Context, f *flags) (map[string]net.Listener, error) {
	out := map[string]net.Listener{}
	open := func(name, addr string) error {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
		if err != nil {
			return fmt.Errorf("listen for the %s: %w", name, err)
		}
		out[name] = l
		return nil
	}
	if err := errors.Join(open("workspace", f.workspace), open("admin", f.admin)); err != nil {
		return nil, err
	}
	shared := f.account == f.workspace && f.accountURL != "" && f.workspaceURL != ""
	if !shared {
		if err := open("account", f.account); err != nil {
			return nil, err
		}
	}
	if f.workspaceURL == "" {
		f.workspaceURL = f.tls.URL(out["workspace"])
	}
	if f.accountURL == "" {
		f.accountURL = f.tls.URL(out["account"])
	}
	return out, nil
}

// issuerClient trusts the given certificates beside the system's.
func issuerClient(file string) (*http.Client, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if file != "" {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read --issuer-ca: %w", err)
		}
		if !pool.AppendCertsFromPEM(raw) {
			return nil, errors.New("--issuer-ca holds no certificate")
		}
	}
	return &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}},
	}, nil
}
