// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Program is what to run and where to leave its traces.
type Program struct {
	Name    string   // of the files below
	Argv    []string // the command line, program first
	Env     []string // the whole environment
	LogDir  string   // output is appended to LogDir/Name.log
	PIDDir  string   // number and start are kept in PIDDir/Name
	WorkDir string   // folder it runs in
}

// Start runs the program in a session of its own, unless it runs already. It reports whether it started it.
func Start(p Program) (bool, error) {
	if Running(p.PIDDir, p.Name) {
		return false, nil
	}
	output, err := os.OpenFile(filepath.Join(p.LogDir, p.Name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return false, fmt.Errorf("start %s: %w", p.Name, err)
	}
	defer output.Close()                          //nolint:errcheck // the child has its own descriptor
	cmd := exec.Command(p.Argv[0], p.Argv[1:]...) //nolint:noctx // it outlives this program
	cmd.Env, cmd.Dir = p.Env, p.WorkDir
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return false, fmt.Errorf("start %s: %w", p.Name, err)
	}
	pid := cmd.Process.Pid
	started, err := startOf(pid)
	if err == nil {
		err = os.WriteFile(filepath.Join(p.PIDDir, p.Name), fmt.Appendf(nil, "%d %d\n", pid, started), 0o600)
	}
	if err != nil {
		return false, errors.Join(fmt.Errorf("start %s: %w", p.Name, err), cmd.Process.Kill(), cmd.Wait())
	}
	// Should it end while this process still runs, it must not stay as a zombie.
	go cmd.Wait() //nolint:errcheck // how it ended is in its log
	return true, nil
}

// Running reports whether the program that was last started under that name still runs.
func Running(dir, name string) bool {
	_, ok := Lookup(dir, name)
	return ok
}

// Lookup returns the number of the process last started under that name, and whether it still runs.
func Lookup(dir, name string) (int, bool) {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return 0, false
	}
	var pid int
	var started uint64
	if _, err := fmt.Sscanf(string(data), "%d %d", &pid, &started); err != nil {
		return 0, false
	}
	now, err := startOf(pid)
	return pid, err == nil && now == started
}

// errEnded says that a process is gone, or a zombie that waits to be reaped.
var errEnded = errors.New("the process has ended")

// startOf returns when a process started, in clock ticks since the machine did.
func startOf(pid int) (uint64, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return 0, errEnded
	}
	if err != nil {
		return 0, err
	}
	return parseStat(string(data))
}

// parseStat returns the start from the text of a stat file. The program's name, which may hold anything, is in parentheses.
func parseStat(stat string) (uint64, error) {
	_, rest, found := strings.Cut(stat[strings.LastIndexByte(stat, ')')+1:], " ")
	fields := strings.Fields(rest)
	if !found || len(fields) < 20 {
		return 0, fmt.Errorf("read a process's state: %d fields are too few", len(fields))
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return 0, errEnded
	}
	return strconv.ParseUint(fields[19], 10, 64)
}
