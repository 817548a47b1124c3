// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// TestQuietRolesAreLookedAtTogether: a second look at many Roles costs a handful of
// calls for as long as shared answers live and no write; what somebody changed in Databricks is found by the look after
// shared answers have aged, and mended; and what the operator wrote itself is known at once.
func TestQuietRolesAreLookedAtTogether(t *testing.T) {
	const many = 50
	w := newWorld(t)
	var ws v1alpha1.Workspace
	w.Change(&ws, "", "main", func() { ws.Spec.ResyncIntervalSeconds = 30 })
	const aged = 3200 * time.Millisecond // more than a tenth of it
	names := make([]string, many)
	for i := range names {
		names[i] = fmt.Sprintf("quiet-%02d", i)
		r := w.role(names[i])
		if r.Spec.DisplayName = ""; i != 3 && i != 7 {
			r.Spec.ServiceAccountName = "" // the policy of one that has it is asked for in every look
		}
		env.Create(t, w.Kube, r)
	}
	operator := w.operator()
	// look makes a pass over each Role, and returns the calls and writes of all.
	look := func(which ...string) (calls, writes []string) {
		t.Helper()
		since := w.Emulator.Last(t)
		for _, name := range which {
			if err := operator(t.Context(), w.Get(name)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if c := w.Get(name).Status.Conditions; !meta.IsStatusConditionTrue(c, v1alpha1.ConditionReady) {
				t.Fatalf("%s: %+v", name, c)
			}
		}
		for _, c := range w.Emulator.Calls(t, since) {
			if !strings.HasPrefix(c.Path, "/oidc/") {
				calls = append(calls, c.Method+" "+c.Path)
			}
		}
		return calls, w.Emulator.Writes(t, since)
	}
	look(names...)

	time.Sleep(aged)
	began := time.Now()
	calls, writes := look(names...)
	took := time.Since(began)
	t.Logf("%d calls for %d Roles in %s", len(calls), many, took)
	// The directory, the assignments, two groups with their members, four securables and a warehouse.
	if len(writes) > 0 || len(calls) > 2+11*(2+int(took/(3*time.Second))) {
		t.Errorf("a quiet look made %d calls and the writes %v:\n%s", len(calls), writes, strings.Join(calls, "\n"))
	}

	victim := w.ours(names[7])[0]
	asAdmin := func(method, host, path, body string) {
		t.Helper()
		w.Emulator.Do(t, method, host, path, body, nil)
	}
	account := "/api/2.0/accounts/" + env.AccountID
	for what, drift := range map[string]func(){
		"a grant": func() {
			asAdmin(http.MethodPatch, w.Emulator.WorkspaceURL, "/api/2.1/unity-catalog/permissions/table/main.sales.deals",
				fmt.Sprintf(`{"changes":[{"principal":%q,"remove":["SELECT"]}]}`, victim.ApplicationID))
		},
		"a level": func() {
			others := w.Emulator.Permissions(t, env.KindWarehouse, env.WarehouseID)
			delete(others, victim.ApplicationID)
			w.Emulator.Permit(t, env.KindWarehouse, env.WarehouseID, true, nil, others)
		},
		"a membership": func() {
			asAdmin(http.MethodPatch, w.Emulator.AccountURL, account+"/scim/v2/Groups/"+w.group("gh_west").ID,
				fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"members[value eq \"%s\"]"}]}`, victim.ID))
		},
		"the assignment": func() {
			asAdmin(http.MethodDelete, w.Emulator.AccountURL, account+"/workspaces/"+env.WorkspaceID+"/permissionassignments/principals/"+victim.ID, "")
		},
		"the name": func() {
			asAdmin(http.MethodPatch, w.Emulator.AccountURL, account+"/scim/v2/ServicePrincipals/"+victim.ID,
				`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"displayName","value":"Mallory"}]}`)
		},
	} {
		drift()
		time.Sleep(aged)
		if _, writes := look(names[7], names[8]); len(writes) == 0 {
			t.Errorf("%s: the drift was not found", what)
		}
		w.complete(names[7], bigGroups, bigTables)
	}

	// A, B and A again, all within the life of one shared answer.
	time.Sleep(aged)
	look(names[3], names[4])
	w.shrink(names[3])
	look(names[3])
	w.complete(names[3], smallGroups, smallTables)
	var r v1alpha1.Role
	w.Change(&r, "tenant", names[3], func() {
		was := w.role("").Spec
		r.Spec.MemberOf, r.Spec.Grants, r.Spec.ServiceAccountName = was.MemberOf, was.Grants, was.ServiceAccountName
	})
	look(names[3])
	w.complete(names[3], bigGroups, bigTables)
	if calls, writes := look(names[3]); len(writes) > 0 || len(calls) == 0 {
		t.Errorf("after A, B, A: calls %v, writes %v", calls, writes)
	}
	w.complete(names[3], bigGroups, bigTables)
	if !slices.ContainsFunc(w.Get(names[3]).Status.Applied, func(g v1alpha1.RoleGrant) bool { return g.Name == "main.sales.extra" }) {
		t.Error("the record lacks a grant that was given again")
	}
}
