// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"encoding/json"
	"fmt"
)

// object is a configuration file's content; JSON writes its keys in order.
type object map[string]any

// Files returns the configuration files by their paths.
func (c Cluster) Files() (map[string]string, error) {
	files := map[string]string{
		c.etc("containerd.toml"): c.containerd(),
		c.etc("Corefile"):        c.corefile(),
		// Pods that ask for the host's DNS get none: there is no way out of the node.
		c.etc("resolv.conf"): "nameserver " + c.Instance.NodeAddress().String() + "\n",
	}
	for path, content := range map[string]object{
		c.etc("kubelet.json"):                            c.kubelet(),
		c.etc("kube-proxy.json"):                         c.proxy(),
		c.Instance.Path("etc", "cni", "10-ptp.conflist"): c.network(),
	} {
		text, err := json.MarshalIndent(content, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", path, err)
		}
		files[path] = string(text) + "\n"
	}
	return files, nil
}

// containerd keeps the runtime apart from any other on the host. Without CAP_SYS_RESOURCE, which containers that hold this
// node may lack, a process cannot lower its oom_score_adj; restrict_oom_score_adj lets it keep what it has.
func (c Cluster) containerd() string {
	return fmt.Sprintf(`version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri"]

[grpc]
  address = %q

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  restrict_oom_score_adj = true

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = %q
    conf_dir = %q

  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    snapshotter = %q

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
`, c.Instance.Path("containerd", "root"), c.Instance.Path("containerd", "state"), c.Instance.Socket(), PauseImage,
		c.PluginDir, c.Instance.Path("etc", "cni"), c.Snapshotter)
}

// network gives each pod a link of its own to the node, and routes between them. With a bridge, answers of one pod to
// another would pass by the translation of service addresses wherever the kernel lacks br_netfilter.
func (c Cluster) network() object {
	return object{
		"cniVersion": "0.4.0",
		"name":       "gatehouse",
		"plugins": []object{
			{"type": "ptp", "ipam": object{
				"type":    "host-local",
				"dataDir": c.Instance.Path("cni"),
				"ranges":  [][]object{{{"subnet": c.Instance.PodPrefix().String()}}},
				"routes":  []object{{"dst": "0.0.0.0/0"}},
			}},
			{"type": "portmap", "capabilities": object{"portMappings": true}},
		},
	}
}

// kubelet accepts what small machines and containers offer: control groups of version 1, swap, little disk.
func (c Cluster) kubelet() object {
	node := c.Instance.NodeAddress().String()
	return object{
		"apiVersion": "kubelet.config.k8s.io/v1beta1",
		"kind":       "KubeletConfiguration",
		"address":    node,
		"authentication": object{
			"anonymous": object{"enabled": false},
			"webhook":   object{"enabled": true},
			"x509":      object{"clientCAFile": c.pki("ca.crt")},
		},
		"authorization":               object{"mode": "Webhook"},
		"tlsCertFile":                 c.pki("kubelet.crt"),
		"tlsPrivateKeyFile":           c.pki("kubelet.key"),
		"containerRuntimeEndpoint":    "unix://" + c.Instance.Socket(),
		"clusterDomain":               "cluster.local",
		"clusterDNS":                  []string{node},
		"resolvConf":                  c.etc("resolv.conf"),
		"podLogsDir":                  c.Instance.Path("podlogs"),
		"volumePluginDir":             c.Instance.Path("kubelet", "volumeplugins"),
		"cgroupDriver":                "cgroupfs",
		"cgroupRoot":                  c.Instance.Cgroup(),
		"enforceNodeAllocatable":      []string{},
		"failCgroupV1":                false,
		"failSwapOn":                  false,
		"oomScoreAdj":                 0,
		"evictionHard":                object{"memory.available": "64Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
		"imageGCHighThresholdPercent": 100,
		"imageGCLowThresholdPercent":  99,
		"healthzBindAddress":          "127.0.0.1",
		"healthzPort":                 10248,
	}
}

// proxy leaves the kernel's connection tracking as it is: its limits belong to the host.
func (c Cluster) proxy() object {
	return object{
		"apiVersion":         "kubeproxy.config.k8s.io/v1alpha1",
		"kind":               "KubeProxyConfiguration",
		"clientConnection":   object{"kubeconfig": c.kubeconfig(Proxy)},
		"mode":               "iptables",
		"iptables":           object{"localhostNodePorts": false, "minSyncPeriod": "100ms"},
		"clusterCIDR":        c.Instance.PodPrefix().String(),
		"detectLocalMode":    "ClusterCIDR",
		"hostnameOverride":   c.Instance.Name,
		"bindAddress":        c.Instance.NodeAddress().String(),
		"healthzBindAddress": "127.0.0.1:10256",
		"metricsBindAddress": "127.0.0.1:10249",
		"oomScoreAdj":        0,
		"conntrack": object{
			"maxPerCore":            0,
			"min":                   0,
			"tcpEstablishedTimeout": "0s",
			"tcpCloseWaitTimeout":   "0s",
		},
	}
}

// DNSReady is where cluster DNS tells whether it can answer.
func (c Cluster) DNSReady() string {
	return "http://" + c.Instance.NodeAddress().String() + ":8181/ready"
}

// corefile answers for the cluster's names from the API and refuses others: a local cluster has no way out.
func (c Cluster) corefile() string {
	return fmt.Sprintf(`.:53 {
  bind %[1]s
  errors
  ready %[1]s:8181
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    kubeconfig %[2]s
    pods insecure
    ttl 5
  }
}
`, c.Instance.NodeAddress(), c.kubeconfig(DNS))
}
