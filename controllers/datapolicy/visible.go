// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/datapolicy"
)

// standing is how far asking has come.
type standing int

const (
	// unasked: there is no Role that could be asked.
	unasked standing = iota
	// barred: there is one, and it may not or cannot be asked.
	barred
	// pending: it is being asked.
	pending
	// failed: it was asked and there was no answer.
	failed
	// settling: the answer was no, and the membership is new.
	settling
	// unseen: the answer was no.
	unseen
	// affirmed: the answer was yes.
	affirmed
)

// told is what asking gave for one group.
type told struct {
	standing standing
	// by is the Role in words.
	by string
	// reason and why are set when it is barred or has failed.
	reason, why string
}

// found is what looking a group up gave.
type found struct {
	missing, assigned bool
	err               error
}

// finding is what is known of one group, as a condition would say it.
type finding struct {
	status       metav1.ConditionStatus
	reason, text string
}

// judged is pure. Not to know is no reason to leave a table open: it is said and nothing more.
func judged(group string, t told, f *found) finding {
	hint := ""
	if f != nil && f.err == nil && !f.missing && !f.assigned {
		hint = " (it is not assigned to the workspace)"
	}
	switch {
	case t.standing == affirmed:
		return finding{metav1.ConditionTrue, v1alpha1.ReasonGroupsVisible, ""}
	case f != nil && f.err == nil && f.missing:
		return finding{metav1.ConditionFalse, v1alpha1.ReasonGroupNotFound, fmt.Sprintf("the account group %s does not exist, so that nobody is ever seen as a member", group)}
	}
	switch t.standing {
	case unseen:
		return finding{metav1.ConditionFalse, v1alpha1.ReasonGroupNotSeen, fmt.Sprintf(
			"%s is a member of %s and is not seen as one%s: assign the group to the workspace, or name in `groups` the kind of groups that it is", t.by, group, hint)}
	case settling:
		return finding{metav1.ConditionUnknown, v1alpha1.ReasonGroupsSettling, fmt.Sprintf("%s is a member of %s and is not seen as one yet%s", t.by, group, hint)}
	case pending:
		return finding{metav1.ConditionUnknown, v1alpha1.ReasonGroupsSettling, fmt.Sprintf("%s is being asked whether it is seen as a member of %s", t.by, group)}
	case barred, failed:
		return finding{metav1.ConditionUnknown, t.reason, fmt.Sprintf("%s cannot be asked whether it is seen as a member of %s%s: %s", t.by, group, hint, t.why)}
	case unasked, affirmed:
	}
	nobody := "no Role that is a member could be asked"
	switch {
	case f == nil:
		return finding{metav1.ConditionUnknown, v1alpha1.ReasonGroupsUnknown, fmt.Sprintf("groups of a workspace cannot be looked up, and %s about %s", nobody, group)}
	case f.err != nil:
		return finding{metav1.ConditionUnknown, v1alpha1.ReasonGroupsUnknown, fmt.Sprintf("%s about %s, and it could not be looked for: %s", nobody, group, f.err)}
	case !f.assigned:
		return finding{metav1.ConditionFalse, v1alpha1.ReasonGroupNotAssigned, fmt.Sprintf(
			"the account group %s is not assigned to the workspace, so that its members may not be seen there, and %s: assign it", group, nobody)}
	}
	return finding{metav1.ConditionTrue, v1alpha1.ReasonGroupsVisible, group}
}

// worst is the order in which reasons go first.
var worst = []string{
	v1alpha1.ReasonGroupNotFound, v1alpha1.ReasonGroupNotSeen, v1alpha1.ReasonGroupNotAssigned,
	v1alpha1.ReasonObserveOnly, v1alpha1.ReasonCredentialNotFound, v1alpha1.ReasonIssuerUnknown, v1alpha1.ReasonGroupsUnknown, v1alpha1.ReasonGroupsSettling,
}

// summed is the condition that findings come to, and pure: False before Unknown before True.
func summed(all []finding) metav1.Condition {
	out := metav1.Condition{Type: v1alpha1.ConditionGroupsVisible, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonGroupsVisible}
	for _, status := range []metav1.ConditionStatus{metav1.ConditionFalse, metav1.ConditionUnknown} {
		var texts []string
		for _, reason := range worst {
			for _, f := range all {
				if f.status != status || f.reason != reason {
					continue
				}
				if len(texts) == 0 {
					out.Status, out.Reason = status, reason
				}
				texts = append(texts, f.text)
			}
		}
		if len(texts) > 0 {
			out.Message = strings.ToUpper(texts[0][:1]) + texts[0][1:]
			if len(texts) > 1 {
				out.Message += "; " + strings.Join(texts[1:], "; ")
			}
			return out
		}
	}
	var lookedUp []string
	for _, f := range all {
		if f.text != "" {
			lookedUp = append(lookedUp, f.text)
		}
	}
	switch {
	case len(all) == 0:
		out.Message = "No group is named"
	case len(lookedUp) == 0:
		out.Message = "Of every group that is named a Role that is a member was asked, and is seen as one"
	default:
		out.Message = "Every group that is named can be seen; no Role that is a member could be asked about these, which exist and are assigned to the workspace: " + strings.Join(lookedUp, ", ")
	}
	return out
}

// visibility says whether each group that is named can be seen where the functions run,
// and tells the verifier what is to be asked once the pass is over.
func (a adapter) visibility(ctx context.Context, c Databricks, p *v1alpha1.DataPolicy) (*metav1.Condition, error) {
	groups := datapolicy.Groups(p.Spec)
	var roles v1alpha1.RoleList
	if err := a.reader.List(ctx, &roles, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list the Roles: %w", err)
	}
	asked := a.verifier.told(p, witnesses(p, groups, roles.Items))
	lookup := a.lookup(ctx, c, p.Spec.Groups, slices.DeleteFunc(slices.Clone(groups), func(g string) bool { return asked[g].standing == affirmed }))
	all := make([]finding, 0, len(groups))
	asking := false
	for _, g := range groups {
		f := judged(g, asked[g], lookup[g])
		asking = asking || f.status != metav1.ConditionTrue && asked[g].standing == pending
		all = append(all, f)
	}
	out := summed(all)
	if before := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionGroupsVisible); asking && out.Status == metav1.ConditionUnknown && answered(before, p.Generation) {
		// What was known before this process began to ask stays until it has its answers.
		out.Status, out.Reason, out.Message = before.Status, before.Reason, before.Message
	}
	return &out, nil
}

// answered says whether a condition holds an answer for this generation.
func answered(c *metav1.Condition, generation int64) bool {
	return c != nil && c.ObservedGeneration == generation && (c.Reason == v1alpha1.ReasonGroupsVisible || c.Reason == v1alpha1.ReasonGroupNotSeen)
}

// lookup looks account groups up; of a workspace's it knows nothing.
func (a adapter) lookup(ctx context.Context, c Databricks, kind v1alpha1.GroupKind, groups []string) map[string]*found {
	out := map[string]*found{}
	if kind == v1alpha1.GroupsWorkspace || len(groups) == 0 {
		return out
	}
	assigned, err := c.AssignedPrincipals(ctx)
	for _, g := range groups {
		f := &found{err: err}
		out[g] = f
		if err != nil {
			continue
		}
		var id string
		if id, f.err = c.GroupID(ctx, g); f.err != nil {
			err = f.err // the next would fail as well
			continue
		}
		f.missing, f.assigned = id == "", assigned[id]
	}
	return out
}
