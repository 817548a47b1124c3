// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/controllers/role"
	"github.com/gatehouse-dev/gatehouse/internal/clusterissuer"
	"github.com/gatehouse-dev/gatehouse/internal/conditions"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// world is a cluster, an emulator and what surrounds a Role.
type world struct {
	t        *testing.T
	kube     client.WithWatch
	emulator *env.Emulator
	// dead makes the cluster unreachable: the operator has crashed.
	dead atomic.Bool
	// end ends the crashed operator's calls.
	end  atomic.Pointer[context.CancelFunc]
	hook *httptest.Server
	// issuer is what the cluster says of its tokens; without a URL it says nothing.
	issuer clusterissuer.Issuer
}

// Issuer is the cluster's.
func (w *world) Issuer(context.Context) (clusterissuer.Issuer, error) {
	if w.issuer.URL == "" {
		return clusterissuer.Issuer{}, fault.Transient(v1alpha1.ReasonIssuerUnknown, errors.New("the issuer cannot be read"))
	}
	return w.issuer, nil
}

var errCrashed = errors.New("the operator has crashed")

func newWorld(t *testing.T) *world {
	t.Helper()
	config, c := env.Cluster(t)
	w := &world{t: t, emulator: env.NewEmulator(t), issuer: clusterissuer.Issuer{URL: "https://cluster.example.com", JWKS: `{"keys":[{"kid":"1"}]}`}}
	plain, err := client.NewWithWatch(config, client.Options{Scheme: env.Scheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	alive := func() error {
		if w.dead.Load() {
			return errCrashed
		}
		return nil
	}
	w.kube = interceptor.NewClient(plain, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			return errors.Join(alive(), c.Get(ctx, key, o, opts...))
		},
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
	w.hook = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		w.dead.Store(true)
		if end := w.end.Load(); end != nil {
			// The answer that is on its way still arrives; what the dead operator would ask next is cut off anyway.
			time.AfterFunc(20*time.Millisecond, *end)
		}
	}))
	t.Cleanup(w.hook.Close)
	w.surround(c)
	return w
}

// surround declares a server with a tool that reads a table, open to every Role of
// the tenants' namespaces, and puts things of others next to ours.
func (w *world) surround(c client.Client) {
	t := w.t
	env.Workspace(t, c, w.emulator)
	w.emulator.SQL(t, "CREATE CATALOG main", "CREATE SCHEMA main.sales", "CREATE TABLE main.sales.deals (id STRING)", "CREATE TABLE main.sales.extra (id STRING)")
	platform := env.Namespace(t, c, "platform", nil)
	tenant := env.Namespace(t, c, "tenant", map[string]string{"tier": "sales"})
	bound := func(name string, uid string) *v1alpha1.Boundary {
		return &v1alpha1.Boundary{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.BoundarySpec{
			Namespaces: []v1alpha1.BoundaryNamespace{{Name: name, UID: uid}}, Workspaces: []v1alpha1.NamePattern{"main"},
			Groups: v1alpha1.BoundaryGroups{MemberOf: []v1alpha1.NamePattern{"gh_*", "shared"}, Create: []v1alpha1.NamePattern{"gh_*"}},
			Grants: []v1alpha1.BoundaryGrant{
				{Type: "Catalog", Names: []v1alpha1.NamePattern{"main"}, Privileges: []v1alpha1.Privilege{"USE_CATALOG"}},
				{Type: "Schema", Names: []v1alpha1.NamePattern{"main.sales"}, Privileges: []v1alpha1.Privilege{"USE_SCHEMA"}},
				{Type: "Table", Names: []v1alpha1.NamePattern{"main.sales.*"}, Privileges: []v1alpha1.Privilege{"SELECT"}},
			},
			Warehouses: []v1alpha1.NamePattern{env.WarehouseID}, Scopes: []v1alpha1.OAuthScope{"sql"}, Tools: []v1alpha1.NamePattern{"*"}, Servers: []v1alpha1.NamePattern{"platform/tools"},
			Hosting: v1alpha1.HostingAllowed,
		}}
	}
	env.Create(t, c, bound("platform", string(platform.UID)), bound("tenant", string(tenant.UID)),
		&v1alpha1.Tool{ObjectMeta: metav1.ObjectMeta{Namespace: "platform", Name: "deals"}, Spec: v1alpha1.ToolSpec{
			ToolName: "deals", Description: "Deals.", Reads: []v1alpha1.SecurableName{"main.sales.deals"}, SQL: &v1alpha1.SQLTool{Statement: "SELECT id FROM main.sales.deals"},
		}},
		&v1alpha1.MCPServer{ObjectMeta: metav1.ObjectMeta{Namespace: "platform", Name: "tools"}, Spec: v1alpha1.MCPServerSpec{
			WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, WarehouseID: env.WarehouseID, Resource: "https://tools.example.com/mcp",
			FederationPolicyRefs: []v1alpha1.LocalReference{{Name: "idp"}}, ToolRefs: []v1alpha1.LocalReference{{Name: "deals"}},
		}},
		&v1alpha1.ToolAccess{ObjectMeta: metav1.ObjectMeta{Namespace: "platform", Name: "matrix"}, Spec: v1alpha1.ToolAccessSpec{
			ServerRef: v1alpha1.LocalReference{Name: "tools"},
			Rules: []v1alpha1.AccessRule{{Name: "tenants", Tools: []string{"deals"}, Selector: &v1alpha1.RoleSelector{
				Namespaces: metav1.LabelSelector{MatchLabels: map[string]string{"tier": "sales"}},
			}}},
		}})
	// Others' things: a service principal of the same name, and a group that is not ours.
	w.emulator.Do(t, http.MethodPost, w.emulator.AccountURL, w.scim("ServicePrincipals"), `{"displayName":"Tenant","externalId":"somebody","active":true}`, nil)
	w.emulator.Do(t, http.MethodPost, w.emulator.AccountURL, w.scim("Groups"), `{"displayName":"shared"}`, nil)
}

func (w *world) scim(kind string) string {
	return "/api/2.0/accounts/" + env.AccountID + "/scim/v2/" + kind
}

const installation = "test"

// operator is a freshly started one.
func (w *world) operator() func(context.Context, *v1alpha1.Role) error {
	loop := role.NewReconciler(w.kube, events.NewFakeRecorder(1000), w.options())
	return func(ctx context.Context, r *v1alpha1.Role) error {
		_, err := loop.Reconcile(ctx, r)
		return err
	}
}

func (w *world) role(name string) *v1alpha1.Role {
	return &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant", Name: name}, Spec: v1alpha1.RoleSpec{
		WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, DisplayName: "Tenant", ServiceAccountName: "worker", MemberOf: []v1alpha1.AccountGroupName{"gh_west", "shared"},
		Grants: []v1alpha1.Grant{{Securable: v1alpha1.Securable{Type: "Table", Name: "main.sales.extra"}, Privileges: []v1alpha1.Privilege{"SELECT"}}},
	}}
}

// get reads a Role past a crash; nil when it is gone.
func (w *world) get(name string) *v1alpha1.Role {
	w.t.Helper()
	r := &v1alpha1.Role{}
	err := w.kube.Get(w.t.Context(), client.ObjectKey{Namespace: "tenant", Name: name}, r)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// settle runs passes until the Role is Ready for its generation, or gone.
func (w *world) settle(name string) *v1alpha1.Role {
	w.t.Helper()
	operator := w.operator()
	var last error
	for range 12 {
		r := w.get(name)
		if r == nil {
			return nil
		}
		last = operator(w.t.Context(), r)
		if r = w.get(name); r == nil {
			return nil
		}
		if problems := conditions.Problems(r.Status.Conditions, r.Generation); len(problems) > 0 {
			w.t.Errorf("conditions: %v", problems)
		}
		c := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionReady)
		if c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == r.Generation && r.DeletionTimestamp.IsZero() {
			return r
		}
	}
	w.t.Fatalf("%s did not settle: %v %+v", name, last, w.get(name).Status.Conditions)
	return nil
}

// ours are the service principals that carry the mark of a Role.
func (w *world) ours(name string) []env.Principal {
	w.t.Helper()
	var out []env.Principal
	for _, p := range w.emulator.State(w.t).Principals {
		if p.ExternalID == installation+"/role/tenant/"+name {
			out = append(out, p)
		}
	}
	return out
}

func (w *world) group(name string) *env.Group {
	w.t.Helper()
	var found *env.Group
	for _, g := range w.emulator.State(w.t).Groups {
		if g.DisplayName == name {
			if found != nil {
				w.t.Errorf("there are two groups %s", name)
			}
			found = &g
		}
	}
	return found
}

// others checks that what is not ours is as it was.
func (w *world) others() {
	w.t.Helper()
	decoys := 0
	for _, p := range w.emulator.State(w.t).Principals {
		if p.ExternalID == "somebody" && p.DisplayName == "Tenant" {
			decoys++
		}
	}
	if decoys != 1 {
		w.t.Errorf("%d service principals of somebody else are left, want 1", decoys)
	}
	if g := w.group("shared"); g == nil || g.ExternalID != "" {
		w.t.Errorf("the group of somebody else is %+v", g)
	}
}

// complete checks that a Role has exactly what its spec and its tools say.
func (w *world) complete(name string, groups, tables []string) {
	w.t.Helper()
	all := w.ours(name)
	if len(all) != 1 {
		w.t.Fatalf("%d service principals carry the mark of %s, want 1", len(all), name)
	}
	sp := all[0]
	for _, g := range []string{"gh_west", "gh_east", "shared"} {
		found := w.group(g)
		member := found != nil && slices.Contains(found.Members, sp.ID)
		if member != slices.Contains(groups, g) {
			w.t.Errorf("%s: member of %s is %v", name, g, member)
		}
	}
	for _, table := range []string{"main.sales.deals", "main.sales.extra"} {
		want := []string(nil)
		if slices.Contains(tables, table) {
			want = []string{"SELECT"}
		}
		if got := w.emulator.Grants(w.t, "table", table, sp.ApplicationID); !slices.Equal(got, want) {
			w.t.Errorf("%s on %s: %v, want %v", name, table, got, want)
		}
	}
	if got := w.emulator.Grants(w.t, "schema", "main.sales", sp.ApplicationID); !slices.Equal(got, []string{"USE_SCHEMA"}) {
		w.t.Errorf("%s on the schema: %v", name, got)
	}
	if got := w.emulator.State(w.t).Assignments[sp.ID]; !slices.Equal(got, []string{"USER"}) {
		w.t.Errorf("%s is assigned as %v", name, got)
	}
	w.trusts(name, slices.Equal(groups, bigGroups))
	r := w.get(name)
	if r.Status.ServicePrincipal.ID != sp.ID || r.Status.ServicePrincipal.ApplicationID != sp.ApplicationID || !slices.Equal(r.Status.Scopes, []string{"sql"}) {
		w.t.Errorf("status %+v", r.Status)
	}
	w.others()
}

// trusts checks that a Role has exactly one policy of ours, as wanted, or none.
func (w *world) trusts(name string, wanted bool) {
	w.t.Helper()
	var got []string
	for _, p := range w.policies(name) {
		if strings.HasPrefix(p.Description, "Managed by Gatehouse: ") {
			got = append(got, fmt.Sprint(p.Description, p.OIDC))
		}
	}
	var want []string
	trust := v1alpha1.RoleTrust{}
	if wanted {
		want = []string{fmt.Sprint("Managed by Gatehouse: test/role/tenant/"+name, admin.OIDCPolicy{
			Issuer: w.issuer.URL, Audiences: []string{"databricks"}, Subject: "system:serviceaccount:tenant:worker", SubjectClaim: "sub", JWKSJSON: w.issuer.JWKS,
		})}
		trust = v1alpha1.RoleTrust{PolicyID: w.policies(name)[0].ID, Subject: "system:serviceaccount:tenant:worker"}
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("%s has the policies %v, want %v", name, got, want)
	}
	if got := w.get(name).Status.Trust; got != trust {
		w.t.Errorf("the status of %s says %+v, want %+v", name, got, trust)
	}
}

// held is a federation policy in the emulator's state.
type held struct {
	ID          string           `json:"policy_id"`
	Description string           `json:"description"`
	OIDC        admin.OIDCPolicy `json:"oidc_policy"`
}

func (w *world) policies(name string) []held {
	w.t.Helper()
	return policiesOf(w.t, w.ours(name)[0])
}

func policiesOf(t *testing.T, sp env.Principal) []held {
	t.Helper()
	var out []held
	for _, raw := range sp.Policies {
		var p held
		if err := json.Unmarshal(raw, &p); err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// absent checks that nothing of a Role is left.
func (w *world) absent(name string) {
	w.t.Helper()
	if all := w.ours(name); len(all) != 0 {
		w.t.Errorf("%d service principals of %s are left", len(all), name)
	}
	for _, g := range []string{"gh_west", "gh_east"} {
		if w.group(g) != nil {
			w.t.Errorf("the group %s, which was made for %s, is left", g, name)
		}
	}
	if g := w.group("shared"); g != nil && len(g.Members) > 0 {
		w.t.Errorf("%s is still a member of shared", name)
	}
	w.others()
}

func (w *world) remove(name string) {
	w.t.Helper()
	if r := w.get(name); r != nil {
		if err := w.kube.Delete(w.t.Context(), r); err != nil {
			w.t.Fatal(err)
		}
	}
	if r := w.settle(name); r != nil {
		w.t.Fatalf("%s is still there", name)
	}
}

// shrink asks for less and for something else.
func (w *world) shrink(name string) {
	w.t.Helper()
	r := w.get(name)
	r.Spec.MemberOf, r.Spec.Grants, r.Spec.ServiceAccountName = []v1alpha1.AccountGroupName{"gh_east"}, nil, ""
	if err := w.kube.Update(w.t.Context(), r); err != nil {
		w.t.Fatal(err)
	}
}

var (
	bigGroups, bigTables     = []string{"gh_west", "shared"}, []string{"main.sales.deals", "main.sales.extra"}
	smallGroups, smallTables = []string{"gh_east"}, []string{"main.sales.deals"}
)

func TestLifecycle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env.Create(t, w.kube, w.role("west"))
	w.settle("west")
	w.complete("west", bigGroups, bigTables)

	t.Run("a second pass writes nothing", func(t *testing.T) {
		before, since := w.get("west").ResourceVersion, w.emulator.Last(t)
		w.settle("west")
		w.settle("west")
		if writes := w.emulator.Writes(t, since); len(writes) > 0 {
			t.Errorf("writes without a change: %v", writes)
		}
		if after := w.get("west").ResourceVersion; after != before {
			t.Errorf("the resource was written: %s, %s", before, after)
		}
	})
	t.Run("drift is undone and what others added stays", func(t *testing.T) {
		sp := w.ours("west")[0]
		change := func(add, remove string) {
			w.emulator.Do(t, http.MethodPatch, w.emulator.WorkspaceURL, "/api/2.1/unity-catalog/permissions/table/main.sales.deals",
				fmt.Sprintf(`{"changes":[{"principal":%q,"add":[%s],"remove":[%s]}]}`, sp.ApplicationID, add, remove), nil)
		}
		change(`"APPLY_TAG"`, `"SELECT"`)
		w.emulator.Do(t, http.MethodDelete, w.emulator.AccountURL, "/api/2.0/accounts/"+env.AccountID+"/workspaces/"+env.WorkspaceID+"/permissionassignments/principals/"+sp.ID, "", nil)
		w.settle("west")
		if got := w.emulator.Grants(t, "table", "main.sales.deals", sp.ApplicationID); !slices.Equal(got, []string{"APPLY_TAG", "SELECT"}) {
			t.Errorf("grants %v", got)
		}
		change("", `"APPLY_TAG"`)
		w.complete("west", bigGroups, bigTables)
	})
	t.Run("a service principal that somebody deleted is made anew", func(t *testing.T) {
		old := w.ours("west")[0]
		w.emulator.Do(t, http.MethodDelete, w.emulator.AccountURL, w.scim("ServicePrincipals/"+old.ID), "", nil)
		w.settle("west")
		w.complete("west", bigGroups, bigTables)
	})
	t.Run("a lost status finds it again", func(t *testing.T) {
		r := w.get("west")
		r.Status = v1alpha1.RoleStatus{}
		if err := w.kube.Status().Update(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		w.settle("west")
		w.complete("west", bigGroups, bigTables)
	})
	t.Run("own duplicates go", func(t *testing.T) {
		w.emulator.Do(t, http.MethodPost, w.emulator.AccountURL, w.scim("ServicePrincipals"), `{"displayName":"Tenant","externalId":"test/role/tenant/west","active":true}`, nil)
		w.settle("west")
		w.complete("west", bigGroups, bigTables)
	})
	t.Run("asking for less revokes", func(t *testing.T) {
		w.shrink("west")
		w.settle("west")
		w.complete("west", smallGroups, smallTables)
		if w.group("gh_west") != nil {
			t.Error("the group that was made for the Role and that nobody needs is left")
		}
	})
	t.Run("taking the tool away revokes", func(t *testing.T) {
		var a v1alpha1.ToolAccess
		if err := w.kube.Get(t.Context(), client.ObjectKey{Namespace: "platform", Name: "matrix"}, &a); err != nil {
			t.Fatal(err)
		}
		if err := w.kube.Delete(t.Context(), &a); err != nil {
			t.Fatal(err)
		}
		r := w.settle("west")
		sp := w.ours("west")[0]
		for _, object := range [][2]string{{"table", "main.sales.deals"}, {"schema", "main.sales"}, {"catalog", "main"}} {
			if got := w.emulator.Grants(t, object[0], object[1], sp.ApplicationID); len(got) > 0 {
				t.Errorf("grants on %v: %v", object, got)
			}
		}
		if len(r.Status.Scopes)+len(r.Status.Grants)+len(r.Status.Applied) > 0 {
			t.Errorf("status %+v", r.Status)
		}
		a.ResourceVersion, a.UID = "", ""
		env.Create(t, w.kube, &a)
		w.settle("west")
		w.complete("west", smallGroups, smallTables)
	})
	t.Run("deleting it leaves nothing of ours and everything of others", func(*testing.T) {
		w.remove("west")
		w.absent("west")
	})
}

func TestOutsideTheBoundaryNothingIsWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	since := w.emulator.Last(t)
	for name, edit := range map[string]func(*v1alpha1.Role){
		"group": func(r *v1alpha1.Role) { r.Spec.MemberOf = []v1alpha1.AccountGroupName{"hr"} },
		"table": func(r *v1alpha1.Role) { r.Spec.Grants[0].Name = "main.hr.salaries" },
		"privilege": func(r *v1alpha1.Role) {
			r.Spec.Grants[0].Privileges = []v1alpha1.Privilege{"MODIFY"}
		},
		"admins":    func(r *v1alpha1.Role) { r.Spec.MemberOf = []v1alpha1.AccountGroupName{"admins"} },
		"namespace": func(r *v1alpha1.Role) { r.Namespace = "nobody" },
	} {
		r := w.role("outside-" + name)
		edit(r)
		if r.Namespace == "nobody" {
			env.Namespace(t, w.kube, "nobody", map[string]string{"tier": "sales"})
		}
		env.Create(t, w.kube, r)
		if err := w.operator()(t.Context(), r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionWithinBoundary)
		if c == nil || c.Status != metav1.ConditionFalse || !meta.IsStatusConditionTrue(r.Status.Conditions, v1alpha1.ConditionStalled) {
			t.Fatalf("%s: conditions %+v", name, r.Status.Conditions)
		}
		if name != "namespace" && !strings.Contains(c.Message, "asks for") && !strings.Contains(c.Message, "allowed:") {
			t.Errorf("%s: the message does not say what was asked for and what is allowed: %s", name, c.Message)
		}
		if err := w.kube.Delete(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if calls := w.emulator.Calls(t, since); len(calls) > 0 {
		t.Errorf("Databricks was called: %+v", calls)
	}
}

// TestACrashAtAnyCallLeavesExactlyOne lets the operator crash at each external call
// of creating, changing and deleting a Role, before it takes effect, after, and
// after its answer; a new operator then finishes.
func TestACrashAtAnyCallLeavesExactlyOne(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{"before_commit", "after_commit", "after_reply"} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, act := range []string{"create", "change", "delete"} {
				t.Run(act, func(t *testing.T) {
					w.t = t
					for n := 1; ; n++ {
						name := fmt.Sprintf("%s-%s-%d", act, strings.ReplaceAll(stage, "_", "-"), n)
						if !w.crash(name, act, stage, n) {
							if n < 5 {
								t.Fatalf("only %d calls were made", n-1)
							}
							t.Logf("%d calls", n-1)
							return
						}
						if t.Failed() {
							t.Fatalf("at call %d", n)
						}
					}
				})
			}
		})
	}
}

// crash lets the operator crash at the nth call of an act, checks what a new one
// makes of it, and says whether there was an nth call.
func (w *world) crash(name, act, stage string, n int) bool {
	t := w.t
	env.Create(t, w.kube, w.role(name))
	if act != "create" {
		w.settle(name)
	}
	switch act {
	case "change":
		w.shrink(name)
	case "delete":
		if err := w.kube.Delete(t.Context(), w.get(name)); err != nil {
			t.Fatal(err)
		}
	}
	crashed := w.crashAt(name, stage, n)
	switch act {
	case "create":
		w.complete(name, bigGroups, bigTables)
	case "change":
		w.complete(name, smallGroups, smallTables)
	}
	w.remove(name)
	w.absent(name)
	return crashed
}

// crashAt lets the operator crash at the nth call of a pass over a Role, lets a new one
// finish, and says whether there was an nth call.
func (w *world) crashAt(name, stage string, n int) bool {
	t := w.t
	t.Helper()
	w.emulator.Break(t, env.Fault{
		Match: env.FaultMatch{PathRegex: "^/api/", Nth: n}, Stage: stage, Action: "hook", HookURL: w.hook.URL,
		Then: map[bool]string{true: "continue", false: "reset"}[stage == "after_reply"],
	})
	r := w.get(name)
	ctx, cancel := context.WithCancel(t.Context())
	w.end.Store(&cancel)
	err := w.operator()(ctx, r)
	cancel()
	crashed := w.dead.Swap(false)
	w.emulator.Heal(t)
	if crashed && err == nil && stage != "after_reply" {
		t.Errorf("the pass went well although the operator crashed")
	}
	w.settle(name)
	return crashed
}
