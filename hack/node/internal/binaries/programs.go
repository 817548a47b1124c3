// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package binaries

import (
	"fmt"
	"strings"
	"time"
)

// Set names a group of programs.
type Set int

const (
	// Assets are kube-apiserver and etcd: an API server without nodes, which is what tests of controllers need.
	Assets Set = iota
	// All is everything: a control plane, a node, cluster DNS and kubectl.
	All
)

// ParseSet reads a set from its name on a command line, "assets" or "all".
func ParseSet(name string) (Set, error) {
	switch name {
	case "assets":
		return Assets, nil
	case "all":
		return All, nil
	default:
		return 0, fmt.Errorf("%q is not a set of programs: it must be 'assets' or 'all'", name)
	}
}

// program is one executable and where its source is.
type program struct {
	name    string        // of the file, as others expect it
	module  string        // folder under hack/node/modules
	pkg     string        // the main package
	usually time.Duration // to build with cold caches on two cores; told to the person who waits
}

// programs lists every program in the order in which they are built: what tests wait for comes first.
var programs = []program{
	{"etcd", "etcd", "go.etcd.io/etcd/server/v3", time.Minute},
	{"kube-apiserver", "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", 5 * time.Minute},
	{"kubectl", "kubernetes", "k8s.io/kubernetes/cmd/kubectl", 20 * time.Second},
	{"kubelet", "kubernetes", "k8s.io/kubernetes/cmd/kubelet", 75 * time.Second},
	{"kube-scheduler", "kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler", 15 * time.Second},
	{"kube-proxy", "kubernetes", "k8s.io/kubernetes/cmd/kube-proxy", 15 * time.Second},
	{"kube-controller-manager", "kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager", 2 * time.Minute},
	{"coredns", "coredns", ".", 100 * time.Second},
}

// of returns the programs of a set, in the order in which they are built.
func of(set Set) []program {
	if set == All {
		return programs
	}
	var assets []program
	for _, p := range programs {
		if p.name == "kube-apiserver" || p.name == "etcd" {
			assets = append(assets, p)
		}
	}
	return assets
}

// linkFlags returns the linker's flags for one program. Without the version, the API server of a Kubernetes built from
// modules reports itself as v0.0.0-master, which clients refuse.
func linkFlags(p program, kubernetes string) string {
	flags := []string{"-s", "-w"}
	if p.module != "kubernetes" {
		return strings.Join(flags, " ")
	}
	major, minor := majorMinor(kubernetes)
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		flags = append(flags,
			"-X", pkg+".gitVersion="+kubernetes,
			"-X", pkg+".gitMajor="+major,
			"-X", pkg+".gitMinor="+minor,
			"-X", pkg+".gitTreeState=clean",
		)
	}
	return strings.Join(flags, " ")
}

// majorMinor returns the first two numbers of a version such as v1.37.2.
func majorMinor(version string) (major, minor string) {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(parts) < 2 {
		return "", ""
	}
	return parts[0], parts[1]
}
