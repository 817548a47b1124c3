// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire/wiretest"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// TestNamesThatCouldReachAnotherObjectAreRefused sends no request at all.
func TestNamesThatCouldReachAnotherObjectAreRefused(t *testing.T) {
	s := newService(t, wiretest.Answers(200, "{}"))
	c, ctx := s.client(t), t.Context()
	for _, bad := range []string{
		"", "a/b", "../x", "a%2fb", "a%2Fb", "a\nb", "a\n", "`a`", "a?b", "a#b", "a b", "a.b.c.d", "a..b", ".", "..", "a;b", "ä", "a\x00",
	} {
		for what, err := range map[string]error{
			"name":      c.ChangeGrants(ctx, admin.Securable{Type: "table", Name: bad}, "p", nil, nil),
			"type":      c.ChangeGrants(ctx, admin.Securable{Type: bad, Name: "a"}, "p", nil, nil),
			"principal": c.DeleteServicePrincipal(ctx, bad), "group": c.DeleteGroup(ctx, bad), "member": c.RemoveMember(ctx, "1", bad),
			"policy": c.DeletePolicy(ctx, "1", bad), "policy's principal": c.DeletePolicy(ctx, bad, "p"), "new policy": c.CreatePolicy(ctx, "1", admin.FederationPolicy{ID: bad}),
			"warehouse":   c.GrantObject(ctx, admin.Object{Kind: admin.Warehouses, Name: bad}, "p"),
			"Genie space": c.RevokeObject(ctx, admin.Object{Kind: admin.GenieSpaces, Name: bad}, "p"),
			"endpoint":    c.GrantObject(ctx, admin.Object{Kind: admin.ServingEndpoints, Name: bad}, "p"),
			"kind":        c.RevokeObject(ctx, admin.Object{Kind: admin.ObjectKind(bad), Name: "a"}, "p"),
			"assigned":    c.Assign(ctx, bad), "unassigned": c.Unassign(ctx, bad),
		} {
			if !fault.Is(err, fault.ClassInvalid) {
				t.Errorf("%s %q: got %v", what, bad, err)
			}
		}
	}
	for _, bad := range []string{"", "a\" or displayName pr", "a\\", "a\nb", "a\x00"} {
		if _, err := c.ServicePrincipals(ctx, bad); !fault.Is(err, fault.ClassInvalid) {
			t.Errorf("a search for %q: got %v", bad, err)
		}
	}
	if len(s.calls) != 0 {
		t.Errorf("called %v", s.calls)
	}
}

func TestNamesInQueriesAreEscaped(t *testing.T) {
	s := newService(t, wiretest.Answers(200, `{"Resources":[],"totalResults":0}`))
	c, ctx := s.client(t), t.Context()
	if _, err := c.ServicePrincipals(ctx, "a&b=c/%2f#`x`"); err != nil {
		t.Error(err)
	}
	if _, err := c.Grants(ctx, admin.Securable{Type: "table", Name: "a.b_1.c-d"}, "p&x=y"); err != nil {
		t.Error(err)
	}
	want := []string{
		"GET /api/2.0/accounts/acc/scim/v2/ServicePrincipals?count=100&filter=displayName%20eq%20%22a%26b%3Dc%2F%252f%23%60x%60%22&startIndex=1",
		"GET /api/2.1/unity-catalog/permissions/table/a.b_1.c-d?principal=p%26x%3Dy",
	}
	if diff := cmp.Diff(want, s.calls); diff != "" {
		t.Error(diff)
	}
}
