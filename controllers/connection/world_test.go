// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/controllers/connection"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/test/env"
	"github.com/gatehouse-dev/gatehouse/test/externaltest"
)

const (
	operatorName = "system:serviceaccount:gatehouse-system:gatehouse-operator"
	firstToken   = "dose-first-token-4711"
	secondToken  = "dose-second-token-0815"
	serviceName  = "main.shared.gh"
	connections  = "/api/2.1/unity-catalog/connections"
	services     = "/api/2.1/unity-catalog/mcp-services"
)

// world is one in which the operator may read the Secret of a team and no other.
type world struct {
	*externaltest.World[*v1alpha1.Connection]
	// live reads Secrets as the operator's service account.
	live client.Reader
	told strings.Builder
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{World: externaltest.New[*v1alpha1.Connection](t)}
	as := rest.CopyConfig(w.Config)
	as.Impersonate = rest.ImpersonationConfig{UserName: operatorName}
	var err error
	if w.live, err = client.New(as, client.Options{Scheme: env.Scheme(t)}); err != nil {
		t.Fatal(err)
	}
	w.Connection = func(o *connect.Options) { o.Secrets = w.live }
	w.Options = externaltest.Options[*v1alpha1.Connection]{Namespace: "sales", Restart: true, Passes: 6, Start: w.start}
	w.Emulator.SQL(t, "CREATE CATALOG main", "CREATE SCHEMA main.shared")
	// In its own namespace the operator reads Secrets, and nowhere else.
	w.letRead(env.OperatorNamespace, "")
	for _, name := range []string{"sales", "rival"} {
		w.Tenant(name, nil, func(b *v1alpha1.BoundarySpec) {
			b.Connections = v1alpha1.BoundaryConnections{
				Names: []v1alpha1.NamePattern{"gh*"}, Hosts: []v1alpha1.NamePattern{"*.example.com"}, MCPServices: []v1alpha1.NamePattern{"main.shared.*"},
			}
		})
		env.Create(t, w.Kube, secret(name, firstToken))
		w.letRead(name, "gh")
	}
	return w
}

func secret(namespace, token string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "gh"}, StringData: map[string]string{"token": token + "\n"}}
}

// letRead lets the operator read one Secret of a namespace, or all of them, as its team does.
func (w *world) letRead(namespace, name string) {
	w.T.Helper()
	rule := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get", "create"}}
	if name != "" {
		rule.Verbs, rule.ResourceNames = []string{"get"}, []string{name}
	}
	role, binding := grants(namespace, name, rule)
	env.Create(w.T, w.Kube, role, binding)
	w.eventually(func() bool {
		err := w.live.Get(w.T.Context(), client.ObjectKey{Namespace: namespace, Name: name + "x"[:1-min(len(name), 1)]}, &corev1.Secret{})
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
	w.T.Helper()
	for range 200 {
		if ok() {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	w.T.Fatal("it did not happen")
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
	return connection.Options{Installation: externaltest.Installation, Namespace: env.OperatorNamespace, OperatorName: operatorName, Connect: w.Connector()}
}

// start starts an operator; its errors and the Connection after a pass must not hold a credential.
func (w *world) start() externaltest.Operator[*v1alpha1.Connection] {
	loop := connection.NewReconciler(w.Kube, w.live, w.Recorder, w.options())
	return func(ctx context.Context, c *v1alpha1.Connection) error {
		_, err := loop.Reconcile(ctx, c)
		raw, _ := json.Marshal(c)
		w.told.Write(raw)
		if err != nil {
			w.told.WriteString(err.Error())
		}
		return err
	}
}

// Find reads a Connection, which must not tell a credential; nil when it is gone.
func (w *world) Find(namespace, name string) *v1alpha1.Connection {
	w.T.Helper()
	c := w.World.Find(namespace, name)
	raw, _ := json.Marshal(c)
	w.told.Write(raw)
	return c
}

// Get reads a Connection of the sales team.
func (w *world) Get(name string) *v1alpha1.Connection { w.T.Helper(); return w.Find("sales", name) }

func (w *world) edit(name string, change func(*v1alpha1.ConnectionSpec)) {
	w.T.Helper()
	w.Edit(name, func(c *v1alpha1.Connection) { change(&c.Spec) })
}

func (w *world) rotate(token string) {
	w.T.Helper()
	var s corev1.Secret
	w.Change(&s, "sales", "gh", func() { s.StringData = map[string]string{"token": token} })
}

func (w *world) bound(edit func(*v1alpha1.BoundaryConnections)) {
	w.T.Helper()
	w.Bound("sales", func(b *v1alpha1.BoundarySpec) { edit(&b.Connections) })
}

func (w *world) call(method, path, body string) map[string]any {
	w.T.Helper()
	out := map[string]any{}
	w.Emulator.Do(w.T, method, w.Emulator.WorkspaceURL, path, body, &out)
	raw, _ := json.Marshal(out)
	w.told.Write(raw)
	return out
}

// found is everything that there is, without times, ids and etags.
func (w *world) found() map[string]string {
	w.T.Helper()
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
	w.T.Helper()
	if got := slices.Sorted(maps.Keys(w.found())); !slices.Equal(got, names) {
		w.T.Errorf("there is %q, want %q", got, names)
	}
}

// quiet checks that no credential was told in a status, an event, an error or an answer.
func (w *world) quiet() {
	w.T.Helper()
	for len(w.Recorder.Events) > 0 {
		w.told.WriteString(<-w.Recorder.Events)
	}
	for _, token := range []string{firstToken, secondToken} {
		if at := strings.Index(w.told.String(), token[:12]); at >= 0 {
			w.T.Errorf("a credential was told: %.200s", w.told.String()[max(0, at-100):])
		}
	}
}
