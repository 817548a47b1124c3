// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Match tells whether a process is one of an instance's.
type Match func(pid int) bool

// InMountNamespace matches the processes in the mount namespace of that number.
func InMountNamespace(id uint64) Match {
	return func(pid int) bool {
		var stat unix.Stat_t
		return unix.Stat("/proc/"+strconv.Itoa(pid)+"/ns/mnt", &stat) == nil && stat.Ino == id
	}
}

// InCgroup matches the processes in the control group of that path or in one below it, in any hierarchy.
func InCgroup(path string) Match {
	return func(pid int) bool {
		data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
		return err == nil && inCgroup(string(data), path)
	}
}

// inCgroup reads the text of a process's cgroup file: lines of number, controllers and path, separated by colons.
func inCgroup(text, path string) bool {
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) == 3 && (parts[2] == path || strings.HasPrefix(parts[2], path+"/")) {
			return true
		}
	}
	return false
}

// Named matches the processes that were last started under one of the names and still run.
func Named(dir string, names []string) Match {
	return func(pid int) bool {
		for _, name := range names {
			if found, ok := Lookup(dir, name); ok && found == pid {
				return true
			}
		}
		return false
	}
}

// Find returns every running process that one of the matches accepts, apart from this one.
func Find(matches ...Match) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var found []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		for _, match := range matches {
			if match(pid) {
				if _, err := startOf(pid); !errors.Is(err, errEnded) {
					found = append(found, pid)
				}
				break
			}
		}
	}
	return found, nil
}

// EndAll kills every process the matches accept, and those they start meanwhile, and returns when none is left. It asks
// none to end by itself: what they keep is about to be removed.
func EndAll(ctx context.Context, matches ...Match) error {
	for {
		found, err := Find(matches...)
		if err != nil || len(found) == 0 {
			return err
		}
		for _, pid := range found {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("end process %d: %w", pid, err)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for processes %v to end: %w", found, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
