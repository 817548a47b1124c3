// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package instance

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
)

// Count is how many instances one machine can hold.
const Count = 64

// maxState is the longest path of a state folder, in bytes. Sockets lie up to 60 bytes below it, and Linux allows a
// socket's path 107.
const maxState = 107 - 60

var validName = regexp.MustCompile("^[a-z]([-a-z0-9]{0,18}[a-z0-9])?$")

// Instance is one cluster's plan. It is a value: equal inputs give equal plans.
type Instance struct {
	Name  string // of the instance and of its node
	Index int    // from 0 to Count-1, unique on the host
	State string // the folder everything is kept in
}

// New returns the plan of the instance of that name, index and state folder.
func New(name string, index int, state string) (Instance, error) {
	switch {
	case !validName.MatchString(name):
		return Instance{}, fmt.Errorf("the name %q must be 1 to 20 lower-case letters, digits and dashes, and begin with a letter", name)
	case index < 0 || index >= Count:
		return Instance{}, fmt.Errorf("the index %d must be from 0 to %d", index, Count-1)
	case !filepath.IsAbs(state):
		return Instance{}, fmt.Errorf("the state folder %q must be an absolute path", state)
	case len(state) > maxState:
		return Instance{}, fmt.Errorf("the state folder %q must be at most %d bytes long: sockets lie in it", state, maxState)
	case under(state, "/run"), under(state, "/var/run"), under(state, "/var/lib/kubelet"), under(state, "/var/log/containers"):
		return Instance{}, fmt.Errorf("the state folder %q must not be where the node has folders of its own", state)
	}
	return Instance{Name: name, Index: index, State: filepath.Clean(state)}, nil
}

// under reports whether path is dir or below it.
func under(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, dir+"/")
}

// Path returns a path below the state folder.
func (i Instance) Path(elements ...string) string {
	return filepath.Join(append([]string{i.State}, elements...)...)
}

// LinkName is the interface on the host's side.
func (i Instance) LinkName() string { return fmt.Sprintf("gh%dh", i.Index) }

// PeerName is what the node's interface is called until it has moved into the node's namespace.
func (i Instance) PeerName() string { return fmt.Sprintf("gh%dn", i.Index) }

// HostAddress is the host as the node and its pods see it.
func (i Instance) HostAddress() netip.Addr {
	return netip.AddrFrom4([4]byte{10, 201, byte(i.Index), 1})
}

// NodeAddress is the node: the API server, the kubelet, cluster DNS and every NodePort listen there.
func (i Instance) NodeAddress() netip.Addr {
	return netip.AddrFrom4([4]byte{10, 201, byte(i.Index), 2})
}

// LinkPrefix is the network between host and node.
func (i Instance) LinkPrefix() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 201, byte(i.Index), 0}), 30)
}

// PodPrefix is where pods get their addresses from.
func (i Instance) PodPrefix() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 202, byte(i.Index), 0}), 24)
}

// ServicePrefix is where services get their addresses from.
func (i Instance) ServicePrefix() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 203, byte(i.Index), 0}), 24)
}

// APIServiceAddress is the address of the service kubernetes.default: the first one Kubernetes gives out.
func (i Instance) APIServiceAddress() netip.Addr { return i.ServicePrefix().Addr().Next() }

// APIServer is the API server's URL, from the host and from the node.
func (i Instance) APIServer() string { return fmt.Sprintf("https://%s:6443", i.NodeAddress()) }

// Cgroup is the control group that holds every pod, as a path from the top of each hierarchy.
func (i Instance) Cgroup() string { return fmt.Sprintf("/gatehouse-%d", i.Index) }

// Socket is the container runtime's.
func (i Instance) Socket() string { return i.Path("containerd.sock") }

// Kubeconfig is the file by which an administrator reaches the cluster.
func (i Instance) Kubeconfig() string { return i.Path("admin.kubeconfig") }

// Issuer is who the cluster's service account tokens say issued them, unless another is asked for.
const Issuer = "https://kubernetes.default.svc.cluster.local"

// ErrNoIndex says that every index is taken or would collide with a network the host already reaches.
var ErrNoIndex = errors.New("no index is free: remove instances that are not needed, or free some of 10.201.0.0/16, 10.202.0.0/16, 10.203.0.0/16")

// FreeIndex returns the lowest index that no other instance has and whose networks overlap none of those the host reaches.
// A default route counts as no network.
func FreeIndex(taken map[int]bool, host []netip.Prefix) (int, error) {
	for index := range Count {
		if !taken[index] && !collides(Instance{Index: index}, host) {
			return index, nil
		}
	}
	return 0, ErrNoIndex
}

func collides(i Instance, host []netip.Prefix) bool {
	for _, prefix := range host {
		if prefix.Bits() == 0 {
			continue
		}
		if prefix.Overlaps(i.LinkPrefix()) || prefix.Overlaps(i.PodPrefix()) || prefix.Overlaps(i.ServicePrefix()) {
			return true
		}
	}
	return false
}
