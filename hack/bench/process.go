// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// roles are what a process of the bench can be. Each says in one line of JSON that it
// is ready, and ends when its input does.
var roles = map[string]func(ctx context.Context, args []string, in io.Reader, out io.Writer) error{
	"upstream": serveUpstream, "governed": serveGoverned, "bare": serveBare, "raw": serveRaw, "load": serveLoad,
}

// ready is what a server says when it listens.
type ready struct {
	URL string `json:"url"`
	// CA is the certificate of the upstream, in PEM.
	CA string `json:"ca,omitempty"`
}

// process is a role that runs.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *json.Decoder
}

// begin starts a role. The environment's own settings of the collector do not reach it.
func begin(ctx context.Context, env []string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the bench itself: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, args...) //nolint:gosec // itself
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "GOGC=") || strings.HasPrefix(v, "GOMEMLIMIT=")
	}), env...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("begin %s: %w", args[0], err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("begin %s: %w", args[0], err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("begin %s: %w", args[0], err)
	}
	return &process{cmd, stdin, json.NewDecoder(bufio.NewReader(stdout))}, nil
}

// beginServer starts a role that serves, and waits until it does.
func beginServer(ctx context.Context, env []string, args ...string) (*process, ready, error) {
	p, err := begin(ctx, env, args...)
	if err != nil {
		return nil, ready{}, err
	}
	var r ready
	if err := p.lines.Decode(&r); err != nil {
		p.end()
		return nil, ready{}, fmt.Errorf("%s did not begin to serve: %w", args[0], err)
	}
	return p, r, nil
}

// end closes the input of a process and waits for it to go.
func (p *process) end() {
	_ = p.stdin.Close()
	timer := time.AfterFunc(5*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	_ = p.cmd.Wait() // what it had to say, it said on stderr
}

// cpu is the processor time that the process has used.
func (p *process) cpu() (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read the processor time (Linux only): %w", err)
	}
	// The name of the command, in parentheses, may hold anything; user and system time are 12th and 13th behind it.
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", p.cmd.Process.Pid, len(fields))
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read the processor time: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil // USER_HZ is 100 wherever Go runs on Linux
}

// rss is the memory that the process holds, in MiB.
func (p *process) rss() (float64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read the memory in use (Linux only): %w", err)
	}
	for line := range strings.Lines(string(raw)) {
		var kib float64
		if _, err := fmt.Sscanf(line, "VmRSS: %f kB", &kib); err == nil {
			return kib / 1024, nil
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no VmRSS", p.cmd.Process.Pid)
}
