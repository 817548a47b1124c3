// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package binaries

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// every is how often a build that is still running says so.
const every = 15 * time.Second

// build compiles one program into dir. The file appears under its name only when it is complete.
func build(ctx context.Context, progress io.Writer, label string, src source, dir string, p program) error {
	temporary := filepath.Join(dir, fmt.Sprintf(".%s.%d", p.name, os.Getpid()))
	defer os.Remove(temporary) //nolint:errcheck // gone already when the build went well

	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", linkFlags(p, src.kubernetes), "-o", temporary, p.pkg)
	cmd.Dir = filepath.Join(src.dir, p.module)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	// The go command starts compilers: a group of its own lets them all end when the caller gives up.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second

	fmt.Fprintf(progress, "%s: building; with cold caches this usually takes %s\n", label, p.usually)
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("build %s: %w", p.name, err)
	}
	if err := waitTelling(progress, label, start, cmd.Wait); err != nil {
		return fmt.Errorf("build %s: %w\n%s", p.name, err, tail(output.Bytes(), 4096))
	}
	if err := os.Rename(temporary, filepath.Join(dir, p.name)); err != nil {
		return fmt.Errorf("build %s: %w", p.name, err)
	}
	fmt.Fprintf(progress, "%s: built in %s\n", label, time.Since(start).Round(time.Second))
	return nil
}

// waitTelling runs wait and writes the time elapsed every 15 seconds until it returns.
func waitTelling(progress io.Writer, label string, start time.Time, wait func() error) error {
	done := make(chan error, 1)
	go func() { done <- wait() }()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-ticker.C:
			fmt.Fprintf(progress, "%s: building for %s\n", label, time.Since(start).Round(time.Second))
		}
	}
}

// tail returns at most the last n bytes.
func tail(data []byte, n int) []byte {
	if len(data) <= n {
		return data
	}
	return data[len(data)-n:]
}
