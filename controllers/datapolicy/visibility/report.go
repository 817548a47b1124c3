// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package visibility

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

// runningInterval is how soon to look at a run of which no end was reported.
const runningInterval = time.Minute

// Report fills in the record of temporary policies.
func (Adapter) Report(p *v1alpha1.DataPolicy, have State) { p.Status.Probes = have.Policies }

// Outlook is the condition GroupsVisible, and when a check is due again.
func (Adapter) Outlook(in Input, have State) external.Outlook {
	if in.Dormant {
		return external.Outlook{}
	}
	next := in.assessment
	if have.Running {
		next.sooner(runningInterval)
	}
	all := make([]groupStatus, 0, len(in.groups))
	waiting := false
	for _, g := range in.groups {
		var found *lookup
		if l, ok := have.lookups[g]; ok {
			found = &l
		}
		m := in.assessment.groups[g]
		s := groupStatusOf(g, m, found)
		waiting = waiting || s.status != metav1.ConditionTrue && m.status == pending
		all = append(all, s)
	}
	out := conditionOf(all)
	before := meta.FindStatusCondition(in.policy.Status.Conditions, v1alpha1.ConditionGroupsVisible)
	if waiting && out.Status == metav1.ConditionUnknown && conclusive(before, in.policy.Generation) {
		// The result of an earlier process stays until this one has its own.
		out.Status, out.Reason, out.Message = before.Status, before.Reason, before.Message
	}
	return external.Outlook{Conditions: []metav1.Condition{out}, Next: next.next}
}

// groupStatus is one group in the terms of a condition.
type groupStatus struct {
	status          metav1.ConditionStatus
	reason, message string
}

// groupStatusOf is pure. Not knowing is no reason to leave a table open: it is reported and nothing more.
func groupStatusOf(group string, m membership, found *lookup) groupStatus {
	hint := ""
	if found != nil && found.err == nil && !found.missing && !found.assigned {
		hint = " (it is not assigned to the workspace)"
	}
	switch {
	case m.status == visible:
		return groupStatus{metav1.ConditionTrue, v1alpha1.ReasonGroupsVisible, ""}
	case found != nil && found.err == nil && found.missing:
		return groupStatus{metav1.ConditionFalse, v1alpha1.ReasonGroupNotFound, fmt.Sprintf("the account group %s does not exist, so no caller is a member", group)}
	}
	switch m.status {
	case hidden:
		return groupStatus{metav1.ConditionFalse, v1alpha1.ReasonGroupNotSeen, fmt.Sprintf(
			"%s is a member of %s but is not seen as one%s: assign the group to the workspace, or set `groups` to the kind of this group", m.role, group, hint)}
	case settling:
		return groupStatus{metav1.ConditionUnknown, v1alpha1.ReasonGroupsSettling, fmt.Sprintf("%s is a member of %s but is not seen as one yet%s", m.role, group, hint)}
	case pending:
		return groupStatus{metav1.ConditionUnknown, v1alpha1.ReasonGroupsSettling, fmt.Sprintf("%s was not checked yet for its membership of %s", m.role, group)}
	case blocked, failed:
		return groupStatus{metav1.ConditionUnknown, m.reason, fmt.Sprintf("%s cannot be checked for its membership of %s%s: %s", m.role, group, hint, m.detail)}
	case unchecked, visible:
	}
	return lookedUp(group, found)
}

// lookedUp is the status of a group of which no member can be checked.
func lookedUp(group string, found *lookup) groupStatus {
	const nobody = "no Role that is a member can be checked"
	switch {
	case found == nil:
		return groupStatus{metav1.ConditionUnknown, v1alpha1.ReasonGroupsUnknown, fmt.Sprintf("groups of a workspace cannot be looked up, and %s for %s", nobody, group)}
	case found.err != nil:
		return groupStatus{metav1.ConditionUnknown, v1alpha1.ReasonGroupsUnknown, fmt.Sprintf("%s for %s, and looking it up failed: %s", nobody, group, found.err)}
	case !found.assigned:
		return groupStatus{metav1.ConditionFalse, v1alpha1.ReasonGroupNotAssigned, fmt.Sprintf(
			"the account group %s is not assigned to the workspace, so its members may not be seen there, and %s: assign it", group, nobody)}
	}
	return groupStatus{metav1.ConditionTrue, v1alpha1.ReasonGroupsVisible, group}
}

// precedence is the order of reasons in a message.
var precedence = []string{
	v1alpha1.ReasonGroupNotFound, v1alpha1.ReasonGroupNotSeen, v1alpha1.ReasonGroupNotAssigned,
	v1alpha1.ReasonObserveOnly, v1alpha1.ReasonCredentialNotFound, v1alpha1.ReasonIssuerUnknown, v1alpha1.ReasonGroupsUnknown, v1alpha1.ReasonGroupsSettling,
}

// conditionOf is pure: False before Unknown before True.
func conditionOf(all []groupStatus) metav1.Condition {
	for _, status := range []metav1.ConditionStatus{metav1.ConditionFalse, metav1.ConditionUnknown} {
		list := slices.DeleteFunc(slices.Clone(all), func(s groupStatus) bool { return s.status != status })
		if len(list) == 0 {
			continue
		}
		slices.SortStableFunc(list, func(a, b groupStatus) int { return rank(a.reason) - rank(b.reason) })
		messages := make([]string, len(list))
		for i, s := range list {
			messages[i] = s.message
		}
		text := strings.Join(messages, "; ")
		return metav1.Condition{Type: v1alpha1.ConditionGroupsVisible, Status: status, Reason: list[0].reason, Message: strings.ToUpper(text[:1]) + text[1:]}
	}
	return metav1.Condition{Type: v1alpha1.ConditionGroupsVisible, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonGroupsVisible, Message: allVisible(all)}
}

// rank is the place of a reason in a message; reasons that are not listed come last.
func rank(reason string) int {
	if i := slices.Index(precedence, reason); i >= 0 {
		return i
	}
	return len(precedence)
}

// allVisible is the message when every group is visible.
func allVisible(all []groupStatus) string {
	var unproven []string
	for _, s := range all {
		if s.message != "" {
			unproven = append(unproven, s.message)
		}
	}
	switch {
	case len(all) == 0:
		return "No group is named"
	case len(unproven) == 0:
		return "For every group a Role that is a member was checked, and is seen as one"
	}
	return "Every group exists and is assigned to the workspace, or was checked; no Role that is a member can be checked for: " + strings.Join(unproven, ", ")
}
