// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// roleIn is a Role that is in place, may use the warehouse and is a member of groups.
func roleIn(namespace, name string, groups ...v1alpha1.AccountGroupName) v1alpha1.Role {
	r := v1alpha1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Generation: 2},
		Spec:       v1alpha1.RoleSpec{WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, MemberOf: groups},
		Status: v1alpha1.RoleStatus{
			Conditions:       []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, ObservedGeneration: 2}},
			ServicePrincipal: v1alpha1.RoleServicePrincipal{ID: "7", ApplicationID: "app-" + name},
			Grants:           []v1alpha1.RoleGrant{{Type: "Warehouse", Name: "wh1", Privilege: "CAN_USE"}},
		},
	}
	for _, g := range groups {
		r.Status.Groups = append(r.Status.Groups, v1alpha1.RoleGroup{Name: string(g), ID: "9"})
	}
	return r
}

func TestWhoIsAsked(t *testing.T) {
	p := &v1alpha1.DataPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "sales", Name: "deals"}, Spec: v1alpha1.DataPolicySpec{
		WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, WarehouseID: "wh1",
	}}
	changed := func(change func(*v1alpha1.Role)) []v1alpha1.Role {
		r := roleIn("sales", "west", "west")
		change(&r)
		return []v1alpha1.Role{r}
	}
	deleted := metav1.Now()
	for name, c := range map[string]struct {
		roles []v1alpha1.Role
		want  map[string][]string
	}{
		"a member":                          {[]v1alpha1.Role{roleIn("sales", "west", "west", "other")}, map[string][]string{"sales/west": {"west"}}},
		"one Role for all groups it is in":  {[]v1alpha1.Role{roleIn("sales", "b", "west"), roleIn("sales", "a", "boss", "west")}, map[string][]string{"sales/a": {"boss", "west"}}},
		"the first by name":                 {[]v1alpha1.Role{roleIn("sales", "b", "west", "boss"), roleIn("sales", "a", "west")}, map[string][]string{"sales/a": {"west"}, "sales/b": {"boss"}}},
		"one of its own namespace first":    {[]v1alpha1.Role{roleIn("aaa", "a", "west", "boss"), roleIn("sales", "z", "west")}, map[string][]string{"sales/z": {"west"}, "aaa/a": {"boss"}}},
		"nobody":                            {nil, map[string][]string{}},
		"of no other workspace":             {changed(func(r *v1alpha1.Role) { r.Spec.WorkspaceRef.Name = "other" }), map[string][]string{}},
		"none that is not Ready":            {changed(func(r *v1alpha1.Role) { r.Status.Conditions[0].Status = metav1.ConditionFalse }), map[string][]string{}},
		"none that was Ready as it was":     {changed(func(r *v1alpha1.Role) { r.Generation = 3 }), map[string][]string{}},
		"none that goes":                    {changed(func(r *v1alpha1.Role) { r.DeletionTimestamp = &deleted }), map[string][]string{}},
		"none without a principal":          {changed(func(r *v1alpha1.Role) { r.Status.ServicePrincipal = v1alpha1.RoleServicePrincipal{} }), map[string][]string{}},
		"none that may not use the place":   {changed(func(r *v1alpha1.Role) { r.Status.Grants[0].Name = "wh2" }), map[string][]string{}},
		"none that was only recorded":       {changed(func(r *v1alpha1.Role) { r.Status.Groups[0].ID = "" }), map[string][]string{}},
		"none that is no member any more":   {changed(func(r *v1alpha1.Role) { r.Spec.MemberOf = nil }), map[string][]string{}},
		"none that has another level there": {changed(func(r *v1alpha1.Role) { r.Status.Grants[0].Privilege = "CAN_VIEW" }), map[string][]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := map[string][]string{}
			for _, w := range witnesses(p, []string{"boss", "west"}, c.roles) {
				got[w.key()] = w.Groups
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsSaidOfGroups(t *testing.T) {
	ours := func(s standing) told {
		return told{standing: s, by: "the Role sales/west", reason: v1alpha1.ReasonGroupsUnknown, why: "broken"}
	}
	for name, c := range map[string]struct {
		told           told
		found          *found
		status, reason string
	}{
		"seen though not assigned":        {ours(affirmed), &found{}, "True", v1alpha1.ReasonGroupsVisible},
		"not seen":                        {ours(unseen), &found{assigned: true}, "False", v1alpha1.ReasonGroupNotSeen},
		"not seen, of a workspace":        {ours(unseen), nil, "False", v1alpha1.ReasonGroupNotSeen},
		"not seen yet":                    {ours(settling), &found{}, "Unknown", v1alpha1.ReasonGroupsSettling},
		"being asked":                     {ours(pending), &found{assigned: true}, "Unknown", v1alpha1.ReasonGroupsSettling},
		"no answer":                       {ours(failed), &found{assigned: true}, "Unknown", v1alpha1.ReasonGroupsUnknown},
		"absent, whoever is being asked":  {ours(pending), &found{missing: true}, "False", v1alpha1.ReasonGroupNotFound},
		"nobody to ask":                   {told{}, &found{assigned: true}, "True", v1alpha1.ReasonGroupsVisible},
		"nobody to ask, not assigned":     {told{}, &found{}, "False", v1alpha1.ReasonGroupNotAssigned},
		"nobody to ask, of a workspace":   {told{}, nil, "Unknown", v1alpha1.ReasonGroupsUnknown},
		"nobody to ask and nothing found": {told{}, &found{err: errors.New("away")}, "Unknown", v1alpha1.ReasonGroupsUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			got := summed([]finding{judged("other", ours(affirmed), nil), judged("west", c.told, c.found)})
			if string(got.Status) != c.status || got.Reason != c.reason {
				t.Errorf("%+v, want %s %s", got, c.status, c.reason)
			}
		})
	}
	worse := summed([]finding{judged("a", ours(settling), &found{}), judged("b", ours(unseen), &found{}), judged("c", told{}, &found{missing: true})})
	if want := "The account group c does not exist, so that nobody is ever seen as a member; the Role sales/west is a member of b and is not seen as one (it is not assigned to the workspace): " +
		"assign the group to the workspace, or name in `groups` the kind of groups that it is"; worse.Message != want || worse.Reason != v1alpha1.ReasonGroupNotFound {
		t.Errorf("%+v", worse)
	}
}
