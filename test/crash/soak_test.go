// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package crash_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

const (
	// soakTakes is how long tenants come and go, and soakTenants how many there are at most at a time.
	soakTakes, soakTenants = 3 * time.Minute, 12
	// soakPatience bounds how long the operator may take to converge afterwards: faults back off.
	soakPatience = 5 * time.Minute
)

// soakFaults are failures that pass: Databricks limits, fails, or loses an answer.
var soakFaults = []env.Fault{
	{Stage: "before_commit", Action: "status", Status: http.StatusTooManyRequests, RetryAfter: "1"},
	{Stage: "before_commit", Action: "status", Status: http.StatusServiceUnavailable},
	{Stage: "before_commit", Action: "status", Status: http.StatusInternalServerError},
	{Stage: "after_commit", Action: "reset"},
	{Stage: "before_commit", Action: "reset"},
}

// tenant is a Role with a group of its own, and the policy that trusts an identity provider for it.
type tenant struct {
	role   *v1alpha1.Role
	policy *v1alpha1.FederationPolicy
}

func tenantNumber(n int) tenant {
	name := fmt.Sprintf("tenant-%d", n)
	role, policy := west()
	role.ObjectMeta = metav1.ObjectMeta{Namespace: "platform", Name: name}
	role.Spec.DisplayName = name
	role.Spec.MemberOf = []v1alpha1.AccountGroupName{v1alpha1.AccountGroupName("gh_" + name), "shared"}
	policy.ObjectMeta = metav1.ObjectMeta{Namespace: "platform", Name: name}
	policy.Spec.Roles = []v1alpha1.FederatedRole{{Name: name, Subject: name}}
	return tenant{role, policy}
}

// TestSoak lets tenants come, change and go at random while Databricks fails now and then and
// the operator is killed again and again. When that ends, exactly what is declared is left,
// and after everything is deleted, nothing.
func TestSoak(t *testing.T) {
	w := newWorld(t)
	w.Patience = soakPatience
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // a seed
	t.Logf("the seed is %d", seed)
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // not for secrets
	w.start()
	tenants := map[int]tenant{}
	next, kills, faults := 0, 0, 0
	for end := time.Now().Add(soakTakes); time.Now().Before(end); time.Sleep(time.Duration(50+random.IntN(250)) * time.Millisecond) {
		switch n := random.IntN(20); {
		case n == 0:
			w.kill()
			w.start()
			kills++
		case n < 5:
			f := soakFaults[random.IntN(len(soakFaults))]
			f.Match = env.FaultMatch{PathRegex: "^/api/", Nth: 1 + random.IntN(10), Times: 1 + random.IntN(5)}
			w.emulator.Break(t, f)
			faults++
		case n < 10 && len(tenants) > 0:
			key := slices.Sorted(maps.Keys(tenants))[random.IntN(len(tenants))]
			w.Remove(tenants[key].policy, tenants[key].role)
			delete(tenants, key)
		case len(tenants) < soakTenants:
			next++
			tenants[next] = tenantNumber(next)
			env.Create(t, w.Kube, tenants[next].role, tenants[next].policy)
		}
	}
	w.emulator.Heal(t)
	t.Logf("%d tenants came, %d are left; the operator was killed %d times, and %d faults were set", next, len(tenants), kills, faults)
	if next < soakTenants || kills == 0 || faults == 0 {
		t.Error("too little happened for the end to show anything")
	}
	for _, one := range tenants {
		w.Ready(one.role, one.policy)
		w.again(one.role, one.policy)
		w.Ready(one.role, one.policy)
	}
	w.eventually("exactly what is declared is left", func() bool {
		principals, groups, policies := w.ours()
		return principals == len(tenants) && groups == len(tenants) && policies == len(tenants)
	})
	w.exactly(len(tenants))
	for _, one := range tenants {
		w.Remove(one.policy, one.role)
	}
	for _, one := range tenants {
		w.Gone(one.policy, one.role)
	}
	w.eventually("nothing is left", func() bool { principals, groups, policies := w.ours(); return principals+groups+policies == 0 })
	w.exactly(0)
}
