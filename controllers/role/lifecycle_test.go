// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/controllers/role"
	"github.com/gatehouse-dev/gatehouse/internal/clusterissuer"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/test/env"
	"github.com/gatehouse-dev/gatehouse/test/externaltest"
)

// world is one with what surrounds a Role.
type world struct {
	*externaltest.World[*v1alpha1.Role]
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

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{World: externaltest.New[*v1alpha1.Role](t), issuer: clusterissuer.Issuer{URL: "https://cluster.example.com", JWKS: `{"keys":[{"kid":"1"}]}`}}
	w.Options = externaltest.Options[*v1alpha1.Role]{Namespace: "tenant", Passes: 12, Start: w.operator}
	w.surround()
	return w
}

// surround declares a server with a tool that reads a table, open to every Role of
// the tenants' namespaces, and puts things of others next to ours.
func (w *world) surround() {
	t := w.T
	w.Emulator.SQL(t, "CREATE CATALOG main", "CREATE SCHEMA main.sales", "CREATE TABLE main.sales.deals (id STRING)", "CREATE TABLE main.sales.extra (id STRING)")
	bound := func(b *v1alpha1.BoundarySpec) {
		b.Groups = v1alpha1.BoundaryGroups{MemberOf: []v1alpha1.NamePattern{"gh_*", "shared"}, Create: []v1alpha1.NamePattern{"gh_*"}}
		b.Grants = []v1alpha1.BoundaryGrant{
			{Type: "Catalog", Names: []v1alpha1.NamePattern{"main"}, Privileges: []v1alpha1.Privilege{"USE_CATALOG"}},
			{Type: "Schema", Names: []v1alpha1.NamePattern{"main.sales"}, Privileges: []v1alpha1.Privilege{"USE_SCHEMA"}},
			{Type: "Table", Names: []v1alpha1.NamePattern{"main.sales.*"}, Privileges: []v1alpha1.Privilege{"SELECT"}},
		}
		b.Warehouses, b.Scopes = []v1alpha1.NamePattern{env.WarehouseID}, []v1alpha1.OAuthScope{"sql"}
		b.Tools, b.Servers, b.Hosting = []v1alpha1.NamePattern{"*"}, []v1alpha1.NamePattern{"platform/tools"}, v1alpha1.HostingAllowed
	}
	w.Tenant("platform", nil, bound)
	w.Tenant("tenant", map[string]string{"tier": "sales"}, bound)
	env.Create(t, w.Kube,
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
	w.Emulator.Do(t, http.MethodPost, w.Emulator.AccountURL, w.scim("ServicePrincipals"), `{"displayName":"Tenant","externalId":"somebody","active":true}`, nil)
	w.Emulator.Do(t, http.MethodPost, w.Emulator.AccountURL, w.scim("Groups"), `{"displayName":"shared"}`, nil)
}

func (w *world) scim(kind string) string {
	return env.AccountPath + "/scim/v2/" + kind
}

const installation = externaltest.Installation

// operator is a freshly started one.
func (w *world) operator() externaltest.Operator[*v1alpha1.Role] {
	loop := role.NewReconciler(w.Kube, events.NewFakeRecorder(1000), w.options())
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

// ours are the service principals that carry the mark of a Role.
func (w *world) ours(name string) []env.Principal {
	w.T.Helper()
	var out []env.Principal
	for _, p := range w.Emulator.State(w.T).Principals {
		if p.ExternalID == installation+"/role/tenant/"+name {
			out = append(out, p)
		}
	}
	return out
}

func (w *world) group(name string) *env.Group {
	w.T.Helper()
	var found *env.Group
	for _, g := range w.Emulator.State(w.T).Groups {
		if g.DisplayName == name {
			if found != nil {
				w.T.Errorf("there are two groups %s", name)
			}
			found = &g
		}
	}
	return found
}

// others checks that what is not ours is as it was.
func (w *world) others() {
	w.T.Helper()
	decoys := 0
	for _, p := range w.Emulator.State(w.T).Principals {
		if p.ExternalID == "somebody" && p.DisplayName == "Tenant" {
			decoys++
		}
	}
	if decoys != 1 {
		w.T.Errorf("%d service principals of somebody else are left, want 1", decoys)
	}
	if g := w.group("shared"); g == nil || g.ExternalID != "" {
		w.T.Errorf("the group of somebody else is %+v", g)
	}
}

// complete checks that a Role has exactly what its spec and its tools say.
func (w *world) complete(name string, groups, tables []string) {
	w.T.Helper()
	all := w.ours(name)
	if len(all) != 1 {
		w.T.Fatalf("%d service principals carry the mark of %s, want 1", len(all), name)
	}
	sp := all[0]
	for _, g := range []string{"gh_west", "gh_east", "shared"} {
		found := w.group(g)
		member := found != nil && slices.Contains(found.Members, sp.ID)
		if member != slices.Contains(groups, g) {
			w.T.Errorf("%s: member of %s is %v", name, g, member)
		}
	}
	for _, table := range []string{"main.sales.deals", "main.sales.extra"} {
		want := []string(nil)
		if slices.Contains(tables, table) {
			want = []string{"SELECT"}
		}
		if got := w.Emulator.Grants(w.T, "table", table, sp.ApplicationID); !slices.Equal(got, want) {
			w.T.Errorf("%s on %s: %v, want %v", name, table, got, want)
		}
	}
	if got := w.Emulator.Grants(w.T, "schema", "main.sales", sp.ApplicationID); !slices.Equal(got, []string{"USE_SCHEMA"}) {
		w.T.Errorf("%s on the schema: %v", name, got)
	}
	if got := w.Emulator.State(w.T).Assignments[sp.ID]; !slices.Equal(got, []string{"USER"}) {
		w.T.Errorf("%s is assigned as %v", name, got)
	}
	w.trusts(name, slices.Equal(groups, bigGroups))
	r := w.Get(name)
	if r.Status.ServicePrincipal.ID != sp.ID || r.Status.ServicePrincipal.ApplicationID != sp.ApplicationID || !slices.Equal(r.Status.Scopes, []string{"sql"}) {
		w.T.Errorf("status %+v", r.Status)
	}
	w.others()
}

// trusts checks that a Role has exactly one policy of ours, as wanted, or none.
func (w *world) trusts(name string, wanted bool) {
	w.T.Helper()
	var got []string
	for _, p := range w.policies(name) {
		if strings.HasPrefix(p.Description, "Managed by Gatehouse: ") {
			got = append(got, fmt.Sprint(p.Description, p.OIDC))
		}
	}
	var want []string
	trust := v1alpha1.RoleTrust{}
	if wanted {
		want = []string{fmt.Sprint("Managed by Gatehouse: test/role/tenant/"+name, heldRules{
			Issuer: w.issuer.URL, Audiences: []string{"databricks"}, Subject: "system:serviceaccount:tenant:worker", SubjectClaim: "sub", JWKSJSON: w.issuer.JWKS,
		})}
		trust = v1alpha1.RoleTrust{PolicyID: w.policies(name)[0].ID, Subject: "system:serviceaccount:tenant:worker"}
	}
	if !slices.Equal(got, want) {
		w.T.Errorf("%s has the policies %v, want %v", name, got, want)
	}
	if got := w.Get(name).Status.Trust; got != trust {
		w.T.Errorf("the status of %s says %+v, want %+v", name, got, trust)
	}
}

// held is a federation policy in the emulator's state.
type held struct {
	ID          string    `json:"policy_id"`
	Description string    `json:"description"`
	OIDC        heldRules `json:"oidc_policy"`
}

// heldRules are what a policy holds a JWT against, as they stand on the wire.
type heldRules struct {
	Issuer       string   `json:"issuer"`
	Audiences    []string `json:"audiences"`
	Subject      string   `json:"subject"`
	SubjectClaim string   `json:"subject_claim"`
	JWKSURI      string   `json:"jwks_uri"`
	JWKSJSON     string   `json:"jwks_json"`
}

func (w *world) policies(name string) []held {
	w.T.Helper()
	return policiesOf(w.T, w.ours(name)[0])
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
	w.T.Helper()
	if all := w.ours(name); len(all) != 0 {
		w.T.Errorf("%d service principals of %s are left", len(all), name)
	}
	for _, g := range []string{"gh_west", "gh_east"} {
		if w.group(g) != nil {
			w.T.Errorf("the group %s, which was made for %s, is left", g, name)
		}
	}
	if g := w.group("shared"); g != nil && len(g.Members) > 0 {
		w.T.Errorf("%s is still a member of shared", name)
	}
	w.others()
}

// shrink asks for less and for something else.
func (w *world) shrink(name string) {
	w.T.Helper()
	w.Edit(name, func(r *v1alpha1.Role) {
		r.Spec.MemberOf, r.Spec.Grants, r.Spec.ServiceAccountName = []v1alpha1.AccountGroupName{"gh_east"}, nil, ""
	})
}

var (
	bigGroups, bigTables     = []string{"gh_west", "shared"}, []string{"main.sales.deals", "main.sales.extra"}
	smallGroups, smallTables = []string{"gh_east"}, []string{"main.sales.deals"}
)

func TestLifecycle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env.Create(t, w.Kube, w.role("west"))
	w.Settle("west")
	w.complete("west", bigGroups, bigTables)

	t.Run("a second pass writes nothing", func(t *testing.T) { w.In(t, func() { w.Steady("west") }) })
	t.Run("drift is undone and what others added stays", func(t *testing.T) {
		sp := w.ours("west")[0]
		change := func(add, remove string) {
			w.Emulator.Do(t, http.MethodPatch, w.Emulator.WorkspaceURL, "/api/2.1/unity-catalog/permissions/table/main.sales.deals",
				fmt.Sprintf(`{"changes":[{"principal":%q,"add":[%s],"remove":[%s]}]}`, sp.ApplicationID, add, remove), nil)
		}
		change(`"APPLY_TAG"`, `"SELECT"`)
		w.Emulator.Do(t, http.MethodDelete, w.Emulator.AccountURL, "/api/2.0/accounts/"+env.AccountID+"/workspaces/"+env.WorkspaceID+"/permissionassignments/principals/"+sp.ID, "", nil)
		w.Settle("west")
		if got := w.Emulator.Grants(t, "table", "main.sales.deals", sp.ApplicationID); !slices.Equal(got, []string{"APPLY_TAG", "SELECT"}) {
			t.Errorf("grants %v", got)
		}
		change("", `"APPLY_TAG"`)
		w.complete("west", bigGroups, bigTables)
	})
	t.Run("a service principal that somebody deleted is made anew", func(t *testing.T) {
		old := w.ours("west")[0]
		w.Emulator.Do(t, http.MethodDelete, w.Emulator.AccountURL, w.scim("ServicePrincipals/"+old.ID), "", nil)
		w.Settle("west")
		w.complete("west", bigGroups, bigTables)
	})
	t.Run("a lost status finds it again", func(*testing.T) {
		w.EditStatus("west", func(r *v1alpha1.Role) { r.Status = v1alpha1.RoleStatus{} })
		w.Settle("west")
		w.complete("west", bigGroups, bigTables)
	})
	t.Run("own duplicates go", func(t *testing.T) {
		w.Emulator.Do(t, http.MethodPost, w.Emulator.AccountURL, w.scim("ServicePrincipals"), `{"displayName":"Tenant","externalId":"test/role/tenant/west","active":true}`, nil)
		w.Settle("west")
		w.complete("west", bigGroups, bigTables)
	})
	t.Run("asking for less revokes", func(t *testing.T) {
		w.shrink("west")
		w.Settle("west")
		w.complete("west", smallGroups, smallTables)
		if w.group("gh_west") != nil {
			t.Error("the group that was made for the Role and that nobody needs is left")
		}
	})
	t.Run("taking the tool away revokes", func(t *testing.T) {
		var a v1alpha1.ToolAccess
		if err := w.Kube.Get(t.Context(), client.ObjectKey{Namespace: "platform", Name: "matrix"}, &a); err != nil {
			t.Fatal(err)
		}
		w.Delete(&a)
		r := w.Settle("west")
		sp := w.ours("west")[0]
		for _, object := range [][2]string{{"table", "main.sales.deals"}, {"schema", "main.sales"}, {"catalog", "main"}} {
			if got := w.Emulator.Grants(t, object[0], object[1], sp.ApplicationID); len(got) > 0 {
				t.Errorf("grants on %v: %v", object, got)
			}
		}
		if len(r.Status.Scopes)+len(r.Status.Grants)+len(r.Status.Applied) > 0 {
			t.Errorf("status %+v", r.Status)
		}
		a.ResourceVersion, a.UID = "", ""
		env.Create(t, w.Kube, &a)
		w.Settle("west")
		w.complete("west", smallGroups, smallTables)
	})
	t.Run("deleting it leaves nothing of ours and everything of others", func(*testing.T) {
		w.Remove("west")
		w.absent("west")
	})
}

func TestOutsideTheBoundaryNothingIsWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	since := w.Emulator.Last(t)
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
			env.Namespace(t, w.Kube, "nobody", map[string]string{"tier": "sales"})
		}
		env.Create(t, w.Kube, r)
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
		w.Delete(r)
	}
	if calls := w.Emulator.Calls(t, since); len(calls) > 0 {
		t.Errorf("Databricks was called: %+v", calls)
	}
}

// TestACrashAtAnyCallLeavesExactlyOne lets the operator crash at each external call
// of creating, changing and deleting a Role, before it takes effect, after, and
// after its answer; a new operator then finishes.
func TestACrashAtAnyCallLeavesExactlyOne(t *testing.T) {
	t.Parallel()
	for _, stage := range externaltest.Stages {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, act := range []string{"create", "change", "delete"} {
				t.Run(act, func(t *testing.T) {
					w.T = t
					externaltest.EachCall(t, 4, func(n int) bool {
						return w.crash(fmt.Sprintf("%s-%s-%d", act, strings.ReplaceAll(stage, "_", "-"), n), act, stage, n)
					})
				})
			}
		})
	}
}

// crash lets the operator crash at the nth call of an act, checks what a new one
// makes of it, and says whether there was an nth call.
func (w *world) crash(name, act, stage string, n int) bool {
	t := w.T
	env.Create(t, w.Kube, w.role(name))
	if act != "create" {
		w.Settle(name)
	}
	switch act {
	case "change":
		w.shrink(name)
	case "delete":
		w.Delete(w.Get(name))
	}
	crashed := w.crashAt(name, stage, n)
	switch act {
	case "create":
		w.complete(name, bigGroups, bigTables)
	case "change":
		w.complete(name, smallGroups, smallTables)
	}
	w.Remove(name)
	w.absent(name)
	return crashed
}

// crashAt lets the operator crash at the nth call of a pass over a Role, lets a new one
// finish, and says whether there was an nth call.
func (w *world) crashAt(name, stage string, n int) bool {
	t := w.T
	t.Helper()
	crashed, err := w.CrashAt(w.Get(name), stage, env.FaultMatch{PathRegex: "^/api/", Nth: n})
	if crashed && err == nil && stage != "after_reply" {
		t.Errorf("the pass went well although the operator crashed")
	}
	w.Settle(name)
	return crashed
}
