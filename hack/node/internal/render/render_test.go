// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/gatehouse-dev/gatehouse/hack/node/internal/instance"
)

func clusterOf(t *testing.T, name string, index int) Cluster {
	t.Helper()
	i, err := instance.New(name, index, "/state/"+name)
	if err != nil {
		t.Fatal(err)
	}
	return Cluster{Instance: i, Binaries: "/bin-cache", PluginDir: "/usr/lib/cni", Snapshotter: "overlayfs", Issuer: instance.Issuer}
}

// everything returns all that is rendered for a cluster, as one text.
func everything(t *testing.T, c Cluster) string {
	t.Helper()
	files, err := c.Files()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, path := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&text, "%s\n%s\n", path, files[path])
	}
	programs := c.Programs()
	for _, name := range Names() {
		fmt.Fprintln(&text, strings.Join(programs[name].Argv, " "))
	}
	return text.String()
}

func TestInstancesShareNoAddressAndNoFile(t *testing.T) {
	owned := regexp.MustCompile(`10\.20[123]\.[0-9]+\.[0-9]+|/state/[-a-z0-9/._]+|/gatehouse-[0-9]+`)
	first := owned.FindAllString(everything(t, clusterOf(t, "one", 1)), -1)
	second := everything(t, clusterOf(t, "two", 2))
	if len(first) < 40 {
		t.Fatalf("only %d addresses and paths were found", len(first))
	}
	for _, item := range first {
		if regexp.MustCompile(regexp.QuoteMeta(item) + "\\b").MatchString(second) {
			t.Errorf("both instances use %s", item)
		}
	}
}

func TestRenderingIsPure(t *testing.T) {
	first := everything(t, clusterOf(t, "one", 1))
	if second := everything(t, clusterOf(t, "one", 1)); first != second {
		t.Error("the same instance gave two texts")
	}
}

func TestEveryPartHasAProgram(t *testing.T) {
	programs := clusterOf(t, "one", 1).Programs()
	if len(programs) != len(Names()) {
		t.Errorf("%d programs for %d names", len(programs), len(Names()))
	}
	for _, name := range Names() {
		program, found := programs[name]
		if !found || program.Name != name || filepath.Base(program.Argv[0]) != name {
			t.Errorf("%s is %v", name, program)
		}
	}
}

func TestEveryFileThatIsNamedIsMade(t *testing.T) {
	c := clusterOf(t, "one", 1)
	files, err := c.Files()
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]bool{c.pki("ca.crt"): true, c.pki("ca.key"): true, c.pki("sa.pub"): true, c.pki("sa.key"): true}
	for path := range files {
		made[path] = true
	}
	for _, identity := range Identities(c.Instance) {
		made[c.pki(identity.File+".crt")] = true
		made[c.pki(identity.File+".key")] = true
	}
	for _, name := range KubeconfigNames() {
		made[c.kubeconfig(name)] = true
	}
	named := regexp.MustCompile(`/state/one/(?:pki|etc)/[-a-zA-Z0-9.]+\.[a-z]+|/state/one/[-a-z]+\.kubeconfig|/state/one/etc/Corefile`)
	found := named.FindAllString(everything(t, c), -1)
	if len(found) < 20 {
		t.Fatalf("only %d files were found", len(found))
	}
	for _, path := range found {
		if !made[path] {
			t.Errorf("%s is named but never made", path)
		}
	}
}

func TestConfigurationFilesAreWhatTheirReadersExpect(t *testing.T) {
	c := clusterOf(t, "one", 1)
	files, err := c.Files()
	if err != nil {
		t.Fatal(err)
	}
	for file, kind := range map[string]string{"kubelet.json": "KubeletConfiguration", "kube-proxy.json": "KubeProxyConfiguration"} {
		var content struct{ Kind string }
		if err := json.Unmarshal([]byte(files[c.etc(file)]), &content); err != nil || content.Kind != kind {
			t.Errorf("%s is a %q, %v", file, content.Kind, err)
		}
	}
	kubelet := files[c.etc("kubelet.json")]
	for _, setting := range []string{`"anonymous": {
      "enabled": false`, `"mode": "Webhook"`} {
		if !strings.Contains(kubelet, setting) {
			t.Errorf("kubelet lets anyone in: %s is missing", setting)
		}
	}
}

func TestIdentities(t *testing.T) {
	c := clusterOf(t, "one", 3)
	files := make(map[string]bool)
	for _, identity := range Identities(c.Instance) {
		if files[identity.File] {
			t.Errorf("two certificates are called %s", identity.File)
		}
		files[identity.File] = true
		if identity.File == APIServer && !slices.Contains(identity.Hosts, "10.203.3.1") {
			t.Error("pods could not verify the API server at its service's address")
		}
		if identity.File == Kubelet && (identity.User != "system:node:one" || !slices.Equal(identity.Groups, []string{"system:nodes"})) {
			t.Errorf("the node authorizer would not know %s of %v", identity.User, identity.Groups)
		}
	}
}

func TestKubeconfig(t *testing.T) {
	c := clusterOf(t, "one", 3)
	text, err := Kubeconfig(c.Instance, "admin", Credentials{Authority: []byte("ca"), Certificate: []byte("crt"), Key: []byte("key")})
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(text)
	if err != nil {
		t.Fatal(err)
	}
	if config.Host != "https://10.201.3.2:6443" || string(config.CAData) != "ca" || string(config.CertData) != "crt" || string(config.KeyData) != "key" {
		t.Errorf("a client would use %s with %q, %q, %q", config.Host, config.CAData, config.CertData, config.KeyData)
	}
}
