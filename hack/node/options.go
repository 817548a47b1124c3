// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gatehouse-dev/gatehouse/hack/node/internal/instance"
)

// upLimit is how long a cluster may take to come up once its programs are built.
const upLimit = 4 * time.Minute

// downLimit is how long removing one may take.
const downLimit = 2 * time.Minute

// Options say which cluster is meant and what it should be like.
type Options struct {
	// Name tells instances apart and is the name of the node: 1 to 20 lower-case letters, digits and dashes.
	Name string
	// StateRoot is the folder that holds a folder for each instance. Empty means gatehouse/cluster in the user's cache folder.
	StateRoot string
	// Kubeconfig is where Up writes a second copy of the administrator's kubeconfig. Empty means no copy.
	Kubeconfig string
	// Issuer is the issuer of service account tokens, fixed when the instance is made. Empty means
	// https://kubernetes.default.svc.cluster.local.
	Issuer string
	// Progress receives a line for each thing that is done. Nil discards them.
	Progress io.Writer
}

// withDefaults fills in what is empty.
func (o Options) withDefaults() (Options, error) {
	if o.StateRoot == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return Options{}, fmt.Errorf("find the cache folder: %w", err)
		}
		o.StateRoot = filepath.Join(cache, "gatehouse", "cluster")
	}
	root, err := filepath.Abs(o.StateRoot)
	if err != nil {
		return Options{}, fmt.Errorf("find the state folder: %w", err)
	}
	o.StateRoot = root
	if o.Issuer == "" {
		o.Issuer = instance.Issuer
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	return o, nil
}

// Node is a cluster that is up. Its fields are what others need to use it.
type Node struct {
	// Name is the instance's and the Kubernetes node's.
	Name string `json:"name"`
	// Kubeconfig is the path of an administrator's kubeconfig that holds its credentials itself.
	Kubeconfig string `json:"kubeconfig"`
	// APIServer is the API server's URL.
	APIServer string `json:"apiServer"`
	// Address is the node's: NodePorts are reached there. The host also reaches pods and cluster IPs at their own addresses.
	Address netip.Addr `json:"address"`
	// HostAddress is the host as pods reach it.
	HostAddress netip.Addr `json:"hostAddress"`
	// Issuer is the issuer of service account tokens.
	Issuer string `json:"issuer"`
	// Binaries is the folder of the programs, kubectl among them.
	Binaries string `json:"binaries"`
	// State is the folder that holds everything of the instance, log/ with a file for each part among it.
	State string `json:"state"`

	plan instance.Instance
}

// requireHost says what is missing for running a node here.
func requireHost() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("a local node needs Linux, and this is %s: use kind, or a cluster by its kubeconfig", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return errors.New("a local node needs root, for namespaces and containers: run this with sudo, or use kind, or a cluster by its kubeconfig")
	}
	return nil
}
