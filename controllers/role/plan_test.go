// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/trust"
)

// A Role that has everything, and a Role that wants it.
func everything(edits ...func(*state)) state {
	s := about(owned{
		Principal: &principal{ID: "7", ApplicationID: "app", DisplayName: "West", Active: true}, Assigned: true,
		Groups: []group{{Name: "gh_west", ID: "9", Member: true, MayCreate: true}},
		Grants: []boundary.Grant{{Type: "Table", Name: "a.b.c", Privilege: "SELECT"}},
		Trust:  &trust.Policy{ID: "t", Rules: trust.Rules{Subject: "system:serviceaccount:a:b"}},
	})
	for _, e := range edits {
		e(&s)
	}
	return s
}

func TestPlan(t *testing.T) {
	table, other := boundary.Grant{Type: "Table", Name: "a.b.c", Privilege: "SELECT"}, boundary.Grant{Type: "Table", Name: "x.y.z", Privilege: "SELECT"}
	cause := errors.New("cause")
	outside := fault.Denied(v1alpha1.ReasonOutsideBoundary, cause)
	confined := func(s *state) { *s = state{Wanted: wanted{Confined: outside}} }
	nothing := func(s *state) { *s = state{} }
	adopted := func(s *state) {
		p := *s.Principal
		p.Adopted = true
		s.Principal = &p
	}
	unmarked := func(s *state) { adopted(s); s.Principal.Unmarked = true }
	adopt := func(s *state) { adopted(s); s.Principal.DisplayName, s.Wanted.Adopt = "", true }
	grants := func(list ...boundary.Grant) func(*state) { return func(s *state) { s.Grants = list } }
	for name, c := range map[string]struct {
		want, have state
		plan       []string
		class      fault.Class
	}{
		"everything is there": {want: everything(), have: everything()},
		"nothing is there": {want: everything(), plan: []string{
			"Create the service principal West", "Grant the assignment to the workspace", "Create the group gh_west", "Grant membership of the group gh_west",
			"Grant SELECT on Table a.b.c", "Create the federation policy t",
		}},
		"everything goes": {want: everything(nothing), have: everything(func(s *state) { s.Groups[0].Ours, s.Groups[0].Empty = true, true }), plan: []string{
			"Delete the federation policy t", "Revoke SELECT on Table a.b.c", "Revoke membership of the group gh_west", "Delete the group gh_west",
			"Revoke the assignment to the workspace", "Delete the service principal 7",
		}},
		"a group that others ask for stays": {want: everything(nothing), have: about(owned{Groups: []group{{Name: "g", ID: "1", Ours: true, Empty: true, Keep: true}}})},
		"access shrinks before it grows":    {want: everything(grants(other)), have: everything(), plan: []string{"Revoke SELECT on Table a.b.c", "Grant SELECT on Table x.y.z"}},
		"a second service principal goes": {want: everything(), have: everything(func(s *state) { s.Observed.Duplicates = []principal{{ID: "8"}} }), plan: []string{
			"Delete the duplicate service principal 8",
		}},
		"renamed and deactivated": {want: everything(), have: everything(func(s *state) { s.Principal = &principal{ID: "7", DisplayName: "Old"} }), plan: []string{
			`Update the service principal 7 (displayName: "Old" -> "West", active: "false" -> "true")`,
		}},
		"a group that may not be created": {
			want: everything(func(s *state) { s.Groups = []group{{Name: "gh_west", Member: true}} }), have: everything(func(s *state) { s.Groups = nil }), class: fault.ClassWaiting,
		},
		"an object that is missing comes last": {
			want: everything(grants(table, other)), have: everything(grants(), func(s *state) { s.Observed.Missing = []boundary.Grant{table}; s.Trust = nil }),
			plan: []string{"Grant SELECT on Table x.y.z", "Create the federation policy t", "Grant SELECT on Table a.b.c"},
		},
		"an object that cannot be read is said at the end": {
			want: everything(), have: everything(func(s *state) { s.Observed.Unread = []unread{{table, outside}} }), class: fault.ClassDenied,
		},
		"nor is its grant doubted where the service principal goes": {
			want: everything(nothing), have: everything(func(s *state) {
				s.Observed.Unread = []unread{{table, outside}}
				s.Trust, s.Groups, s.Assigned = nil, nil, false
			}),
			plan: []string{"Delete the service principal 7"},
		},
		"confined": {want: everything(confined), have: everything(), plan: []string{
			"Delete the federation policy t", "Revoke SELECT on Table a.b.c", "Revoke membership of the group gh_west", "Revoke the assignment to the workspace",
		}},
		"confined, with nothing left to take away": {want: everything(confined), have: about(owned{Principal: everything().Principal}), class: fault.ClassDenied},
		"an assignment of others stays":            {want: everything(confined), have: about(owned{Principal: everything().Principal, Assigned: true}).by(func(s *state) { s.Observed.AssignedByOthers = true }), class: fault.ClassDenied},
		"trust is kept while its keys are unknown": {
			want: everything(func(s *state) {
				s.Trust, s.Wanted.KeepTrust, s.Wanted.Unfinished = nil, true, fault.Transient(v1alpha1.ReasonIssuerUnknown, cause)
			}),
			have: everything(), class: fault.ClassTransient,
		},
		"trust that cannot be read is neither made nor ended": {
			want: everything(), have: everything(func(s *state) { s.Trust, s.Observed.TrustUnread = nil, fault.Transient("x", cause) }), class: fault.ClassTransient,
		},
		"a federation policy of somebody else": {want: everything(), have: everything(func(s *state) { p := *s.Trust; p.Foreign = true; s.Trust = &p }), class: fault.ClassConflict},
		"another service account": {
			want: everything(), have: everything(func(s *state) { p := *s.Trust; p.Rules.Subject = "x"; s.Trust = &p }),
			plan: []string{`Update the federation policy t (subject: "x" -> "system:serviceaccount:a:b")`},
		},
		"the service principal is another Role's": {want: everything(), have: state{Observed: observed{Elsewhere: fault.Conflict(v1alpha1.ReasonNotOurs, cause)}}, class: fault.ClassConflict},
		"it is taken over":                        {want: everything(adopt), have: everything(unmarked), plan: []string{`Update the service principal 7 (externalId: "" -> "the mark of this Role")`}},
		"it may not be taken over":                {want: everything(adopted), have: everything(unmarked), class: fault.ClassConflict},
		"an adopted one is released and stays": {want: everything(nothing), have: everything(adopted, func(s *state) { s.Groups, s.Trust, s.Grants, s.Assigned = nil, nil, nil, false }), plan: []string{
			`Update the service principal 7 (externalId: "the mark of this Role" -> "")`,
		}},
		"an adopted one that is deactivated": {want: everything(adopt), have: everything(adopted, func(s *state) { s.Principal.Active = false }), class: fault.ClassDenied},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := planned(c.want, c.have)
			if diff := cmp.Diff(strings.Join(c.plan, "; "), got.String()); diff != "" {
				t.Error(diff)
			}
			if (err != nil) != (c.class != "") || err != nil && !fault.Is(err, c.class) {
				t.Errorf("ended with %v, want %q", err, c.class)
			}
		})
	}
}

func (s state) by(edit func(*state)) state { edit(&s); return s }
