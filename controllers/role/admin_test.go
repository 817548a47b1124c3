// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

func TestAGroupThatAdministersTheAccountIsLeft(t *testing.T) {
	want := about(owned{Principal: &principal{DisplayName: "x", Active: true}, Assigned: true, Groups: []group{{Name: "ops", Member: true}}})
	have := about(owned{Principal: &principal{ID: "1", DisplayName: "x", Active: true}, Assigned: true, Groups: []group{{Name: "ops", ID: "2", Member: true, Administers: true}}})
	p, err := planned(want, have)
	if err != nil || p.String() != "Revoke membership of the group ops" {
		t.Errorf("got %s, %v", p, err)
	}
	have.Groups[0].Member = false
	if p, err = planned(want, have); len(p) > 0 || !fault.Is(err, fault.ClassDenied) {
		t.Errorf("got %s, %v", p, err)
	}
	have.Groups[0].Administers = false
	if p, err = planned(want, have); err != nil || p.String() != "Grant membership of the group ops" {
		t.Errorf("got %s, %v", p, err)
	}
}

func TestAnAccountAdministratorIsNotFit(t *testing.T) {
	administrator := &admin.ServicePrincipal{ApplicationID: "a", Roles: []admin.AccountRole{{Value: "account_admin"}}}
	if err := (input{}).unfit(administrator, false); !fault.Is(err, fault.ClassDenied) {
		t.Errorf("got %v", err)
	}
	if err := (input{}).unfit(&admin.ServicePrincipal{ApplicationID: "a"}, true); err != nil {
		t.Errorf("got %v", err)
	}
}
