// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/gatehouse-dev/gatehouse/hack/node/internal/instance"
	"github.com/gatehouse-dev/gatehouse/hack/node/internal/lockfile"
)

// recordName is the file in a state folder that says whose it is.
const recordName = "instance.json"

// registryLock is locked while indexes are given out.
const registryLock = "/run/gatehouse-localnode.lock"

// record is what must be known to find an instance again.
type record struct {
	Name     string `json:"name"`
	Index    int    `json:"index"`
	Issuer   string `json:"issuer"`
	Binaries string `json:"binaries"`
}

// errNoInstance says that there is no instance of the name asked for.
var errNoInstance = errors.New("there is no such instance")

// lockInstance makes calls that change the same instance take turns.
func lockInstance(ctx context.Context, o Options) (func() error, error) {
	if err := os.MkdirAll(o.StateRoot, 0o755); err != nil {
		return nil, fmt.Errorf("make the state folder: %w", err)
	}
	return lockfile.Acquire(ctx, filepath.Join(o.StateRoot, "."+o.Name+".lock"), func() {
		fmt.Fprintf(o.Progress, "%s: another run is changing it, waiting\n", o.Name)
	})
}

// withRegistry runs fn while no other process chooses or gives back an index. The lock is the machine's, not the state
// root's: indexes are too.
func withRegistry(ctx context.Context, fn func() error) error {
	unlock, err := lockfile.Acquire(ctx, registryLock, nil)
	if err != nil {
		return err
	}
	return errors.Join(fn(), unlock())
}

// register returns the instance's record and plan, giving a new one the lowest free index.
func register(ctx context.Context, o Options, binaries string) (record, instance.Instance, error) {
	var found record
	var plan instance.Instance
	err := withRegistry(ctx, func() error {
		var err error
		found, plan, err = lookup(o)
		if !errors.Is(err, errNoInstance) {
			return err
		}
		index, err := chooseIndex(o)
		if err != nil {
			return err
		}
		found = record{Name: o.Name, Index: index, Issuer: o.Issuer, Binaries: binaries}
		if plan, err = planOf(o, found); err != nil {
			return err
		}
		return writeRecord(plan, found)
	})
	return found, plan, err
}

func chooseIndex(o Options) (int, error) {
	names, err := list(o.StateRoot)
	if err != nil {
		return 0, err
	}
	taken := make(map[int]bool)
	for _, name := range names {
		other := o
		other.Name = name
		if r, _, err := lookup(other); err == nil {
			taken[r.Index] = true
		}
	}
	networks, err := hostNetworks()
	if err != nil {
		return 0, err
	}
	return instance.FreeIndex(taken, networks)
}

// lookup reads an instance's record.
func lookup(o Options) (record, instance.Instance, error) {
	if _, err := instance.New(o.Name, 0, filepath.Join(o.StateRoot, o.Name)); err != nil {
		return record{}, instance.Instance{}, err
	}
	data, err := os.ReadFile(filepath.Join(o.StateRoot, o.Name, recordName))
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, instance.Instance{}, fmt.Errorf("%s: %w", o.Name, errNoInstance)
	}
	if err != nil {
		return record{}, instance.Instance{}, fmt.Errorf("read the instance: %w", err)
	}
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return record{}, instance.Instance{}, fmt.Errorf("read the instance %s: %w", o.Name, err)
	}
	plan, err := planOf(o, r)
	return r, plan, err
}

func planOf(o Options, r record) (instance.Instance, error) {
	return instance.New(o.Name, r.Index, filepath.Join(o.StateRoot, o.Name))
}

// writeRecord makes the state folder, which only root may enter: keys lie in it.
func writeRecord(plan instance.Instance, r record) error {
	if err := os.MkdirAll(plan.State, 0o700); err != nil {
		return fmt.Errorf("make the state folder: %w", err)
	}
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write the instance: %w", err)
	}
	temporary := plan.Path("." + recordName)
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return fmt.Errorf("write the instance: %w", err)
	}
	return os.Rename(temporary, plan.Path(recordName))
}

// list returns the names of the instances below a state root.
func list(root string) ([]string, error) {
	records, err := filepath.Glob(filepath.Join(root, "*", recordName))
	if err != nil {
		return nil, fmt.Errorf("list instances: %w", err)
	}
	names := make([]string, 0, len(records))
	for _, path := range records {
		names = append(names, filepath.Base(filepath.Dir(path)))
	}
	return names, nil
}

// hostNetworks returns the networks of the host's own interfaces and of its routes.
func hostNetworks() ([]netip.Prefix, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list the host's networks: %w", err)
	}
	var networks []netip.Prefix
	for _, address := range addresses {
		if prefix, err := netip.ParsePrefix(address.String()); err == nil {
			networks = append(networks, prefix)
		}
	}
	routes, err := os.ReadFile("/proc/net/route")
	if err != nil {
		return nil, fmt.Errorf("list the host's routes: %w", err)
	}
	return append(networks, instance.ParseRoutes(string(routes))...), nil
}
