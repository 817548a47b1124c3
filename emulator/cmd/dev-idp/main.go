// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// The dev-idp is an OpenID Connect provider for development and demos.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/devidp"
)

type flags struct {
	listen, admin, issuer, users, cert, key, state string
	lifetime                                       time.Duration
	password                                       bool
}

func main() {
	var f flags
	flag.StringVar(&f.listen, "listen", "127.0.0.1:0", "address of the provider")
	flag.StringVar(&f.admin, "admin-listen", "127.0.0.1:0", "address of the admin port: tokens made by hand, new keys, new users")
	flag.StringVar(&f.issuer, "issuer", "", "name of the provider in tokens, to the byte; from the listener when empty")
	flag.StringVar(&f.users, "users", "", "YAML file with users, clients and audiences (required)")
	flag.StringVar(&f.cert, "tls-cert", "", "certificate in PEM; without it plain HTTP is served")
	flag.StringVar(&f.key, "tls-key", "", "key of the certificate in PEM")
	flag.StringVar(&f.state, "state-dir", "", "folder that keeps the keys over a restart; empty keeps none")
	flag.DurationVar(&f.lifetime, "token-lifetime", time.Hour, "how long a token is good")
	flag.BoolVar(&f.password, "dev-password-grant", false, "let users log in with a password and without a browser; OAuth 2.1 drops this grant")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, f); err != nil {
		fmt.Fprintln(os.Stderr, "dev-idp:", err)
		os.Exit(1)
	}
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
		scheme := "http://"
		if f.cert != "" {
			scheme = "https://"
		}
		f.issuer = scheme + public.Addr().String() + "/"
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	p, err := devidp.New(devidp.Options{Config: config, Issuer: f.issuer, StateDir: f.state, Lifetime: f.lifetime, PasswordGrant: f.password, Log: log})
	if err != nil {
		return err
	}
	front := &http.Server{Handler: p.Public, ReadHeaderTimeout: 10 * time.Second}
	back := &http.Server{Handler: p.Admin, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 2)
	go func() {
		if f.cert != "" {
			ended <- front.ServeTLS(public, f.cert, f.key)
			return
		}
		ended <- front.Serve(public)
	}()
	go func() { ended <- back.Serve(private) }()
	ready := map[string]string{"issuer": f.issuer, "url": public.Addr().String(), "admin_url": "http://" + private.Addr().String()}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		return err
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(front.Shutdown(drain), back.Shutdown(drain))
}
