// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package federationpolicy_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/controllers/federationpolicy"
	"github.com/gatehouse-dev/gatehouse/internal/conditions"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

const (
	installation = "test"
	issuer       = "https://idp.example.com/"
	// westID is the id of the policy of platform/west: a changed one would leave the old policies behind.
	westID = "gatehouse-6f7c16da102fc2c34a40aff53cb4cad7"
)

// world is a cluster, an emulator, and Roles with service principals.
type world struct {
	t        *testing.T
	kube     client.Client
	emulator *env.Emulator
	// principals are the numeric ids of service principals, by Role.
	principals map[string]string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	_, c := env.Cluster(t)
	w := &world{t: t, kube: c, emulator: env.NewEmulator(t), principals: map[string]string{}}
	env.Workspace(t, c, w.emulator)
	for namespace, issuers := range map[string][]v1alpha1.HTTPSURL{"platform": {issuer}, "tenant": {issuer}, "closed": {"https://other.example.com/"}} {
		ns := env.Namespace(t, c, namespace, map[string]string{"tier": map[bool]string{true: "sales"}[namespace == "tenant"]})
		env.Create(t, c, &v1alpha1.Boundary{ObjectMeta: metav1.ObjectMeta{Name: namespace}, Spec: v1alpha1.BoundarySpec{
			Namespaces: []v1alpha1.BoundaryNamespace{{Name: namespace, UID: string(ns.UID)}}, Workspaces: []v1alpha1.NamePattern{"main"}, Issuers: issuers, Servers: []v1alpha1.NamePattern{"platform/*"},
		}})
	}
	w.role("platform", "west")
	w.role("platform", "east")
	w.role("tenant", "partner")
	return w
}

// role makes a Role as its controller leaves it: with a service principal.
func (w *world) role(namespace, name string) {
	w.t.Helper()
	var made struct {
		ID            string `json:"id"`
		ApplicationID string `json:"applicationId"`
	}
	w.emulator.Do(w.t, http.MethodPost, w.emulator.AccountURL, "/api/2.0/accounts/"+env.AccountID+"/scim/v2/ServicePrincipals",
		fmt.Sprintf(`{"displayName":%q,"active":true}`, name), &made)
	r := &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1alpha1.RoleSpec{WorkspaceRef: v1alpha1.LocalReference{Name: "main"}}}
	env.Create(w.t, w.kube, r)
	r.Status.ServicePrincipal = v1alpha1.RoleServicePrincipal{ID: made.ID, ApplicationID: made.ApplicationID}
	if err := w.kube.Status().Update(w.t.Context(), r); err != nil {
		w.t.Fatal(err)
	}
	w.principals[namespace+"/"+name] = made.ID
}

func (w *world) declared(name string) *v1alpha1.FederationPolicy {
	return &v1alpha1.FederationPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "platform", Name: name}, Spec: v1alpha1.FederationPolicySpec{
		WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, Issuer: issuer, Audiences: []string{"https://b.example.com/", "https://a.example.com/"},
		Claims: v1alpha1.FederationClaims{Role: "role"}, Keys: &v1alpha1.IssuerKeys{Inline: `{"keys":[]}`},
		Roles:             []v1alpha1.FederatedRole{{Name: "west", Subject: "west"}},
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "sales"}},
	}}
}

// operator is one that has just started, and writes through a client.
func (w *world) operator(c client.Client) func(*v1alpha1.FederationPolicy) error {
	connector := connect.New(connect.Options{
		Workspaces: w.kube, Secrets: w.kube, Namespace: env.OperatorNamespace,
		Pool: admin.NewPool(admin.PoolOptions{UserAgent: "test", RequestsPerSecond: 2000}),
	})
	loop := federationpolicy.NewReconciler(c, events.NewFakeRecorder(1000), federationpolicy.Options{Connect: connector, Installation: installation})
	return func(p *v1alpha1.FederationPolicy) error {
		_, err := loop.Reconcile(w.t.Context(), p)
		return err
	}
}

// pass is one pass of a freshly started operator.
func (w *world) pass(p *v1alpha1.FederationPolicy) error { return w.operator(w.kube)(p) }

// get reads a FederationPolicy; nil when it is gone.
func (w *world) get(name string) *v1alpha1.FederationPolicy {
	w.t.Helper()
	p := &v1alpha1.FederationPolicy{}
	err := w.kube.Get(w.t.Context(), client.ObjectKey{Namespace: "platform", Name: name}, p)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// settle runs passes until the FederationPolicy is Ready for its generation, or gone.
func (w *world) settle(name string) *v1alpha1.FederationPolicy {
	w.t.Helper()
	var last error
	for range 6 {
		p := w.get(name)
		if p == nil {
			return nil
		}
		last = w.pass(p)
		if p = w.get(name); p == nil {
			return nil
		}
		w.rules(p)
		c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
		if c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == p.Generation && p.DeletionTimestamp.IsZero() {
			return p
		}
	}
	w.t.Fatalf("%s did not settle: %v %+v", name, last, w.get(name).Status.Conditions)
	return nil
}

func (w *world) rules(p *v1alpha1.FederationPolicy) {
	w.t.Helper()
	if problems := conditions.Problems(p.Status.Conditions, p.Generation); len(problems) > 0 {
		w.t.Errorf("conditions: %v", problems)
	}
}

// stalled makes a pass that must end with a fault of a person's, and returns it.
func (w *world) stalled(name, reason string) metav1.Condition {
	w.t.Helper()
	if err := w.pass(w.get(name)); err != nil {
		w.t.Errorf("an error where only a person can help: %v", err)
	}
	p := w.get(name)
	w.rules(p)
	c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionStalled)
	if c == nil || c.Reason != reason {
		w.t.Fatalf("conditions %+v, want Stalled for %s", p.Status.Conditions, reason)
	}
	return *c
}

// trust is a federation policy as the emulator holds it.
type trust struct {
	ID          string `json:"policy_id"`
	Description string `json:"description"`
	OIDC        oidc   `json:"oidc_policy"`
}

type oidc struct {
	Issuer       string   `json:"issuer"`
	Audiences    []string `json:"audiences"`
	Subject      string   `json:"subject"`
	SubjectClaim string   `json:"subject_claim"`
	JWKSJSON     string   `json:"jwks_json"`
	JWKSURI      string   `json:"jwks_uri"`
}

// trusts are the policies of a Role's service principal, by id.
func (w *world) trusts(role string) []trust {
	w.t.Helper()
	var out []trust
	for _, raw := range w.emulator.State(w.t).Principals[w.principals[role]].Policies {
		var one trust
		if err := json.Unmarshal(raw, &one); err != nil {
			w.t.Fatal(err)
		}
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b trust) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func (w *world) path(role, rest string) string {
	return "/api/2.0/accounts/" + env.AccountID + "/servicePrincipals/" + w.principals[role] + "/federationPolicies" + rest
}

// foreign adds a policy of somebody else to a Role's service principal.
func (w *world) foreign(role, id string) trust {
	w.t.Helper()
	w.emulator.Do(w.t, http.MethodPost, w.emulator.AccountURL, w.path(role, "?policy_id="+id),
		`{"description":"theirs","oidc_policy":{"issuer":"https://theirs.example.com/","subject":"them"}}`, nil)
	return trust{ID: id, Description: "theirs", OIDC: oidc{Issuer: "https://theirs.example.com/", Subject: "them"}}
}

func (w *world) same(role string, want ...trust) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.trusts(role)); diff != "" {
		w.t.Errorf("policies of %s (-want +got):\n%s", role, diff)
	}
}

func (w *world) edit(name string, change func(*v1alpha1.FederationPolicySpec)) {
	w.t.Helper()
	p := w.get(name)
	change(&p.Spec)
	if err := w.kube.Update(w.t.Context(), p); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) remove(name string) {
	w.t.Helper()
	if err := w.kube.Delete(w.t.Context(), w.get(name)); err != nil {
		w.t.Fatal(err)
	}
	if w.settle(name) != nil {
		w.t.Errorf("%s is still there", name)
	}
}

// west is the policy that the declared one wants for platform/west.
func west() trust {
	return trust{ID: westID, Description: "Managed by Gatehouse: test/federationpolicy/platform/idp", OIDC: oidc{
		Issuer: issuer, Audiences: []string{"https://a.example.com/", "https://b.example.com/"}, Subject: "west", SubjectClaim: "role", JWKSJSON: `{"keys":[]}`,
	}}
}

func TestLifecycle(t *testing.T) {
	w := newWorld(t)
	theirs := w.foreign("platform/west", "a-theirs")
	env.Create(t, w.kube, w.declared("idp"))
	p := w.settle("idp")
	w.same("platform/west", theirs, west())
	w.same("platform/east")
	partner := w.trusts("tenant/partner")
	if len(partner) != 1 || partner[0].OIDC.Subject != "tenant/partner" || partner[0].Description != west().Description {
		t.Fatalf("policies of the tenant's Role: %+v", partner)
	}
	wantRoles := []v1alpha1.BoundRole{
		{Role: "platform/west", Subject: "west", ServicePrincipalID: w.principals["platform/west"], PolicyID: westID},
		{Role: "tenant/partner", Subject: "tenant/partner", ServicePrincipalID: w.principals["tenant/partner"], PolicyID: partner[0].ID},
	}
	if diff := cmp.Diff(wantRoles, p.Status.Roles); diff != "" {
		t.Errorf("status.roles (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantRoles, p.Status.Applied); diff != "" {
		t.Errorf("status.applied (-want +got):\n%s", diff)
	}

	t.Run("a second pass writes nothing", func(t *testing.T) {
		before, since := w.get("idp").ResourceVersion, w.emulator.Last(t)
		w.settle("idp")
		w.settle("idp")
		if writes := w.emulator.Writes(t, since); len(writes) > 0 {
			t.Errorf("writes without a change: %v", writes)
		}
		if after := w.get("idp").ResourceVersion; after != before {
			t.Errorf("the resource was written: %s, %s", before, after)
		}
	})
	for field, drift := range map[string]string{
		"issuer": `"https://elsewhere.example.com/"`, "audiences": `["https://elsewhere.example.com/"]`, "subject": `"anybody"`,
		"subject_claim": `"sub"`, "jwks_json": `"{\"keys\":[{}]}"`, "jwks_uri": `"https://elsewhere.example.com/keys"`,
	} {
		t.Run("drift of "+field+" is undone", func(t *testing.T) {
			w.emulator.Do(t, http.MethodPatch, w.emulator.AccountURL, w.path("platform/west", "/"+westID+"?update_mask=oidc_policy."+field),
				fmt.Sprintf(`{"oidc_policy":{%q:%s}}`, field, drift), nil)
			if cmp.Equal([]trust{theirs, west()}, w.trusts("platform/west")) {
				t.Fatal("there is no drift")
			}
			w.settle("idp")
			w.same("platform/west", theirs, west())
		})
	}
	t.Run("audiences in another order are no drift", func(t *testing.T) {
		w.emulator.Do(t, http.MethodPatch, w.emulator.AccountURL, w.path("platform/west", "/"+westID+"?update_mask=oidc_policy.audiences"),
			`{"oidc_policy":{"audiences":["https://b.example.com/","https://a.example.com/"]}}`, nil)
		since := w.emulator.Last(t)
		w.settle("idp")
		if writes := w.emulator.Writes(t, since); len(writes) > 0 {
			t.Errorf("writes without a difference: %v", writes)
		}
	})
	t.Run("a policy that somebody deleted is made anew", func(t *testing.T) {
		w.emulator.Do(t, http.MethodDelete, w.emulator.AccountURL, w.path("platform/west", "/"+westID), "", nil)
		w.settle("idp")
		w.same("platform/west", theirs, west())
	})
	t.Run("a lost status finds it again", func(t *testing.T) {
		p := w.get("idp")
		p.Status = v1alpha1.FederationPolicyStatus{}
		if err := w.kube.Status().Update(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		since := w.emulator.Last(t)
		if diff := cmp.Diff(wantRoles, w.settle("idp").Status.Applied); diff != "" {
			t.Errorf("status.applied (-want +got):\n%s", diff)
		}
		if writes := w.emulator.Writes(t, since); len(writes) > 0 {
			t.Errorf("writes without a difference: %v", writes)
		}
	})
	t.Run("a changed spec changes the policy and not its id", func(*testing.T) {
		w.edit("idp", func(s *v1alpha1.FederationPolicySpec) { s.Keys = nil; s.Audiences = []string{"https://a.example.com/"} })
		w.settle("idp")
		want := west()
		want.OIDC.Audiences, want.OIDC.JWKSJSON = []string{"https://a.example.com/"}, ""
		w.same("platform/west", theirs, want)
	})
	t.Run("a Role that is no longer named loses its policy", func(t *testing.T) {
		w.edit("idp", func(s *v1alpha1.FederationPolicySpec) { s.Roles[0].Name = "east" })
		p := w.settle("idp")
		w.same("platform/west", theirs)
		if got := w.trusts("platform/east"); len(got) != 1 || got[0].ID == westID || got[0].OIDC.Subject != "west" {
			t.Errorf("policies of platform/east: %+v", got)
		}
		if len(p.Status.Applied) != 2 || p.Status.Applied[0].Role != "platform/east" {
			t.Errorf("status.applied %+v", p.Status.Applied)
		}
	})
	t.Run("deleting it leaves what is others'", func(*testing.T) {
		other := w.foreign("platform/east", "theirs")
		w.remove("idp")
		w.same("platform/west", theirs)
		w.same("platform/east", other)
		w.same("tenant/partner")
	})
}

func TestAPolicyOfSomebodyElseIsNotTouched(t *testing.T) {
	w := newWorld(t)
	theirs := w.foreign("platform/west", westID)
	env.Create(t, w.kube, w.declared("idp"))
	since := w.emulator.Last(t)
	if c := w.stalled("idp", v1alpha1.ReasonNotOurs); !strings.Contains(c.Message, westID) {
		t.Errorf("the message does not name the policy: %s", c.Message)
	}
	w.stalled("idp", v1alpha1.ReasonNotOurs)
	if writes := w.emulator.Writes(t, since); len(writes) > 0 {
		t.Errorf("writes: %v", writes)
	}
	w.same("platform/west", theirs)
	w.remove("idp")
	w.same("platform/west", theirs)

	t.Run("also when ours lost its mark", func(t *testing.T) {
		w.emulator.Do(t, http.MethodDelete, w.emulator.AccountURL, w.path("platform/west", "/"+westID), "", nil)
		env.Create(t, w.kube, w.declared("idp"))
		w.settle("idp")
		w.emulator.Do(t, http.MethodPatch, w.emulator.AccountURL, w.path("platform/west", "/"+westID+"?update_mask=description"), `{"description":"mine now"}`, nil)
		w.stalled("idp", v1alpha1.ReasonNotOurs)
		taken := west()
		taken.Description = "mine now"
		w.same("platform/west", taken)
		w.remove("idp")
		w.same("platform/west", taken)
		w.same("tenant/partner")
	})
}

func TestOutsideTheBoundaryNothingIsWritten(t *testing.T) {
	w := newWorld(t)
	since := w.emulator.Last(t)
	p := w.declared("outside")
	p.Spec.Issuer = "https://idp.example.com" // a slash less
	env.Create(t, w.kube, p)
	if c := w.stalled("outside", v1alpha1.ReasonOutsideBoundary); !strings.Contains(c.Message, "asks for the issuer https://idp.example.com; allowed: https://idp.example.com/") {
		t.Errorf("the message does not say what was asked for and what is allowed: %s", c.Message)
	}
	if !meta.IsStatusConditionFalse(w.get("outside").Status.Conditions, v1alpha1.ConditionWithinBoundary) {
		t.Errorf("conditions %+v", w.get("outside").Status.Conditions)
	}
	w.remove("outside")
	if calls := w.emulator.Calls(t, since); len(calls) > 0 {
		t.Errorf("Databricks was called: %+v", calls)
	}

	t.Run("a Role whose own Boundary does not allow the issuer gets no policy", func(t *testing.T) {
		w.t = t
		w.role("closed", "locked")
		var ns corev1.Namespace
		if err := w.kube.Get(t.Context(), client.ObjectKey{Name: "closed"}, &ns); err != nil {
			t.Fatal(err)
		}
		ns.Labels["tier"] = "sales"
		if err := w.kube.Update(t.Context(), &ns); err != nil {
			t.Fatal(err)
		}
		env.Create(t, w.kube, w.declared("idp"))
		_ = w.pass(w.get("idp"))
		w.stalled("idp", v1alpha1.ReasonOutsideBoundary)
		w.same("platform/west", west())
		w.same("closed/locked")
	})
}

// TestALostAnswerLeavesExactlyOne loses the connection at each external call of
// creating and deleting, before and after it takes effect; a new operator then finishes.
func TestALostAnswerLeavesExactlyOne(t *testing.T) {
	w := newWorld(t)
	for _, stage := range []string{"before_commit", "after_commit"} {
		for _, act := range []string{"create", "delete"} {
			t.Run(act+" "+stage, func(t *testing.T) {
				w.t = t
				n := 1
				for ; w.lose(act, stage, n); n++ {
					if t.Failed() {
						t.Fatalf("at call %d", n)
					}
				}
				if n < 4 {
					t.Fatalf("only %d calls were made", n-1)
				}
			})
		}
	}
}

// lose loses the nth call of an act and says whether there was one.
func (w *world) lose(act, stage string, n int) bool {
	t := w.t
	env.Create(t, w.kube, w.declared("idp"))
	if act == "delete" {
		w.settle("idp")
		if err := w.kube.Delete(t.Context(), w.get("idp")); err != nil {
			t.Fatal(err)
		}
	}
	since := w.emulator.Last(t)
	w.emulator.Break(t, env.Fault{Match: env.FaultMatch{PathRegex: "^/api/", Nth: n}, Stage: stage, Action: "reset"})
	_ = w.pass(w.get("idp")) // a lost read is repeated and no error
	calls := 0
	for _, c := range w.emulator.Calls(t, since) {
		if strings.HasPrefix(c.Path, "/api/") {
			calls++
		}
	}
	w.emulator.Heal(t)
	w.settle("idp")
	if act == "create" {
		w.same("platform/west", west())
		w.remove("idp")
	}
	w.same("platform/west")
	w.same("tenant/partner")
	return calls >= n
}
