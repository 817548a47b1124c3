// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// The dev-github is an external API for development and demos: it answers a small
// part of what GitHub's REST API does, to those who have the token.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/devgithub"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address of the API")
	token := flag.String("token-file", "", "file with the token that callers must have (required)")
	cert := flag.String("tls-cert", "", "certificate in PEM; without it plain HTTP is served")
	key := flag.String("tls-key", "", "key of the certificate in PEM")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, *listen, *token, *cert, *key); err != nil {
		fmt.Fprintln(os.Stderr, "dev-github:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen, tokenFile, cert, key string) error {
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
	front := &http.Server{Handler: devgithub.Handler(strings.TrimSpace(string(token))), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() {
		if cert != "" {
			ended <- front.ServeTLS(listener, cert, key)
			return
		}
		ended <- front.Serve(listener)
	}()
	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{"url": listener.Addr().String()}); err != nil {
		return err
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return front.Shutdown(drain)
}
