// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package demo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/hack/demo/scenario"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// logged hands each line to the test's log, so that a long run shows where it is.
type logged struct{ t *testing.T }

func (l logged) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		if text := strings.TrimRight(string(line), "\n"); text != "" {
			l.t.Log(text)
		}
	}
	return len(p), nil
}

// TestTheScenarioOnARealNode brings a node up, runs the whole demo on it, runs it
// again, tries what must be refused, and takes it down without a trace.
func TestTheScenarioOnARealNode(t *testing.T) {
	o := scenario.Options{Name: "gatehouse-test", Out: t.TempDir(), Log: logged{t}}
	down := func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Minute)
		defer cancel()
		if err := scenario.Down(ctx, o); err != nil {
			t.Errorf("take it down: %v", err)
		}
	}
	down() // of a run that was cut off
	t.Cleanup(func() {
		down()
		left, err := os.ReadDir(o.Out)
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
	run := func(t *testing.T) {
		t.Helper()
		result, err := scenario.Up(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if result.CellsDeclared != 54 || result.CellsObservedAsDeclared != 54 || result.Pods != 2 || result.ConversationTurns != 3 || result.HealMilliseconds == 0 {
			t.Errorf("the result is %+v", result)
		}
		// Fifteen cells say no: three of query_audit_log, and four each of the tools that reach further.
		// No grant of another tool reaches what they need.
		if result.NoEnforced != 15 || result.NoMatrixOnly != 0 || result.NoOpen != 0 || result.YesRefusedWithoutScopes != 39 {
			t.Errorf("straight at Databricks: %+v", result)
		}
		raw, err := os.ReadFile(filepath.Join(o.Out, "demo.json"))
		if err != nil {
			t.Fatal(err)
		}
		var written scenario.Result
		if err := json.Unmarshal(raw, &written); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(*result, written); diff != "" {
			t.Errorf("demo.json differs (-returned +written):\n%s", diff)
		}
	}
	run(t)
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(o.Out, "kubeconfig"))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("the operator may do nothing to pods but touch its own", func(t *testing.T) { pods(t, config) })
	t.Run("the operator may bind nothing but its servers' review of tokens", func(t *testing.T) { bindings(t, config) })
	t.Run("the operator may write no Secret but sealing keys", func(t *testing.T) { secrets(t, config) })
	t.Run("a pod holds no credential but what it reviews tokens with", func(t *testing.T) { credentials(t, config) })
	t.Run("a second run finds everything there", run)
}

func administrator(t *testing.T, config *rest.Config) client.Client {
	t.Helper()
	c, err := client.New(config, client.Options{Scheme: env.Scheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// operator is a client that acts as the operator's service account.
func operator(t *testing.T, config *rest.Config) client.Client {
	t.Helper()
	as := rest.CopyConfig(config)
	as.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:gatehouse-system:gatehouse-operator",
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:gatehouse-system", "system:authenticated"},
	}
	return administrator(t, as)
}

func servers(t *testing.T, c client.Client) []corev1.Pod {
	t.Helper()
	var list corev1.PodList
	if err := c.List(t.Context(), &list, client.InNamespace("sales"), client.MatchingLabels{v1alpha1.LabelServer: "governed-tools"}); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) == 0 {
		t.Fatal("no pod of the MCP server is there")
	}
	return list.Items
}

func pods(t *testing.T, config *rest.Config) {
	c := operator(t, config)
	pod := servers(t, administrator(t, config))[0]
	var others corev1.PodList
	if err := administrator(t, config).List(t.Context(), &others, client.InNamespace("databricks")); err != nil || len(others.Items) == 0 {
		t.Fatalf("find a pod that is not the operator's: %v", err)
	}
	for name, c2 := range map[string]struct {
		pod     corev1.Pod
		patch   string
		refused string
	}{
		"its annotation":     {pod, `{"metadata":{"annotations":{"gatehouse.dev/access-hash":"x"}}}`, ""},
		"another annotation": {pod, `{"metadata":{"annotations":{"other":"x"}}}`, "may only change the annotation"},
		"a label":            {pod, `{"metadata":{"labels":{"other":"x"}}}`, "may not change labels"},
		"the image":          {pod, `{"spec":{"containers":[{"name":"mcp-server","image":"evil"}]}}`, "may not change the spec"},
		"a pod of others":    {others.Items[0], `{"metadata":{"annotations":{"gatehouse.dev/access-hash":"x"}}}`, "may only touch pods of an MCPServer"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.Patch(t.Context(), c2.pod.DeepCopy(), client.RawPatch(types.StrategicMergePatchType, []byte(c2.patch)), client.DryRunAll)
			if c2.refused == "" && err != nil || c2.refused != "" && (err == nil || !strings.Contains(err.Error(), c2.refused)) {
				t.Errorf("answered %v, want %q", err, c2.refused)
			}
		})
	}
	if err := c.Delete(t.Context(), pod.DeepCopy(), client.DryRunAll); !apierrors.IsForbidden(err) {
		t.Errorf("deleting a pod: %v", err)
	}
}

func bindings(t *testing.T, config *rest.Config) {
	c := operator(t, config)
	for name, b := range map[string]struct{ name, role, refused string }{
		"a server's":          {"gatehouse:mcp-server:sales:other", "gatehouse-mcp-server", ""},
		"of another name":     {"mine", "gatehouse-mcp-server", "may only write ClusterRoleBindings of its MCP servers"},
		"of another role":     {"gatehouse:mcp-server:sales:other", "gatehouse-viewer", "may only bind the ClusterRole gatehouse-mcp-server"},
		"of the almighty one": {"gatehouse:mcp-server:sales:other", "cluster-admin", "permissions not currently held"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.Create(t.Context(), &rbacv1.ClusterRoleBinding{
				ObjectMeta: metav1.ObjectMeta{Name: b.name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: b.role},
				Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "sales", Name: "x"}},
			}, client.DryRunAll)
			if b.refused == "" && err != nil || b.refused != "" && (!apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), b.refused)) {
				t.Errorf("answered %v, want %q", err, b.refused)
			}
		})
	}
	var secret corev1.Secret
	if err := c.Get(t.Context(), types.NamespacedName{Namespace: "databricks", Name: "emulator"}, &secret); !apierrors.IsForbidden(err) {
		t.Errorf("reading a Secret of others: %v", err)
	}
}

func secrets(t *testing.T, config *rest.Config) {
	c := operator(t, config)
	const keys = corev1.SecretType("gatehouse.dev/sealing-keys")
	for name, s := range map[string]struct {
		namespace, name string
		kind            corev1.SecretType
		refused         bool
	}{
		"sealing keys":                 {"sales", "other-sealing-keys", keys, false},
		"its own root":                 {"gatehouse-system", "gatehouse-sealing-root", corev1.SecretTypeOpaque, false}, // exists, and so is not created
		"another Secret of its own":    {"gatehouse-system", "other", corev1.SecretTypeOpaque, true},
		"a root in another namespace":  {"sales", "gatehouse-sealing-root", corev1.SecretTypeOpaque, true},
		"a token of a service account": {"sales", "token", corev1.SecretTypeServiceAccountToken, true},
		"an opaque Secret of somebody": {"sales", "other", corev1.SecretTypeOpaque, true},
	} {
		t.Run("create "+name, func(t *testing.T) {
			o := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: s.name, Annotations: map[string]string{corev1.ServiceAccountNameKey: "default"}}, Type: s.kind}
			err := c.Create(t.Context(), o, client.DryRunAll)
			if s.refused != denied(err) || !s.refused && err != nil && !apierrors.IsAlreadyExists(err) {
				t.Errorf("answered %v", err)
			}
		})
	}
	// A patch answers with the whole object: one that is not allowed must not answer.
	theirs := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "databricks", Name: "emulator"}}
	if err := c.Patch(t.Context(), theirs, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"x":"y"}}}`)), client.DryRunAll); !denied(err) || len(theirs.Data) > 0 {
		t.Errorf("patching a Secret of others: %v, %d values", err, len(theirs.Data))
	}
	ours := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "sales", Name: "governed-tools-sealing-keys"}}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(ours), ours); !apierrors.IsForbidden(err) {
		t.Errorf("reading the sealing keys: %v", err)
	}
}

// denied says whether the admission policy of Secrets refused a write.
func denied(err error) bool {
	return (apierrors.IsForbidden(err) || apierrors.IsInvalid(err)) && strings.Contains(err.Error(), "the operator may only write Secrets")
}

// credentials checks that the pods run as the restricted pod security standard asks
// and mount nothing but the document, the keys of their conversations and their own token.
func credentials(t *testing.T, config *rest.Config) {
	for _, p := range servers(t, administrator(t, config)) {
		for _, v := range p.Spec.Volumes {
			if v.Secret != nil && v.Secret.SecretName != "governed-tools-sealing-keys" || v.HostPath != nil {
				t.Errorf("%s mounts %s", p.Name, v.Name)
			}
		}
		for _, c := range p.Spec.Containers {
			for _, e := range c.Env {
				if e.ValueFrom != nil {
					t.Errorf("%s takes %s from %v", p.Name, e.Name, e.ValueFrom)
				}
			}
			s := c.SecurityContext
			if s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation {
				t.Errorf("%s runs with %+v", p.Name, s)
			}
		}
	}
}
