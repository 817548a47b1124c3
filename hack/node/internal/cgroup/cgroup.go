// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Ensure makes the group of that path, such as /gatehouse-0, in every hierarchy.
func Ensure(path string) error {
	tops, err := hierarchies()
	if err != nil {
		return err
	}
	for _, top := range tops {
		if err := enableControllers(top); err != nil {
			return fmt.Errorf("make the control group %s: %w", path, err)
		}
		dir := filepath.Join(top, path)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make the control group: %w", err)
		}
		if err := inheritCpuset(top, dir); err != nil {
			return fmt.Errorf("make the control group %s: %w", path, err)
		}
	}
	return nil
}

// Remove removes the group and all below it from every hierarchy. The last process in it may have ended just now: it tries until
// ctx ends.
func Remove(ctx context.Context, path string) error {
	tops, err := hierarchies()
	if err != nil {
		return err
	}
	for _, top := range tops {
		for {
			err := removeTree(filepath.Join(top, path))
			if err == nil {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("remove the control group: %w", err)
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return nil
}

// removeTree removes folders from the bottom up; the files in them are the kernel's and go along.
func removeTree(dir string) error {
	var folders []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if entry.IsDir() {
			folders = append(folders, path)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Reverse(folders)
	for _, folder := range folders {
		if err := os.Remove(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// hierarchies returns where control groups are mounted.
func hierarchies() ([]string, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("find the control groups: %w", err)
	}
	return parseHierarchies(string(data)), nil
}

// parseHierarchies reads the text of a mountinfo file. The file system's type follows a lone dash. A hierarchy mounted twice at
// the same place counts once.
func parseHierarchies(mountinfo string) []string {
	var tops []string
	for line := range strings.Lines(mountinfo) {
		fields := strings.Fields(line)
		dash := slices.Index(fields, "-")
		if dash < 5 || dash+1 >= len(fields) {
			continue
		}
		kind, point := fields[dash+1], fields[4]
		if (kind == "cgroup" || kind == "cgroup2") && !slices.Contains(tops, point) {
			tops = append(tops, point)
		}
	}
	return tops
}

// enableControllers lets groups below the top of a version 2 hierarchy use every controller it has. With version 1 there
// is nothing to do.
func enableControllers(top string) error {
	available, err := os.ReadFile(filepath.Join(top, "cgroup.controllers"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for controller := range strings.FieldsSeq(string(available)) {
		// A controller that cannot be enabled is missed by kubelet, which says so better than this could.
		_ = os.WriteFile(filepath.Join(top, "cgroup.subtree_control"), []byte("+"+controller), 0o644)
	}
	return nil
}

// inheritCpuset copies the top's processors and memory nodes: with version 1 a new group has none, and no process can enter.
func inheritCpuset(top, dir string) error {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		own, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) || strings.TrimSpace(string(own)) != "" {
			continue
		}
		if err != nil {
			return err
		}
		value, err := os.ReadFile(filepath.Join(top, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // version 2: an empty value already means the parent's
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), value, 0o644); err != nil {
			return err
		}
	}
	return nil
}
