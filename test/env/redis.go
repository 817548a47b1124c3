// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis starts a Redis or Valkey server with a password on a loopback port, and
// returns its address. A machine that has neither gets Debian's redis-server.
func Redis(t testing.TB, password string) string {
	t.Helper()
	program := Installed(t, "redis-server", "redis-server", "valkey-server")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	_ = l.Close()
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--requirepass", password, "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		stop()
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); _ = cmd.Wait() })
	client := redis.NewClient(&redis.Options{Addr: address, Password: password})
	defer client.Close() //nolint:errcheck // asked for one answer
	deadline := time.Now().Add(30 * time.Second)
	for client.Ping(t.Context()).Err() != nil {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer", program)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return address
}
