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
	"github.com/gatehouse-dev/gatehouse/test/env"
	"github.com/gatehouse-dev/gatehouse/test/externaltest"
)

func TestTheAdapterKeepsTheContract(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.everyType()
	r := w.role("suite")
	env.Create(t, w.Kube, r)
	faults := w.ReadFaults("/scim/v2/", "/unity-catalog/permissions/connection/", "/permissions/genie/", "/permissions/serving-endpoints/", "/2.0/serving-endpoints/", "/federationPolicies/")
	start := w.Emulator.Last(t)
	externaltest.Run(t, role.NewKind(w.Kube, w.options()), externaltest.Case[*v1alpha1.Role]{
		Object: r, Faults: faults,
		Writes: func() int { return len(w.Emulator.Writes(t, start)) },
		Others: func() any {
			s := w.Emulator.State(t)
			left := map[string]map[string]string{}
			for _, l := range lists {
				left[l[1]] = w.Emulator.Permissions(t, l[0], l[1])
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
	start := a.Emulator.Last(t)
	externaltest.Run(t, role.NewKind(a.Kube, a.options()), externaltest.Case[*v1alpha1.Role]{
		Object: a.Get("legacy"), Faults: a.ReadFaults("/scim/v2/ServicePrincipals", "/scim/v2/Groups", "/unity-catalog/permissions/table/", "/federationPolicies/"),
		Writes: func() int { return len(a.Emulator.Writes(t, start)) },
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
	return role.Options{Installation: installation, Issuer: w, Connect: w.Connector()}
}
