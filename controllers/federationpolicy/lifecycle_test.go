// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package federationpolicy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/controllers/federationpolicy"
	"github.com/gatehouse-dev/gatehouse/test/env"
	"github.com/gatehouse-dev/gatehouse/test/externaltest"
)

const (
	issuer = "https://idp.example.com/"
	// westID is the id of the policy of platform/west: a changed one would leave the old policies behind.
	westID = "gatehouse-6f7c16da102fc2c34a40aff53cb4cad7"
)

// world is one with Roles that have service principals.
type world struct {
	*externaltest.World[*v1alpha1.FederationPolicy]
	// principals are the numeric ids of service principals, by Role.
	principals map[string]string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{World: externaltest.New[*v1alpha1.FederationPolicy](t), principals: map[string]string{}}
	w.Options = externaltest.Options[*v1alpha1.FederationPolicy]{
		Namespace: "platform", Restart: true, Passes: 6, Start: func() externaltest.Operator[*v1alpha1.FederationPolicy] { return w.operator(w.Kube) },
	}
	for namespace, issuers := range map[string][]v1alpha1.HTTPSURL{"platform": {issuer}, "tenant": {issuer}, "closed": {"https://other.example.com/"}} {
		w.Tenant(namespace, map[string]string{"tier": map[bool]string{true: "sales"}[namespace == "tenant"]}, func(b *v1alpha1.BoundarySpec) {
			b.Issuers, b.Servers = issuers, []v1alpha1.NamePattern{"platform/*"}
		})
	}
	w.role("platform", "west")
	w.role("platform", "east")
	w.role("tenant", "partner")
	return w
}

// role makes a Role as its controller leaves it: with a service principal.
func (w *world) role(namespace, name string) {
	w.T.Helper()
	id, applicationID := w.Emulator.ServicePrincipal(w.T, name)
	r := &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1alpha1.RoleSpec{WorkspaceRef: v1alpha1.LocalReference{Name: "main"}}}
	env.Create(w.T, w.Kube, r)
	r.Status.ServicePrincipal = v1alpha1.RoleServicePrincipal{ID: id, ApplicationID: applicationID}
	if err := w.Kube.Status().Update(w.T.Context(), r); err != nil {
		w.T.Fatal(err)
	}
	w.principals[namespace+"/"+name] = id
}

func (w *world) declared(name string) *v1alpha1.FederationPolicy {
	return &v1alpha1.FederationPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "platform", Name: name}, Spec: v1alpha1.FederationPolicySpec{
		WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, Issuer: issuer, Audiences: []string{"https://b.example.com/", "https://a.example.com/"},
		Claims: v1alpha1.FederationClaims{Role: "role"}, Keys: &v1alpha1.IssuerKeys{Inline: `{"keys":[]}`},
		Roles:             []v1alpha1.FederatedRole{{Name: "west", Subject: "west"}},
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "sales"}},
	}}
}

// options are those of an operator that has just started.
func (w *world) options() federationpolicy.Options {
	return federationpolicy.Options{Connect: w.Connector(), Installation: externaltest.Installation}
}

// operator is one that has just started, and writes through a client.
func (w *world) operator(c client.Client) externaltest.Operator[*v1alpha1.FederationPolicy] {
	loop := federationpolicy.NewReconciler(c, w.Recorder, w.options())
	return func(ctx context.Context, p *v1alpha1.FederationPolicy) error {
		_, err := loop.Reconcile(ctx, p)
		return err
	}
}

// stalled makes a pass that must end with a fault of a person's, and returns it.
func (w *world) stalled(name, reason string) metav1.Condition {
	w.T.Helper()
	if err := w.Pass(w.T.Context(), w.Get(name)); err != nil {
		w.T.Errorf("an error where only a person can help: %v", err)
	}
	p := w.Get(name)
	w.Rules(p)
	c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionStalled)
	if c == nil || c.Reason != reason {
		w.T.Fatalf("conditions %+v, want Stalled for %s", p.Status.Conditions, reason)
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
	w.T.Helper()
	var out []trust
	for _, raw := range w.Emulator.State(w.T).Principals[w.principals[role]].Policies {
		var one trust
		if err := json.Unmarshal(raw, &one); err != nil {
			w.T.Fatal(err)
		}
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b trust) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func (w *world) path(role, rest string) string {
	return env.AccountPath + "/servicePrincipals/" + w.principals[role] + "/federationPolicies" + rest
}

// foreign adds a policy of somebody else to a Role's service principal.
func (w *world) foreign(role, id string) trust {
	w.T.Helper()
	w.Emulator.Do(w.T, http.MethodPost, w.Emulator.AccountURL, w.path(role, "?policy_id="+id),
		`{"description":"theirs","oidc_policy":{"issuer":"https://theirs.example.com/","subject":"them"}}`, nil)
	return trust{ID: id, Description: "theirs", OIDC: oidc{Issuer: "https://theirs.example.com/", Subject: "them"}}
}

func (w *world) same(role string, want ...trust) {
	w.T.Helper()
	if diff := cmp.Diff(want, w.trusts(role)); diff != "" {
		w.T.Errorf("policies of %s (-want +got):\n%s", role, diff)
	}
}

func (w *world) edit(name string, change func(*v1alpha1.FederationPolicySpec)) {
	w.T.Helper()
	w.Edit(name, func(p *v1alpha1.FederationPolicy) { change(&p.Spec) })
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
	env.Create(t, w.Kube, w.declared("idp"))
	p := w.Settle("idp")
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

	t.Run("a second pass writes nothing", func(t *testing.T) { w.In(t, func() { w.Steady("idp") }) })
	for field, drift := range map[string]string{
		"issuer": `"https://elsewhere.example.com/"`, "audiences": `["https://elsewhere.example.com/"]`, "subject": `"anybody"`,
		"subject_claim": `"sub"`, "jwks_json": `"{\"keys\":[{}]}"`, "jwks_uri": `"https://elsewhere.example.com/keys"`,
	} {
		t.Run("drift of "+field+" is undone", func(t *testing.T) {
			w.Emulator.Do(t, http.MethodPatch, w.Emulator.AccountURL, w.path("platform/west", "/"+westID+"?update_mask=oidc_policy."+field),
				fmt.Sprintf(`{"oidc_policy":{%q:%s}}`, field, drift), nil)
			if cmp.Equal([]trust{theirs, west()}, w.trusts("platform/west")) {
				t.Fatal("there is no drift")
			}
			w.Settle("idp")
			w.same("platform/west", theirs, west())
		})
	}
	t.Run("audiences in another order are no drift", func(t *testing.T) {
		w.Emulator.Do(t, http.MethodPatch, w.Emulator.AccountURL, w.path("platform/west", "/"+westID+"?update_mask=oidc_policy.audiences"),
			`{"oidc_policy":{"audiences":["https://b.example.com/","https://a.example.com/"]}}`, nil)
		since := w.Emulator.Last(t)
		w.Settle("idp")
		w.WroteNothing(since)
	})
	t.Run("a policy that somebody deleted is made anew", func(t *testing.T) {
		w.Emulator.Do(t, http.MethodDelete, w.Emulator.AccountURL, w.path("platform/west", "/"+westID), "", nil)
		w.Settle("idp")
		w.same("platform/west", theirs, west())
	})
	t.Run("a lost status finds it again", func(t *testing.T) {
		w.EditStatus("idp", func(p *v1alpha1.FederationPolicy) { p.Status = v1alpha1.FederationPolicyStatus{} })
		since := w.Emulator.Last(t)
		if diff := cmp.Diff(wantRoles, w.Settle("idp").Status.Applied); diff != "" {
			t.Errorf("status.applied (-want +got):\n%s", diff)
		}
		w.WroteNothing(since)
	})
	t.Run("a changed spec changes the policy and not its id", func(*testing.T) {
		w.edit("idp", func(s *v1alpha1.FederationPolicySpec) { s.Keys = nil; s.Audiences = []string{"https://a.example.com/"} })
		w.Settle("idp")
		want := west()
		want.OIDC.Audiences, want.OIDC.JWKSJSON = []string{"https://a.example.com/"}, ""
		w.same("platform/west", theirs, want)
	})
	t.Run("a Role that is no longer named loses its policy", func(t *testing.T) {
		w.edit("idp", func(s *v1alpha1.FederationPolicySpec) { s.Roles[0].Name = "east" })
		p := w.Settle("idp")
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
		w.Remove("idp")
		w.same("platform/west", theirs)
		w.same("platform/east", other)
		w.same("tenant/partner")
	})
}

func TestAPolicyOfSomebodyElseIsNotTouched(t *testing.T) {
	w := newWorld(t)
	theirs := w.foreign("platform/west", westID)
	env.Create(t, w.Kube, w.declared("idp"))
	since := w.Emulator.Last(t)
	if c := w.stalled("idp", v1alpha1.ReasonNotOurs); !strings.Contains(c.Message, westID) {
		t.Errorf("the message does not name the policy: %s", c.Message)
	}
	w.stalled("idp", v1alpha1.ReasonNotOurs)
	w.WroteNothing(since)
	w.same("platform/west", theirs)
	w.Remove("idp")
	w.same("platform/west", theirs)

	t.Run("also when ours lost its mark", func(t *testing.T) {
		w.Emulator.Do(t, http.MethodDelete, w.Emulator.AccountURL, w.path("platform/west", "/"+westID), "", nil)
		env.Create(t, w.Kube, w.declared("idp"))
		w.Settle("idp")
		w.Emulator.Do(t, http.MethodPatch, w.Emulator.AccountURL, w.path("platform/west", "/"+westID+"?update_mask=description"), `{"description":"mine now"}`, nil)
		w.stalled("idp", v1alpha1.ReasonNotOurs)
		taken := west()
		taken.Description = "mine now"
		w.same("platform/west", taken)
		w.Remove("idp")
		w.same("platform/west", taken)
		w.same("tenant/partner")
	})
}

func TestOutsideTheBoundaryNothingIsWritten(t *testing.T) {
	w := newWorld(t)
	since := w.Emulator.Last(t)
	p := w.declared("outside")
	p.Spec.Issuer = "https://idp.example.com" // a slash less
	env.Create(t, w.Kube, p)
	if c := w.stalled("outside", v1alpha1.ReasonOutsideBoundary); !strings.Contains(c.Message, "asks for the issuer https://idp.example.com; allowed: https://idp.example.com/") {
		t.Errorf("the message does not say what was asked for and what is allowed: %s", c.Message)
	}
	if !meta.IsStatusConditionFalse(w.Get("outside").Status.Conditions, v1alpha1.ConditionWithinBoundary) {
		t.Errorf("conditions %+v", w.Get("outside").Status.Conditions)
	}
	w.Remove("outside")
	if calls := w.Emulator.Calls(t, since); len(calls) > 0 {
		t.Errorf("Databricks was called: %+v", calls)
	}

	t.Run("a Role whose own Boundary does not allow the issuer gets no policy", func(t *testing.T) {
		w.T = t
		w.role("closed", "locked")
		var ns corev1.Namespace
		w.Change(&ns, "", "closed", func() { ns.Labels["tier"] = "sales" })
		env.Create(t, w.Kube, w.declared("idp"))
		_ = w.Pass(w.T.Context(), w.Get("idp"))
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
				w.T = t
				externaltest.EachCall(t, 3, func(n int) bool { return w.lose(act, stage, n) })
			})
		}
	}
}

// lose loses the nth call of an act and says whether there was one.
func (w *world) lose(act, stage string, n int) bool {
	t := w.T
	env.Create(t, w.Kube, w.declared("idp"))
	if act == "delete" {
		w.Settle("idp")
		w.Delete(w.Get("idp"))
	}
	since := w.Emulator.Last(t)
	w.Emulator.Break(t, env.Fault{Match: env.FaultMatch{PathRegex: "^/api/", Nth: n}, Stage: stage, Action: "reset"})
	_ = w.Pass(w.T.Context(), w.Get("idp")) // a lost read is repeated and no error
	calls := 0
	for _, c := range w.Emulator.Calls(t, since) {
		if strings.HasPrefix(c.Path, "/api/") {
			calls++
		}
	}
	w.Emulator.Heal(t)
	w.Settle("idp")
	if act == "create" {
		w.same("platform/west", west())
		w.Remove("idp")
	}
	w.same("platform/west")
	w.same("tenant/partner")
	return calls >= n
}
