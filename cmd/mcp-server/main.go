// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// The mcp-server serves the governed tools of one MCPServer. It runs in the pods
// that the operator makes, and reads what it enforces from the mounted access document.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatehouse-dev/gatehouse/internal/tokenreview"
	"github.com/gatehouse-dev/gatehouse/mcp/server"
)

// drainTimeout is how long running calls may take after the signal to stop: as long as the
// longest call, one to an agent.
const drainTimeout = 125 * time.Second

type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(v string) error { *l = append(*l, v); return nil }

func main() {
	var allowed list
	listen := flag.String("listen", ":8080", "address of the main port")
	operatorListen := flag.String("operator-listen", ":9090", "address of the second port: probes, metrics, the operator's questions")
	dir := flag.String("access-dir", "/etc/gatehouse/access", "folder that the access document is mounted in")
	keys := flag.String("keys-dir", "/etc/gatehouse/keys", "folder that the sealing keys are mounted in")
	store := flag.String("store-dir", "/etc/gatehouse/store", "folder that the credentials of the rate limit store are mounted in; it need not exist")
	workload := flag.String("databricks-token-file", "/var/run/secrets/gatehouse/databricks/token", "projected token by which the pod asks for the health of dependencies; it need not exist")
	operator := flag.String("operator-name", "system:serviceaccount:gatehouse-system:gatehouse-operator", "user name of the operator's service account")
	audience := flag.String("probe-audience", "gatehouse-probe", "audience of the tokens that the operator asks with")
	flag.Var(&allowed, "allowed-host", "a host, beside the resource's, that callers may address this server by; may be repeated")
	level := flag.String("log-level", "info", "debug, info, warn or error")
	flag.Parse()

	log, err := logger(*level)
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
		err = run(ctx, log, *listen, *operatorListen, *operator, *audience, server.Options{
			AccessDir: *dir, KeysDir: *keys, StoreDir: *store, WorkloadTokenFile: *workload, AllowedHosts: allowed, Log: log, Version: version(),
		})
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mcp-server:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, log *slog.Logger, listen, operatorListen, operator, audience string, o server.Options) error {
	reviewer, err := tokenreview.InCluster(audience)
	if err != nil {
		return err
	}
	o.Reviewer, o.OperatorName = reviewer, operator
	s, err := server.New(o)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { s.Watch(ctx); return nil })
	group.Go(func() error { return serve(ctx, log, "main", listen, s.Handler()) })
	group.Go(func() error { return serve(ctx, log, "operator", operatorListen, s.OperatorHandler()) })
	return group.Wait()
}

// serve runs one port until ctx ends, then lets running calls finish.
func serve(ctx context.Context, log *slog.Logger, name, addr string, h http.Handler) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen on the %s port: %w", name, err)
	}
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 90 * time.Second,
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return base },
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(listener) }()
	log.Info("Listening", "port", name, "address", listener.Addr().String())
	select {
	case err := <-ended:
		return fmt.Errorf("serve the %s port: %w", name, err)
	case <-ctx.Done():
	}
	drain, stop := context.WithTimeout(base, drainTimeout)
	defer stop()
	err = srv.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		cancel() // what still runs, such as a listen stream, ends now
		err = srv.Close()
	}
	return err
}

// logger writes JSON and hides what must not be logged, whoever passes it.
func logger(level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, errors.New("--log-level must be debug, info, warn or error")
	}
	return slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: l, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch strings.ToLower(a.Key) {
		case "authorization", "token", "subject_token", "client_secret", "access_token":
			return slog.String(a.Key, "[redacted]")
		}
		return a
	}})), nil
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "0.0.0-dev"
}
