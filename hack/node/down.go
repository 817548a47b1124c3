// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gatehouse-dev/gatehouse/hack/node/internal/cgroup"
	"github.com/gatehouse-dev/gatehouse/hack/node/internal/instance"
	"github.com/gatehouse-dev/gatehouse/hack/node/internal/namespace"
	"github.com/gatehouse-dev/gatehouse/hack/node/internal/process"
	"github.com/gatehouse-dev/gatehouse/hack/node/internal/render"
)

// Down ends every process of the instance, its pods' among them, and removes its namespaces, link, control groups and state. It
// returns when they are gone. Removing what is not there is no error; what an earlier call left half done is completed.
func Down(ctx context.Context, options Options) (err error) {
	if err := requireHost(); err != nil {
		return err
	}
	o, err := options.withDefaults()
	if err != nil {
		return err
	}
	_, plan, err := lookup(o)
	if errors.Is(err, errNoInstance) {
		fmt.Fprintf(o.Progress, "%s is not there\n", o.Name)
		return nil
	}
	if err != nil {
		return err
	}
	unlock, err := lockInstance(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	ctx, cancel := context.WithTimeout(ctx, downLimit)
	defer cancel()
	if err := remove(ctx, plan, o); err != nil {
		return fmt.Errorf("take down %s: %w", o.Name, err)
	}
	fmt.Fprintf(o.Progress, "%s is down\n", o.Name)
	return nil
}

// DownAll takes down every instance below the state root. It goes on after an error and returns them all.
func DownAll(ctx context.Context, options Options) error {
	o, err := options.withDefaults()
	if err != nil {
		return err
	}
	names, err := list(o.StateRoot)
	if err != nil {
		return err
	}
	var failures []error
	for _, name := range names {
		o.Name = name
		failures = append(failures, Down(ctx, o))
	}
	return errors.Join(failures...)
}

// remove goes from what runs to what it ran on. The record goes last, with the state folder: until then a second call knows
// what to remove.
func remove(ctx context.Context, plan instance.Instance, o Options) error {
	if err := process.EndAll(ctx, matches(plan)...); err != nil {
		return err
	}
	return withRegistry(ctx, func() error {
		if err := namespace.Remove(ctx, plan); err != nil {
			return err
		}
		if err := cgroup.Remove(ctx, plan.Cgroup()); err != nil {
			return err
		}
		// Nothing may be mounted below: removing through a mount would remove another's files.
		mounted, err := namespace.Mounts(plan)
		if err != nil {
			return err
		}
		if len(mounted) > 0 {
			return fmt.Errorf("%s is still mounted", mounted[0])
		}
		if err := removeState(plan); err != nil {
			return fmt.Errorf("remove the state: %w", err)
		}
		return tidyHost(o.StateRoot)
	})
}

// removeState removes the record after everything else: interrupted, it leaves an instance that can be taken down again.
func removeState(plan instance.Instance) error {
	entries, err := os.ReadDir(plan.State)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == recordName {
			continue
		}
		if err := os.RemoveAll(plan.Path(entry.Name())); err != nil {
			return err
		}
	}
	return os.RemoveAll(plan.State)
}

// matches tell an instance's processes: its parts by number, all in the node's mount namespace, all in the pods' group.
func matches(plan instance.Instance) []process.Match {
	found := []process.Match{
		process.Named(plan.Path("pid"), render.Names()),
		process.InCgroup(plan.Cgroup()),
	}
	if id, ok := namespace.ID(plan); ok {
		found = append(found, process.InMountNamespace(id))
	}
	return found
}

// tidyHost removes the empty folders that instances mounted theirs over, after the last instance: removing one of them under
// another instance would take that instance's mount away.
func tidyHost(root string) error {
	names, err := list(root)
	if err != nil || len(names) > 0 {
		return err
	}
	links, err := filepath.Glob("/sys/class/net/gh*h")
	if err != nil || len(links) > 0 {
		return err
	}
	for _, dir := range namespace.Hidden {
		// One that holds something is the host's own.
		_ = os.Remove(dir)
	}
	return nil
}
