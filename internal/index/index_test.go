// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package index_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/index"
)

// cluster is a client with all indexes.
func cluster(t *testing.T, objects ...client.Object) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	b := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...)
	for _, f := range index.Fields() {
		b = b.WithIndex(f.Object, f.Name, f.Keys)
	}
	return b.Build()
}

func at(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "sales", Name: name} }

func role(namespace, name string, labels map[string]string) *v1alpha1.Role {
	return &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels}}
}

func tenant(name string, labels map[string]string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
}

func access(name, server string, rules ...v1alpha1.AccessRule) *v1alpha1.ToolAccess {
	return &v1alpha1.ToolAccess{ObjectMeta: at(name), Spec: v1alpha1.ToolAccessSpec{ServerRef: v1alpha1.LocalReference{Name: server}, Rules: rules}}
}

func selecting(namespaces, roles map[string]string) v1alpha1.AccessRule {
	s := &v1alpha1.RoleSelector{Namespaces: metav1.LabelSelector{MatchLabels: namespaces}}
	if roles != nil {
		s.Roles = &metav1.LabelSelector{MatchLabels: roles}
	}
	return v1alpha1.AccessRule{Selector: s}
}

func policy(name string, namespaces map[string]string, roles ...string) *v1alpha1.FederationPolicy {
	out := &v1alpha1.FederationPolicy{ObjectMeta: at(name)}
	for _, r := range roles {
		out.Spec.Roles = append(out.Spec.Roles, v1alpha1.FederatedRole{Name: r, Subject: r})
	}
	if namespaces != nil {
		out.Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: namespaces}
	}
	return out
}

func server(name string, policies ...string) *v1alpha1.MCPServer {
	out := &v1alpha1.MCPServer{ObjectMeta: at(name)}
	for _, p := range policies {
		out.Spec.FederationPolicyRefs = append(out.Spec.FederationPolicyRefs, v1alpha1.LocalReference{Name: p})
	}
	return out
}

func names(requests []reconcile.Request) []string {
	var out []string
	for _, r := range requests {
		out = append(out, r.String())
	}
	return out
}

func TestWhatAnEventOfARoleConcerns(t *testing.T) {
	gold, tier := map[string]string{"tier": "gold"}, map[string]string{"team": "a"}
	c := cluster(t,
		tenant("sales", nil), tenant("tenant", gold),
		access("names-west", "one", v1alpha1.AccessRule{Roles: []string{"west", "east"}}, v1alpha1.AccessRule{Roles: []string{"west"}}),
		access("selects-gold", "two", selecting(gold, nil)),
		access("selects-gold-a", "three", selecting(gold, tier)),
		access("selects-nothing", "four", selecting(map[string]string{}, nil)),
		policy("for-west", nil, "west"), policy("for-gold", gold), policy("for-silver", map[string]string{"tier": "silver"}),
		server("one"), server("two"), server("three"), server("four"),
		server("trusts-west", "for-west", "for-silver"), server("trusts-gold", "for-gold", "for-west"), server("idle"),
		&v1alpha1.ModelEndpoint{ObjectMeta: at("limits-west"), Spec: v1alpha1.ModelEndpointSpec{RateLimits: []v1alpha1.EndpointRateLimit{
			{Role: &v1alpha1.LocalReference{Name: "west"}}, {Group: "gh_west"},
		}}},
		&v1alpha1.ModelEndpoint{ObjectMeta: at("limits-everybody"), Spec: v1alpha1.ModelEndpointSpec{RateLimits: []v1alpha1.EndpointRateLimit{{Group: "gh_west"}}}},
	)
	of := index.OfRole{Reader: c}
	type concerned struct{ Accesses, Policies, Servers, Endpoints []string }
	for name, tt := range map[string]struct {
		role *v1alpha1.Role
		want concerned
	}{
		"a Role that is named": {role("sales", "west", nil), concerned{
			[]string{"sales/names-west"}, []string{"sales/for-west"}, []string{"sales/one", "sales/trusts-gold", "sales/trusts-west"}, []string{"sales/limits-west"},
		}},
		"a Role of that name elsewhere": {role("other", "west", nil), concerned{ // whose namespace is gone: whatever selects by labels may have selected it
			[]string{"sales/selects-gold", "sales/selects-gold-a", "sales/selects-nothing"}, []string{"sales/for-gold", "sales/for-silver"},
			[]string{"sales/four", "sales/three", "sales/trusts-gold", "sales/trusts-west", "sales/two"}, nil,
		}},
		"a Role that is selected by its namespace": {role("tenant", "x", nil), concerned{
			[]string{"sales/selects-gold"}, []string{"sales/for-gold"}, []string{"sales/trusts-gold", "sales/two"}, nil,
		}},
		"a Role that is selected by its labels too": {role("tenant", "x", tier), concerned{
			[]string{"sales/selects-gold", "sales/selects-gold-a"}, []string{"sales/for-gold"}, []string{"sales/three", "sales/trusts-gold", "sales/two"}, nil,
		}},
		"a server's own Role":       {role("sales", "idle-health", nil), concerned{nil, nil, []string{"sales/idle"}, nil}},
		"a Role that nothing means": {role("sales", "nobody", tier), concerned{}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			got := concerned{names(of.Accesses(ctx, tt.role)), names(of.Policies(ctx, tt.role)), names(of.Servers(ctx, tt.role)), names(of.Endpoints(ctx, tt.role))}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestOneRoleOf200Servers counts the passes that one event of a Role asks for where 200 servers
// each have a Role, a FederationPolicy and a ToolAccess, and ten more of each select by labels.
func TestOneRoleOf200Servers(t *testing.T) {
	const servers, selectors = 200, 10
	objects := []client.Object{tenant("sales", nil), tenant("tenant-3", map[string]string{"tenant": "3"})}
	for n := range servers {
		s := fmt.Sprintf("s%03d", n)
		objects = append(objects, server(s, s), policy(s, nil, s), access(s, s, v1alpha1.AccessRule{Roles: []string{s}}))
	}
	for n := range selectors {
		s, labels := fmt.Sprintf("selecting-%d", n), map[string]string{"tenant": fmt.Sprint(n)}
		objects = append(objects, server(s, s), policy(s, labels), access(s, s, selecting(labels, nil)))
	}
	of := index.OfRole{Reader: cluster(t, objects...)}
	for name, tt := range map[string]struct {
		role *v1alpha1.Role
		want []string
	}{
		"named":    {role("sales", "s042", nil), []string{"sales/s042"}},
		"selected": {role("tenant-3", "any", nil), []string{"sales/selecting-3"}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, passes := t.Context(), 0
			for _, find := range []func(context.Context, client.Object) []reconcile.Request{of.Servers, of.Policies, of.Accesses, of.Endpoints} {
				got := names(find(ctx, tt.role))
				passes += len(got)
				if len(got) > 0 && !slices.Equal(got, tt.want) {
					t.Errorf("got %v, want %v", got, tt.want)
				}
			}
			if passes != 3 {
				t.Errorf("an event asks for %d passes of %d, want 3", passes, 3*(servers+selectors))
			}
		})
	}
}

// indexer records what is registered.
type indexer struct {
	fields map[string]bool
	fail   error
}

func (i *indexer) IndexField(_ context.Context, obj client.Object, field string, keys client.IndexerFunc) error {
	i.fields[fmt.Sprintf("%T %s", obj, field)] = true
	if got := keys(&corev1.Pod{}); got != nil {
		return fmt.Errorf("%s has the keys %v for a Pod", field, got)
	}
	return i.fail
}

func TestRegister(t *testing.T) {
	got := &indexer{fields: map[string]bool{}}
	if err := index.Register(t.Context(), got); err != nil || len(got.fields) != len(index.Fields()) {
		t.Errorf("registered %v: %v", got.fields, err)
	}
	got.fail = fmt.Errorf("too late")
	if err := index.Register(t.Context(), got); err == nil {
		t.Error("what cannot be registered is no error")
	}
}
