// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package env_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/test/env"
)

// TestTheClientIsOfNoTest drives an emulator as the demo and the bench do.
func TestTheClientIsOfNoTest(t *testing.T) {
	ctx, log := t.Context(), &bytes.Buffer{}
	e, err := env.StartEmulator(ctx, env.EmulatorOptions{Dir: t.TempDir(), Log: log})
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	defer e.Stop()
	admin, err := e.Admin(ctx, e.WorkspaceURL)
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.SQL(ctx, "CREATE CATALOG main", "CREATE SCHEMA main.sales", "CREATE TABLE main.sales.deals (id STRING)"); err != nil {
		t.Fatal(err)
	}
	rows, err := admin.Query(ctx, "SELECT 1, :who", env.Parameter{Name: "who", Type: "STRING"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]*string{{new("1"), nil}}, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	account, err := e.Admin(ctx, e.AccountURL)
	if err != nil {
		t.Fatal(err)
	}
	id, applicationID, err := account.CreateServicePrincipal(ctx, "somebody")
	if err != nil {
		t.Fatal(err)
	}
	var made struct {
		Secret string `json:"secret"`
	}
	if err := account.Do(ctx, "POST", env.AccountPath+"/servicePrincipals/"+id+"/credentials/secrets", "{}", &made); err != nil {
		t.Fatal(err)
	}
	if err := account.Do(ctx, "PUT", env.AccountPath+"/workspaces/"+env.WorkspaceID+"/permissionassignments/principals/"+id, `{"permissions":["USER"]}`, nil); err != nil {
		t.Fatal(err)
	}
	somebody, err := e.SignInWithSecret(ctx, e.WorkspaceURL, applicationID, made.Secret)
	if err != nil {
		t.Fatal(err)
	}
	// First the warehouse denies it, then the table does: a call and a statement.
	if err := somebody.SQL(ctx, "SELECT id FROM main.sales.deals"); !env.Denied(err) {
		t.Errorf("without the warehouse: %v", err)
	}
	if err := admin.Permit(ctx, env.KindWarehouse, env.WarehouseID, false, nil, map[string]string{applicationID: "CAN_USE"}); err != nil {
		t.Fatal(err)
	}
	if err := somebody.SQL(ctx, "SELECT id FROM main.sales.deals"); !env.Denied(err) {
		t.Errorf("without the table: %v", err)
	}
	if err := somebody.SQL(ctx, "SELEC"); err == nil || env.Denied(err) {
		t.Errorf("no statement: %v", err)
	}
	if _, err := e.SignInWithSecret(ctx, e.WorkspaceURL, applicationID, "another"); err == nil {
		t.Error("another secret signs in")
	}
	calls, err := e.Calls(ctx, 0)
	if err != nil || len(calls) == 0 {
		t.Errorf("%d calls, %v", len(calls), err)
	}
}
