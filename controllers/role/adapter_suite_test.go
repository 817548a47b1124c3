// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/controllers/role"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/external/externaltest"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

func TestTheAdapterKeepsTheContract(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.everyType()
	r := w.role("suite")
	env.Create(t, w.kube, r)
	faults := w.readFaults("/scim/v2/", "/unity-catalog/permissions/connection/", "/permissions/genie/", "/permissions/serving-endpoints/", "/2.0/serving-endpoints/", "/federationPolicies/")
	start := w.emulator.Last(t)
	externaltest.Run(t, role.NewAdapter(w.kube, w.options()), externaltest.Case[*v1alpha1.Role]{
		Object: r, Faults: faults,
		Writes: func() int { return len(w.emulator.Writes(t, start)) },
		Others: func() any {
			s := w.emulator.State(t)
			left := map[string]map[string]string{}
			for _, l := range lists {
				left[l[1]] = w.emulator.Permissions(t, l[0], l[1])
				for _, p := range w.ours("suite") {
					delete(left[l[1]], p.ApplicationID)
				}
			}
			maps.DeleteFunc(s.Principals, func(_ string, p env.Principal) bool { return p.ExternalID == installation+"/role/tenant/suite" })
			maps.DeleteFunc(s.Groups, func(_ string, g env.Group) bool { return g.DisplayName != "shared" })
			for name, g := range s.Groups {
				g.Members = nil // ours comes and goes
				s.Groups[name] = g
			}
			s.Assignments = nil
			return []any{s, left}
		},
	})
}

// TestTheAdapterKeepsTheContractForAnAdoptedRole counts what the service principal had
// before among the things of others.
func TestTheAdapterKeepsTheContractForAnAdoptedRole(t *testing.T) {
	t.Parallel()
	a := newAdoption(t)
	a.create()
	start := a.emulator.Last(t)
	externaltest.Run(t, role.NewAdapter(a.kube, a.options()), externaltest.Case[*v1alpha1.Role]{
		Object: a.get("legacy"), Faults: a.readFaults("/scim/v2/ServicePrincipals", "/scim/v2/Groups", "/unity-catalog/permissions/table/", "/federationPolicies/"),
		Writes: func() int { return len(a.emulator.Writes(t, start)) },
		Others: func() any {
			now := a.now()
			theirs := slices.DeleteFunc(now.Policies, func(p held) bool { return strings.HasPrefix(p.Description, "Managed by Gatehouse: ") })
			a.others()
			return []any{now.DisplayName, theirs, now.Grants["table/main.sales.extra"], slices.Contains(now.Groups, "shared")}
		},
	})
	a.kept(start)
}

// options are those of a freshly started operator.
func (w *world) options() role.Options {
	return role.Options{Installation: installation, Issuer: w, Connect: connect.New(connect.Options{
		Workspaces: w.kube, Secrets: w.kube, Namespace: env.OperatorNamespace,
		Pool: admin.NewPool(admin.PoolOptions{UserAgent: "test", RequestsPerSecond: 2000}),
	})}
}

// readFaults are failures of what is read at paths, each by its class.
func (w *world) readFaults(paths ...string) map[string]externaltest.Fault {
	out := map[string]externaltest.Fault{}
	for name, f := range map[string]struct {
		status int
		want   fault.Class
	}{"rate limited": {429, fault.ClassRateLimited}, "denied": {403, fault.ClassDenied}, "failing": {500, fault.ClassTransient}} {
		for _, path := range paths {
			out[name+" at "+path] = externaltest.Fault{
				Break: func() {
					w.emulator.Break(w.t, env.Fault{Match: env.FaultMatch{Method: "GET", PathRegex: path}, Stage: "before_commit", Action: "status", Status: f.status})
				},
				Heal: func() { w.emulator.Heal(w.t) }, Want: f.want,
			}
		}
	}
	return out
}
