// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package visibility

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/roleprobe"
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

func TestCandidates(t *testing.T) {
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
			for _, w := range candidates(p, []string{"boss", "west"}, c.roles) {
				got[w.Namespace+"/"+w.Name] = w.Groups
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestGroupStatus(t *testing.T) {
	checked := func(s status) membership {
		return membership{status: s, role: "the Role sales/west", reason: v1alpha1.ReasonGroupsUnknown, detail: "broken"}
	}
	for name, c := range map[string]struct {
		checked        membership
		found          *lookup
		status, reason string
	}{
		"visible though not assigned":         {checked(visible), &lookup{}, "True", v1alpha1.ReasonGroupsVisible},
		"not visible":                         {checked(hidden), &lookup{assigned: true}, "False", v1alpha1.ReasonGroupNotSeen},
		"not visible, of a workspace":         {checked(hidden), nil, "False", v1alpha1.ReasonGroupNotSeen},
		"not visible yet":                     {checked(settling), &lookup{}, "Unknown", v1alpha1.ReasonGroupsSettling},
		"not checked yet":                     {checked(pending), &lookup{assigned: true}, "Unknown", v1alpha1.ReasonGroupsSettling},
		"no result":                           {checked(failed), &lookup{assigned: true}, "Unknown", v1alpha1.ReasonGroupsUnknown},
		"blocked for a reason without a rank": {membership{status: blocked, reason: "TransientError"}, &lookup{assigned: true}, "Unknown", "TransientError"},
		"absent, whatever is pending":         {checked(pending), &lookup{missing: true}, "False", v1alpha1.ReasonGroupNotFound},
		"no Role to check":                    {membership{}, &lookup{assigned: true}, "True", v1alpha1.ReasonGroupsVisible},
		"no Role to check, not assigned":      {membership{}, &lookup{}, "False", v1alpha1.ReasonGroupNotAssigned},
		"no Role to check, of a workspace":    {membership{}, nil, "Unknown", v1alpha1.ReasonGroupsUnknown},
		"no Role to check, no lookup":         {membership{}, &lookup{err: errors.New("away")}, "Unknown", v1alpha1.ReasonGroupsUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			got := conditionOf([]groupStatus{groupStatusOf("other", checked(visible), nil), groupStatusOf("west", c.checked, c.found)})
			if string(got.Status) != c.status || got.Reason != c.reason {
				t.Errorf("%+v, want %s %s", got, c.status, c.reason)
			}
		})
	}
	worst := conditionOf([]groupStatus{groupStatusOf("a", checked(settling), &lookup{}), groupStatusOf("b", checked(hidden), &lookup{}), groupStatusOf("c", membership{}, &lookup{missing: true})})
	if want := "The account group c does not exist, so no caller is a member; the Role sales/west is a member of b but is not seen as one (it is not assigned to the workspace): " +
		"assign the group to the workspace, or set `groups` to the kind of this group"; worst.Message != want || worst.Reason != v1alpha1.ReasonGroupNotFound {
		t.Errorf("%+v", worst)
	}
}

func TestAssessment(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := &v1alpha1.DataPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "sales", Name: "deals", Generation: 3}}
	before := func(reason string) *v1alpha1.DataPolicy {
		out := p.DeepCopy()
		out.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionGroupsVisible, Reason: reason, ObservedGeneration: 3}}
		return out
	}
	probe := roleprobe.Probe{Workspace: "main", ApplicationID: "app"}
	result := func(r roleprobe.Result) map[roleprobe.Key]roleprobe.Result {
		return map[roleprobe.Key]roleprobe.Result{probe.Key("check west"): r}
	}
	in := now.Add
	unknown := fault.Of(fault.Denied(v1alpha1.ReasonObserveOnly, errors.New("only observed")))
	for name, c := range map[string]struct {
		policy    *v1alpha1.DataPolicy
		namespace string
		result    roleprobe.Result
		barrier   *fault.Fault
		want      status
		detail    string
		due       bool
		next      time.Duration
	}{
		"new":                              {p, "sales", roleprobe.Result{Since: now}, nil, pending, "", true, 0},
		"fresh":                            {p, "sales", roleprobe.Result{Known: true, Value: true, Due: in(time.Minute)}, nil, visible, "", false, 0},
		"due again":                        {p, "sales", roleprobe.Result{Known: true, Value: true, Due: now}, nil, visible, "", true, 0},
		"false and new":                    {p, "sales", roleprobe.Result{Known: true, Since: in(-time.Minute), Due: in(time.Second)}, nil, settling, "", false, 30 * time.Second},
		"false":                            {p, "sales", roleprobe.Result{Known: true, Since: in(-time.Hour), Due: in(time.Second)}, nil, hidden, "", false, 0},
		"false for an earlier process too": {before(v1alpha1.ReasonGroupNotSeen), "sales", roleprobe.Result{Known: true, Since: now, Due: in(time.Second)}, nil, hidden, "", false, 0},
		"true for an earlier process":      {before(v1alpha1.ReasonGroupsVisible), "sales", roleprobe.Result{Known: true, Since: now, Due: in(time.Second)}, nil, settling, "", false, 30 * time.Second},
		"failed":                           {p, "sales", roleprobe.Result{Err: errors.New("no"), Due: in(time.Second)}, nil, failed, "no", false, 2 * time.Minute},
		"failed elsewhere":                 {p, "rival", roleprobe.Result{Err: errors.New("no"), Due: in(time.Second)}, nil, failed, "there was no result", false, 2 * time.Minute},
		"blocked":                          {p, "sales", roleprobe.Result{Since: now}, unknown, blocked, "only observed", false, 0},
		"blocked, and visible before":      {p, "sales", roleprobe.Result{Known: true, Value: true, Due: now}, unknown, visible, "", false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			list := []candidate{{Namespace: c.namespace, Name: "west", Probe: probe, Groups: []string{"west"}}}
			got := assess(c.policy, list, map[string]string{"west": "check west"}, c.barrier, result(c.result), now)
			if m := got.groups["west"]; m.status != c.want || m.detail != c.detail || len(got.due) > 0 != c.due || got.next != c.next {
				t.Errorf("%+v", got)
			}
		})
	}
}
