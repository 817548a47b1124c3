// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/mcp/server"
)

// collector are the settings that the operator gives the pods of an MCP server.
var collector = []string{"GOMEMLIMIT=200MiB", "GOGC=400"}

// nobody reviews tokens of the cluster: the second port is not served.
type nobody struct{}

func (nobody) Review(context.Context, string) (string, error) { return "", nil }

// serveGoverned is cmd/mcp-server without a cluster: the same server with the same
// options, port and logger, save that keys may come from loopback and that nobody
// answers for the cluster. Its log is formatted, and written to where nothing is kept.
func serveGoverned(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("governed", flag.ContinueOnError)
	dir := flags.String("access-dir", "", "folder of the access document")
	profile := flags.String("profile", "", "folder to write profiles to")
	if err := flags.Parse(args); err != nil {
		return err
	}
	discarded, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	l, err := listen(ctx)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(discarded, &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: redact}))
	s, err := server.New(server.Options{
		AccessDir: *dir, AllowedHosts: []string{l.Addr().String()}, OperatorName: "nobody", Reviewer: nobody{},
		LoopbackIssuers: true, Log: log, Version: "0.0.0-bench",
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go s.Watch(ctx)
	for began := time.Now(); !s.Status().Ready; time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			return fmt.Errorf("the access document is not served: %s", s.Status().Problem)
		}
	}
	stop, err := profiled(*profile)
	if err != nil {
		return err
	}
	defer stop()
	return serveOn(l, &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 90 * time.Second,
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return ctx },
	}, ready{}, in, out)
}

// redact is what the product's logger does to each attribute.
func redact(_ []string, a slog.Attr) slog.Attr {
	switch strings.ToLower(a.Key) {
	case "authorization", "token", "subject_token", "client_secret", "access_token":
		return slog.String(a.Key, "[redacted]")
	}
	return a
}

// profiled writes cpu.pprof and allocs.pprof of the process to a folder, if one is named.
func profiled(dir string) (stop func(), err error) {
	if dir == "" {
		return func() {}, nil
	}
	cpu, err := os.Create(dir + "/cpu.pprof")
	if err != nil {
		return nil, fmt.Errorf("write the profile: %w", err)
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, fmt.Errorf("write the profile: %w", err)
	}
	return func() {
		pprof.StopCPUProfile()
		_ = cpu.Close()
		if allocs, err := os.Create(dir + "/allocs.pprof"); err == nil {
			runtime.GC()
			_ = pprof.Lookup("allocs").WriteTo(allocs, 0)
			_ = allocs.Close()
		}
	}, nil
}

// encoded is a JSON value that always encodes.
func encoded(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}
