// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/controllers/connection"
	"github.com/gatehouse-dev/gatehouse/internal/conditions"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

const (
	installation = "test"
	operatorName = "system:serviceaccount:gatehouse-system:gatehouse-operator"
	firstToken   = "dose-first-token-4711"
	secondToken  = "dose-second-token-0815"
	serviceName  = "main.shared.gh"
	connections  = "/api/2.1/unity-catalog/connections"
	services     = "/api/2.1/unity-catalog/mcp-services"
)

// world is a cluster, an emulator and the Secret of a team.
type world struct {
	t *testing.T
	// kube is the cluster as an administrator; live reads Secrets as the operator's service account.
	kube     client.WithWatch
	live     client.Reader
	emulator *env.Emulator
	recorder *events.FakeRecorder
	// dead makes the cluster unreachable: the operator has crashed.
	dead atomic.Bool
	// end ends the crashed operator's calls.
	end  atomic.Pointer[context.CancelFunc]
	hook *httptest.Server
	// struck is what the hook does.
	struck atomic.Pointer[func()]
	told   strings.Builder
}

var errCrashed = errors.New("the operator has crashed")

func newWorld(t *testing.T) *world {
	t.Helper()
	config, c := env.Cluster(t)
	w := &world{t: t, emulator: env.NewEmulator(t), recorder: events.NewFakeRecorder(10000)}
	plain, err := client.NewWithWatch(config, client.Options{Scheme: env.Scheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	as := rest.CopyConfig(config)
	as.Impersonate = rest.ImpersonationConfig{UserName: operatorName}
	if w.live, err = client.New(as, client.Options{Scheme: env.Scheme(t)}); err != nil {
		t.Fatal(err)
	}
	alive := func() error {
		if w.dead.Load() {
			return errCrashed
		}
		return nil
	}
	w.kube = interceptor.NewClient(plain, interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			if err := alive(); err != nil {
				return err
			}
			return c.Patch(ctx, o, p, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			if err := alive(); err != nil {
				return err
			}
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	})
	w.hook = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { (*w.struck.Load())() }))
	t.Cleanup(w.hook.Close)
	env.Workspace(t, c, w.emulator)
	w.emulator.SQL(t, "CREATE CATALOG main", "CREATE SCHEMA main.shared")
	// In its own namespace the operator reads Secrets, and nowhere else.
	w.letRead(env.OperatorNamespace, "")
	for _, name := range []string{"sales", "rival"} {
		ns := env.Namespace(t, c, name, nil)
		env.Create(t, c, secret(name, firstToken), &v1alpha1.Boundary{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.BoundarySpec{
			Namespaces: []v1alpha1.BoundaryNamespace{{Name: name, UID: string(ns.UID)}}, Workspaces: []v1alpha1.NamePattern{"main"},
			Connections: v1alpha1.BoundaryConnections{
				Names: []v1alpha1.NamePattern{"gh*"}, Hosts: []v1alpha1.NamePattern{"*.example.com"}, MCPServices: []v1alpha1.NamePattern{"main.shared.*"},
			},
		}})
		w.letRead(name, "gh")
	}
	return w
}

func secret(namespace, token string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "gh"}, StringData: map[string]string{"token": token + "\n"}}
}

// letRead lets the operator read one Secret of a namespace, or all of them, as its team does.
func (w *world) letRead(namespace, name string) {
	w.t.Helper()
	rule := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get", "create"}}
	if name != "" {
		rule.Verbs, rule.ResourceNames = []string{"get"}, []string{name}
	}
	role, binding := grants(namespace, name, rule)
	env.Create(w.t, w.kube, role, binding)
	w.eventually(func() bool {
		err := w.live.Get(w.t.Context(), client.ObjectKey{Namespace: namespace, Name: name + "x"[:1-min(len(name), 1)]}, &corev1.Secret{})
		return !apierrors.IsForbidden(err)
	})
}

// rights let the operator read one Secret of the sales team.
func (w *world) rights(name string) (role *rbacv1.Role, binding *rbacv1.RoleBinding) {
	return grants("sales", name, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}, ResourceNames: []string{name}})
}

func grants(namespace, name string, rule rbacv1.PolicyRule) (role *rbacv1.Role, binding *rbacv1.RoleBinding) {
	at := metav1.ObjectMeta{Namespace: namespace, Name: "gatehouse-connection" + name}
	return &rbacv1.Role{ObjectMeta: at, Rules: []rbacv1.PolicyRule{rule}}, &rbacv1.RoleBinding{
		ObjectMeta: at, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: at.Name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: env.OperatorNamespace, Name: "gatehouse-operator"}},
	}
}

// eventually waits for what the API server takes a moment for.
func (w *world) eventually(ok func() bool) {
	w.t.Helper()
	for range 200 {
		if ok() {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	w.t.Fatal("it did not happen")
}

// declared is an MCP server with an MCP service over it.
func declared(name string) *v1alpha1.Connection {
	return &v1alpha1.Connection{ObjectMeta: metav1.ObjectMeta{Namespace: "sales", Name: name}, Spec: v1alpha1.ConnectionSpec{
		WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, ConnectionName: "gh", Host: "https://api.example.com", BasePath: "/mcp", Protocol: v1alpha1.ProtocolMCP, Comment: "the company's",
		BearerToken: &v1alpha1.BearerToken{SecretRef: v1alpha1.SecretKeyReference{Name: "gh", Key: "token"}},
		MCPService:  &v1alpha1.MCPService{Name: serviceName, Tools: []v1alpha1.ToolSelector{"search_*", "get_issue"}},
	}}
}

func (w *world) options() connection.Options {
	return connection.Options{Installation: installation, Namespace: env.OperatorNamespace, OperatorName: operatorName, Connect: connect.New(connect.Options{
		Workspaces: w.kube, Secrets: w.live, Namespace: env.OperatorNamespace,
		Pool: admin.NewPool(admin.PoolOptions{UserAgent: "test", RequestsPerSecond: 2000}),
	})}
}

// pass is one pass of a freshly started operator.
func (w *world) pass(ctx context.Context, c *v1alpha1.Connection) error {
	_, err := connection.NewReconciler(w.kube, w.live, w.recorder, w.options()).Reconcile(ctx, c)
	if err != nil {
		w.told.WriteString(err.Error())
	}
	return err
}

// find reads a Connection; nil when it is gone.
func (w *world) find(namespace, name string) *v1alpha1.Connection {
	w.t.Helper()
	c := &v1alpha1.Connection{}
	err := w.kube.Get(w.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, c)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	raw, _ := json.Marshal(c)
	w.told.Write(raw)
	return c
}

func (w *world) get(name string) *v1alpha1.Connection { w.t.Helper(); return w.find("sales", name) }

// settle runs passes until the Connection is Ready for its generation, or gone.
func (w *world) settle(name string) *v1alpha1.Connection {
	w.t.Helper()
	var last error
	for range 6 {
		c := w.get(name)
		if c == nil {
			return nil
		}
		last = w.pass(w.t.Context(), c)
		if c = w.get(name); c == nil {
			return nil
		}
		w.rules(c)
		ready := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionReady)
		if ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == c.Generation && c.DeletionTimestamp.IsZero() {
			return c
		}
	}
	w.t.Fatalf("%s did not settle: %v %+v", name, last, w.get(name).Status.Conditions)
	return nil
}

func (w *world) rules(c *v1alpha1.Connection) {
	w.t.Helper()
	if problems := conditions.Problems(c.Status.Conditions, c.Generation); len(problems) > 0 {
		w.t.Errorf("conditions: %v", problems)
	}
}

// ends makes a pass and returns the message of a condition that must have a status and a reason.
func (w *world) ends(c *v1alpha1.Connection, condition string, status metav1.ConditionStatus, reason string) string {
	w.t.Helper()
	if err := w.pass(w.t.Context(), c); err != nil && reason != v1alpha1.ReasonInvalid {
		w.t.Errorf("%s: %v", c.Name, err)
	}
	c = w.find(c.Namespace, c.Name)
	w.rules(c)
	got := meta.FindStatusCondition(c.Status.Conditions, condition)
	if got == nil || got.Status != status || got.Reason != reason {
		w.t.Fatalf("conditions of %s are %+v, want %s %s for %s", c.Name, c.Status.Conditions, condition, status, reason)
	}
	return got.Message
}

func (w *world) edit(name string, change func(*v1alpha1.ConnectionSpec)) {
	w.t.Helper()
	c := w.get(name)
	change(&c.Spec)
	if err := w.kube.Update(w.t.Context(), c); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) rotate(token string) {
	w.t.Helper()
	var s corev1.Secret
	if err := w.kube.Get(w.t.Context(), client.ObjectKey{Namespace: "sales", Name: "gh"}, &s); err != nil {
		w.t.Fatal(err)
	}
	s.StringData = map[string]string{"token": token}
	if err := w.kube.Update(w.t.Context(), &s); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) bound(edit func(*v1alpha1.BoundaryConnections)) {
	w.t.Helper()
	var b v1alpha1.Boundary
	if err := w.kube.Get(w.t.Context(), client.ObjectKey{Name: "sales"}, &b); err != nil {
		w.t.Fatal(err)
	}
	edit(&b.Spec.Connections)
	if err := w.kube.Update(w.t.Context(), &b); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) remove(name string) {
	w.t.Helper()
	if c := w.get(name); c != nil {
		if err := w.kube.Delete(w.t.Context(), c); err != nil {
			w.t.Fatal(err)
		}
	}
	if w.settle(name) != nil {
		w.t.Errorf("%s is still there", name)
	}
}

func (w *world) call(method, path, body string) map[string]any {
	w.t.Helper()
	out := map[string]any{}
	w.emulator.Do(w.t, method, w.emulator.WorkspaceURL, path, body, &out)
	raw, _ := json.Marshal(out)
	w.told.Write(raw)
	return out
}

// found is everything that there is, without times, ids and etags.
func (w *world) found() map[string]string {
	w.t.Helper()
	out := map[string]string{}
	list, _ := w.call(http.MethodGet, connections, "")["connections"].([]any)
	for _, e := range list {
		c := e.(map[string]any)
		out[fmt.Sprint(c["name"])] = fmt.Sprint(c["comment"], " ", c["credential_type"], " ", c["options"])
	}
	list, _ = w.call(http.MethodGet, services+"?parent=schemas/main.shared", "")["mcp_services"].([]any)
	for _, e := range list {
		s := e.(map[string]any)
		out[fmt.Sprint(s["name"])] = fmt.Sprint(s["comment"], " ", s["config"])
	}
	return out
}

// has checks the names of everything that there is.
func (w *world) has(names ...string) {
	w.t.Helper()
	if got := slices.Sorted(maps.Keys(w.found())); !slices.Equal(got, names) {
		w.t.Errorf("there is %q, want %q", got, names)
	}
}

// quiet checks that no credential was told in a status, an event, an error or an answer.
func (w *world) quiet() {
	w.t.Helper()
	for len(w.recorder.Events) > 0 {
		w.told.WriteString(<-w.recorder.Events)
	}
	for _, token := range []string{firstToken, secondToken} {
		if at := strings.Index(w.told.String(), token[:12]); at >= 0 {
			w.t.Errorf("a credential was told: %.200s", w.told.String()[max(0, at-100):])
		}
	}
}
