// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package subprocess

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
)

// folder names the environment variable that makes a test program such a process, and has
// the folder of its state.
const folder = "EMULATOR_TEST_FOLDER"

// Main is the TestMain of a package whose tests start such processes. In one it calls run with the
// folder of its state instead of running tests; run only ends if it fails.
func Main(m *testing.M, run func(dir string) error) {
	dir := os.Getenv(folder)
	if dir == "" {
		os.Exit(m.Run())
	}
	fmt.Fprintln(os.Stderr, run(dir))
	os.Exit(1)
}

// Process is a process that a test kills.
type Process struct {
	cmd *exec.Cmd
	// Out is what it prints.
	Out io.Reader
}

// Start starts a process on the state of a folder. It is killed at the end of the test.
func Start(t testing.TB, dir string) *Process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), folder+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	v := &Process{cmd, out}
	t.Cleanup(v.Kill)
	return v
}

// Kill kills the process.
func (v *Process) Kill() { _ = v.cmd.Process.Kill() }

// Wait waits until the process is gone.
func (v *Process) Wait() { _ = v.cmd.Wait() }
