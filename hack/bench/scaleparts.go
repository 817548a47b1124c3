// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/gatehouse-dev/gatehouse/test/env"
)

// build builds the operator if it is not given.
func (b *scaleBench) build(ctx context.Context, root string) error {
	if b.Operator != "" {
		return nil
	}
	b.Operator = filepath.Join(b.dir, "operator")
	b.say("building ./cmd/operator; the first time it takes minutes")
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", b.Operator, "./cmd/operator") //nolint:gosec // ours
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build ./cmd/operator: %w\n%s", err, out)
	}
	return nil
}

// startOperator starts the real program, with the flags that it has in its Deployment
// but for what a cluster of its own would give it.
func (b *scaleBench) startOperator(ctx context.Context) error {
	kubeconfig := filepath.Join(b.dir, "kubeconfig")
	if err := env.WriteKubeconfig(b.cluster.Config, kubeconfig); err != nil {
		return err
	}
	ports := make([]string, 2)
	for i := range ports {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("find a port: %w", err)
		}
		ports[i] = l.Addr().String()
		_ = l.Close()
	}
	b.metrics = "http://" + ports[0]
	log, err := os.Create(filepath.Join(b.dir, "operator.log"))
	if err != nil {
		return fmt.Errorf("keep the operator's log: %w", err)
	}
	defer func() { _ = log.Close() }()                           // the process has it open by then
	cmd := exec.CommandContext(ctx, b.Operator, append([]string{ //nolint:gosec // ours
		"--installation=bench", "--namespace=" + env.OperatorNamespace, "--mcp-server-image=example.com/mcp-server:1", "--leader-elect=false",
		"--metrics-secure=false", "--metrics-bind-address=" + ports[0], "--health-probe-bind-address=" + ports[1], "--zap-log-level=error",
	}, b.Flags...)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	cmd.Stderr, cmd.Stdout = log, log
	b.operator, err = beginProgram(cmd)
	return err
}

// beginProgram starts a program that is not the bench itself; it ends with SIGTERM.
func beginProgram(cmd *exec.Cmd) (*process, error) {
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(cmd.Path), err)
	}
	return &process{cmd: cmd, stdin: closing{cmd.Process}}, nil
}

// closing ends a program where one of the bench would see the end of its input.
type closing struct{ process *os.Process }

func (c closing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
func (c closing) Close() error              { return c.process.Signal(syscall.SIGTERM) }

func (b *scaleBench) fetch(ctx context.Context, path string) ([]byte, error) {
	return get(ctx, b.metrics+path)
}

func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", url, err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", url, err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %d", url, res.StatusCode)
	}
	return raw, err
}

// counter adds up a metric of the operator over all its labels but one.
func (b *scaleBench) counter(ctx context.Context, name, label string) (float64, error) {
	raw, err := b.fetch(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	total := 0.0
	lines := bufio.NewScanner(strings.NewReader(string(raw)))
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, name+"{") || !strings.Contains(line, label) {
			continue
		}
		v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return 0, fmt.Errorf("read the operator's metrics: %w", err)
		}
		total += v
	}
	return total, lines.Err()
}
