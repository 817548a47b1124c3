// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// The dev-github is an external API for development and demos: it answers a small
// part of what GitHub's REST API does, to those who have the token.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/daemon"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/devgithub"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address of the API")
	token := flag.String("token-file", "", "file with the token that callers must have (required)")
	var tls daemon.TLS
	tls.Flags()
	daemon.Main("dev-github", func(ctx context.Context) error { return run(ctx, *listen, *token, tls) })
}

func run(ctx context.Context, listen, tokenFile string, tls daemon.TLS) error {
	if tokenFile == "" {
		return errors.New("--token-file is required")
	}
	token, err := os.ReadFile(tokenFile)
	if err != nil {
		return fmt.Errorf("read the token: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	front := daemon.NewServer(listener, devgithub.Handler(strings.TrimSpace(string(token))))
	front.TLS = tls
	return daemon.Serve(ctx, map[string]string{"url": listener.Addr().String()}, front)
}
