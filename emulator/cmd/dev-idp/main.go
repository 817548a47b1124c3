// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// The dev-idp is an OpenID Connect provider for development and demos.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/daemon"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/devidp"
)

type flags struct {
	listen, admin, issuer, users, state string
	tls                                 daemon.TLS
	lifetime                            time.Duration
	password                            bool
}

func main() {
	var f flags
	flag.StringVar(&f.listen, "listen", "127.0.0.1:0", "address of the provider")
	flag.StringVar(&f.admin, "admin-listen", "127.0.0.1:0", "address of the admin port: tokens made by hand, new keys, new users")
	flag.StringVar(&f.issuer, "issuer", "", "name of the provider in tokens, to the byte; from the listener when empty")
	flag.StringVar(&f.users, "users", "", "YAML file with users, clients and audiences (required)")
	f.tls.Flags()
	flag.StringVar(&f.state, "state-dir", "", "folder that keeps the keys over a restart; empty keeps none")
	flag.DurationVar(&f.lifetime, "token-lifetime", time.Hour, "how long a token is good")
	flag.BoolVar(&f.password, "dev-password-grant", false, "let users log in with a password and without a browser; OAuth 2.1 drops this grant")
	daemon.Main("dev-idp", func(ctx context.Context) error { return run(ctx, f) })
}

func run(ctx context.Context, f flags) error {
	if f.users == "" {
		return errors.New("--users is required")
	}
	config, err := devidp.ReadConfig(f.users)
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	public, err := lc.Listen(ctx, "tcp", f.listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	private, err := lc.Listen(ctx, "tcp", f.admin)
	if err != nil {
		return fmt.Errorf("listen for the admin port: %w", err)
	}
	if f.issuer == "" {
		f.issuer = f.tls.URL(public) + "/"
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	p, err := devidp.New(devidp.Options{Config: config, Issuer: f.issuer, StateDir: f.state, Lifetime: f.lifetime, PasswordGrant: f.password, Log: log})
	if err != nil {
		return err
	}
	front := daemon.NewServer(public, p.Public)
	front.TLS = f.tls
	ready := map[string]string{"issuer": f.issuer, "url": public.Addr().String(), "admin_url": "http://" + private.Addr().String()}
	return daemon.Serve(ctx, ready, front, daemon.NewServer(private, p.Admin))
}
