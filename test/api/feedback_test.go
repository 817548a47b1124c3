// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/test/env"
)

// TestEarlyFeedback installs the admission policies of config/early-feedback on a real
// API server, and holds what they say against what a Boundary allows.
func TestEarlyFeedback(t *testing.T) {
	_, c := env.Cluster(t)
	t.Cleanup(func() { policiesGone(t, c) })
	for _, name := range []string{"tenant", "elsewhere"} {
		if err := c.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range []string{`
apiVersion: gatehouse.dev/v1alpha1
kind: Boundary
metadata: {name: tenant}
spec:
  namespaces: [{name: tenant}]
  workspaces: [main]
  groups: {memberOf: [sales_*]}
  grants:
    - {type: Table, names: [main.sales.*], privileges: [SELECT]}
  issuers: [https://idp.example.com/]
  dataPolicies: {tables: [main.sales.*]}
  connections: {names: [crm_*], hosts: [API.example.com]}
  modelEndpoints: {names: [sales-*], payloadTables: [main.logs.sales_*]}`, `
apiVersion: gatehouse.dev/v1alpha1
kind: Boundary
metadata: {name: other}
spec:
  namespaces: [{name: somewhere}]`} {
		o := parsed(t, b)
		if err := c.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		remove(t, c, o)
	}
	install(t, c, filepath.Join(env.Root(t), "config/early-feedback"))
	role := func(namespace, spec string) string {
		return "apiVersion: gatehouse.dev/v1alpha1\nkind: Role\nmetadata: {generateName: r-, namespace: " + namespace + "}\nspec: {workspaceRef: {name: main}" + spec + "}"
	}
	table := func(name string) string {
		return `{apiVersion: gatehouse.dev/v1alpha1, kind: DataPolicy, metadata: {generateName: d-, namespace: tenant}, spec: {workspaceRef: {name: main}, warehouseID: w1, table: ` + name + `, rowFilter: {function: {name: main.sales.f, columns: [region]}}}}`
	}
	issuer := func(url string) string {
		return `{apiVersion: gatehouse.dev/v1alpha1, kind: FederationPolicy, metadata: {generateName: f-, namespace: tenant}, spec: {workspaceRef: {name: main}, issuer: "` + url + `", audiences: [a], claims: {role: role}, roles: [{name: x, subject: x}]}}`
	}
	connection := func(name, host string) string {
		return `{apiVersion: gatehouse.dev/v1alpha1, kind: Connection, metadata: {generateName: c-, namespace: tenant}, spec: {workspaceRef: {name: main}, connectionName: ` + name + `, host: "` + host + `", bearerToken: {secretRef: {name: s, key: k}}}}`
	}
	model := func(name, more string) string {
		return `{apiVersion: gatehouse.dev/v1alpha1, kind: ModelEndpoint, metadata: {generateName: m-, namespace: tenant}, spec: {workspaceRef: {name: main}, endpointName: ` + name + `, usageTracking: Enabled` + more + `}}`
	}
	cases := map[string]struct{ object, refused string }{
		"a connection":                         {connection("crm_a", "https://api.EXAMPLE.com"), ""},
		"a connection outside":                 {connection("hr", "https://api.example.com"), "does not allow the connection hr"},
		"a host outside":                       {connection("crm_a", "https://api.example.com.evil.org"), "does not allow connections to api.example.com.evil.org"},
		"a serving endpoint":                   {model("sales-a", ""), ""},
		"a serving endpoint outside":           {model("hr", ""), "does not allow ModelEndpoints on hr"},
		"payload logging":                      {model("sales-a", ", payloadLogging: {catalog: main, schema: logs, tablePrefix: sales_a}"), ""},
		"payload logging outside":              {model("sales-a", ", payloadLogging: {catalog: main, schema: hr, tablePrefix: a}"), "does not allow payload logging into main.hr.a"},
		"a Role within the Boundary":           {role("tenant", ", memberOf: [sales_west], grants: [{type: Table, name: main.sales.deals, privileges: [SELECT]}]"), ""},
		"a Role that asks for nothing":         {role("tenant", ""), ""},
		"another Workspace":                    {strings.Replace(role("tenant", ""), "{name: main}", "{name: prod}", 1), "the Boundary tenant does not allow the Workspace prod"},
		"a group outside":                      {role("tenant", ", memberOf: [sales_west, finance]"), "does not allow membership of finance"},
		"a table outside":                      {role("tenant", ", grants: [{type: Table, name: main.hr.pay, privileges: [SELECT]}]"), "does not allow SELECT on Table main.hr.pay"},
		"a star that would cross a dot":        {role("tenant", ", grants: [{type: Table, name: main.salesx.deals, privileges: [SELECT]}]"), "main.salesx.deals"},
		"a privilege outside":                  {role("tenant", ", grants: [{type: Table, name: main.sales.deals, privileges: [SELECT, MODIFY]}]"), "does not allow SELECT, MODIFY on Table main.sales.deals"},
		"a service account without hosting":    {role("tenant", ", serviceAccountName: robot"), "`hosting` Allowed"},
		"a Role in a namespace of no Boundary": {role("elsewhere", ", memberOf: [finance]"), ""},
		"a table of a DataPolicy":              {table("main.sales.deals"), ""},
		"a table outside of a DataPolicy":      {table("main.hr.pay"), "does not allow DataPolicies on main.hr.pay"},
		"an issuer":                            {issuer("https://idp.example.com/"), ""},
		"an issuer but for a slash":            {issuer("https://idp.example.com"), "a trailing slash counts"},
		"an MCPServer where none may run":      {mcpServer(t), "does not let MCPServers run in this namespace"},
	}
	// The policies take effect a moment after they were made, each in its own time.
	for _, x := range cases {
		if x.refused != "" {
			waitFor(t, func(ctx context.Context) bool { return c.Create(ctx, parsed(t, x.object), client.DryRunAll) != nil })
		}
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			err := c.Create(t.Context(), parsed(t, x.object), client.DryRunAll)
			switch {
			case x.refused == "" && err != nil:
				t.Errorf("refused: %v", err)
			case x.refused != "" && (err == nil || !strings.Contains(err.Error(), x.refused)):
				t.Errorf("got %v, want %s", err, x.refused)
			}
		})
	}
	t.Run("what was there before a Boundary shrank can be labelled and deleted", func(t *testing.T) {
		r := parsed(t, role("tenant", ", memberOf: [sales_west]"))
		if err := c.Create(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if err := c.Patch(t.Context(), parsed(t, "{apiVersion: gatehouse.dev/v1alpha1, kind: Boundary, metadata: {name: tenant}}"),
			client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"groups":null}}`))); err != nil {
			t.Fatal(err)
		}
		waitFor(t, func(ctx context.Context) bool {
			return c.Create(ctx, parsed(t, role("tenant", ", memberOf: [sales_west]")), client.DryRunAll) != nil
		})
		if err := c.Patch(t.Context(), r, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"a":"b"}}}`))); err != nil {
			t.Error(err)
		}
		if err := c.Patch(t.Context(), r, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"displayName":"Other"}}`))); err == nil {
			t.Error("another spec was accepted, which the Boundary does not allow any more")
		}
		if err := c.Delete(t.Context(), r); err != nil {
			t.Error(err)
		}
	})
}

// mcpServer is the smallest one that is accepted.
func mcpServer(t *testing.T) string {
	t.Helper()
	o := examplesOf(t, "mcpserver").minimal[0]
	o.SetNamespace("tenant")
	if err := unstructured.SetNestedField(o.Object, "main", "spec", "workspaceRef", "name"); err != nil {
		t.Fatal(err)
	}
	raw, err := yaml.Marshal(o.Object)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func parsed(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return o
}

// install makes what a kustomization names, until the test ends.
func install(t *testing.T, c client.Client, dir string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var k struct {
		Resources []string `json:"resources"`
	}
	if err := yaml.Unmarshal(raw, &k); err != nil || len(k.Resources) == 0 {
		t.Fatalf("%v in %s", err, dir)
	}
	for _, name := range k.Resources {
		for _, o := range documents(t, filepath.Join(dir, name)) {
			if err := c.Create(t.Context(), o); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			remove(t, c, o)
		}
	}
}

// policiesGone waits until no policy speaks any more: the next test uses the same API
// server. Without a Boundary, the policies refuse every object.
func policiesGone(t *testing.T, c client.Client) {
	t.Helper()
	c = client.NewDryRunClient(client.NewNamespacedClient(c, metav1.NamespaceDefault))
	for _, d := range definitions(t) {
		o := examplesOf(t, folder(d)).minimal[0]
		waitFor(t, func(ctx context.Context) bool { return c.Create(ctx, o.DeepCopy()) == nil })
	}
}

// waitFor asks until yes.
func waitFor(t *testing.T, yes func(context.Context) bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if yes(context.WithoutCancel(t.Context())) {
			return
		}
	}
	t.Fatal("it did not happen within a minute")
}
