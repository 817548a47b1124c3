// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"path/filepath"
)

// Program is one part of the cluster: its name and its command line, to be run inside the node's namespaces.
type Program struct {
	Name string
	Argv []string
}

// Names of the parts, in the order in which they start.
const (
	Etcd              = "etcd"
	Containerd        = "containerd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
	Kubelet           = "kubelet"
	Proxy             = "kube-proxy"
	DNS               = "coredns"
)

// Names returns the names of all parts, in the order in which they start.
func Names() []string {
	return []string{Etcd, Containerd, APIServer, ControllerManager, Scheduler, Kubelet, Proxy, DNS}
}

// Programs returns all parts by name.
func (c Cluster) Programs() map[string]Program {
	programs := make(map[string]Program)
	for name, flags := range map[string][]string{
		Etcd:              c.etcdFlags(),
		APIServer:         c.apiServerFlags(),
		ControllerManager: c.controllerManagerFlags(),
		Scheduler:         c.schedulerFlags(),
		Kubelet:           c.kubeletFlags(),
		Proxy:             {"--config=" + c.etc("kube-proxy.json")},
		DNS:               {"-conf", c.etc("Corefile")},
	} {
		programs[name] = Program{Name: name, Argv: append([]string{filepath.Join(c.Binaries, name)}, flags...)}
	}
	programs[Containerd] = Program{Name: Containerd, Argv: []string{"containerd", "--config", c.etc("containerd.toml")}}
	return programs
}

// etcdFlags trades safety for speed: what a local cluster stores need not survive a power cut. Its port is open only inside
// the node's namespace.
func (c Cluster) etcdFlags() []string {
	return []string{
		"--data-dir=" + c.Instance.Path("etcd"),
		"--listen-client-urls=http://127.0.0.1:2379",
		"--advertise-client-urls=http://127.0.0.1:2379",
		"--listen-peer-urls=http://127.0.0.1:2380",
		"--unsafe-no-fsync",
		"--log-level=warn",
	}
}

func (c Cluster) apiServerFlags() []string {
	return []string{
		"--etcd-servers=http://127.0.0.1:2379",
		"--advertise-address=" + c.Instance.NodeAddress().String(),
		"--secure-port=6443",
		"--service-cluster-ip-range=" + c.Instance.ServicePrefix().String(),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--client-ca-file=" + c.pki("ca.crt"),
		"--tls-cert-file=" + c.pki("kube-apiserver.crt"),
		"--tls-private-key-file=" + c.pki("kube-apiserver.key"),
		"--service-account-issuer=" + c.Issuer,
		"--service-account-jwks-uri=" + c.Issuer + "/openid/v1/jwks",
		"--service-account-key-file=" + c.pki("sa.pub"),
		"--service-account-signing-key-file=" + c.pki("sa.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--kubelet-certificate-authority=" + c.pki("ca.crt"),
		"--kubelet-client-certificate=" + c.pki("kube-apiserver-kubelet-client.crt"),
		"--kubelet-client-key=" + c.pki("kube-apiserver-kubelet-client.key"),
		"--profiling=false",
	}
}

func (c Cluster) controllerManagerFlags() []string {
	return append(c.ownKubeconfig(ControllerManager),
		"--use-service-account-credentials=true",
		"--service-account-private-key-file="+c.pki("sa.key"),
		"--root-ca-file="+c.pki("ca.crt"),
		"--cluster-signing-cert-file="+c.pki("ca.crt"),
		"--cluster-signing-key-file="+c.pki("ca.key"),
	)
}

func (c Cluster) schedulerFlags() []string { return c.ownKubeconfig(Scheduler) }

// ownKubeconfig returns the flags the controller manager and the scheduler share: there is one of each, so neither asks to
// lead.
func (c Cluster) ownKubeconfig(name string) []string {
	path := c.kubeconfig(name)
	return []string{
		"--kubeconfig=" + path,
		"--authentication-kubeconfig=" + path,
		"--authorization-kubeconfig=" + path,
		"--bind-address=127.0.0.1",
		"--leader-elect=false",
		"--profiling=false",
	}
}

func (c Cluster) kubeletFlags() []string {
	return []string{
		"--config=" + c.etc("kubelet.json"),
		"--kubeconfig=" + c.kubeconfig(Kubelet),
		"--hostname-override=" + c.Instance.Name,
		"--node-ip=" + c.Instance.NodeAddress().String(),
		"--root-dir=" + c.Instance.Path("kubelet"),
		"--cert-dir=" + c.Instance.Path("kubelet", "pki"),
	}
}
