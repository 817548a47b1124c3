// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"errors"
	"os/exec"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/hack/node"
)

// NewScheme knows Kubernetes' kinds and ours.
func NewScheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	return s, errors.Join(clientgoscheme.AddToScheme(s), v1alpha1.AddToScheme(s))
}

// Scheme knows Kubernetes' kinds and ours.
func Scheme(t testing.TB) *runtime.Scheme {
	t.Helper()
	s, err := NewScheme()
	check(t, err)
	return s
}

// Root is the folder of the repository.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := node.Root()
	check(t, err)
	return dir
}

// WriteKubeconfig writes a file by which a program of its own reaches a cluster.
func WriteKubeconfig(config *rest.Config, file string) error {
	return clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:  map[string]*clientcmdapi.Cluster{"test": {Server: config.Host, CertificateAuthorityData: config.CAData}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{"test": {ClientCertificateData: config.CertData, ClientKeyData: config.KeyData, Token: config.BearerToken}},
		Contexts:  map[string]*clientcmdapi.Context{"test": {Cluster: "test", AuthInfo: "test"}}, CurrentContext: "test",
	}, file)
}

// Kubeconfig writes a file by which a program of its own reaches the cluster.
func Kubeconfig(t testing.TB, config *rest.Config) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	check(t, WriteKubeconfig(config, file))
	return file
}

// Program builds one of the repository's commands, such as ./cmd/operator.
func Program(t testing.TB, command string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), filepath.Base(command))
	cmd := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", file, command)
	cmd.Dir = Root(t)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", command, err, out)
	}
	return file
}

// OperatorNamespace is where the credentials of Workspaces are.
const OperatorNamespace = "gatehouse-system"

// Namespace makes a namespace and returns it as the cluster has it.
func Namespace(t testing.TB, c client.Client, name string, labels map[string]string) *corev1.Namespace {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	Create(t, c, ns)
	return ns
}

// Create makes objects and fails the test when one is refused.
func Create(t testing.TB, c client.Client, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := c.Create(t.Context(), o); err != nil {
			t.Fatalf("create %T %s: %v", o, o.GetName(), err)
		}
	}
}

// Workspace makes a Workspace that reaches the emulator, with its credential.
func Workspace(t testing.TB, c client.Client, e *Emulator) *v1alpha1.Workspace {
	t.Helper()
	Namespace(t, c, OperatorNamespace, nil)
	return WorkspaceNamed(t, c, e, "main", "databricks")
}

// WorkspaceNamed makes one of several Workspaces, with a credential of its own.
func WorkspaceNamed(t testing.TB, c client.Client, e *Emulator, name, secret string) *v1alpha1.Workspace {
	t.Helper()
	ws, credential := WorkspaceFor(e.EmulatorProcess, name, secret)
	Create(t, c, credential, ws)
	return ws
}

// WorkspaceFor is a Workspace that reaches an emulator, and the Secret that holds its credential.
func WorkspaceFor(e *EmulatorProcess, name, secret string) (*v1alpha1.Workspace, *corev1.Secret) {
	return &v1alpha1.Workspace{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.WorkspaceSpec{
			Host: v1alpha1.HTTPSHost(e.WorkspaceURL), AccountHost: v1alpha1.HTTPSHost(e.AccountURL), AccountID: AccountID, WorkspaceID: WorkspaceID, CABundle: v1alpha1.PEMBundle(e.CA),
			Authentication: v1alpha1.WorkspaceAuthentication{
				Type: v1alpha1.AuthenticationClientSecret, ClientID: OperatorID, ClientSecretRef: &v1alpha1.SecretKeyReference{Name: secret, Key: "secret"},
			},
		},
	}, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: OperatorNamespace, Name: secret}, StringData: map[string]string{"secret": OperatorSecret}}
}

// BoundaryOf is a Boundary over a namespace and its Workspace; edit adds what may be asked for.
func BoundaryOf(ns *corev1.Namespace, workspace string, edit func(*v1alpha1.BoundarySpec)) *v1alpha1.Boundary {
	b := &v1alpha1.Boundary{ObjectMeta: metav1.ObjectMeta{Name: ns.Name}, Spec: v1alpha1.BoundarySpec{
		Namespaces: []v1alpha1.BoundaryNamespace{{Name: ns.Name, UID: string(ns.UID)}}, Workspaces: []v1alpha1.NamePattern{v1alpha1.NamePattern(workspace)},
	}}
	if edit != nil {
		edit(&b.Spec)
	}
	return b
}
