// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/controllers/datapolicy"
	"github.com/gatehouse-dev/gatehouse/internal/clusterissuer"
	"github.com/gatehouse-dev/gatehouse/internal/roleprobe"
	"github.com/gatehouse-dev/gatehouse/internal/trust"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

const clusterURL = "https://kubernetes.default.svc.cluster.local"

// issuing is a cluster that issues tokens.
type issuing struct{ is clusterissuer.Issuer }

func (i issuing) Issuer(context.Context) (clusterissuer.Issuer, error) { return i.is, nil }

// probing is a world with an operator that has a token of the cluster, and keeps running.
type probing struct {
	*world
	issuer roleprobe.Issuer
	token  string
	loop   *datapolicy.Reconciler
	prober *roleprobe.Prober
	// ahead is how far the clock of results is ahead, in nanoseconds.
	ahead atomic.Int64
}

// newProbing makes an operator that can run probes, in a world with a Role for the group `remote`, which
// is not assigned to the workspace.
func newProbing(t *testing.T, switches ...string) *probing {
	t.Helper()
	q := &probing{world: newWorld(t, switches...)}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "k1"))
	if err != nil {
		t.Fatal(err)
	}
	q.token, err = jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: clusterURL, Subject: "system:serviceaccount:" + env.OperatorNamespace + ":gatehouse-operator", Audience: jwt.Audience{"databricks"},
		IssuedAt: jwt.NewNumericDate(time.Now()), Expiry: jwt.NewNumericDate(time.Now().Add(time.Hour)),
	}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	q.tokenFile = filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(q.tokenFile, []byte(q.token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	q.issuer = issuing{clusterissuer.Issuer{URL: clusterURL, JWKS: string(set)}}
	q.restart()
	q.role("sales", "remote", "remote")
	return q
}

// restart is a new process, which remembers nothing.
func (q *probing) restart() {
	q.ahead.Store(0)
	q.loop, q.prober = datapolicy.NewProbing(q.Kube, q.Recorder, datapolicy.Options{Connect: q.Connector(), Installation: installation, Issuer: q.issuer},
		func() time.Time { return time.Now().Add(time.Duration(q.ahead.Load())) })
}

// later moves the clock of results.
func (q *probing) later(d time.Duration) { q.ahead.Add(int64(d)) }

// ended waits for the end of a run of probes.
func (q *probing) ended() {
	q.T.Helper()
	select {
	case <-q.prober.Done():
	case <-time.After(2 * time.Minute):
		q.T.Fatalf("no probe ran: %+v", q.Get("deals").Status)
	}
}

// role makes a Role that is in place and a member of groups, and returns the numeric id of its principal.
func (q *probing) role(namespace, name string, groups ...string) string {
	q.T.Helper()
	person := q.Emulator.User(q.T, name, groups...)
	r := &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1alpha1.RoleSpec{WorkspaceRef: v1alpha1.LocalReference{Name: "main"}}}
	var in []v1alpha1.RoleGroup
	for _, g := range groups {
		r.Spec.MemberOf = append(r.Spec.MemberOf, v1alpha1.AccountGroupName(g))
		in = append(in, v1alpha1.RoleGroup{Name: g, ID: q.Emulator.Group(q.T, g)})
	}
	env.Create(q.T, q.Kube, r)
	for id, p := range q.Emulator.State(q.T).Principals {
		if p.ApplicationID == person.ID {
			r.Status.ServicePrincipal = v1alpha1.RoleServicePrincipal{ID: id, ApplicationID: person.ID}
		}
	}
	r.Status.Groups = in
	r.Status.Grants = []v1alpha1.RoleGrant{{Type: "Warehouse", Name: env.WarehouseID, Privilege: "CAN_USE"}}
	r.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonReady, ObservedGeneration: r.Generation, LastTransitionTime: metav1.Now()}}
	if err := q.Kube.Status().Update(q.T.Context(), r); err != nil {
		q.T.Fatal(err)
	}
	return r.Status.ServicePrincipal.ID
}

// policy is a DataPolicy whose filter names groups.
func (q *probing) policy(name string, kind v1alpha1.GroupKind, groups ...v1alpha1.AccountGroupName) {
	q.T.Helper()
	p := declared(name)
	p.Spec.Groups, p.Spec.ColumnMasks, p.Spec.DeletionPolicy = kind, nil, v1alpha1.DeletionOrphan
	p.Spec.RowFilter.Rules = []v1alpha1.RowRule{{Groups: groups, Rows: where("WEST")}}
	p.Spec.Adoption = v1alpha1.AdoptionAdopt
	env.Create(q.T, q.Kube, p)
}

// look makes a pass and returns the condition.
func (q *probing) look(name string) metav1.Condition {
	q.T.Helper()
	if _, err := q.loop.Reconcile(q.T.Context(), q.Get(name)); err != nil {
		q.T.Fatal(err)
	}
	p := q.Get(name)
	q.Rules(p)
	if raw, err := json.Marshal(p); err != nil || strings.Contains(string(raw), q.token) {
		q.T.Errorf("the token is in the object: %v", err)
	}
	c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionGroupsVisible)
	if c == nil {
		q.T.Fatalf("nothing is said of groups: %+v", p.Status.Conditions)
	}
	return *c
}

// answered makes a pass, waits for the answers, makes another and checks what it says; nothing of the question may be left.
func (q *probing) answered(name string, status metav1.ConditionStatus, reason, says string) {
	q.T.Helper()
	q.look(name)
	q.ended()
	q.says(name, status, reason, says)
	q.shut()
	if left := q.Get(name).Status.Probes; len(left) > 0 {
		q.T.Errorf("recorded: %+v", left)
	}
}

func (q *probing) says(name string, status metav1.ConditionStatus, reason, says string) {
	q.T.Helper()
	if c := q.look(name); c.Status != status || c.Reason != reason || !strings.Contains(c.Message, says) {
		q.T.Errorf("%+v, want %s %s %q", c, status, reason, says)
	}
}

// shut checks that no service principal lets anybody in.
func (q *probing) shut() {
	q.T.Helper()
	for _, p := range q.Emulator.State(q.T).Principals {
		if len(p.Policies) > 0 {
			q.T.Errorf("%s has policies: %s", p.DisplayName, p.Policies)
		}
	}
}

// remaining sees a deleted DataPolicy gone, and nothing of its probes.
func (q *probing) remaining(name string) {
	q.T.Helper()
	for q.Get(name) != nil {
		if _, err := q.loop.Reconcile(q.T.Context(), q.Get(name)); err != nil {
			q.T.Fatal(err)
		}
		if q.T.Failed() {
			return
		}
	}
	q.shut()
}

func (q *probing) warned() bool {
	found := false
	for len(q.Recorder.Events) > 0 {
		found = strings.Contains(<-q.Recorder.Events, "Warning "+v1alpha1.ReasonGroupNotSeen) || found
	}
	return found
}

func TestWhereAccountGroupsAreSeenWithoutAssignment(t *testing.T) {
	q := newProbing(t)
	q.policy("deals", v1alpha1.GroupsAccount, "remote")
	q.answered("deals", metav1.ConditionTrue, v1alpha1.ReasonGroupsVisible, "was checked")
	t.Run("it is not asked again for an hour", func(t *testing.T) {
		since, version := q.Emulator.Last(t), q.Get("deals").ResourceVersion
		q.look("deals")
		q.later(50 * time.Minute)
		q.look("deals")
		if writes := q.Emulator.Writes(t, since); len(writes) > 0 || q.Get("deals").ResourceVersion != version {
			t.Errorf("writes: %v", writes)
		}
		q.later(20 * time.Minute)
		q.answered("deals", metav1.ConditionTrue, v1alpha1.ReasonGroupsVisible, "was checked")
	})
	t.Run("what was known stays while a new process asks", func(*testing.T) {
		q.restart()
		q.says("deals", metav1.ConditionTrue, v1alpha1.ReasonGroupsVisible, "was checked")
		q.ended()
		q.says("deals", metav1.ConditionTrue, v1alpha1.ReasonGroupsVisible, "was checked")
	})
	id, mark := trust.ID(installation, "verify", "sales/deals"), trust.Description(installation, "verify", "sales/deals")
	var principal string
	for key, p := range q.Emulator.State(t).Principals {
		if p.DisplayName == "remote" {
			principal = key
		}
	}
	path := "/api/2.0/accounts/" + env.AccountID + "/servicePrincipals/" + principal + "/federationPolicies"
	left := func(mark string) {
		body, _ := json.Marshal(map[string]any{"description": mark, "oidc_policy": map[string]any{"issuer": clusterURL, "subject": "x", "audiences": []string{"databricks"}}})
		q.Emulator.Do(t, http.MethodPost, q.Emulator.AccountURL, path+"?policy_id="+id, string(body), nil)
		p := q.Get("deals")
		p.Status.Probes = []v1alpha1.ProbePolicy{{PrincipalID: principal, PolicyID: id}}
		if err := q.Kube.Status().Update(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		q.restart()
	}
	t.Run("what is about to be made is recorded before", func(t *testing.T) {
		recorded := false
		look := func() {
			recorded = len(q.Get("deals").Status.Probes) == 1 && q.Get("deals").Status.Probes[0].PolicyID == id
		}
		q.OnCall("before_commit", env.FaultMatch{Method: "POST", PathRegex: "/federationPolicies"}, look)
		q.later(2 * time.Hour)
		q.answered("deals", metav1.ConditionTrue, v1alpha1.ReasonGroupsVisible, "")
		q.Emulator.Heal(t)
		if !recorded {
			t.Error("it was not recorded")
		}
	})
	t.Run("what a crash left is deleted by the next process", func(*testing.T) {
		left(mark)
		q.answered("deals", metav1.ConditionTrue, v1alpha1.ReasonGroupsVisible, "")
	})
	t.Run("and what is not ours stays", func(t *testing.T) {
		left("somebody else's")
		q.look("deals")
		q.ended()
		if n := len(q.Emulator.State(t).Principals[principal].Policies); n != 1 {
			t.Errorf("%d policies", n)
		}
		q.Emulator.Do(t, http.MethodDelete, q.Emulator.AccountURL, path+"/"+id, "", nil)
		q.restart()
		q.answered("deals", metav1.ConditionTrue, v1alpha1.ReasonGroupsVisible, "")
	})
	for name, f := range map[string]env.Fault{
		"statement": {Match: env.FaultMatch{Method: "POST", PathRegex: "/sql/statements", Times: -1}, Stage: "before_commit", Action: "status", Status: 403},
		"exchange":  {Match: env.FaultMatch{Method: "POST", PathRegex: "/oidc/v1/token", Times: -1}, Stage: "before_commit", Action: "status", Status: 503},
		"create":    {Match: env.FaultMatch{Method: "POST", PathRegex: "/federationPolicies", Times: -1}, Stage: "after_commit", Action: "reset"},
	} {
		t.Run("a question that fails leaves nothing: "+name, func(t *testing.T) {
			q.Emulator.Break(t, f)
			q.later(4 * time.Hour)
			q.answered("deals", metav1.ConditionUnknown, v1alpha1.ReasonGroupsUnknown, "The Role sales/remote cannot be checked for its membership of remote")
			q.Emulator.Heal(t)
		})
	}
	t.Run("what cannot be deleted at once is by the next pass", func(t *testing.T) {
		q.Emulator.Break(t, env.Fault{Match: env.FaultMatch{Method: "DELETE", PathRegex: "/federationPolicies", Times: 3}, Stage: "before_commit", Action: "status", Status: 500})
		q.later(4 * time.Hour)
		q.answered("deals", metav1.ConditionTrue, v1alpha1.ReasonGroupsVisible, "")
		q.Emulator.Heal(t)
	})
	t.Run("a deletion leaves nothing either, though the filter stays", func(*testing.T) {
		left(mark)
		q.Remove("deals")
		q.has(1, "")
	})
}

// TestADeletionDoesNotWaitForAQuery deletes a DataPolicy while a query of its probe runs.
func TestADeletionDoesNotWaitForAQuery(t *testing.T) {
	for name, deletion := range map[string]v1alpha1.DeletionPolicy{"orphan": v1alpha1.DeletionOrphan, "delete": v1alpha1.DeletionDelete} {
		t.Run(name, func(t *testing.T) {
			q := newProbing(t)
			running, release := make(chan struct{}), make(chan struct{})
			var once sync.Once
			hold := func() { once.Do(func() { close(running) }); <-release }
			t.Cleanup(func() { close(release) })
			q.policy("deals", v1alpha1.GroupsAccount, "remote")
			q.edit("deals", func(s *v1alpha1.DataPolicySpec) { s.DeletionPolicy = deletion })
			// The policy is there, and the response to its creation is held until the test ends.
			q.OnCall("after_commit", env.FaultMatch{Method: "POST", PathRegex: "/federationPolicies"}, hold)
			q.look("deals")
			<-running
			if q.table()[""] == "" {
				t.Error("a query runs before the table is protected")
			}
			if n := len(q.Get("deals").Status.Probes); n != 1 {
				t.Errorf("%d probes are recorded", n)
			}
			begin := time.Now()
			q.Delete(q.Get("deals"))
			r, err := q.loop.Reconcile(t.Context(), q.Get("deals"))
			if err != nil || r.RequeueAfter != time.Second || time.Since(begin) > 5*time.Second {
				t.Errorf("the first pass ended after %s with %+v: %v", time.Since(begin), r, err)
			}
			q.ended()
			q.remaining("deals")
			if took := time.Since(begin); took > 20*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// TestAnOrphanDoesNotWaitForAPolicyThatCannotBeDeleted deletes a DataPolicy of which a crash left a policy.
func TestAnOrphanDoesNotWaitForAPolicyThatCannotBeDeleted(t *testing.T) {
	q := newProbing(t)
	q.policy("deals", v1alpha1.GroupsAccount, "remote")
	q.look("deals")
	q.ended()
	p := q.Get("deals")
	p.Status.Probes = []v1alpha1.ProbePolicy{{PrincipalID: "1", PolicyID: "gone"}}
	if err := q.Kube.Status().Update(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	q.restart()
	q.Delete(q.Get("deals"))
	q.Emulator.Break(t, env.Fault{Match: env.FaultMatch{Method: "GET", PathRegex: "/federationPolicies", Times: -1}, Stage: "before_commit", Action: "status", Status: 403})
	if _, err := q.loop.Reconcile(t.Context(), q.Get("deals")); err != nil || q.Get("deals") != nil {
		t.Errorf("the object stays: %v", err)
	}
	found := false
	for len(q.Recorder.Events) > 0 {
		found = strings.Contains(<-q.Recorder.Events, "the temporary federation policy gone of the service principal 1") || found
	}
	if !found {
		t.Error("no event names the policy")
	}
}

func TestWhereAccountGroupsAreSeenByAssignment(t *testing.T) {
	q := newProbing(t, "switches: {accountGroupsByAssignment: true}")
	name := func(kind v1alpha1.GroupKind, groups ...v1alpha1.AccountGroupName) {
		q.edit("deals", func(s *v1alpha1.DataPolicySpec) { s.Groups, s.RowFilter.Rules[0].Groups = kind, groups })
	}
	q.policy("deals", v1alpha1.GroupsAccount, "remote", "west")
	q.answered("deals", metav1.ConditionUnknown, v1alpha1.ReasonGroupsSettling, "The Role sales/remote is a member of remote but is not seen as one yet (it is not assigned to the workspace)")
	if q.warned() {
		t.Error("a warning before it is known")
	}
	if r, err := q.loop.Reconcile(t.Context(), q.Get("deals")); err != nil || r.RequeueAfter != 30*time.Second {
		t.Errorf("the next look is in %s: %v", r.RequeueAfter, err)
	}
	t.Run("when the membership is not new, the answer counts", func(t *testing.T) {
		q.later(6 * time.Minute)
		q.answered("deals", metav1.ConditionFalse, v1alpha1.ReasonGroupNotSeen, "assign the group to the workspace")
		if !q.warned() {
			t.Error("no event tells of it")
		}
		if !meta.IsStatusConditionTrue(q.Get("deals").Status.Conditions, v1alpha1.ConditionReady) || len(q.table()) != 1 {
			t.Error("the table is not protected")
		}
	})
	t.Run("and still does for a new process", func(*testing.T) {
		q.restart()
		q.answered("deals", metav1.ConditionFalse, v1alpha1.ReasonGroupNotSeen, "The Role sales/remote")
		if q.warned() {
			t.Error("it is told again")
		}
	})
	t.Run("until it is seen", func(t *testing.T) {
		q.Emulator.AssignToWorkspace(t, q.Emulator.Group(t, "remote"))
		q.later(time.Minute)
		q.answered("deals", metav1.ConditionTrue, v1alpha1.ReasonGroupsVisible, "no Role that is a member can be checked for: west")
	})
	t.Run("groups of the workspace can only be asked about", func(*testing.T) {
		name(v1alpha1.GroupsWorkspace, "remote")
		q.answered("deals", metav1.ConditionTrue, v1alpha1.ReasonGroupsVisible, "was checked")
	})
	t.Run("a Role of another namespace is not named", func(t *testing.T) {
		q.role("rival", "faraway", "distant")
		name(v1alpha1.GroupsAccount, "distant")
		q.look("deals")
		q.ended()
		if c := q.look("deals"); c.Reason != v1alpha1.ReasonGroupsSettling || !strings.HasPrefix(c.Message, "A Role of another namespace is a member of distant") || strings.Contains(c.Message, "rival") || strings.Contains(c.Message, "faraway") {
			t.Errorf("%+v", c)
		}
	})
	t.Run("nobody is asked by an observer", func(t *testing.T) {
		q.edit("deals", func(s *v1alpha1.DataPolicySpec) { s.ManagementPolicy = v1alpha1.ManagementObserveOnly })
		q.restart()
		since := q.Emulator.Last(t)
		q.says("deals", metav1.ConditionUnknown, v1alpha1.ReasonObserveOnly, "ObserveOnly")
		if writes := q.Emulator.Writes(t, since); len(writes) > 0 {
			t.Errorf("writes: %v", writes)
		}
	})
	t.Run("nor by an operator without a token, which says so", func(*testing.T) {
		q.edit("deals", func(s *v1alpha1.DataPolicySpec) { s.ManagementPolicy = v1alpha1.ManagementEnforce })
		q.tokenFile = ""
		q.restart()
		q.says("deals", metav1.ConditionUnknown, v1alpha1.ReasonCredentialNotFound, "--databricks-token-file")
	})
	q.shut()
}
