// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package federationpolicy

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/trust"
)

func TestPlan(t *testing.T) {
	one := func(principal, id string, edits ...func(*policy)) policy {
		p := policy{Role: "sales/west", Subject: "west", Policy: trust.Policy{PrincipalID: principal, ID: id, Rules: trust.Rules{
			Issuer: "https://idp.example.com/", Audiences: "a", Subject: "west", SubjectClaim: "role", JWKSJSON: `{"keys":[]}`,
		}}}
		for _, e := range edits {
			e(&p)
		}
		return p
	}
	foreign := func(p *policy) { p.Foreign = true }
	all := func(policies ...policy) state { return state{Policies: policies} }
	missing := fault.Waiting(v1alpha1.ReasonRoleNotFound, errors.New("no Role east"))
	unfinished := func(s state) state { s.Unfinished = missing; return s }
	const create, update, remove = "Create the federation policy p of sales/west", "Update the federation policy p of sales/west", "Delete the federation policy p of sales/west"
	for name, c := range map[string]struct {
		want, have state
		plan       string
		class      fault.Class
	}{
		"nothing is wanted and nothing there": {},
		"it is missing":                       {want: all(one("1", "p")), plan: create},
		"it is there":                         {want: all(one("1", "p")), have: all(one("1", "p"))},
		"the subject differs": {
			want: all(one("1", "p")), have: all(one("1", "p", func(p *policy) { p.Rules.Subject = "anybody" })), plan: update + ` (subject: "anybody" -> "west")`,
		},
		"the keys differ, which are not shown": {
			want: all(one("1", "p")), have: all(one("1", "p", func(p *policy) { p.Rules.JWKSJSON = `{"keys":[1]}` })), plan: update + ` (jwks_json: "other keys" -> "the keys that are declared")`,
		},
		"it is not wanted any more": {have: all(one("1", "p")), plan: remove},
		"what ends trust comes first": {
			want: all(one("2", "p")), have: all(one("1", "p")), plan: remove + "; " + create,
		},
		"the one of another service principal is another": {want: all(one("1", "p"), one("2", "p")), have: all(one("2", "p")), plan: create},
		"the id is somebody else's":                       {want: all(one("1", "p")), have: all(one("1", "p", foreign)), class: fault.ClassConflict},
		"somebody else's is not deleted":                  {have: all(one("1", "p", foreign))},
		"what is missing is said at the end":              {want: unfinished(all(one("1", "p"))), have: all(one("1", "p")), class: fault.ClassWaiting},
		"what is missing keeps nothing back":              {want: unfinished(all(one("1", "p"))), plan: create},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := planned(c.want, c.have)
			if diff := cmp.Diff(c.plan, got.String()); diff != "" {
				t.Error(diff)
			}
			if (err != nil) != (c.class != "") || err != nil && !fault.Is(err, c.class) {
				t.Errorf("ended with %v, want %q", err, c.class)
			}
		})
	}
}
