// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"os"
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
)

// Scheme knows Kubernetes' kinds and ours.
func Scheme(t testing.TB) *runtime.Scheme {
	t.Helper()
	s := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	if err := v1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	return s
}

// Root is the folder of the repository.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "config", "crd", "bases")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("the repository's folder was not found")
		}
	}
}

// Kubeconfig writes a file by which a program of its own reaches the cluster.
func Kubeconfig(t testing.TB, config *rest.Config) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	err := clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:  map[string]*clientcmdapi.Cluster{"test": {Server: config.Host, CertificateAuthorityData: config.CAData}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{"test": {ClientCertificateData: config.CertData, ClientKeyData: config.KeyData, Token: config.BearerToken}},
		Contexts:  map[string]*clientcmdapi.Context{"test": {Cluster: "test", AuthInfo: "test"}}, CurrentContext: "test",
	}, file)
	if err != nil {
		t.Fatal(err)
	}
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
	ws := &v1alpha1.Workspace{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.WorkspaceSpec{
			Host: v1alpha1.HTTPSHost(e.WorkspaceURL), AccountHost: v1alpha1.HTTPSHost(e.AccountURL), AccountID: AccountID, WorkspaceID: WorkspaceID, CABundle: v1alpha1.PEMBundle(e.CA),
			Authentication: v1alpha1.WorkspaceAuthentication{
				Type: v1alpha1.AuthenticationClientSecret, ClientID: OperatorID, ClientSecretRef: &v1alpha1.SecretKeyReference{Name: secret, Key: "secret"},
			},
		},
	}
	Create(t, c, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: OperatorNamespace, Name: secret}, StringData: map[string]string{"secret": operatorSecret}}, ws)
	return ws
}
