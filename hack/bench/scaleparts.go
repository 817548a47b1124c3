// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/hack/node"
)

// repository is the folder of the repository.
func repository() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "config", "crd", "bases")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("run the bench inside of the repository")
		}
	}
	return "", err
}

// programs builds those that are not given.
func (b *scaleBench) programs(ctx context.Context, root string) error {
	for _, p := range []struct {
		file              *string
		folder, what, env string
	}{
		{&b.Operator, root, "./cmd/operator", "CGO_ENABLED=0"}, {&b.Emulator, filepath.Join(root, "emulator"), "./cmd/databricks-emulator", "CGO_ENABLED=1"},
	} {
		if *p.file != "" {
			continue
		}
		*p.file = filepath.Join(b.dir, filepath.Base(p.what))
		b.say("building %s; the first time it takes minutes", p.what)
		cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", *p.file, p.what) //nolint:gosec // ours
		cmd.Dir, cmd.Env = p.folder, append(os.Environ(), p.env)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", p.what, err, out)
		}
	}
	return nil
}

// controlPlane is kube-apiserver and etcd.
type controlPlane struct {
	env    *envtest.Environment
	config *rest.Config
	client client.Client
}

func startControlPlane(ctx context.Context, root string) (*controlPlane, error) {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		var err error
		if assets, err = node.Binaries(ctx, os.Stderr, node.Assets); err != nil {
			return nil, fmt.Errorf("build kube-apiserver and etcd: %w", err)
		}
	}
	p := &controlPlane{env: &envtest.Environment{
		BinaryAssetsDirectory: assets, CRDDirectoryPaths: []string{filepath.Join(root, "config", "crd", "bases")}, ErrorIfCRDPathMissing: true,
		ControlPlaneStartTimeout: 2 * time.Minute, ControlPlaneStopTimeout: 2 * time.Minute,
	}}
	var err error
	if p.config, err = p.env.Start(); err != nil {
		return p, fmt.Errorf("start kube-apiserver and etcd: %w", err)
	}
	p.config.QPS, p.config.Burst = 500, 1000
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return p, fmt.Errorf("register kinds: %w", err)
	}
	p.client, err = client.New(p.config, client.Options{Scheme: scheme})
	return p, err
}

func (p *controlPlane) end() { _ = p.env.Stop() }

// kubeconfig writes a file by which the operator reaches the cluster.
func (p *controlPlane) kubeconfig(dir string) (string, error) {
	file := filepath.Join(dir, "kubeconfig")
	return file, clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:  map[string]*clientcmdapi.Cluster{"bench": {Server: p.config.Host, CertificateAuthorityData: p.config.CAData}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{"bench": {ClientCertificateData: p.config.CertData, ClientKeyData: p.config.KeyData}},
		Contexts:  map[string]*clientcmdapi.Context{"bench": {Cluster: "bench", AuthInfo: "bench"}}, CurrentContext: "bench",
	}, file)
}

// startOperator starts the real program, with the flags that it has in its Deployment
// but for what a cluster of its own would give it.
func (b *scaleBench) startOperator(ctx context.Context) error {
	kubeconfig, err := b.cluster.kubeconfig(b.dir)
	if err != nil {
		return err
	}
	ports := make([]string, 2)
	for i := range ports {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("find a port: %w", err)
		}
		ports[i] = l.Addr().String()
		_ = l.Close()
	}
	b.metrics = "http://" + ports[0]
	log, err := os.Create(filepath.Join(b.dir, "operator.log"))
	if err != nil {
		return fmt.Errorf("keep the operator's log: %w", err)
	}
	defer func() { _ = log.Close() }()                           // the process has it open by then
	cmd := exec.CommandContext(ctx, b.Operator, append([]string{ //nolint:gosec // ours
		"--installation=bench", "--namespace=" + operatorNamespace, "--mcp-server-image=example.com/mcp-server:1", "--leader-elect=false",
		"--metrics-secure=false", "--metrics-bind-address=" + ports[0], "--health-probe-bind-address=" + ports[1], "--zap-log-level=error",
	}, b.Flags...)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	cmd.Stderr, cmd.Stdout = log, log
	b.operator, err = beginProgram(cmd)
	return err
}

// beginProgram starts a program that is not the bench itself; it ends with SIGTERM.
func beginProgram(cmd *exec.Cmd) (*process, error) {
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(cmd.Path), err)
	}
	return &process{cmd: cmd, stdin: closing{cmd.Process}}, nil
}

// closing ends a program where one of the bench would see the end of its input.
type closing struct{ process *os.Process }

func (c closing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
func (c closing) Close() error              { return c.process.Signal(syscall.SIGTERM) }

func (b *scaleBench) fetch(ctx context.Context, path string) ([]byte, error) {
	return get(ctx, b.metrics+path)
}

func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", url, err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", url, err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %d", url, res.StatusCode)
	}
	return raw, err
}

// counter adds up a metric of the operator over all its labels but one.
func (b *scaleBench) counter(ctx context.Context, name, label string) (float64, error) {
	raw, err := b.fetch(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	total := 0.0
	lines := bufio.NewScanner(strings.NewReader(string(raw)))
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, name+"{") || !strings.Contains(line, label) {
			continue
		}
		v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return 0, fmt.Errorf("read the operator's metrics: %w", err)
		}
		total += v
	}
	return total, lines.Err()
}

// decode reads JSON into a new value.
func decode[T any](raw []byte) (T, error) {
	var out T
	err := json.Unmarshal(raw, &out)
	return out, err
}
