// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"github.com/gatehouse-dev/gatehouse/hack/node/internal/instance"
	"github.com/gatehouse-dev/gatehouse/hack/node/internal/pki"
)

// PauseImage is the image that holds a pod's namespaces. It is imported, never pulled.
const PauseImage = "gatehouse.dev/pause:1"

// Cluster is everything the texts depend on.
type Cluster struct {
	Instance    instance.Instance
	Binaries    string // folder of the programs that were built
	PluginDir   string // folder of the network plug-ins
	Snapshotter string // how containerd stacks layers: overlayfs, or native where that cannot be
	Issuer      string // of service account tokens
}

// clients are the parts that speak to the API server by a kubeconfig of their own: the file's name, who they are and the
// groups they are in.
var clients = []pki.Identity{
	{File: "admin", User: "gatehouse-admin", Groups: []string{"system:masters"}},
	{File: "kube-controller-manager", User: "system:kube-controller-manager"},
	{File: "kube-scheduler", User: "system:kube-scheduler"},
	{File: "kube-proxy", User: "system:kube-proxy"},
	{File: "coredns", User: DNSUser},
}

// DNSUser is who cluster DNS is to the API server. It may list what it answers from once that is granted.
const DNSUser = "gatehouse:coredns"

// nodeIdentity is the kubelet's, as a client and as a server.
func nodeIdentity(i instance.Instance) pki.Identity {
	return pki.Identity{
		File:   "kubelet",
		User:   "system:node:" + i.Name,
		Groups: []string{"system:nodes"},
		Hosts:  []string{i.Name, i.NodeAddress().String()},
	}
}

// Identities returns every certificate the cluster needs.
func Identities(i instance.Instance) []pki.Identity {
	return append([]pki.Identity{
		nodeIdentity(i),
		{File: "kube-apiserver", User: "kube-apiserver", Hosts: []string{
			i.NodeAddress().String(), i.APIServiceAddress().String(), "127.0.0.1", "localhost",
			"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		}},
		{File: "kube-apiserver-kubelet-client", User: "kube-apiserver-kubelet-client", Groups: []string{"system:masters"}},
	}, clients...)
}

// KubeconfigNames are the identities that get a kubeconfig, by their file names.
func KubeconfigNames() []string {
	names := []string{"kubelet"}
	for _, client := range clients {
		names = append(names, client.File)
	}
	return names
}

// pki returns the path of a file among the certificates.
func (c Cluster) pki(name string) string { return c.Instance.Path("pki", name) }

// etc returns the path of a file among the configuration.
func (c Cluster) etc(name string) string { return c.Instance.Path("etc", name) }

// kubeconfig returns the path of a part's kubeconfig.
func (c Cluster) kubeconfig(name string) string { return c.Instance.Path(name + ".kubeconfig") }
