// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package faults_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// rivals are two Roles that take over one service principal. Each asks for a group and a
// table of its own, by which its writes are told from the other's.
type rivals struct {
	*world
	id, applicationID string
	roles             [2]*v1alpha1.Role
	since             int64
}

// TestTwoRolesForOneServicePrincipal shows that one of them gets it, and that the other
// writes nothing to it, in Databricks or to a group.
func TestTwoRolesForOneServicePrincipal(t *testing.T) {
	w := newWorld(t, start(t), "rivals")
	for round := range 4 {
		t.Run(fmt.Sprintf("at once %d", round), func(t *testing.T) {
			w.T = t
			r := w.rivals(fmt.Sprintf("-once-%d", round))
			var both errgroup.Group
			for i := range r.roles {
				both.Go(func() error { return w.Kube.Create(w.Context(), r.roles[(i+round)%2]) })
			}
			if err := both.Wait(); err != nil {
				t.Fatal(err)
			}
			r.settle()
		})
	}
	t.Run("both have seen that it is free", func(t *testing.T) {
		w.T = t
		for try := range 20 {
			if r := w.rivals(fmt.Sprintf("-seen-%d", try)); r.bothSee() {
				r.settle()
				return
			}
		}
		t.Error("two Roles were never made within one second: this shows nothing")
	})
}

// rivals declares two Roles, and makes a service principal and the tables.
func (w *world) rivals(suffix string) *rivals {
	w.Helper()
	var made struct{ ID, ApplicationID string }
	w.emulator.Do(w, http.MethodPost, w.emulator.AccountURL, "/api/2.0/accounts/"+env.AccountID+"/scim/v2/ServicePrincipals", `{"displayName":"legacy","active":true}`, &made)
	out := &rivals{world: w, id: made.ID, applicationID: made.ApplicationID}
	for i, name := range []string{"a" + suffix, "b" + suffix} {
		w.emulator.SQL(w, "CREATE TABLE main.sales.`"+name+"` (id STRING)")
		r := w.role(name)
		r.Spec.DisplayName, r.Spec.Adoption = "", v1alpha1.AdoptionAdopt
		r.Spec.ServicePrincipal = &v1alpha1.RoleIdentity{ApplicationID: made.ApplicationID}
		r.Spec.Grants[0].Name = v1alpha1.SecurableName("main.sales." + name)
		out.roles[i] = r
	}
	out.since = w.emulator.Last(w)
	return out
}

// bothSee makes the second Role, and when it has seen that nobody has the service
// principal, the first one, which then sees the same. Of two that were made in different
// seconds the younger does not get that far: false says so, and takes all of it back.
func (r *rivals) bothSee() bool {
	first, second := r.roles[0], r.roles[1]
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) // a whole second lies ahead
	r.emulator.Break(r, env.Fault{
		Match: env.FaultMatch{Method: http.MethodGet, PathRegex: "/scim/v2/ServicePrincipals/" + r.id + "$", Times: 2}, Stage: "after_commit", Action: "hold",
	})
	env.Create(r, r.Kube, second)
	if r.emulator.Holding(r, 60) != 1 {
		r.Fatal("the service principal was not looked for")
	}
	env.Create(r, r.Kube, first)
	same := first.CreationTimestamp.Equal(&second.CreationTimestamp)
	if same {
		r.Eventually(func() string { return "both have looked" }, func() bool { return r.emulator.Holding(r, 0) == 2 })
	}
	r.emulator.Heal(r)
	if !same {
		r.Remove(first, second)
		r.Gone(first, second)
	}
	return same
}

// settle checks that one of them has the service principal and that nothing was written
// for the other, also when both are looked at again and after the first is gone.
func (r *rivals) settle() {
	r.Helper()
	var won, lost *v1alpha1.Role
	r.Eventually(func() string { return "one of them is Ready" }, func() bool {
		for i := range r.roles {
			if err := r.Fetch(r.roles[i]); err != nil {
				r.Fatal(err)
			}
			if r.mine(r.roles[i]) && r.roles[i].Status.ServicePrincipal.ID == r.id {
				won, lost = r.roles[i], r.roles[1-i]
			}
		}
		return won != nil
	})
	r.Ready(won)
	for range 3 {
		c := r.Says(lost, metav1.ConditionFalse)
		if c.Reason != v1alpha1.ReasonNotOurs && c.Reason != v1alpha1.ReasonConflict {
			r.Errorf("%s says %+v", lost.Name, c)
		}
		r.again(won)
		r.again(lost)
	}
	if !r.mine(won) || lost.Status.ServicePrincipal.ID != "" || len(lost.Status.Groups)+len(lost.Status.Applied) > 0 {
		r.Errorf("%s has the mark: %v; recorded of the other: %+v", won.Name, r.mine(won), lost.Status)
	}
	r.wrote(r.since, map[string]int{
		"PATCH /scim/v2/ServicePrincipals/" + r.id + "$": 1, "POST " + groups: 1, "PATCH " + aGroup: 1,
		"PATCH " + permissions + "table/main.sales." + won.Name + "$": 1, "PATCH " + permissions + "table/main.sales." + lost.Name + "$": 0,
	})

	r.Remove(won)
	r.Gone(won)
	r.Ask(lost)
	r.Ready(lost)
	if !r.mine(lost) {
		r.Errorf("%s is Ready and does not have the mark", lost.Name)
	}
	r.Remove(lost)
	r.Gone(lost)
	if left := r.emulator.State(r).Principals[r.id]; left.ID == "" || left.ExternalID != "" || left.DisplayName != "legacy" {
		r.Errorf("the service principal is left as %+v", left)
	}
	r.nothing()
}

// again has the operator look at a Role again.
func (r *rivals) again(role *v1alpha1.Role) {
	r.Helper()
	since := r.emulator.Last(r)
	r.Ask(role)
	r.Eventually(func() string { return role.Name + " is looked at" }, func() bool {
		return slices.ContainsFunc(r.emulator.Calls(r, since), func(c env.Call) bool { return strings.HasSuffix(c.Path, "/scim/v2/ServicePrincipals/"+r.id) })
	})
}

// mine says whether the service principal carries the mark of a Role.
func (r *rivals) mine(role *v1alpha1.Role) bool {
	r.Helper()
	return r.emulator.State(r).Principals[r.id].ExternalID == installation+"/adopted-role/"+r.name+"/"+role.Name
}
